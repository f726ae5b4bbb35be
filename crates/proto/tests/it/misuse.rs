//! What a driver must not do, and is told so before the client sees anything of it.

use proto::limits::Limits;
use proto::smtp::replies;
use proto::smtp::reply::Reply;
use proto::smtp::server::{Channel, Event, Misuse, Role, Session, Step};

use crate::script::config;

fn session(role: Role, lines: &str) -> Session {
    let mut session = Session::new(config(role, &Limits::default()), Channel::Tls);
    session.receive(b"EHLO c.a.test\r\n");
    assert_eq!(session.next(), Step::NeedInput);
    session.take_output();
    session.receive(lines.as_bytes());
    session
}

#[test]
fn an_answer_needs_a_question() {
    let mut session = session(Role::Exchange, "");
    assert_eq!(session.reply(&replies::ok()), Err(Misuse::NothingToAnswer));
    assert_eq!(session.tls_started(), Err(Misuse::NothingToAnswer));
    assert_eq!(session.write_octets(b"x"), Err(Misuse::TooManyOctets));
    assert_eq!(session.take_output(), b"");
}

#[test]
fn announced_octets_are_written_before_anything_else() {
    let mut session =
        session(Role::Exchange, "RETRIEVE ID=aaaaaaaaaaaaaaaaaaaaaa TO:<b@b.test>\r\nCONFIRM ID=aaaaaaaaaaaaaaaaaaaaaa TO:<b@b.test>\r\n");
    assert!(matches!(session.next(), Step::Event(Event::Twoway(_))));
    assert!(matches!(session.next(), Step::Event(Event::Twoway(_))));
    assert_eq!(session.unanswered(), 2);
    session.reply_with_octets(&replies::ok(), 3).unwrap();
    assert_eq!(session.reply(&replies::ok()), Err(Misuse::OctetsMissing));
    assert_eq!(session.write_octets(b"abcd"), Err(Misuse::TooManyOctets));
    session.write_octets(b"abc").unwrap();
    assert_eq!(session.reply_with_octets(&replies::ok(), 3), Err(Misuse::NothingToAnswer), "CONFIRM has no octets");
    session.reply(&Reply::new(550, None, "no")).unwrap();
    assert_eq!(session.take_output(), b"250 2.0.0 done\r\nabc550 no\r\n");
}

#[test]
fn only_a_verifier_lets_somebody_in_by_scram() {
    let mut session = session(Role::Submission, "AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=\r\n");
    assert!(matches!(session.next(), Step::Event(Event::Scram { .. })));
    assert_eq!(session.reply(&replies::authenticated()), Err(Misuse::NothingToAnswer));
    assert_eq!(session.user(), None);
    session.reply(&replies::auth_unavailable()).unwrap();
    assert_eq!(session.next(), Step::NeedInput);
}

#[test]
fn a_session_that_closes_says_what_is_due_first() {
    let mut session = session(Role::Exchange, "CONFIRM ID=aaaaaaaaaaaaaaaaaaaaaa TO:<b@b.test>\r\n");
    assert!(matches!(session.next(), Step::Event(Event::Twoway(_))));
    session.close(&replies::closing());
    assert_eq!(session.next(), Step::NeedReplies);
    session.reply(&replies::ok()).unwrap();
    assert_eq!(session.next(), Step::Close);
    assert_eq!(session.take_output(), b"250 2.0.0 done\r\n421 4.3.2 closing, try again later\r\n");
}

#[test]
fn a_flood_of_input_or_of_replies_is_held_back() {
    let mut flooded = session(Role::Exchange, "");
    flooded.receive(&vec![b'x'; 300_000]);
    assert_eq!(flooded.next(), Step::Close);
    assert!(flooded.take_output().starts_with(b"421 4.3.2 too much input"));

    let mut chatty = session(Role::Exchange, &"EHLO c.a.test\r\n".repeat(1000));
    assert_eq!(chatty.next(), Step::Flush);
    assert!(chatty.take_output().len() < 66_000);
    assert_eq!(chatty.next(), Step::Flush);
}
