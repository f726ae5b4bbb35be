//! No message of a client gets in without the password.
#![no_main]

use proto::sasl::scram::{Nonce, Verifier};
use proto::sasl::{Exchange, Mechanism, Turn};

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Some((first, messages)) = octets.split_first() else { return };
    let mechanism = [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256][usize::from(first % 3)];
    let mut exchange = mechanism.start();
    for message in messages.split(|octet| *octet == b'\n') {
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
