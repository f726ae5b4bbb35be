//! What became of a sent message, as a message: a header section that stands beside the sent one, and a keyword upon it.

use mail::address::Mailbox;
use mail::flag::{Flags, Keyword};
use mail::shown;
use mail::time::Timestamp;

use super::Letter;
use crate::report::SentStatus;

/// The mailbox's name.
pub const FOLDER: &str = "Sent Status";

/// The field that tells of one recipient.
pub const FIELD: &str = "Two-Way-Status";

/// Recipients that have a field: what a person reads. Of more the Subject tells how many have which status.
pub const RECIPIENTS_MAX: usize = 50;

/// A sent message and its recipients.
#[derive(Debug, Clone)]
pub struct Sent<'a> {
    /// Who sent it.
    pub owner: &'a Mailbox,
    /// With its angle brackets, if it is known.
    pub message_id: Option<&'a str>,
    /// Decoded.
    pub subject: &'a str,
    /// At least one.
    pub recipients: &'a [Recipient<'a>],
}

/// One recipient of it.
#[derive(Debug, Clone)]
pub struct Recipient<'a> {
    /// Who.
    pub mailbox: &'a Mailbox,
    /// What became of the message there.
    pub status: SentStatus,
    /// Since when.
    pub since: Timestamp,
}

/// The keyword upon a sent message; one at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SentKeyword {
    /// For some recipient nothing is decided yet: waiting, ignored and blocked look alike.
    Waiting,
    /// Every recipient's server has confirmed it.
    Delivered,
    /// Some recipient will not get it.
    Failed,
}

impl SentKeyword {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// As clients see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "$TwoWayWaiting",
            Self::Delivered => "$TwoWayDelivered",
            Self::Failed => "$TwoWayFailed",
        }
    }

    /// Whether a keyword is one of these: the server's, and nobody else's to set or remove.
    pub fn is_one(keyword: &Keyword) -> bool {
        Self::ALL.iter().any(|ours| ours.as_str().eq_ignore_ascii_case(keyword.as_str()))
    }

    /// Flags as their owner wants them, with what the server says of the message by the flags that it has.
    #[must_use]
    pub fn kept(before: &Flags, wanted: Flags) -> Flags {
        let others = wanted.keywords.into_iter().filter(|keyword| !Self::is_one(keyword));
        let ours = before.keywords.iter().filter(|keyword| Self::is_one(keyword)).cloned();
        Flags { system: wanted.system, keywords: others.chain(ours).collect() }
    }

    /// Of a message whose recipients are so. What failed is said while others wait; what its author took back counts for
    /// nothing; of what was passed on to where nothing is confirmed, nothing is said.
    pub fn of(statuses: impl IntoIterator<Item = SentStatus>) -> Option<Self> {
        let (mut keyword, mut is_certain) = (None, true);
        for status in statuses {
            let one = match status {
                SentStatus::Kept | SentStatus::Noticed => Some(Self::Waiting),
                SentStatus::Delivered => Some(Self::Delivered),
                SentStatus::Expired | SentStatus::Failed => Some(Self::Failed),
                SentStatus::HandedOver | SentStatus::Relayed => {
                    is_certain = false;
                    None
                }
                SentStatus::Withdrawn => None,
            };
            keyword = [keyword, one].into_iter().flatten().max_by_key(|keyword| keyword.weight());
        }
        keyword.filter(|keyword| is_certain || *keyword != Self::Delivered)
    }

    const fn weight(self) -> u8 {
        match self {
            Self::Delivered => 0,
            Self::Waiting => 1,
            Self::Failed => 2,
        }
    }
}

/// The status message: all it says is in its header section.
pub fn message(sent: &Sent<'_>) -> Vec<u8> {
    let mut fields = String::new();
    if let Some(id) = sent.message_id.filter(|id| id.is_ascii()) {
        fields.extend(["In-Reply-To: ", id, "\r\nReferences: ", id, "\r\n"]);
    }
    for recipient in sent.recipients.iter().take(RECIPIENTS_MAX) {
        fields.push_str(&field(recipient));
    }
    let at = sent.recipients.iter().map(|recipient| recipient.since).max().unwrap_or(Timestamp::EPOCH);
    let subject = format!("{}: {}", summary(sent.recipients), shown::visible(sent.subject));
    Letter { owner: sent.owner, folder: FOLDER, subject: &subject, at, fields: &fields, text: "" }.write()
}

/// ```abnf
/// two-way-status = "Two-Way-Status:" SP status "; recipient=" quoted-string "; since=" quoted-string CRLF SP comment CRLF
/// status         = "kept" / "noticed" / "delivered" / "handed-over" / "expired" / "failed" / "withdrawn" / "relayed"
/// ```
fn field(recipient: &Recipient<'_>) -> String {
    let Recipient { mailbox, status, since } = recipient;
    let address = shown::address(mailbox).replace('\\', "\\\\");
    format!("{FIELD}: {}; recipient=\"{address}\"; since=\"{since}\"\r\n ({})\r\n", status.as_str(), words(*status).1)
}

/// A heading, and a sentence. Nothing in them depends on a recipient's lists.
const fn words(status: SentStatus) -> (&'static str, &'static str) {
    match status {
        SentStatus::Kept => ("Waiting", "kept here; the recipient's server has not said yet that it heard of the message"),
        SentStatus::Noticed => ("Waiting", "the recipient's server knows of the message, and has not collected it yet"),
        SentStatus::Delivered => ("Delivered", "the recipient's server has confirmed that it has the message"),
        SentStatus::HandedOver => ("Handed over", "the recipient's server collected the message, and did not confirm it"),
        SentStatus::Expired => ("Not collected", "the recipient's server did not collect the message in time"),
        SentStatus::Failed => ("Failed", "the message can't be delivered; a report says why"),
        SentStatus::Withdrawn => ("Taken back", "you took the message back before it was collected"),
        SentStatus::Relayed => ("Passed on", "sent by ordinary mail, where nobody confirms that it arrived"),
    }
}

/// One heading for all, or how many have which.
fn summary(recipients: &[Recipient<'_>]) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for recipient in recipients {
        let heading = words(recipient.status).0;
        match counted.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, count)) => *count += 1,
            None => counted.push((heading, 1)),
        }
    }
    if let [(heading, _)] = counted.as_slice() {
        return (*heading).to_owned();
    }
    counted.sort_unstable();
    counted.iter().map(|(heading, count)| format!("{heading} {count}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use mail::message::HeaderSection;

    use super::*;
    use SentStatus::{Delivered, Expired, Failed, HandedOver, Kept, Noticed, Relayed, Withdrawn};

    #[test]
    fn the_keyword_says_no_more_than_is_certain() {
        let table: [(&[SentStatus], Option<SentKeyword>); 13] = [
            (&[Kept], Some(SentKeyword::Waiting)),
            (&[Noticed], Some(SentKeyword::Waiting)),
            (&[Delivered], Some(SentKeyword::Delivered)),
            (&[Failed], Some(SentKeyword::Failed)),
            (&[Expired], Some(SentKeyword::Failed)),
            (&[Relayed], None),
            (&[HandedOver], None),
            (&[Withdrawn], None),
            (&[Delivered, Noticed], Some(SentKeyword::Waiting)),
            (&[Noticed, Failed, Delivered], Some(SentKeyword::Failed)),
            (&[Delivered, Relayed], None),
            (&[Delivered, Withdrawn], Some(SentKeyword::Delivered)),
            (&[Relayed, Noticed], Some(SentKeyword::Waiting)),
        ];
        for (statuses, keyword) in table {
            assert_eq!(SentKeyword::of(statuses.iter().copied()), keyword, "{statuses:?}");
        }
    }

    #[test]
    fn a_status_stands_beside_the_sent_message_and_is_all_header() {
        let mailboxes = ["bob@b.test", "c\u{e9}@b.test"].map(|text| text.parse::<Mailbox>().unwrap());
        let since = "2026-11-21T09:30:05Z".parse().unwrap();
        let owner = "alice@a.test".parse().unwrap();
        let one = [Recipient { mailbox: &mailboxes[0], status: Noticed, since }];
        let several = [one[0].clone(), Recipient { mailbox: &mailboxes[1], status: Delivered, since }];
        let sent = Sent { owner: &owner, message_id: Some("<x@a.test>"), subject: "Hello\u{202e}", recipients: &one };
        let octets = message(&sent);
        let text = String::from_utf8(octets.clone()).unwrap();
        let section = HeaderSection::read(&octets);
        assert_eq!(section.body_start(), octets.len());
        assert_eq!(section.subject().unwrap(), "Waiting: Hello\u{fffd}");
        assert_eq!(section.author().unwrap().mailbox.to_string(), "no-reply@a.test");
        assert!(text.contains("\r\nIn-Reply-To: <x@a.test>\r\nReferences: <x@a.test>\r\n"), "{text}");
        let field = "Two-Way-Status: noticed; recipient=\"bob@b.test\"; since=\"2026-11-21T09:30:05Z\"\r\n \
            (the recipient's server knows of the message, and has not collected it yet)\r\n";
        assert!(text.contains(field), "{text}");
        let changed = message(&Sent { recipients: &several, ..sent });
        let section = HeaderSection::read(&changed);
        assert_eq!(section.subject().unwrap(), "Delivered 1, Waiting 1: Hello\u{fffd}");
        assert_eq!(section.named(FIELD).count(), 2);
        assert!(section.octets().is_ascii());
        assert_ne!(octets, changed);
    }
}
