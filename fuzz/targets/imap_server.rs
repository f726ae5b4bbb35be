//! A server's IMAP session with any client: it never panics, gives no more of a message than it announced, and ends its lines.
#![no_main]

use std::sync::Arc;

use proto::imap::command::append::{AppendLiteral, AppendMessage};
use proto::imap::limits::Limits;
use proto::imap::response::{Condition, Data, Status};
use proto::imap::server::{Config, Event, Session, Step};
use proto::sasl::scram::{Nonce, Verifier};
use proto::smtp::server::Channel;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Some((first, dialogue)) = octets.split_first() else { return };
    let channel = [Channel::Clear, Channel::Upgradable, Channel::Tls, Channel::Tls][usize::from(first % 4)];
    let limits = Limits { message_octets_max: 64, content_chunk_octets_max: 16, command_octets_max: 512, ..Limits::default() };
    let extensions = ["IMAP4rev2", "QRESYNC", "UTF8=ACCEPT", "UIDONLY", "COMPRESS=DEFLATE"].map(str::to_owned).into();
    let mut session = Session::new(Arc::new(Config { name: "Twoway".to_owned(), extensions, limits }), channel);
    let (ok, no) = (Status::new(Condition::Ok, "done"), Status::new(Condition::No, "no"));
    // Every third is refused, to half of all clients.
    let mut answers = [&ok, &ok, if *first < 128 { &ok } else { &no }].into_iter().cycle();
    let mut answer = || answers.next().expect("a cycle");
    let mut pieces = dialogue.chunks(usize::from(first / 4) + 1);
    let mut announced = 0;
    loop {
        match session.next() {
            Step::Close => break,
            Step::Flush => {}
            Step::NeedAnswer => panic!("every event was answered"),
            Step::NeedInput => match pieces.next() {
                Some(piece) => session.receive(piece),
                None => break,
            },
            Step::Event(event) => match event {
                Event::Append(_, messages) => announced = begin(&mut session, messages.last().and_then(AppendMessage::literal), answer()),
                Event::AppendNext(next) => announced = begin(&mut session, next.literal(), answer()),
                Event::Replace(replace) => announced = begin(&mut session, replace.message.literal(), answer()),
                Event::Content(content) => announced -= u64::try_from(content.len()).expect("a small number"),
                Event::Messages => {
                    assert_eq!(announced, 0);
                    session.complete(answer()).expect("messages are answered");
                }
                Event::Idle => session.tell(&Data::Exists(3)).expect("somebody listens"),
                Event::IdleEnd | Event::ContentDropped | Event::SearchRefused => {}
                Event::StartTls => session.tls_started().expect("a handshake was asked for"),
                Event::Compress => session.compressed().expect("it was asked for"),
                Event::Scram { username } => {
                    let verifier = Verifier::decoy(&username, &[7; 32]);
                    session.scram_verifier(verifier, &Nonce::from_entropy([7; 18])).expect("a verifier was due");
                }
                Event::Password { .. } | Event::Command(_) => session.complete(answer()).expect("a command is answered"),
            },
        }
        let output = session.take_output();
        assert!(output.is_empty() || output.ends_with(b"\r\n"));
    }
});

/// Takes what is announced, or not: how many octets are to come. Messages of which all is there are kept at once.
fn begin(session: &mut Session, literal: Option<AppendLiteral>, answer: &Status) -> u64 {
    match literal {
        Some(literal) if answer.condition == Condition::Ok => {
            session.accept_message().expect("a message was announced");
            literal.announced.octets
        }
        Some(_) | None => {
            session.complete(answer).expect("messages are answered");
            0
        }
    }
}
