//! Reports read back by an independent reader, part by part.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice)]

use mail_parser::{MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;

use super::*;

const ORIGINAL: &[u8] = b"From: Alice <alice@a.test>\r\nTo: bob@b.test\r\nSubject: Lunch\r\nMessage-ID: <1@a.test>\r\n\r\nAt noon?\r\n";

struct Facts {
    host: Domain,
    domain: Domain,
    author: Mailbox,
    bob: Mailbox,
    remote: Domain,
}

fn facts() -> Facts {
    Facts {
        host: "mx.a.test".parse().unwrap(),
        domain: "a.test".parse().unwrap(),
        author: "alice@a.test".parse().unwrap(),
        bob: "bob@b.test".parse().unwrap(),
        remote: "mx.b.test".parse().unwrap(),
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn report_with<'a>(facts: &'a Facts, recipients: &'a [Recipient<'a>], returned: Returned<'a>) -> Report<'a> {
    Report {
        host: &facts.host,
        domain: &facts.domain,
        to: &facts.author,
        id: "018bcfe5",
        at: time("2026-12-05T09:30:00Z"),
        arrival: time("2026-11-21T09:30:00Z"),
        envelope_id: Some("QQ314159"),
        recipients,
        returned,
    }
}

fn bob_with<'a>(facts: &'a Facts, outcome: Outcome<'a>) -> Recipient<'a> {
    Recipient { mailbox: &facts.bob, original: Some("rfc822;Bob@b.test"), attempt: None, outcome }
}

fn attempt_with<'a>(facts: &'a Facts, reply: &'a str) -> Attempt<'a> {
    Attempt { at: time("2026-12-05T09:29:58Z"), remote: Some(&facts.remote), reply: Some(reply) }
}

/// The three parts as an independent reader sees them: the text, the status fields, what goes back.
fn parts(octets: &[u8]) -> (String, String, String, Vec<u8>) {
    let message = MessageParser::default().parse(octets).unwrap();
    let root = message.root_part();
    let kind = root.content_type().unwrap();
    assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("report")));
    let PartType::Multipart(children) = &root.body else { panic!("not a multipart") };
    assert_eq!(children.len(), 3);
    let part = |at: usize| message.part(children[at]).unwrap();
    let kinds = [0, 1, 2].map(|at| {
        let kind = part(at).content_type().unwrap();
        format!("{}/{}", kind.ctype(), kind.subtype().unwrap())
    });
    assert_eq!(kinds[0], "text/plain");
    let raw = |at: usize| {
        let part = part(at);
        octets[usize::try_from(part.raw_body_offset()).unwrap()..usize::try_from(part.raw_end_offset()).unwrap()].to_vec()
    };
    let text = String::from_utf8(raw(0)).unwrap();
    (text, format!("{} {}", kinds[1], kinds[2]), String::from_utf8(raw(1)).unwrap(), raw(2))
}

#[test]
fn a_report_reads_back_part_by_part() {
    let facts = facts();
    let failed = Outcome::Failed { status: Status::permanent(1, 1), reason: "mx.b.test refused the notice" };
    let recipients = [Recipient { attempt: Some(attempt_with(&facts, "550 5.1.1 no such mailbox")), ..bob_with(&facts, failed) }];
    let octets = build(&report_with(&facts, &recipients, Returned::Headers(ORIGINAL)));
    let (text, kinds, statuses, returned) = parts(&octets);
    assert_eq!(kinds, "message/delivery-status text/rfc822-headers");
    assert_eq!(
        text,
        "This is the mail system at mx.a.test.\r\n\r\nThis is about your message \"Lunch\",\r\nwhich we took in on Sat, 21 Nov 2026 09:30:00 +0000.\r\n\r\n\
         <bob@b.test>:\r\nNot delivered, and we will not try again. The recipient's server (mx.b.test) said:\r\n    550 5.1.1 no such mailbox\r\n\
         Please check the address, or ask the recipient in another way which one to use.\r\n\r\n\
         The header of your message is attached.\r\n"
    );
    assert_eq!(
        statuses,
        "Reporting-MTA: dns; mx.a.test\r\nOriginal-Envelope-Id: QQ314159\r\nArrival-Date: Sat, 21 Nov 2026 09:30:00 +0000\r\n\r\n\
         Original-Recipient: rfc822; Bob@b.test\r\nFinal-Recipient: rfc822; bob@b.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Remote-MTA: dns; mx.b.test\r\nDiagnostic-Code: smtp; 550 5.1.1 no such mailbox\r\n\
         Last-Attempt-Date: Sat, 05 Dec 2026 09:29:58 +0000\r\n"
    );
    assert_eq!(returned, &ORIGINAL[..ORIGINAL.len() - "\r\nAt noon?\r\n".len()]);

    let section = HeaderSection::read(&octets);
    let field = |name: &str| section.named(name).next().unwrap().text();
    assert_eq!(section.author().unwrap().mailbox.to_string(), "mailer-daemon@a.test");
    assert_eq!(section.author().unwrap().name.as_deref(), Some("Mail Delivery System"));
    assert_eq!(field("To"), "<alice@a.test>");
    assert_eq!(field("Subject"), "Not delivered: your message to bob@b.test");
    assert_eq!(field("Auto-Submitted"), "auto-replied");
    assert_eq!(field("In-Reply-To"), "<1@a.test>");
    assert_eq!(section.message_id().unwrap(), "<018bcfe5@mx.a.test>");
    assert_eq!(section.date().unwrap(), time("2026-12-05T09:30:00Z"));
}

#[test]
fn every_outcome_is_told_as_what_it_is() {
    let facts = facts();
    let later = time("2026-12-05T09:30:00Z");
    let failed = Outcome::Failed { status: Status::permanent(7, 1), reason: "From does not match" };
    for (outcome, action, status, said) in [
        (Outcome::Delivered, "delivered", "2.0.0", "has confirmed that it has the message"),
        (failed, "failed", "5.7.1", "From does not match"),
        (Outcome::Expired { at: later }, "failed", "5.4.7", "did not collect it\r\nbefore Sat, 05 Dec 2026 09:30:00 +0000"),
        (Outcome::GivenUp { at: later }, "failed", "5.4.7", "no server of the recipient's took the message"),
        (Outcome::DelayedUnnoticed { until: later }, "delayed", "4.0.0", "We go on trying until Sat, 05 Dec 2026"),
        (Outcome::DelayedUncollected { until: later }, "delayed", "4.0.0", "Waiting to be collected"),
        (Outcome::HandedOver, "relayed", "2.0.0", "Handed over, receipt unconfirmed"),
        (Outcome::Unanswered, "relayed", "2.0.0", "Perhaps handed over"),
        (Outcome::Relayed, "relayed", "2.0.0", "Passed on to the recipient's server"),
    ] {
        let recipients = [bob_with(&facts, outcome)];
        let octets = build(&report_with(&facts, &recipients, Returned::Full(ORIGINAL)));
        let (text, kinds, statuses, returned) = parts(&octets);
        assert_eq!(kinds, "message/delivery-status message/rfc822");
        assert_eq!(returned, ORIGINAL);
        assert!(statuses.contains(&format!("\r\nAction: {action}\r\nStatus: {status}\r\n")), "{statuses}");
        assert!(text.contains(said), "{text}");
        assert_eq!(statuses.contains("Will-Retry-Until: Sat, 05 Dec 2026"), action == "delayed");

        let all = String::from_utf8(octets).unwrap().to_ascii_lowercase();
        for telling in ["allow", "block", "ignor", "consent", "spam", "reject", "permit"] {
            assert!(!all.contains(telling), "{outcome:?} says {telling}");
        }
        if matches!(outcome, Outcome::HandedOver | Outcome::DelayedUncollected { .. }) {
            assert!(!all.contains("fail"), "{outcome:?} says that it failed");
        }
    }
}

#[test]
fn several_recipients_stand_in_one_report() {
    let facts = facts();
    let carol: Mailbox = "carol@b.test".parse().unwrap();
    let for_carol = Recipient { mailbox: &carol, original: None, attempt: None, outcome: Outcome::HandedOver };
    let subject = |octets: &[u8]| HeaderSection::read(octets).subject().unwrap();
    let recipients = [bob_with(&facts, Outcome::Delivered), for_carol.clone()];
    let octets = build(&report_with(&facts, &recipients, Returned::Headers(ORIGINAL)));
    let (text, _, statuses, _) = parts(&octets);
    assert!(text.contains("<bob@b.test>:\r\nDelivered.") && text.contains("<carol@b.test>:\r\nHanded over"));
    assert_eq!(statuses.split("\r\n\r\n").count(), 3);
    assert_eq!(subject(&octets), "Report on your message to 2 recipients");

    let recipients = [bob_with(&facts, Outcome::HandedOver), for_carol];
    let octets = build(&report_with(&facts, &recipients, Returned::Headers(ORIGINAL)));
    let (text, _, statuses, _) = parts(&octets);
    assert!(text.contains("\r\n<bob@b.test>,\r\n<carol@b.test>:\r\nHanded over"), "{text}");
    assert_eq!(statuses.split("\r\n\r\n").count(), 3);
    assert_eq!(subject(&octets), "Handed over, receipt unconfirmed: your message to 2 recipients");
}

#[test]
fn addresses_beyond_ascii_take_the_global_forms() {
    let facts = facts();
    let mailbox: Mailbox = "j\u{fc}rgen@b.test".parse().unwrap();
    let recipients =
        [Recipient { mailbox: &mailbox, original: Some("utf-8;j\u{fc}rgen@b.test"), attempt: None, outcome: Outcome::Delivered }];
    let original = "From: J\u{fc}rgen <j@a.test>\r\n\r\nHi\r\n";
    for (returned, kinds) in [
        (Returned::Headers(original.as_bytes()), "message/global-delivery-status message/global-headers"),
        (Returned::Full(original.as_bytes()), "message/global-delivery-status message/global"),
    ] {
        let octets = build(&report_with(&facts, &recipients, returned));
        let (_, read, statuses, _) = parts(&octets);
        assert_eq!(read, kinds);
        assert!(statuses.contains("Original-Recipient: utf-8; j\u{fc}rgen@b.test\r\nFinal-Recipient: utf-8; j\u{fc}rgen@b.test\r\n"));
        assert!(String::from_utf8(octets).unwrap().contains("report-type=global-delivery-status;"));
    }
}

#[test]
fn what_others_wrote_adds_no_field_and_no_part() {
    let facts = facts();
    let reason = "550 no\r\nAction: delivered\r\n\r\n--report-018bcfe5--\r\n\u{0}\u{1b}[31m\u{fc}";
    let mut recipient = bob_with(&facts, Outcome::Failed { status: Status::permanent(0, 0), reason: "" });
    recipient.attempt = Some(attempt_with(&facts, reason));
    recipient.original = Some("rfc822\r\nX: y;bob@b.test\r\nStatus: 2.0.0");
    let recipients = [recipient];
    let original = b"Subject: =?utf-8?q?x=0D=0A--report-018bcfe5--?=\r\nMessage-ID: <a>\r\nX: y\r\n\r\n--report-018bcfe5--\r\n\r\n--report-018bcfe5x\r\n";
    let mut report = report_with(&facts, &recipients, Returned::Full(original));
    report.envelope_id = Some("id\r\nAction: delivered");
    report.id = "018bcfe5";
    let octets = build(&report);
    let (_, _, statuses, returned) = parts(&octets);
    assert_eq!(returned, original);
    let names: Vec<&str> = statuses.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "Reporting-MTA",
            "Original-Envelope-Id",
            "Arrival-Date",
            "Original-Recipient",
            "Final-Recipient",
            "Action",
            "Status",
            "Remote-MTA",
            "Diagnostic-Code",
            "Last-Attempt-Date"
        ]
    );
    assert!(statuses.is_ascii());
    report.id = "a\">\r\nBcc: x";
    assert!(!HeaderSection::read(&build(&report)).has("Bcc"));
}

#[test]
fn octets_that_are_no_lines_go_back_as_they_are() {
    let facts = facts();
    let recipients = [bob_with(&facts, Outcome::HandedOver)];
    for (original, encoding) in [
        (&b"Subject: x\r\n\r\nplain\r\n"[..], "7bit"),
        (b"Subject: x\r\n\r\n\xfc\r\n", "8bit"),
        (b"Subject: x\r\n\r\nlone\nLF", "binary"),
        (b"Subject: x\r\n\r\nlone\rCR", "binary"),
        (b"Subject: x\r\n\r\n\0", "binary"),
    ] {
        let octets = build(&report_with(&facts, &recipients, Returned::Full(original)));
        let (.., returned) = parts(&octets);
        assert_eq!(returned, original);
        assert_eq!(HeaderSection::read(&octets).named("Content-Transfer-Encoding").next().unwrap().text(), encoding);
    }
}

#[test]
fn a_message_of_one_part_goes_back_with_the_empty_line_that_makes_two() {
    let facts = facts();
    let recipients = [bob_with(&facts, Outcome::HandedOver)];
    for (original, expected) in [
        ("all body", "\r\nall body"),
        ("Subject: x", "Subject: x\r\n\r\n"),
        ("Subject: x\r\n", "Subject: x\r\n\r\n"),
        ("Subject: x\r\n\r\n", "Subject: x\r\n\r\n"),
        ("", "\r\n\r\n"),
    ] {
        let (.., returned) = parts(&build(&report_with(&facts, &recipients, Returned::Full(original.as_bytes()))));
        assert_eq!(String::from_utf8(returned).unwrap(), expected);
    }
}

/// Every kind of report as its author reads it; the page stands beside this file.
#[test]
fn every_kind_of_report_reads_as_on_its_page() {
    let facts = facts();
    let later = time("2026-12-05T09:30:00Z");
    let failed = |status, reason| Outcome::Failed { status, reason };
    let of_reply = |outcome, reply| Recipient { attempt: Some(attempt_with(&facts, reply)), ..bob_with(&facts, outcome) };
    let carol: Mailbox = "carol@b.test".parse().unwrap();
    let kinds: [(&str, Vec<Recipient<'_>>); 11] = [
        ("delivered", vec![bob_with(&facts, Outcome::Delivered)]),
        ("refused in reply to the notice", vec![of_reply(failed(Status::permanent(1, 1), ""), "550 5.1.1 no such mailbox")]),
        ("declined", vec![bob_with(&facts, failed(Status::permanent(7, 1), "declined by the recipient's server: From does not match"))]),
        (
            "never noticed",
            vec![bob_with(&facts, failed(Status::permanent(4, 7), "no server of b.test has said that it heard of the message"))],
        ),
        ("not collected", vec![bob_with(&facts, Outcome::Expired { at: later })]),
        ("ordinary transfer given up", vec![of_reply(Outcome::GivenUp { at: later }, "451 4.3.2 try again later")]),
        ("delayed, nobody took the notice", vec![of_reply(Outcome::DelayedUnnoticed { until: later }, "450 4.7.28 too many notices")]),
        ("waiting to be collected", vec![bob_with(&facts, Outcome::DelayedUncollected { until: later })]),
        ("handed over", vec![bob_with(&facts, Outcome::HandedOver)]),
        ("passed on", vec![of_reply(Outcome::Relayed, "250 2.0.0 queued as 4Xyz")]),
        (
            "two recipients",
            vec![
                bob_with(&facts, Outcome::Expired { at: later }),
                Recipient { mailbox: &carol, original: None, ..bob_with(&facts, Outcome::Expired { at: later }) },
            ],
        ),
    ];
    let mut page = String::new();
    for (name, recipients) in kinds {
        let octets = build(&report_with(&facts, &recipients, Returned::Headers(ORIGINAL)));
        let (text, _, statuses, _) = parts(&octets);
        let subject = HeaderSection::read(&octets).subject().unwrap();
        page.extend(["=== ", name, "\nSubject: ", &subject, "\n\n", &text, "\n", &statuses, "\n"]);
    }
    let page = page.replace("\r\n", "\n");
    assert_eq!(page, include_str!("reports.txt"), "\n{page}");
}

proptest! {
    #[test]
    fn any_reason_and_any_message_make_a_report_of_three_parts(reason: String, envelope_id: String, original: Vec<u8>, head in "(Subject: \\PC{0,20}\r\n|Message-ID: \\PC{0,20}\r\n){0,3}") {
        let facts = facts();
        let recipients = [bob_with(&facts, Outcome::Failed { status: Status::permanent(0, 0), reason: &reason })];
        let original = [head.as_bytes(), b"\r\n", &original].concat();
        let mut report = report_with(&facts, &recipients, Returned::Full(&original));
        report.envelope_id = Some(&envelope_id);
        let octets = build(&report);
        let (_, _, statuses, returned) = parts(&octets);
        prop_assert_eq!(&returned, &original);
        prop_assert_eq!(statuses.split("\r\n\r\n").count(), 2);
        prop_assert_eq!(HeaderSection::read(&octets).author().unwrap().mailbox.to_string(), "mailer-daemon@a.test");

        // The same, where the message is not in memory.
        let mut scan = Scan::default();
        original.chunks(7).for_each(|piece| scan.update(piece));
        let section = HeaderSection::read(&original);
        prop_assume!(!section.is_missing() && section.octets().len() < original.len());
        let frame = frame(&Report { returned: Returned::Headers(&original), ..report }, scan);
        prop_assert_eq!([&frame.before[..], &original[..], &frame.after[..]].concat(), octets);
    }
}
