//! A password that is proved and not sent, to a server that proves it, too.

use proto::sasl::scram::Nonce;
use proto::sasl::scram::client::Fault;

use super::*;

/// Base64 of the example in RFC 7677 section 3.
const SCRAM: [&str; 4] = [
    "biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=",
    "cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c29Fc1VFamI2Z1E9PSxpPTQwOTY=",
    "Yz1iaXdzLHI9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD1kSHpiWmFwV0lrNGpVaE4rVXRlOXl0YWc5empmTUhnc3FtbWl6N0FuZFZRPQ==",
    "dj02cnJpVFJCaTIzV3BSUi93dHVwK21NaFVaVW4vZEI1bkxUSlJzamw5NUc0PQ==",
];

fn proving(offers: &str) -> Dialogue {
    let mut dialogue = Dialogue::greeted(offers);
    dialogue.session.prove("user", &pencil(), &Nonce::from_text("rOprNGfwEbeRWgbNEkqO").unwrap()).unwrap();
    dialogue
}

#[test]
fn a_password_is_proved_and_not_sent_and_the_server_proves_it_too() {
    let [first, server_first, proof, signature] = SCRAM;
    for at_once in [true, false] {
        let mut dialogue = proving(if at_once { "SASL-IR AUTH=PLAIN AUTH=SCRAM-SHA-256" } else { "AUTH=PLAIN AUTH=SCRAM-SHA-256" });
        if at_once {
            dialogue.client(&format!("c1 AUTHENTICATE SCRAM-SHA-256 {first}\r\n"));
        } else {
            dialogue.client("c1 AUTHENTICATE SCRAM-SHA-256\r\n");
            dialogue.server("+ \r\n");
            dialogue.quiet();
            dialogue.client(&format!("{first}\r\n"));
        }
        dialogue.server(&format!("+ {server_first}\r\n"));
        dialogue.quiet();
        dialogue.client(&format!("{proof}\r\n"));
        dialogue.server(&format!("+ {signature}\r\n"));
        dialogue.quiet();
        dialogue.client("\r\n");
        assert!(!dialogue.session.is_authenticated());
        dialogue.server("c1 OK [CAPABILITY IMAP4rev1] welcome\r\n");
        dialogue.done(Condition::Ok);
        assert!(dialogue.session.is_authenticated());
    }
    // Where there is no more, by the password itself.
    proving("SASL-IR AUTH=PLAIN").client("c1 AUTHENTICATE PLAIN AHVzZXIAcGVuY2ls\r\n");
    let mut clear = Dialogue::new(Channel::Clear);
    clear.server("* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256] hello\r\n");
    clear.event(&Event::Ready);
    assert_eq!(clear.session.prove("user", &pencil(), &Nonce::from_entropy([0; 18])), Err(Misuse::InClear));
}

#[test]
fn a_server_that_does_not_prove_itself_is_not_believed() {
    let [_first, server_first, _proof, signature] = SCRAM;
    let forged = signature.replace("dj02", "dj03");
    for (answers, fault) in [
        ("c1 OK welcome\r\n".to_owned(), Fault::Unproved),
        (format!("+ {server_first}\r\nc1 OK welcome\r\n"), Fault::Unproved),
        (format!("+ {server_first}\r\n+ {forged}\r\n"), Fault::Unproved),
        (format!("+ {server_first}\r\n+ ZT1vdGhlcg==\r\nc1 OK welcome\r\n"), Fault::Unproved),
        (format!("+ {server_first}\r\n+ {signature}\r\n+ {signature}\r\n"), Fault::Malformed),
        ("+ \r\n".to_owned(), Fault::Malformed),
    ] {
        let mut dialogue = proving("SASL-IR AUTH=SCRAM-SHA-256");
        dialogue.server(&answers);
        assert_eq!(dialogue.session.next(), Err(Misbehaved::Scram(fault)), "{answers}");
        assert!(!dialogue.session.is_authenticated());
    }
    let mut dialogue = proving("SASL-IR AUTH=SCRAM-SHA-256");
    dialogue.session.take_output();
    dialogue.server(&format!("+ {server_first}\r\n+ ZT1pbnZhbGlkLXByb29m\r\n"));
    dialogue.quiet();
    assert!(dialogue.session.take_output().ends_with(b"\r\n*\r\n"));
    dialogue.server("c1 NO [AUTHENTICATIONFAILED] no\r\n");
    dialogue.done(Condition::No);
}
