//! Dialogues of a server with a client, played line by line.
//!
//! `C:` and `S:` are lines of client and server, `C>` octets of the client without a line end; `E:` an event of the session,
//! `D:` what the driver does, `D!` what it tries and may not. A scene begins with `*:`.

use std::num::NonZeroU32;
use std::path::Path;

use proto::imap::command::Numbering;
use proto::imap::flag::Flag;
use proto::imap::limits::Limits;
use proto::imap::response::Data;
use proto::imap::response::fetch::{ContentName, FetchedValue};
use proto::imap::section::Section;
use proto::imap::server::Misuse;
use proto::sasl::{Secret, scram};
use proto::smtp::server::Channel;

use super::script::{Played, config, show, status};
use crate::script;

#[test]
fn every_dialogue_goes_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/imap/traces");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let scenes = text.split("\n*:").skip(1);
        for scene in scenes {
            for piece_octets in [usize::MAX, 1] {
                play(&path.display().to_string(), scene, piece_octets);
                played += 1;
            }
        }
    }
    assert!(played > 40, "only {played} scenes found");
}

fn play(file: &str, scene: &str, piece_octets: usize) {
    let mut lines = scene.lines();
    let mut played = set(lines.next().unwrap(), piece_octets);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (mark, text) = (line.get(..2).unwrap_or(line), line.get(3..).unwrap_or(""));
        let at = format!("{file}: {line}\n(pieces of {piece_octets}) in{scene}");
        match mark {
            "C:" => {
                played.send(&octets(text));
                played.send(b"\r\n");
            }
            "C>" => played.send(&octets(text)),
            "S:" => assert_eq!(played.output_line().as_deref(), Some(text), "{at}"),
            "E:" if text == "nothing" => assert_eq!(played.event(), None, "{at}"),
            "E:" => assert_eq!(played.event().as_ref().map(show).as_deref(), Some(text), "{at}"),
            "D:" => drive(&mut played, text, &at).expect(&at),
            "D!" => assert!(drive(&mut played, text, &at).is_err(), "{at}"),
            _ => panic!("{at}"),
        }
    }
    assert_eq!(played.output_line(), None, "{file}: more output than written in{scene}");
    assert_eq!(played.event(), None, "{file}: more events than written in{scene}");
}

/// A session in the state that the scene begins in.
fn set(line: &str, piece_octets: usize) -> Played {
    let mut limits = Limits { message_octets_max: 1000, discarded_octets_max: 5000, ..Limits::default() };
    let (mut channel, mut state, mut enabled) = (Channel::Tls, "selected", "");
    for word in line.split_whitespace() {
        match word.split_once('=').unwrap() {
            ("channel", "clear") => channel = Channel::Clear,
            ("channel", "upgradable") => channel = Channel::Upgradable,
            ("channel", "tls") => channel = Channel::Tls,
            ("state", name) => state = name,
            ("enabled", name) => enabled = name,
            ("errors", number) => limits.errors_max = number.parse().unwrap(),
            ("command", number) => limits.command_octets_max = number.parse().unwrap(),
            ("early", number) => limits.early_command_octets_max = number.parse().unwrap(),
            ("output", number) => limits.output_octets_max = number.parse().unwrap(),
            _ => panic!("{line}: {word}"),
        }
    }
    let mut played = Played::new(config(limits), channel, piece_octets);
    let mut opening = vec![];
    match state {
        "new" => {}
        "authenticated" => opening.push("o LOGIN bob pencil"),
        "selected" => opening.extend(["o LOGIN bob pencil", "o SELECT INBOX"]),
        "examined" => opening.extend(["o LOGIN bob pencil", "o EXAMINE INBOX"]),
        _ => panic!("{line}: no such state"),
    }
    let enable = format!("o ENABLE {enabled}");
    if !enabled.is_empty() {
        opening.insert(1, &enable);
    }
    for command in opening {
        played.send(command.as_bytes());
        played.send(b"\r\n");
        if played.event().is_some() {
            played.session.complete(&status("OK done")).unwrap();
        }
    }
    if state != "new" {
        while played.output_line().is_some() {}
    }
    played
}

/// As in the dialogues of SMTP, but braces around a number are those of a literal.
fn octets(text: &str) -> Vec<u8> {
    let repeats = |rest: &str| rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).starts_with('*');
    let mut escaped = String::new();
    for (index, piece) in text.split('{').enumerate() {
        escaped.push_str(if index == 0 {
            ""
        } else if repeats(piece) {
            "{"
        } else {
            "\\{"
        });
        escaped.push_str(piece);
    }
    script::octets(&escaped)
}

fn drive(played: &mut Played, text: &str, at: &str) -> Result<(), Misuse> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let session = &mut played.session;
    let number = || rest.parse::<NonZeroU32>().expect(at);
    match word {
        "handshake" => session.tls_started(),
        "compressed" => session.compressed(),
        "accept" => session.accept_message(),
        "exists" => session.tell(&Data::Exists(number().get())),
        "expunge" => session.tell(&Data::Expunge(number())),
        "fetch" => session.open_fetch(number(), Numbering::Sequence),
        "flags" => session.fetch_value(&FetchedValue::Flags(vec![Flag::parse(rest).unwrap()])),
        "body" => session.fetch_content(&ContentName::Section(Section::WHOLE, None), rest.parse().unwrap()),
        "octets" => session.write_octets(&octets(rest)),
        "end" => session.close_fetch(),
        "close" => {
            session.close("shutting down");
            Ok(())
        }
        "closed" => {
            assert_eq!(played.event(), None, "{at}");
            assert!(played.closed, "{at}: still open");
            Ok(())
        }
        // RFC 7677 section 3.
        "verifier" => {
            let salt = [0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];
            let verifier = scram::derive(&Secret::new("pencil").unwrap(), &salt, 4096);
            session.scram_verifier(verifier, &scram::Nonce::from_text("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0").unwrap())
        }
        _ => session.complete(&status(text)),
    }
}
