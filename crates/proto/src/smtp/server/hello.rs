//! EHLO and HELO: who calls, and what we offer them in this state.

use super::{Channel, Client, Role, Session, Step};
use crate::sasl::Mechanism;
use crate::smtp::reply::Reply;
use crate::twoway::{self, wire};

impl Session {
    /// RFC 5321 section 4.1.4: EHLO in mid-session is also RSET.
    pub(super) fn hello(&mut self, client: Client) -> Option<Step> {
        let hostname = self.config.hostname.to_string();
        let mut reply = Reply::new(250, None, hostname);
        if matches!(client, Client::Ehlo(_)) {
            reply.lines.extend(self.offers().into_iter().map(Into::into));
        }
        self.client = client;
        self.answers.say(&reply);
        self.reset()
    }

    fn offers(&self) -> Vec<String> {
        let limits = &self.config.limits;
        let mut offers: Vec<String> =
            ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME"].map(str::to_owned).into();
        // RFC 3461 section 5.2.2: whoever offers it to other servers owes them reports of success, and we send none to them.
        if self.config.role == Role::Submission {
            offers.push("DSN".to_owned());
        }
        offers.push(format!("SIZE {}", limits.message_octets_max));
        // RFC 9422 section 4.
        offers.push(format!("LIMITS MAILMAX={} RCPTMAX={}", limits.messages_max, limits.recipients_max));
        if self.channel == Channel::Upgradable {
            offers.push("STARTTLS".to_owned());
        }
        if self.channel == Channel::Tls {
            match self.config.role {
                Role::Submission => {
                    offers.push(format!("AUTH {}", Mechanism::OFFERED));
                    // RFC 8689 section 2: over TLS only.
                    offers.push("REQUIRETLS".to_owned());
                    offers.push(format!("{} {}", wire::KEYWORD, wire::ONLY));
                }
                Role::Exchange | Role::Retrieval => offers.push(self.twoway_offer().encode()),
            }
        }
        offers
    }

    fn twoway_offer(&self) -> twoway::Capability {
        let limits = &self.config.limits;
        twoway::Capability {
            version: wire::VERSION,
            size_octets_max: limits.message_octets_max,
            notices_max: limits.notices_max,
            keep_max: limits.keep_max,
        }
    }
}
