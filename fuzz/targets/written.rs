//! What we write with the words of strangers in it: whatever they are, a field stays one field, a report has three parts, a message
//! sent on is from who sends it on, nothing hidden is submitted, and what people are shown ends where our quotes do.
#![no_main]

use std::net::IpAddr;

use mail::address::{Domain, Mailbox};
use mail::auto_reply::{Answered, AutoReply};
use mail::dsn::{self, Attempt, Outcome, Recipient, Report, Returned};
use mail::id::MessageId;
use mail::message::{HeaderSection, address_list, encoded_word, text};
use mail::status::Status;
use mail::structure::{Inside, Part};
use mail::time::Timestamp;
use mail::trace::{self, Protocol, Received, received_field};
use mail::{sent_on, shown, submission, surrogate};

const LINE_OCTETS_MAX: usize = 998;

libfuzzer_sys::fuzz_target!(|message: &[u8]| {
    let words = String::from_utf8_lossy(message);
    let section = HeaderSection::read(message);
    check_trace(&words, &section);
    check_words(&words);
    check_reply(&words, &section);
    check_report(&words, message);
    check_edits(message, &section);
    if let Some(ascii) = surrogate::header(section.octets()) {
        let read = HeaderSection::read(&ascii);
        assert!(ascii.is_ascii() && read.octets() == ascii, "{}", ascii.escape_ascii());
        let names = |section: &HeaderSection<'_>| section.fields().iter().map(|field| field.name().to_owned()).collect::<Vec<_>>();
        let mut before = names(&section).into_iter();
        assert!(names(&read).iter().all(|name| before.any(|other| other == *name)), "{}", ascii.escape_ascii());
    }
});

fn host() -> Domain {
    "mx.b.test".parse().expect("a domain")
}

fn bob() -> Mailbox {
    "bob@b.test".parse().expect("a mailbox")
}

fn names(written: &[u8]) -> Vec<String> {
    HeaderSection::read(written).fields().iter().map(|field| field.name().to_owned()).collect()
}

fn check_trace(words: &str, section: &HeaderSection<'_>) {
    let (host, bob) = (host(), bob());
    let mut received = Received {
        from: Some(words),
        address: Some(IpAddr::from([192, 0, 2, 1])),
        by: &host,
        with: Protocol::Other(words),
        id: "id",
        recipient: Some(&bob),
        at: Timestamp::EPOCH,
    };
    for address in [received.address, None] {
        received.address = address;
        let field = received_field(&received);
        assert!(field.ends_with("\r\n") && names(field.as_bytes()) == ["Received"], "{field:?}");
        assert_eq!(HeaderSection::read(field.as_bytes()).octets().len(), field.len());
    }
    trace::ids_given_by(&host, words.as_bytes(), 9);
    for field in section.fields() {
        trace::claims_our_results(field, std::slice::from_ref(&host));
    }
}

fn check_words(words: &str) {
    let visible = shown::visible(words);
    assert!(!visible.chars().any(char::is_control), "{visible:?}");
    let claim = shown::claim(words);
    let inside = claim.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("quotes of ours");
    assert!(!inside.contains(['"', '@']) && !inside.contains("://"), "{claim:?}");
    if let Ok(mailbox) = words.parse::<Mailbox>() {
        assert!(shown::address(&mailbox).bytes().all(|octet| (b'!'..=b'~').contains(&octet)));
        shown::own_script(&mailbox);
    }

    let printable = text::printable(words);
    let subject = encoded_word::unstructured(&printable);
    check_lines(&subject);
    if printable.trim() == printable {
        assert_eq!(text::decode(&text::unfold(subject.as_bytes())), printable);
    }
    let name = encoded_word::phrase(&printable);
    check_lines(&name);
    let list = address_list::read(format!("{name} <bob@b.test>").as_bytes());
    assert_eq!(list.map(|list| list.len()), Ok(1), "{name:?}");
}

/// In ASCII; each line short, and all but the first of them continued.
fn check_lines(value: &str) {
    assert!(value.split("\r\n").all(|line| line.bytes().all(|octet| (b' '..=b'~').contains(&octet)) && line.len() < LINE_OCTETS_MAX));
    assert!(value.split("\r\n").skip(1).all(|line| line.starts_with(' ')), "{value:?}");
}

fn check_reply(words: &str, section: &HeaderSection<'_>) {
    let (from, to, host) = (bob(), "a@a.test".parse().expect("a mailbox"), host());
    let answered = Answered::of(section);
    for subject in [None, Some(words)] {
        let (id, at) = (MessageId::new(Timestamp::EPOCH, [7; 10]), Timestamp::EPOCH);
        let written = AutoReply { from: &from, to: &to, subject, text: words, answered: &answered, id, host: &host, at }.write();
        let mut expected = vec!["From", "To", "Subject", "Date", "Message-ID"];
        if answered.message_id.is_some() {
            expected.extend(["In-Reply-To", "References"]);
        }
        expected.extend(["Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]);
        assert_eq!(names(&written), expected, "{}", written.escape_ascii());
        let body = HeaderSection::read(&written).body_start();
        assert!(written[body..].is_ascii());
    }
}

fn check_report(words: &str, message: &[u8]) {
    let (host, domain, to, mailbox) = (host(), "b.test".parse().expect("a domain"), "a@a.test".parse().expect("a mailbox"), bob());
    let attempt = Attempt { at: Timestamp::EPOCH, remote: Some(&host), reply: Some(words) };
    let outcome = Outcome::Failed { status: Status::permanent(1, 1), reason: "no" };
    let recipients = [Recipient { mailbox: &mailbox, original: Some(words), attempt: Some(attempt), outcome }];
    for returned in [Returned::Headers(message), Returned::Full(message)] {
        let at = Timestamp::EPOCH;
        let report = Report {
            host: &host,
            domain: &domain,
            to: &to,
            id: "0123456789abcdefghijkl",
            at,
            arrival: at,
            envelope_id: Some(words),
            recipients: &recipients,
            returned,
        };
        let written = dsn::build(&report);
        let whole = Part::read(&written);
        let Inside::Parts(parts) = &whole.inside else { panic!("{}", written.escape_ascii()) };
        assert_eq!(parts.len(), 3, "{}", written.escape_ascii());
        assert_eq!(names(&written).iter().filter(|name| ["From", "To", "Subject", "Content-Type"].contains(&name.as_str())).count(), 4);
        let told = String::from_utf8_lossy(&written[parts[1].body.clone()]);
        for field in ["Final-Recipient: rfc822; bob@b.test", "Action: failed", "Status: 5.1.1"] {
            let name = field.split(' ').next().expect("a name");
            assert_eq!(told.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>(), [field], "{told}");
        }
    }
}

fn check_edits(message: &[u8], section: &HeaderSection<'_>) {
    let body = &message[section.body_start()..];
    let submitted = submission::edit(section, Timestamp::EPOCH, MessageId::new(Timestamp::EPOCH, [7; 10]), &host()).finish().apply(message);
    let read = HeaderSection::read(&submitted);
    assert!(read.has("Date") && read.has("Message-ID"), "{}", submitted.escape_ascii());
    assert!(!["Bcc", "Resent-Bcc", submission::TWO_WAY].iter().any(|name| read.has(name)), "{}", submitted.escape_ascii());
    assert!(submitted.ends_with(body));
    submission::is_twoway_only(section);

    let sent_on = sent_on::edit(section, &bob()).finish().apply(message);
    let read = HeaderSection::read(&sent_on);
    // Of a message with half a line end in its fields, nobody says who wrote it.
    assert!(section.has_bare_cr() || read.author().map(|author| author.mailbox) == Ok(bob()), "{}", sent_on.escape_ascii());
    assert!(sent_on.ends_with(body));
}
