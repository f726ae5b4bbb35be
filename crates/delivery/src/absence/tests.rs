//! The absence reply: who is answered, and who never.

use super::*;

const PERSONAL: &str = "From: ann@a.test\r\nTo: Bob <bob@b.test>\r\nSubject: Hi\r\n";

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn away() -> Absence {
    let absence = Absence { text: "I am away.\n".to_owned(), subject: None, from: None, until: None, days: 7, addresses: Vec::new() };
    absence.checked().unwrap()
}

/// Of a message from ann@a.test to bob@b.test, who is also sales@b.test.
fn answer_to(absence: &Absence, header: &str, reverse_path: &str) -> Result<Answer, Silence> {
    let ann = mailbox("ann@a.test");
    answer_by(absence, header, reverse_path, Author::Proved(&ann))
}

fn answer_by(absence: &Absence, header: &str, reverse_path: &str, author: Author<'_>) -> Result<Answer, Silence> {
    let section = HeaderSection::read(header.as_bytes());
    let (own, recipient) = ([mailbox("bob@b.test"), mailbox("sales@b.test")], mailbox("bob@b.test"));
    let reverse_path = reverse_path.parse().unwrap();
    let letter = Letter { header: &section, reverse_path: &reverse_path, author, recipient: &recipient, own: &own };
    absence.answer(&letter, time("2026-11-22T12:00:00Z"))
}

#[test]
fn a_person_who_writes_to_the_owner_by_name_is_answered() {
    let answer = answer_to(&away(), PERSONAL, "ann@a.test").unwrap();
    assert_eq!((answer.to, answer.from), (mailbox("ann@a.test"), mailbox("bob@b.test")));
    assert_eq!(answer.again_after, Duration::from_hours(7 * 24));
    for (to, from) in [
        ("Cc: x@c.test, sales@b.test", "sales@b.test"),
        ("To: bob+shop@b.test", "bob+shop@b.test"),
        ("To: all: x@c.test, Bob <BOB@b.test>;", "bob@b.test"),
    ] {
        let answer = answer_to(&away(), &format!("From: ann@a.test\r\n{to}\r\n"), "bounces@a.test").unwrap();
        assert_eq!((answer.to, answer.from), (mailbox("bounces@a.test"), mailbox(from)), "{to}");
    }
}

#[test]
fn an_address_that_the_owner_names_counts_but_is_not_written_as() {
    let absence = Absence { addresses: vec![mailbox("bob@old.test")], ..away() };
    let header = "From: ann@a.test\r\nTo: bob@old.test\r\n";
    assert_eq!(answer_to(&away(), header, "ann@a.test"), Err(Silence::NotNamed));
    assert_eq!(answer_to(&absence, header, "ann@a.test").unwrap().from, mailbox("bob@b.test"));
}

#[test]
fn nothing_that_may_be_a_program_is_answered() {
    for (field, silence) in [
        ("Auto-Submitted: auto-replied", Silence::AutoSubmitted),
        ("Auto-Submitted: auto-generated; owner-email=\"x@a.test\"", Silence::AutoSubmitted),
        ("Auto-Submitted: notification", Silence::AutoSubmitted),
        ("auto-submitted:", Silence::AutoSubmitted),
        ("List-Id: <x.a.test>", Silence::List),
        ("List-Unsubscribe: <mailto:x@a.test>", Silence::List),
        ("LIST-POST: NO", Silence::List),
        ("Precedence: bulk", Silence::Bulk),
        ("Precedence: List", Silence::Bulk),
        ("Precedence: junk", Silence::Bulk),
        ("X-Auto-Response-Suppress: DR, OOF", Silence::Bulk),
        ("Content-Type: multipart/report; report-type=delivery-status", Silence::Report),
    ] {
        assert_eq!(answer_to(&away(), &format!("{PERSONAL}{field}\r\n"), "ann@a.test"), Err(silence), "{field}");
    }
    for field in ["Auto-Submitted: no", "Auto-Submitted: No ; x=y", "Precedence: first-class", "Content-Type: text/plain", "Listen: x"] {
        assert!(answer_to(&away(), &format!("{PERSONAL}{field}\r\n"), "ann@a.test").is_ok(), "{field}");
    }
}

#[test]
fn only_a_proved_author_who_hears_of_failures_is_answered() {
    assert_eq!(answer_to(&away(), PERSONAL, ""), Err(Silence::NullReversePath));
    assert_eq!(answer_to(&away(), PERSONAL, "victim@c.test"), Err(Silence::ForeignReversePath));
    assert_eq!(answer_by(&away(), PERSONAL, "ann@a.test", Author::Unproved), Err(Silence::Unauthenticated));
    for program in ["MAILER-DAEMON@a.test", "no-reply@a.test", "owner-x@a.test", "x-request@a.test", "postmaster@a.test"] {
        assert_eq!(answer_by(&away(), PERSONAL, program, Author::Proved(&mailbox("ann@a.test"))), Err(Silence::Program), "{program}");
        assert_eq!(answer_by(&away(), PERSONAL, "ann@a.test", Author::Proved(&mailbox(program))), Err(Silence::Program), "{program}");
    }
    assert_eq!(answer_by(&away(), PERSONAL, "sales@b.test", Author::Proved(&mailbox("bob@b.test"))), Err(Silence::Own));
}

#[test]
fn who_is_not_named_does_not_answer() {
    for to in ["To: x@c.test", "To: bobby@b.test", "Bcc: bob@b.test", "To: bob@b.test x@c.test", "Subject: bob@b.test"] {
        assert_eq!(answer_to(&away(), &format!("From: ann@a.test\r\n{to}\r\n"), "ann@a.test"), Err(Silence::NotNamed), "{to}");
    }
}

#[test]
fn the_owner_is_away_between_two_times() {
    for (from, until, on) in [
        (None, None, true),
        (Some("2026-11-22T12:00:00Z"), None, true),
        (Some("2026-11-22T12:00:01Z"), None, false),
        (None, Some("2026-11-22T12:00:00Z"), false),
        (Some("2026-11-01T00:00:00Z"), Some("2026-12-01T00:00:00Z"), true),
    ] {
        let absence = Absence { from: from.map(time), until: until.map(time), ..away() };
        assert_eq!(answer_to(&absence, PERSONAL, "ann@a.test").is_ok(), on, "{from:?} {until:?}");
    }
}

#[test]
fn what_makes_no_absence_reply_is_refused() {
    let (from, until) = (time("2026-12-01T00:00:00Z"), time("2026-11-01T00:00:00Z"));
    for (absence, error) in [
        (Absence { text: " \n".to_owned(), ..away() }, AbsenceError::Text),
        (Absence { text: "a\u{0}".to_owned(), ..away() }, AbsenceError::Text),
        (Absence { text: "a".repeat(TEXT_OCTETS_MAX + 1), ..away() }, AbsenceError::Text),
        (Absence { subject: Some("a\nBcc: x".to_owned()), ..away() }, AbsenceError::Subject),
        (Absence { days: 0, ..away() }, AbsenceError::Days(0)),
        (Absence { days: 31, ..away() }, AbsenceError::Days(31)),
        (Absence { from: Some(from), until: Some(until), ..away() }, AbsenceError::Times { from, until }),
        (Absence { addresses: vec![mailbox("a@b.test"); 21], ..away() }, AbsenceError::Addresses(21)),
    ] {
        assert_eq!(absence.checked(), Err(error));
    }
    assert_eq!(Absence { text: "a\r\nb\r\n".to_owned(), ..away() }.checked().unwrap().text, "a\nb");
}
