//! A server's session with any client: it never panics, and what it says are replies.
#![no_main]

use std::sync::Arc;

use proto::limits::Limits;
use proto::sasl::scram::{Nonce, Verifier};
use proto::smtp::replies;
use proto::smtp::reply::Reply;
use proto::smtp::server::{Channel, Config, Event, Role, Session, Step};

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Some((first, dialogue)) = octets.split_first() else { return };
    let role = [Role::Submission, Role::Exchange, Role::Retrieval][usize::from(first % 3)];
    let channel = [Channel::Clear, Channel::Upgradable, Channel::Tls][usize::from(first / 3 % 3)];
    let domain: mail::address::Domain = "b.test".parse().expect("a domain");
    // Low ones, so that they are reached.
    let limits = Limits {
        message_octets_max: 64,
        content_chunk_octets_max: 16,
        unanswered_max: 3,
        recipients_max: 3,
        messages_max: 3,
        unknown_recipients_max: 1,
        auth_failures_max: 1,
        errors_max: 4,
        notices_max: 2,
        assertions_max: 1,
        ..Limits::default()
    };
    let config = Config { role, hostname: domain.clone(), postmaster_domain: domain, limits };
    let mut session = Session::new(Arc::new(config), channel);
    let mut pieces = dialogue.chunks(usize::from(first / 9) + 1);
    let mut verifying = Vec::new();
    let (ok, no) = (replies::ok(), Reply::new(550, None, "no"));
    // Every third is refused, to half of all clients.
    let mut replies = [&ok, &ok, if first / 9 % 2 == 0 { &ok } else { &no }].into_iter().cycle();
    loop {
        match session.next() {
            Step::Close => break,
            Step::Flush => {}
            Step::NeedInput if session.unanswered() == 0 => match pieces.next() {
                Some(piece) => session.receive(piece),
                None => break,
            },
            Step::NeedInput | Step::NeedReplies => match verifying.pop() {
                Some(verifier) => session.scram_verifier(verifier, &Nonce::from_entropy([7; 18])).expect("a verifier was due"),
                None => {
                    let reply = replies.next().expect("a cycle");
                    let begun = session
                        .tls_started()
                        .or_else(|_other| session.reply_with_octets(&ok, 3).and_then(|()| session.write_octets(b"a\r\n")));
                    begun.or_else(|_other| session.reply(reply)).expect("a reply was due");
                }
            },
            Step::Event(Event::Scram { username }) => verifying.push(Verifier::decoy(&username, &[7; 32])),
            Step::Event(Event::Content(content)) => assert!(content.len() <= 16 && !content.is_empty()),
            Step::Event(_) => {}
        }
        let output = session.take_output();
        assert!(output.is_ascii() && (output.is_empty() || output.ends_with(b"\r\n")));
    }
});
