//! No message of a client gets in without the password, and no server's proves that it knows it.
#![no_main]

use proto::sasl::scram::client::{ServerFinal, client_first};
use proto::sasl::scram::{Nonce, Verifier};
use proto::sasl::{Exchange, Mechanism, Secret, Turn};

/// Each is two computations of HMAC, of which there is time for so many.
const ITERATIONS_MAX: u32 = 9_999;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Some((first, messages)) = octets.split_first() else { return };
    let messages = messages.split(|octet| *octet == b'\n');
    let mechanism = match first % 4 {
        0 => Mechanism::Plain,
        1 => Mechanism::Login,
        2 => Mechanism::ScramSha256,
        _ => return server_says(messages),
    };
    let mut exchange = mechanism.start();
    for message in messages {
        exchange = match exchange.respond(message) {
            Turn::Challenge(next, _) => next,
            Turn::Verifier(awaiting) => {
                let verifier = Verifier::decoy(awaiting.username(), &[7; 32]);
                Exchange::ScramFinal(awaiting.server_first(verifier, &Nonce::from_entropy([7; 18])).0)
            }
            Turn::Authenticated { username } => panic!("{username} got in"),
            Turn::Password { .. } | Turn::Refused(_) => return,
        };
    }
});

fn server_says<'a>(mut messages: impl Iterator<Item = &'a [u8]>) {
    let (Some(first), Some(last)) = (messages.next(), messages.next()) else { return };
    let asked = str::from_utf8(first).ok().and_then(|text| text.rsplit_once(",i=")?.1.split(',').next()?.parse::<u32>().ok());
    if asked.is_some_and(|iterations| iterations > ITERATIONS_MAX) {
        return;
    }
    let (awaiting, _message) = client_first("bob", &Secret::new("pencil").expect("a password"), &Nonce::from_entropy([7; 18]));
    if let Ok((awaiting, _proof)) = awaiting.client_final(first) {
        assert_ne!(awaiting.server_final(last), Ok(ServerFinal::Proved));
    }
}
