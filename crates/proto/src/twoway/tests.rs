//! Round trips of every verb, and what each decoder refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice)]

use std::time::Duration;

use mail::address::{Domain, Mailbox, ReversePath};
use mail::digest::ContentDigest;
use mail::envelope::Body;
use mail::id::{NoticeId, Partition};
use mail::notice::Kind;
use mail::time::Timestamp;
use proptest::option;
use proptest::prelude::*;

use super::assert::{Selector, signed_octets};
use super::decline::{Reason, Refusal};
use super::pending::{Summary, decode_line, encode_line};
use super::retrieve::Announcement;
use super::*;

const ID: &str = "AAabcdefghijklmnopqrstuv";
const REQUIRED: &str = "ID=AAabcdefghijklmnopqrstuv SIZE=1024 DATE=20261121T093000Z EXPIRES=20261205T093000Z";

fn accepted(line: &str) -> Command {
    parse(line).expect("the verb is ours").unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn encoded(command: &Command) -> String {
    let mut out = Vec::new();
    command.encode(&mut out);
    String::from_utf8(out).unwrap()
}

/// Every line is refused with this code, and the text names this.
fn refused(rows: &[(&str, u16, &str)]) {
    for (line, code, named) in rows {
        let error = parse(line).expect("the verb is ours").expect_err(line);
        let text = error.to_string();
        assert_eq!(error.code(), *code, "{line}: {text}");
        assert_eq!(error.status().to_string(), "5.5.4");
        assert!(text.starts_with(named), "{line}: {text:?} does not begin with {named:?}");
        assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)) && text.len() < 200, "{text:?}");
    }
}

#[test]
fn other_verbs_are_left_to_others() {
    for line in ["", "MAIL FROM:<a@b.test>", "NOTICES FROM:<a@b.test>", "NOTIC", " NOTICE", "NOTICE\tFROM:<a@b.test>", "\u{fc}"] {
        assert_eq!(parse(line), None, "{line}");
    }
}

#[test]
fn an_assertion_is_read_in_its_one_order() {
    let signature = "A".repeat(86);
    let line = format!("assert Domain=a.test key=S1.x-2 sig={signature}");
    let Command::Assert(assertion) = accepted(&line) else { panic!("not an assertion") };
    assert_eq!((assertion.domain.as_str(), assertion.selector.as_str(), assertion.signature), ("a.test", "S1.x-2", [0; 64]));
    let with = |domain: &str, key: &str, sig: &str| format!("ASSERT DOMAIN={domain} KEY={key} SIG={sig}");
    refused(&[
        ("ASSERT", 501, "DOMAIN is missing"),
        ("ASSERT ", 501, "DOMAIN is missing"),
        ("ASSERT DOMAIN", 501, "DOMAIN is malformed"),
        (&with("A.test", "s1", &signature), 501, "DOMAIN is malformed"),
        (&with("a.test.", "s1", &signature), 501, "DOMAIN is malformed"),
        (&with("b\u{fc}cher.test", "s1", &signature), 501, "DOMAIN is malformed"),
        (&with("[192.0.2.1]", "s1", &signature), 501, "DOMAIN is malformed"),
        (&with("a.test", "", &signature), 501, "KEY is malformed"),
        (&with("a.test", "s1.", &signature), 501, "KEY is malformed"),
        (&with("a.test", "s_1", &signature), 501, "KEY is malformed"),
        (&with("a.test", "s1", &"A".repeat(85)), 501, "SIG is malformed"),
        (&with("a.test", "s1", &"A".repeat(87)), 501, "SIG is malformed"),
        (&with("a.test", "s1", &format!("{}+", "A".repeat(85))), 501, "SIG is malformed"),
        (&with("a.test", "s1", &format!("{signature} ")), 501, "line is malformed"),
        (&with("a.test", "s1", &format!("{signature} DOMAIN=a.test")), 501, "DOMAIN is given twice"),
        (&with("a.test", "s1", &format!("{signature} FOO=1")), 555, "unknown parameter FOO"),
        ("ASSERT KEY=s1 DOMAIN=a.test", 501, "DOMAIN is missing"),
        ("ASSERT HOST=mx.a.test DOMAIN=a.test", 555, "unknown parameter HOST"),
    ]);
}

#[test]
fn what_is_signed_names_the_purpose_the_domain_and_the_session() {
    let domain: Domain = "a.test".parse().unwrap();
    assert_eq!(signed_octets(&domain, &[1, 2, 3]), b"two-way-mail v1\0a.test\0\x01\x02\x03");
}

#[test]
fn a_notice_takes_its_parameters_in_any_order_and_case() {
    let line = format!(
        "NOTICE FROM:<alice@a.test> TO:<bob@b.test> subject=Hi+20there LIST=dev.a.test ref={ID} kind=LIST NAME=+C3+84nne requiretls smtputf8 \
         body=8bitmime expires=20261205t093000z date=20261121T093000Z size=0001024 id={ID}"
    );
    let Command::Notice(notice) = accepted(&line) else { panic!("not a notice") };
    assert_eq!(notice.from.to_string(), "alice@a.test");
    assert_eq!(notice.to.to_string(), "bob@b.test");
    assert_eq!((notice.id.as_str(), notice.size_octets), (ID, 1024));
    assert_eq!(notice.date.to_rfc3339(), "2026-11-21T09:30:00Z");
    assert_eq!(notice.expires.to_rfc3339(), "2026-12-05T09:30:00Z");
    assert_eq!((notice.body, notice.smtputf8, notice.require_tls), (Body::EightBitMime, true, true));
    assert_eq!((notice.name.as_deref(), notice.subject.as_deref()), (Some("\u{c4}nne"), Some("Hi there")));
    assert_eq!((notice.kind, notice.reference.unwrap().as_str(), notice.list.as_deref()), (Kind::List, ID, Some("dev.a.test")));
}

#[test]
fn a_notice_with_the_four_required_parameters_is_enough() {
    let line = format!("NOTICE FROM:<alice@a.test> TO:<bob@b.test> {REQUIRED}");
    let command = accepted(&line);
    assert_eq!(encoded(&command), format!("{line}\r\n"));
    let Command::Notice(notice) = command else { panic!("not a notice") };
    assert_eq!((notice.body, notice.kind, notice.smtputf8, notice.require_tls), (Body::SevenBit, Kind::Mail, false, false));
}

#[test]
fn paths_may_be_quoted_or_beyond_ascii() {
    for (from, to) in [("<\"a b> c\"@a.test>", "<bob@b.test>"), ("<j\u{fc}rgen@a.test>", "<\u{6771}@xn--bcher-kva.test>")] {
        let line = format!("NOTICE FROM:{from} TO:{to} {REQUIRED}");
        assert_eq!(encoded(&accepted(&line)), format!("{line}\r\n"));
    }
}

#[test]
fn a_malformed_notice_is_refused_with_the_part_that_is_wrong() {
    let pair = "NOTICE FROM:<alice@a.test> TO:<bob@b.test>";
    for (tail, code, named) in [
        ("", 501, "ID is missing"),
        (" ", 501, "line is malformed"),
        (" ID=AAabcdefghijklmnopqrstuv", 501, "SIZE is missing"),
        (" ID=AAabcdefghijklmnopqrstuv SIZE=1 DATE=20261121T093000Z", 501, "EXPIRES is missing"),
        (" ID=short", 501, "ID is malformed"),
        (" ID=AAabcdefghijklmnopqrst+/", 501, "ID is malformed"),
        (" ID", 501, "ID is malformed"),
        (" SIZE=", 501, "SIZE is malformed"),
        (" SIZE=-1", 501, "SIZE is malformed"),
        (" SIZE=+1", 501, "SIZE is malformed"),
        (" SIZE=10000000000000000000", 501, "SIZE is malformed"),
        (" DATE=2026-11-21T09:30:00Z", 501, "DATE is malformed"),
        (" EXPIRES=20261321T093000Z", 501, "EXPIRES is malformed"),
        (" BODY=9BIT", 501, "BODY is malformed"),
        (" KIND=spam", 501, "KIND is malformed"),
        (" REF=x", 501, "REF is malformed"),
        (" SMTPUTF8=1", 501, "SMTPUTF8 is malformed"),
        (" SMTPUTF8 SMTPUTF8", 501, "SMTPUTF8 is given twice"),
        (" SIZE=1 size=1", 501, "SIZE is given twice"),
        (" FROM:<alice@a.test>", 501, "FROM is given twice"),
        (" TO=x", 501, "TO is given twice"),
        (" NAME=a+0D+0Ab", 501, "NAME is malformed"),
        (" NAME=+00", 501, "NAME is malformed"),
        (" SUBJECT=+7F", 501, "SUBJECT is malformed"),
        (" SUBJECT=+C2+85", 501, "SUBJECT is malformed"),
        (" LIST=+1B", 501, "LIST is malformed"),
        (" SUBJECT=+FF", 501, "SUBJECT is malformed"),
        (" SUBJECT=a=b", 501, "SUBJECT is malformed"),
        (" SUBJECT=+c3+bc", 501, "SUBJECT is malformed"),
        (" SUBJECT=\u{fc}", 501, "SUBJECT is malformed"),
        ("  SIZE=1", 501, "line is malformed"),
        (" HOST=evil.test", 555, "unknown parameter HOST"),
        (" X-FOO", 555, "unknown parameter X-FOO"),
        (" \u{fc}=1", 501, "line is malformed"),
    ] {
        refused(&[(&format!("{pair}{tail}"), code, named)]);
    }
    refused(&[
        ("NOTICE", 501, "FROM is missing"),
        ("NOTICE FROM", 501, "FROM is missing"),
        ("NOTICE FROM:", 501, "FROM is malformed"),
        ("NOTICE FROM:<>", 501, "FROM is malformed"),
        ("NOTICE FROM: <alice@a.test>", 501, "FROM is malformed"),
        ("NOTICE TO:<bob@b.test> FROM:<alice@a.test>", 501, "FROM is missing"),
        ("NOTICE FROM:<alice@a.test>", 501, "TO is missing"),
        ("NOTICE FROM:<alice@a.test>TO:<bob@b.test>", 501, "FROM is malformed"),
        ("NOTICE FROM:<alice@a.test> TO:<@x.test:bob@b.test>", 501, "TO is malformed"),
        ("NOTICE FROM:<alice@a.test> TO:<bob@[192.0.2.1]>", 501, "TO is malformed"),
        ("NOTICE FROM:<alice@a.test> TO:bob@b.test", 501, "TO is malformed"),
        ("NOTICE SIZE=1", 501, "FROM is missing"),
        ("NOTICE HOST=x FROM:<alice@a.test>", 555, "unknown parameter HOST"),
    ]);
}

#[test]
fn a_name_and_a_subject_end_at_their_limits() {
    for (name, limit) in [("NAME", notice::NAME_OCTETS_MAX), ("SUBJECT", notice::SUBJECT_OCTETS_MAX)] {
        let line = |octets: usize| format!("NOTICE FROM:<alice@a.test> TO:<bob@b.test> {REQUIRED} {name}={}", "+20".repeat(octets));
        accepted(&line(limit));
        refused(&[(&line(limit + 1), 501, &format!("{name} is malformed"))]);
    }
}

#[test]
fn a_command_line_ends_at_its_limit() {
    let front = format!("NOTICE FROM:<alice@a.test> TO:<bob@b.test> {REQUIRED} LIST=");
    let room = COMMAND_OCTETS_MAX - 2 - front.len();
    accepted(&format!("{front}{}", "x".repeat(room)));
    refused(&[(&format!("{front}{}", "x".repeat(room + 1)), 501, "command is too long")]);
}

#[test]
fn a_claim_is_made_fit_to_be_sent() {
    assert_eq!(notice::claim("Hi\r\nBcc: x\u{85}\u{0}", 128), "HiBcc: x");
    assert_eq!(notice::claim("\u{fc}\u{fc}\u{fc}", 5), "\u{fc}\u{fc}");
    assert_eq!(notice::claim("abc\u{fc}d", 4), "abc");
}

#[test]
fn pending_names_a_pair_and_where_to_go_on() {
    for tail in [String::new(), format!(" AFTER={ID}")] {
        let line = format!("PENDING FROM:<alice@a.test> TO:<bob@b.test>{tail}");
        assert_eq!(encoded(&accepted(&line)), format!("{line}\r\n"));
    }
    refused(&[
        ("PENDING", 501, "FROM is missing"),
        ("PENDING FROM:<alice@a.test>", 501, "TO is missing"),
        ("PENDING FROM:<alice@a.test> TO:<bob@b.test> ", 501, "line is malformed"),
        ("PENDING FROM:<alice@a.test> TO:<bob@b.test> AFTER=1", 501, "AFTER is malformed"),
        ("PENDING FROM:<alice@a.test> TO:<bob@b.test> AFTER", 501, "AFTER is malformed"),
        ("PENDING FROM:<alice@a.test> TO:<bob@b.test> TO:<bob@b.test>", 501, "TO is given twice"),
        ("PENDING FROM:<alice@a.test> TO:<bob@b.test> SINCE=1", 555, "unknown parameter SINCE"),
    ]);
}

#[test]
fn retrieve_confirm_and_decline_name_an_id_and_a_recipient() {
    for tail in
        ["RETRIEVE {}", "RETRIEVE {} OFFSET=9999999999999999999", "CONFIRM {}", "DECLINE {} 5.7.1 no  such thing ", "DECLINE {} 4.0.0 ~"]
    {
        let line = tail.replace("{}", &format!("ID={ID} TO:<bob@b.test>"));
        assert_eq!(encoded(&accepted(&line)), format!("{line}\r\n"));
    }
    let pair = format!("ID={ID} TO:<bob@b.test>");
    for (line, code, named) in [
        ("RETRIEVE", 501, "ID is missing"),
        ("RETRIEVE TO:<bob@b.test>", 501, "ID is missing"),
        ("RETRIEVE {} ", 501, "line is malformed"),
        ("RETRIEVE {} OFFSET=", 501, "OFFSET is malformed"),
        ("RETRIEVE {} OFFSET=-1", 501, "OFFSET is malformed"),
        ("RETRIEVE {} OFFSET=10000000000000000000", 501, "OFFSET is malformed"),
        ("RETRIEVE {} OFFSET=1 OFFSET=1", 501, "OFFSET is given twice"),
        ("RETRIEVE {} ID=x", 501, "ID is given twice"),
        ("RETRIEVE {} URL=http://a.test", 555, "unknown parameter URL"),
        ("CONFIRM", 501, "ID is missing"),
        ("CONFIRM ID=x TO:<bob@b.test>", 501, "ID is malformed"),
        ("CONFIRM ID=AAabcdefghijklmnopqrstuv", 501, "TO is missing"),
        ("CONFIRM {} OFFSET=1", 555, "unknown parameter OFFSET"),
        ("CONFIRM {}\t", 501, "TO is malformed"),
        ("DECLINE {}", 501, "status is missing"),
        ("DECLINE {} ", 501, "status is malformed"),
        ("DECLINE {} 2.0.0 fine", 501, "status is malformed"),
        ("DECLINE {} 5.7 no", 501, "status is malformed"),
        ("DECLINE {} 5.7.1000 no", 501, "status is malformed"),
        ("DECLINE {} 5.7.1", 501, "text is malformed"),
        ("DECLINE {} 5.7.1 ", 501, "text is malformed"),
        ("DECLINE {} 5.7.1 a\u{1b}b", 501, "text is malformed"),
        ("DECLINE {} 5.7.1 \u{fc}", 501, "text is malformed"),
    ] {
        refused(&[(&line.replace("{}", &pair), code, named)]);
    }
    accepted(&format!("DECLINE {pair} 5.7.1 {}", "x".repeat(128)));
    refused(&[(&format!("DECLINE {pair} 5.7.1 {}", "x".repeat(129)), 501, "text is malformed")]);
}

#[test]
fn a_reason_is_one_line_of_ascii_whatever_it_was_made_of() {
    assert_eq!(Reason::new("a\r\nMAIL \u{fc}").as_str(), "a??MAIL ?");
    assert_eq!(Reason::new(&"x".repeat(500)).as_str().len(), 128);
    assert_eq!(Reason::new("").as_str(), "refused");
}

#[test]
fn an_announcement_says_whom_to_tell_of_failures() {
    let digest = ContentDigest::of(b"hello");
    for (reverse_path, written) in [
        (ReversePath::Null, "<>"),
        ("alice@a.test".parse().unwrap(), "alice@a.test"),
        ("list+bob=b.test@a.test".parse().unwrap(), "list+2Bbob+3Db.test@a.test"),
    ] {
        let announced = Announcement { size_octets: 5, digest, mail_from: reverse_path };
        assert_eq!(announced.encode(), format!("SIZE=5 DIGEST={digest} MAILFROM={written}"));
        assert_eq!(Announcement::decode(&announced.encode()).unwrap(), announced);
    }
    let bracketed = Announcement::decode(&format!("SIZE=5 DIGEST={digest} MAILFROM=<alice@a.test>")).unwrap();
    assert_eq!(bracketed.mail_from, "alice@a.test".parse().unwrap());
    for text in ["", "SIZE=5", "SIZE=5 DIGEST=md5:x MAILFROM=<>", "SIZE=x"] {
        assert!(Announcement::decode(text).is_err(), "{text}");
    }
    for tail in ["", "MAILFROM=", "MAILFROM=alice", "MAILFROM=<> ", "MAILFROM=+0D+0A", "MAILFROM=<<>>"] {
        assert!(Announcement::decode(&format!("SIZE=5 DIGEST={digest} {tail}")).is_err(), "{tail}");
    }
}

#[test]
fn a_pending_line_drops_claims_rather_than_break_the_line_limit() {
    let line = format!("NOTICE FROM:<alice@a.test> TO:<bob@b.test> {REQUIRED} LIST=dev.a.test NAME=Alice SUBJECT={}", "+20".repeat(128));
    let Command::Notice(waiting) = accepted(&line) else { panic!("not a notice") };
    let text = encode_line(&waiting);
    assert!(text.len() + "250-2.0.0 \r\n".len() <= REPLY_OCTETS_MAX);
    let read = decode_line(&text, &waiting.from, &waiting.to).unwrap();
    assert_eq!(read, Notice { subject: None, ..*waiting });
}

#[test]
fn a_summary_counts_and_says_where_to_go_on() {
    for text in ["0".to_owned(), format!("100 MORE={ID}")] {
        assert_eq!(Summary::decode(&text).unwrap().encode(), text);
    }
    for text in ["", "x", "-1", "1 ", "1 MORE=x", "1 2"] {
        assert!(Summary::decode(text).is_err(), "{text}");
    }
}

#[test]
fn an_offer_is_read_with_its_limits() {
    let line = "XTWOWAY 1 SIZE=52428800 NOTICEMAX=500 KEEPMAX=2592000";
    let offer = Capability::parse(line).unwrap().unwrap();
    let limits = (52_428_800, 500, Duration::from_hours(720));
    assert_eq!((offer.version, offer.size_octets_max, offer.notices_max, offer.keep_max), (1, limits.0, limits.1, limits.2));
    assert_eq!(offer.encode(), line);
    assert_eq!(Capability::parse("xtwoway 1 FUTURE keepmax=2592000 X=1 NoticeMax=500 size=52428800").unwrap().unwrap(), offer);
    for other in ["", "SIZE 1", "XTWOWAYS 1"] {
        assert_eq!(Capability::parse(other), None, "{other}");
    }
    for malformed in ["XTWOWAY", "XTWOWAY x", "XTWOWAY 1", "XTWOWAY 1 SIZE=1 NOTICEMAX=1 KEEPMAX=", "XTWOWAY 1 SIZE=1 SIZE=1"] {
        assert!(Capability::parse(malformed).unwrap().is_err(), "{malformed}");
    }
}

fn any_domain() -> impl Strategy<Value = Domain> {
    "[a-z]([a-z0-9-]{0,8}[a-z0-9])?(\\.[a-z]{2,6}){1,2}".prop_filter_map("a domain", |text| text.parse().ok())
}

fn any_mailbox() -> impl Strategy<Value = Mailbox> {
    ("[ -~\u{a1}-\u{17f}\u{4e00}-\u{4eff}]{1,20}", any_domain())
        .prop_filter_map("a mailbox", |(local, domain)| Mailbox::new(&local, domain).ok())
}

fn any_id() -> impl Strategy<Value = NoticeId> {
    (0..Partition::COUNT, any::<[u8; 16]>()).prop_map(|(number, entropy)| NoticeId::new(Partition::new(number).unwrap(), entropy))
}

fn any_second() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200_i64..253_402_300_799).prop_map(|seconds| Timestamp::from_millis(seconds * 1000))
}

fn any_claim() -> impl Strategy<Value = Option<String>> {
    option::of("\\PC{0,40}".prop_map(|text| notice::claim(&text, 64)))
}

prop_compose! {
    fn any_notice()(
        pair in (any_mailbox(), any_mailbox()),
        id in any_id(),
        size_octets in 0..10_000_000_000_000_000_000_u64,
        (date, expires) in (any_second(), any_second()),
        body in prop::sample::select(vec![Body::SevenBit, Body::EightBitMime, Body::BinaryMime]),
        (smtputf8, require_tls) in any::<(bool, bool)>(),
        (name, subject, list) in (any_claim(), any_claim(), any_claim()),
        kind in prop::sample::select(vec![Kind::Mail, Kind::List, Kind::Forward, Kind::Confirm, Kind::Report]),
        reference in option::of(any_id()),
    ) -> Notice {
        let (from, to) = pair;
        Notice { from, to, id, size_octets, date, expires, body, smtputf8, require_tls, name, subject, kind, reference, list }
    }
}

fn any_status() -> impl Strategy<Value = Refusal> {
    (any::<bool>(), 0_u16..1000, 0_u16..1000).prop_map(|(lasts, subject, detail)| {
        Refusal::new(if lasts { Status::permanent(subject, detail) } else { Status::temporary(subject, detail) }).unwrap()
    })
}

fn any_command() -> impl Strategy<Value = Command> {
    let assertion = (any_domain(), "[a-zA-Z0-9]{1,8}(\\.[a-z0-9]{1,8})?", any::<[u8; 32]>(), any::<[u8; 32]>());
    prop_oneof![
        assertion.prop_map(|(domain, selector, front, back)| {
            let signature = [front, back].concat().try_into().unwrap();
            Command::Assert(Assert { domain, selector: Selector::new(&selector).unwrap(), signature })
        }),
        any_notice().prop_map(|notice| Command::Notice(Box::new(notice))),
        (any_mailbox(), any_mailbox(), option::of(any_id())).prop_map(|(from, to, after)| Command::Pending(Pending { from, to, after })),
        (any_id(), any_mailbox(), 0..10_000_000_000_000_000_000_u64).prop_map(|(id, to, offset)| Command::Retrieve(Retrieve {
            id,
            to,
            offset
        })),
        (any_id(), any_mailbox()).prop_map(|(id, to)| Command::Confirm(Confirm { id, to })),
        (any_id(), any_mailbox(), any_status(), ".{0,200}").prop_map(|(id, to, status, text)| Command::Decline(Decline {
            id,
            to,
            status,
            text: Reason::new(&text)
        })),
    ]
}

proptest! {
    #[test]
    fn every_command_reads_back_as_it_was_written(command in any_command()) {
        let line = encoded(&command);
        prop_assert!(line.len() <= COMMAND_OCTETS_MAX);
        let line = line.strip_suffix("\r\n").unwrap();
        prop_assert!(!line.contains(['\r', '\n']));
        let read = accepted(line);
        prop_assert_eq!(&read, &command);
        // Mailboxes compare by their folded form; what is written again must be the same to the octet.
        prop_assert_eq!(encoded(&read), encoded(&command));
    }

    #[test]
    fn every_pending_line_that_fits_reads_back_as_it_was_written(waiting in any_notice()) {
        let text = encode_line(&waiting);
        prop_assert!(text.len() + "250-2.0.0 \r\n".len() <= REPLY_OCTETS_MAX);
        let read = decode_line(&text, &waiting.from, &waiting.to).unwrap();
        let Notice { name, subject, list, .. } = read.clone();
        prop_assert_eq!(read, Notice { name, subject, list, ..waiting });
    }

    #[test]
    fn every_announcement_reads_back_as_it_was_written(size_octets in 0..10_000_000_000_000_000_000_u64, octets: [u8; 32], mailbox in option::of(any_mailbox())) {
        let mail_from = mailbox.map_or(ReversePath::Null, ReversePath::Mailbox);
        let announced = Announcement { size_octets, digest: ContentDigest::from_bytes(octets), mail_from };
        prop_assert_eq!(Announcement::decode(&announced.encode()).unwrap(), announced);
    }

    #[test]
    fn every_summary_reads_back_as_it_was_written(count in 0..10_000_000_000_000_000_000_u64, more in option::of(any_id())) {
        let summary = Summary { count, more };
        prop_assert_eq!(Summary::decode(&summary.encode()).unwrap(), summary);
    }

    #[test]
    fn every_offer_reads_back_as_it_was_written(version: u32, size_octets_max in 0..1_u64 << 60, notices_max in 0..1_u64 << 60, keep in 0..1_u64 << 60) {
        let offer = Capability { version, size_octets_max, notices_max, keep_max: Duration::from_secs(keep) };
        prop_assert_eq!(Capability::parse(&offer.encode()).unwrap().unwrap(), offer);
    }

    #[test]
    fn no_line_makes_parsing_panic(verb in "(ASSERT|NOTICE|PENDING|RETRIEVE|CONFIRM|DECLINE|XTWOWAY)? ?", line: String) {
        let line = verb + &line;
        let refused = parse(&line).and_then(Result::err);
        prop_assert!(refused.is_none_or(|error| matches!(error.code(), 501 | 555)));
        prop_assert!(Capability::parse(&line).is_none_or(|read| read.is_err() || line.len() > 10));
    }

    #[test]
    fn no_damage_to_a_line_makes_parsing_panic(command in any_command(), at in 0_usize..400, octet in any::<char>()) {
        let mut characters: Vec<char> = encoded(&command).trim_end().chars().collect();
        if let Some(character) = characters.get_mut(at) {
            *character = octet;
        }
        let line: String = characters.into_iter().collect();
        if let Some(Ok(read)) = parse(&line) {
            prop_assert!(encoded(&read).lines().count() == 1);
        }
    }
}
