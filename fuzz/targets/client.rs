//! A client's session with any server: it never panics, and hands out no more octets than it was told to expect.
#![no_main]

use proto::limits::Limits;
use proto::smtp::client::{Event, Session, Step};
use proto::smtp::command::parse;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let mut session = Session::new("a.test".parse().expect("a domain"), Limits::default());
    let mut commands = [&b"NOOP"[..], b"RETRIEVE ID=0123456789abcdefghijkl TO:<bob@b.test>", b"STARTTLS", b"DATA"].into_iter().cycle();
    let (mut pieces, mut expected) = (octets.chunks(7), 0);
    loop {
        match session.next() {
            Err(_) => break,
            Ok(Step::NeedInput) => match pieces.next() {
                Some(piece) if session.receive(piece).is_ok() => {}
                _ => break,
            },
            Ok(Step::Event(Event::StartTls)) => session.tls_started().expect("a handshake was asked for"),
            Ok(Step::Event(Event::Octets(some))) => expected -= some.len(),
            Ok(Step::Event(Event::OctetsEnd)) => assert_eq!(expected, 0),
            Ok(Step::Event(_)) if session.expect_octets(9).is_ok() => expected = 9,
            Ok(Step::Event(_)) => {
                let command = parse(commands.next().expect("a cycle")).expect("a command");
                // Refused while content is due.
                if session.send(&command).is_err() && session.end_content().is_err() {
                    break;
                }
            }
        }
    }
});
