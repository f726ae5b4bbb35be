//! A contact attempt as a message: who knocks, how often, what proves it, and what its reader can do.

use mail::address::Mailbox;
use mail::shown;

use super::Letter;
use crate::contacts::{Acquaintance, Contact, ContactKind, Proof};

/// The mailbox's name.
pub const FOLDER: &str = "Contact Requests";

/// What the sender's server says of the latest message, unchecked; shown to who asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    /// The author's name.
    pub name: Option<String>,
    /// The subject.
    pub subject: Option<String>,
}

/// The message that stands for a row of the contact list.
pub fn message(owner: &Mailbox, contact: &Contact, claimed: &Claimed) -> Vec<u8> {
    let address = shown::address(&contact.sender);
    let script = shown::own_script(&contact.sender);
    let beside = script.as_ref().map(|script| format!(" ({script})")).unwrap_or_default();
    Letter {
        owner,
        folder: FOLDER,
        subject: &format!("Contact request: {address}{beside}"),
        at: contact.last,
        fields: "",
        text: &text(contact, &address, script.as_deref(), claimed),
    }
    .write()
}

fn text(contact: &Contact, address: &str, script: Option<&str>, claimed: &Claimed) -> String {
    let first = match contact.kind {
        ContactKind::Notice => {
            "This address wants to send you mail, and you have not decided about it yet. Its server\r\n\
             keeps the mail; nothing of it was fetched."
        }
        ContactKind::Legacy => {
            "Mail came by ordinary delivery that claims to be from this address. It is kept here,\r\n\
             apart from your mail, because nothing proves who wrote it."
        }
        ContactKind::Observed => {
            "Mail under this address was delivered to you, and you have not decided about it yet. Your\r\n\
             mailbox only observes: with screening on, the mail would have waited."
        }
    };
    let mut lines = vec![first.to_owned(), String::new(), line("Address", address)];
    lines.extend(script.map(|script| line("In its script", &format!("{script}   (may look like another)"))));
    lines.extend(claimed.name.as_deref().map(|name| line("Claimed name", &format!("(not checked) {}", shown::claim(name)))));
    lines.extend(claimed.subject.as_deref().map(|subject| line("Claimed topic", &format!("(not checked) {}", shown::claim(subject)))));
    lines.push(match contact.kind {
        ContactKind::Notice | ContactKind::Legacy => {
            line("Waiting", &format!("{}, {} octets", messages(contact.count), contact.size_octets))
        }
        ContactKind::Observed => line("Delivered", &messages(contact.count)),
    });
    lines.push(line("First", &contact.first.to_rfc5322()));
    lines.push(line("Latest", &contact.last.to_rfc5322()));
    if contact.kind == ContactKind::Observed {
        lines.extend([String::new(), ADVICE_OBSERVED.to_owned()]);
        return lines.join("\r\n");
    }
    lines.extend(contact.expires.map(|expires| line("Expires", &expires.to_rfc5322())));
    lines.push(line("Proof", proof(contact)));
    lines.extend(contact.network.map(|network| line("Came from", &format!("network {network}"))));
    let known = match contact.acquaintance {
        Acquaintance::New => "nothing was ever fetched from this domain for you",
        Acquaintance::RetrievedFrom => "mail was fetched from this domain for you before",
    };
    lines.extend([line("Before", known), String::new(), ADVICE.to_owned()]);
    lines.join("\r\n")
}

const ADVICE: &str = "What you can do with this message:\r\n\
    \r\n\
    - Move or copy it to INBOX: the address may write to you from now on, and what waits\r\n\
    \x20 is delivered in a moment.\r\n\
    - Move or copy it to Junk: the address is blocked.\r\n\
    - Move it to Trash, or delete it: what waits is put away. Should the address write\r\n\
    \x20 again, you will see a new request.\r\n\
    - Leave it: what waits stays until it expires.\r\n\
    \r\n\
    Nobody is told which of these you did. A reply to this message goes to yourself.\r\n";

const ADVICE_OBSERVED: &str = "What you can do with this message:\r\n\
    \r\n\
    - Move or copy it to INBOX: the address may write to you, also once screening is on.\r\n\
    - Move or copy it to Junk: the address is blocked.\r\n\
    - Move it to Trash, or delete it: nothing is decided. Should the address write again,\r\n\
    \x20 you will see another.\r\n\
    - Leave it: mail from the address is delivered as before.\r\n\
    \r\n\
    Nobody is told which of these you did. A reply to this message goes to yourself.\r\n";

fn line(name: &str, value: &str) -> String {
    format!("{:<14} {value}", format!("{name}:"))
}

fn messages(count: u32) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// In our words: those that came with it may be anybody's.
fn proof(contact: &Contact) -> &'static str {
    match (contact.kind, contact.proof) {
        (ContactKind::Legacy, Proof::Dmarc) => "strong: the domain vouches for the mail (DMARC)",
        (ContactKind::Legacy, Proof::Nothing | Proof::Ip | Proof::Tls | Proof::Assert)
        | (ContactKind::Notice, Proof::Nothing)
        | (ContactKind::Observed, _) => "none: anybody may have used this address",
        (ContactKind::Notice, Proof::Ip) => "weak: it came from a network that the domain lists as its own",
        (ContactKind::Notice, Proof::Dmarc) => "strong: the domain vouches for it (DMARC)",
        (ContactKind::Notice, Proof::Tls) => "strong: a server of the domain showed its certificate",
        (ContactKind::Notice, Proof::Assert) => "strong: it was signed with the domain's own key",
    }
}

#[cfg(test)]
mod tests {
    use mail::message::HeaderSection;
    use mail::time::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::contacts::network_of;

    fn contact(sender: Mailbox) -> Contact {
        Contact {
            sender,
            kind: ContactKind::Notice,
            count: 3,
            first: "2026-11-21T09:30:05Z".parse().unwrap(),
            last: "2026-11-22T10:00:00Z".parse().unwrap(),
            size_octets: 45_120,
            expires: "2026-12-05T09:30:05Z".parse().ok(),
            proof: Proof::Assert,
            acquaintance: Acquaintance::New,
            network: network_of("198.51.100.7".parse().unwrap()),
        }
    }

    fn written(contact: &Contact, claimed: &Claimed) -> String {
        String::from_utf8(message(&"bob@b.test".parse().unwrap(), contact, claimed)).unwrap()
    }

    #[test]
    fn a_request_tells_who_knocks_and_is_from_nobody_but_us() {
        let claimed = Claimed { name: Some("Bob's bank, https://bank.test".to_owned()), subject: Some("Hi".to_owned()) };
        let expected = "From: Contact Requests <no-reply@b.test>\r\n\
            Reply-To: <bob@b.test>\r\n\
            To: <bob@b.test>\r\n\
            Subject: Contact request: alice@a.test\r\n\
            Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\
            Auto-Submitted: auto-generated\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: 7bit\r\n\
            \r\n\
            This address wants to send you mail, and you have not decided about it yet. Its server\r\n\
            keeps the mail; nothing of it was fetched.\r\n\
            \r\n\
            Address:       alice@a.test\r\n\
            Claimed name:  (not checked) \"Bob's bank, https[:]//bank[.]test\"\r\n\
            Claimed topic: (not checked) \"Hi\"\r\n\
            Waiting:       3 messages, 45120 octets\r\n\
            First:         Sat, 21 Nov 2026 09:30:05 +0000\r\n\
            Latest:        Sun, 22 Nov 2026 10:00:00 +0000\r\n\
            Expires:       Sat, 05 Dec 2026 09:30:05 +0000\r\n\
            Proof:         strong: it was signed with the domain's own key\r\n\
            Came from:     network 198.51.100.0/24\r\n\
            Before:        nothing was ever fetched from this domain for you\r\n";
        let message = written(&contact("alice@a.test".parse().unwrap()), &claimed);
        let (id, rest) = message.split_once("\r\n").unwrap();
        assert!(id.starts_with("Message-ID: <") && id.ends_with("@b.test>"), "{id}");
        assert!(rest.starts_with(expected), "{rest}");
    }

    #[test]
    fn every_fact_makes_another_message_and_the_same_facts_the_same() {
        let base = contact("alice@a.test".parse().unwrap());
        let hour = std::time::Duration::from_hours(1);
        let others = [
            Contact { count: 4, ..base.clone() },
            Contact { last: base.last + hour, ..base.clone() },
            Contact { expires: base.expires.map(|expires| expires + hour), ..base.clone() },
            Contact { kind: ContactKind::Observed, ..base.clone() },
            Contact { proof: Proof::Ip, ..base.clone() },
            Contact { kind: ContactKind::Legacy, ..base.clone() },
            Contact { network: None, ..base.clone() },
            Contact { acquaintance: Acquaintance::RetrievedFrom, ..base.clone() },
        ];
        let none = Claimed::default();
        assert_eq!(written(&base, &none), written(&base.clone(), &none));
        for other in others {
            let (one, other) = (written(&base, &none), written(&other, &none));
            assert_ne!(one.lines().next(), other.lines().next());
        }
    }

    #[test]
    fn an_address_in_another_script_stands_beside_one_that_cannot_be_mistaken() {
        let message = written(&contact("\u{430}lice@b\u{fc}cher.test".parse().unwrap()), &Claimed::default());
        assert!(message.contains("\r\nAddress:       \\u{430}lice@xn--bcher-kva.test\r\n"), "{message}");
        assert!(message.contains("\r\nIn its script: \u{430}lice@b\u{fc}cher.test   (may look like another)\r\n"), "{message}");
        let section = HeaderSection::read(message.as_bytes());
        let subject = section.subject().unwrap();
        assert_eq!(subject, "Contact request: \\u{430}lice@xn--bcher-kva.test (\u{430}lice@b\u{fc}cher.test)");
        assert!(section.octets().is_ascii());
        assert_eq!(section.named("Content-Transfer-Encoding").next().unwrap().text(), "8bit");
    }

    proptest! {
        #[test]
        fn no_name_and_no_claim_adds_a_field_a_line_or_a_link(local in "\\PC{1,16}", name: String, subject: String) {
            let Ok(sender) = Mailbox::new(&local, "a.test".parse().unwrap()) else { return Ok(()) };
            let plain = written(&contact("x@a.test".parse().unwrap()), &Claimed { name: Some(String::new()), subject: Some(String::new()) });
            let odd = contact(sender);
            let message = written(&odd, &Claimed { name: Some(name), subject: Some(subject) });
            let (section, of_plain) = (HeaderSection::read(message.as_bytes()), HeaderSection::read(plain.as_bytes()));
            let names = |section: &HeaderSection<'_>| section.fields().iter().map(|field| field.name().to_owned()).collect::<Vec<_>>();
            prop_assert_eq!(names(&section), names(&of_plain));
            prop_assert_eq!(section.author().unwrap().mailbox.to_string(), "no-reply@b.test");
            let body = |message: &str| message.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap();
            let script = usize::from(shown::own_script(&odd.sender).is_some());
            prop_assert_eq!(body(&message).lines().count(), body(&plain).lines().count() + script);
            prop_assert!(!message.contains("://") && !message.to_ascii_lowercase().contains("www."));
            prop_assert!(message.lines().all(|line| line.len() <= 998 && !line.chars().any(char::is_control)));
        }
    }

    #[test]
    fn of_who_is_only_observed_it_says_that_nothing_waits_and_nothing_is_proved() {
        let (from, to) = ("2026-11-21T09:30:05Z".parse().unwrap(), "2026-11-22T10:00:00Z".parse().unwrap());
        let text = written(&Contact::observed("alice@a.test".parse().unwrap(), 2, (from, to)), &Claimed::default());
        assert!(text.contains("\r\nDelivered:     2 messages\r\nFirst:"), "{text}");
        assert!(text.contains("Move or copy it to INBOX: the address may write to you"), "{text}");
        for word in ["Waiting:", "Expires:", "Proof:", "Came from:", "Known:"] {
            assert!(!text.contains(word), "{text}");
        }
    }

    #[test]
    fn times_are_told_whole() {
        let mut late = contact("x@a.test".parse().unwrap());
        late.expires = Some(Timestamp::FAR_FUTURE);
        assert!(written(&late, &Claimed::default()).contains("Expires:       Thu, 30 Dec 9999 22:00:00 +0000\r\n"));
    }
}
