//! What we offer in which state, and what a client has enabled (RFC 9051 sections 6.1.1 and 6.3.1).

use super::{Session, State};
use crate::imap::command::Tag;
use crate::imap::response::code::Code;
use crate::imap::response::{Condition, Data, Status};
use crate::imap::words::words;
use crate::sasl::Mechanism;
use crate::smtp::server::Channel;

words! {
    /// What changes the session when a client enables it.
    Extension {
        /// Modification sequences are told (RFC 7162).
        CondStore = "CONDSTORE",
        /// Messages that go are told by UID (RFC 7162).
        Qresync = "QRESYNC",
        /// Names and header fields are UTF-8 (RFC 6855).
        Utf8 = "UTF8=ACCEPT",
        /// All is as RFC 9051 has it.
        Rev2 = "IMAP4rev2",
        /// There are no sequence numbers (RFC 9586).
        UidOnly = "UIDONLY",
    }
}

/// What the session does itself, whoever drives it.
const OWN: [&str; 6] = ["IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "ENABLE", "IDLE"];

impl Session {
    pub(super) fn capabilities(&self) -> Vec<String> {
        let mut names: Vec<String> = OWN.map(str::to_owned).into();
        if self.state != State::NotAuthenticated {
            names.extend(self.config.extensions.iter().cloned());
            return names;
        }
        match self.channel {
            Channel::Tls => names.extend(Mechanism::OFFERED.split(' ').map(|mechanism| format!("AUTH={mechanism}"))),
            Channel::Upgradable => names.extend(["STARTTLS", "LOGINDISABLED"].map(str::to_owned)),
            Channel::Clear => names.push("LOGINDISABLED".to_owned()),
        }
        names
    }

    pub(super) fn capability_code(&self) -> Code {
        Code::Capability(self.capabilities())
    }

    /// Tells what was enabled of what was asked for; what we do not know or offer is passed over (RFC 5161 section 3.1).
    pub(super) fn enable(&mut self, tag: &Tag, names: &[String]) {
        let offered = |extension: &Extension| self.config.extensions.iter().any(|known| known.eq_ignore_ascii_case(extension.as_str()));
        let known: Vec<Extension> = names.iter().filter_map(|name| Extension::parse(name)).filter(offered).collect();
        let mut now = Vec::new();
        for extension in known {
            if self.enabled.insert(extension) {
                now.push(extension.as_str().to_owned());
            }
            if extension == Extension::Qresync {
                self.enabled.insert(Extension::CondStore);
            }
        }
        self.untagged(&Data::Enabled(now));
        self.say(Some(tag), &Status::new(Condition::Ok, "enabled"));
    }
}
