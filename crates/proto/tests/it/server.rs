//! Plays the dialogues in `traces/` with the server's session, each with whole input and octet by octet.
//!
//! `*: role=… channel=… limit=… state=…` sets the scene; `state=greeted` has EHLO behind it, `state=authenticated` AUTH too,
//! `state=addressed` also MAIL and one RCPT. `C:` the client sends a line, `C>` octets without a line end (`\r`, `\n`,
//! `\0`, `\xHH`, `\\`); what stands together is sent together. `S:` the server writes a line, `S>` octets. `E:` the driver
//! hears an event, or `nothing`; `D:` it answers with a reply, `D>` with octets behind one, or does what the word says.

use std::path::Path;

use proto::limits::Limits;
use proto::sasl::{Secret, scram};
use proto::smtp::reply::{Reply, ReplyReader};
use proto::smtp::server::{Channel, Role};

use crate::script::{Pieces, Played, config, octets, show};

#[test]
fn every_dialogue_goes_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/traces");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for pieces in [Pieces::Whole, Pieces::Octets] {
            for (number, scene) in scenes(&text) {
                play(&format!("{}:{number} ({pieces:?})", path.display()), &scene, pieces);
                played += 1;
            }
        }
    }
    assert!(played > 50, "only {played} scenes found");
}

/// A file holds several scenes; each begins with `*:`.
fn scenes(text: &str) -> Vec<(usize, Vec<(usize, &str)>)> {
    let mut scenes: Vec<(usize, Vec<(usize, &str)>)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match scenes.last_mut() {
            _ if line.is_empty() || line.starts_with('#') => {}
            _ if line.starts_with("*:") => scenes.push((index + 1, vec![(index + 1, line)])),
            Some((_, lines)) => lines.push((index + 1, line)),
            None => panic!("line {}: no scene", index + 1),
        }
    }
    scenes
}

fn play(name: &str, scene: &[(usize, &str)], pieces: Pieces) {
    let mut played = set(scene[0].1, pieces);
    for (number, line) in &scene[1..] {
        let (mark, text) = (line.get(..2).unwrap_or(line), line.get(3..).unwrap_or(""));
        let at = format!("{name}, line {number}");
        match mark {
            "C:" => {
                played.send(&octets(text));
                played.send(b"\r\n");
            }
            "C>" => played.send(&octets(text)),
            "S:" => assert_eq!(played.output_line().as_deref(), Some(text), "{at}"),
            "S>" => assert_eq!(played.output_octets(octets(text).len()), text, "{at}"),
            "E:" if text == "nothing" => assert_eq!(played.event(), None, "{at}"),
            "E:" => assert_eq!(played.event().as_ref().map(show).as_deref(), Some(text), "{at}"),
            "D:" => answer(&mut played, text, &at),
            "D>" => played.session.write_octets(&octets(text)).expect(&at),
            _ => panic!("{at}: {line}"),
        }
    }
    assert_eq!(played.output_line(), None, "{name}: more output than written");
    assert_eq!(played.event(), None, "{name}: more events than written");
}

fn set(line: &str, pieces: Pieces) -> Played {
    let (mut role, mut channel, mut limits) = (Role::Exchange, Channel::Tls, Limits::default());
    let mut state = "new";
    for word in line.split(' ').skip(1) {
        match word.split_once('=').unwrap() {
            ("role", "submission") => role = Role::Submission,
            ("role", "exchange") => role = Role::Exchange,
            ("role", "retrieval") => role = Role::Retrieval,
            ("channel", "clear") => channel = Channel::Clear,
            ("channel", "upgradable") => channel = Channel::Upgradable,
            ("channel", "tls") => channel = Channel::Tls,
            ("message", number) => limits.message_octets_max = number.parse().unwrap(),
            ("discarded", number) => limits.discarded_octets_max = number.parse().unwrap(),
            ("recipients", number) => limits.recipients_max = number.parse().unwrap(),
            ("commands", number) => limits.commands_max = number.parse().unwrap(),
            ("messages", number) => limits.messages_max = number.parse().unwrap(),
            ("unknown", number) => limits.unknown_recipients_max = number.parse().unwrap(),
            ("errors", number) => limits.errors_max = number.parse().unwrap(),
            ("state", name) => state = name,
            ("notices", number) => limits.notices_max = number.parse().unwrap(),
            _ => panic!("{line}: {word}"),
        }
    }
    let mut played = Played::new(config(role, &limits), channel, pieces);
    let opening: &[&str] = match (state, role) {
        ("new", _) => &[],
        ("greeted", _) => &["EHLO c.a.test"],
        ("authenticated", Role::Submission) => &["EHLO c.a.test", "AUTH PLAIN AGFsaWNlAHBlbmNpbA=="],
        ("addressed", Role::Exchange) => &["EHLO c.a.test", "MAIL FROM:<alice@a.test>", "RCPT TO:<bob@b.test>"],
        _ => panic!("{line}: no such state"),
    };
    for command in opening {
        played.send(command.as_bytes());
        played.send(b"\r\n");
        if played.event().is_some() {
            played.session.reply(&reply("235 2.0.0 yes")).unwrap();
        }
        while played.output_line().is_some() {}
    }
    played
}

fn answer(played: &mut Played, text: &str, at: &str) {
    match text {
        "handshake done" => played.session.tls_started().expect(at),
        "closed" => {
            assert_eq!(played.event(), None, "{at}");
            assert!(played.closed, "{at}: still open");
        }
        // RFC 7677 section 3.
        "verifier of pencil" => {
            let salt = [0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];
            let verifier = scram::derive(&Secret::new("pencil").unwrap(), &salt, 4096);
            let nonce = scram::Nonce::from_text("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0").unwrap();
            played.session.scram_verifier(verifier, &nonce).expect(at);
        }
        _ => match text.strip_suffix(" octets").and_then(|front| front.rsplit_once(" + ")) {
            Some((text, count)) => played.session.reply_with_octets(&reply(text), count.parse().unwrap()).expect(at),
            None => played.session.reply(&reply(text)).expect(at),
        },
    }
}

fn reply(text: &str) -> Reply {
    ReplyReader::default().line(text.as_bytes(), 1).unwrap().unwrap()
}
