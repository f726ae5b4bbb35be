//! Plays the dialogues in `tests/bad-input/commands` with the server's session, and its table of replies with the client's.
//!
//! `tests/bad-input/README.md` says how they are written. The driver here takes any reverse-path, knows one recipient and one
//! password, and refuses a message without an author; a running server is played with in `tests/interop/bad_input.py`.

use std::path::{Path, PathBuf};

use mail::address::{AddressError, Domain, Mailbox};
use mail::message::HeaderSection;
use mail::status::Status;
use proto::limits::Limits;
use proto::sasl::{Secret, scram};
use proto::smtp::client;
use proto::smtp::command::Command;
use proto::smtp::replies;
use proto::smtp::reply::Reply;
use proto::smtp::server::{Channel, Event, Role};

use crate::script::{Pieces, Played, config, octets};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bad-input")
}

#[test]
fn every_bad_command_gets_its_reply_and_nothing_is_written() {
    let (mut scenes, mut commands) = (0, 0);
    let mut faults = Vec::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join("commands")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).peekable();
        while let Some((number, scene)) = lines.next() {
            assert!(scene.starts_with("*:"), "{}:{}: expected a scene", path.display(), number + 1);
            let mut steps = Vec::new();
            while let Some((number, line)) = lines.next_if(|(_, line)| !line.starts_with("*:")) {
                steps.push((number + 1, line));
            }
            commands += steps.iter().filter(|(_, line)| line.starts_with('C')).count();
            scenes += 1;
            // Octet by octet, but not megabytes of them.
            let octets_all: usize = steps.iter().filter(|(_, line)| line.starts_with('C')).map(|(_, line)| octets(&line[3..]).len()).sum();
            let pieces: &[Pieces] = if octets_all > 20_000 { &[Pieces::Whole] } else { &[Pieces::Whole, Pieces::Octets] };
            for port in words(scene, "ports").split(',') {
                for pieces in pieces.iter().copied() {
                    let at = format!("{}:{} ({port}, {pieces:?})", path.display(), number + 1);
                    faults.extend(play(&at, port, words(scene, "start"), &steps, pieces).err());
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(scenes > 80 && commands > 120, "only {scenes} scenes with {commands} commands");
}

/// The value of `name=` in a scene's line.
fn words<'a>(scene: &'a str, name: &str) -> &'a str {
    scene.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).unwrap_or_else(|| panic!("{scene}: no {name}"))
}

/// One client and its server.
struct Game {
    played: Played,
    content: Vec<u8>,
}

impl Game {
    /// Past the opening that `start` names.
    fn open(port: &str, start: &str, pieces: Pieces) -> Self {
        let (role, channel) = match port {
            "submission" => (Role::Submission, Channel::Upgradable),
            "submissions" => (Role::Submission, Channel::Tls),
            "exchange" => (Role::Exchange, Channel::Upgradable),
            "exchange-tls" => (Role::Exchange, Channel::Tls),
            "retrieval" => (Role::Retrieval, Channel::Tls),
            _ => panic!("no such port: {port}"),
        };
        let limits = Limits { message_octets_max: 400_000, discarded_octets_max: 800_000, ..Limits::default() };
        let mut game = Self { played: Played::new(config(role, &limits), channel, pieces), content: Vec::new() };
        let hello = "EHLO mail.example.test";
        let mut opening = Vec::new();
        let known = ["new", "greeted", "authenticated", "addressed"].iter().position(|name| *name == start).expect(start);
        if known > 0 {
            opening.push(hello);
        }
        if known > 1 && role == Role::Submission {
            if channel == Channel::Upgradable {
                opening.extend(["STARTTLS", hello]);
            }
            opening.push("AUTH PLAIN AGJvYkBiLnRlc3QAcGVuY2ls");
        }
        if known > 2 {
            opening.extend(["MAIL FROM:<>", "RCPT TO:<bob@b.test>"]);
        }
        assert!(game.reply().is_some_and(|reply| reply.starts_with("220 ")), "{port}: no greeting");
        for line in opening {
            game.played.send(format!("{line}\r\n").as_bytes());
            assert!(game.reply().is_some_and(|reply| reply.starts_with('2')), "{port}: {line}");
        }
        game
    }

    /// The first line of the next reply, once the driver has done what it is asked to.
    fn reply(&mut self) -> Option<String> {
        let first = self.line()?;
        let mut last = first.clone();
        while last.as_bytes()[3] == b'-' {
            last = self.line()?;
        }
        Some(first)
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.played.output_line() {
                return Some(line);
            }
            let event = self.played.event()?;
            self.answer(event);
        }
    }

    /// Answers as a server would that knows bob@b.test, whose password is "pencil".
    fn answer(&mut self, event: Event) {
        let session = &mut self.played.session;
        let reply = match event {
            Event::StartTls => return session.tls_started().unwrap(),
            Event::Scram { .. } => {
                let verifier = scram::derive(&Secret::new("pencil").unwrap(), &[7; 16], 4096);
                return session.scram_verifier(verifier, &scram::Nonce::from_text("3rfcNHYJY1ZVvWVs7j").unwrap()).unwrap();
            }
            Event::Content(octets) => return self.content.extend(octets),
            Event::ContentDropped => return self.content.clear(),
            Event::Password { username, password } if username == "bob@b.test" && password.reveal() == "pencil" => replies::authenticated(),
            Event::Password { .. } => replies::auth_failed(),
            Event::Mail(_) => replies::reverse_path_ok(),
            Event::Recipient(recipient) if recipient.mailbox.to_string() == "bob@b.test" => replies::recipient_ok(),
            Event::Recipient(_) => Reply::new(550, Some(Status::permanent(1, 1)), "no such mailbox"),
            Event::Message(_) => match HeaderSection::read(&std::mem::take(&mut self.content)).author() {
                Err(error) => Reply::new(550, Some(Status::permanent(6, 0)), error.to_string()),
                Ok(author) if author.mailbox.to_string() == "bob@b.test" => panic!("a message would have been written"),
                Ok(author) => Reply::new(550, Some(Status::permanent(7, 1)), format!("{} is not an address of yours", author.mailbox)),
            },
            Event::Twoway(_) => Reply::new(550, Some(Status::permanent(7, 1)), "no"),
        };
        session.reply(&reply).unwrap();
    }
}

/// Plays one scene; the first thing that went otherwise.
fn play(name: &str, port: &str, start: &str, steps: &[(usize, &str)], pieces: Pieces) -> Result<(), String> {
    let mut game = Game::open(port, start, pieces);
    let mut goes_on = true;
    for (number, line) in steps {
        let (mark, text) = line.split_at_checked(3).unwrap_or((line, ""));
        match mark.trim_end() {
            "C:" => game.played.send(&[&octets(text)[..], b"\r\n"].concat()),
            "C>" => game.played.send(&octets(text)),
            "S:" => {
                let (count, beginning) = repeated(text);
                for _ in 0..count {
                    let reply = game.reply().ok_or_else(|| format!("{name}, line {number}: no reply"))?;
                    if !reply.starts_with(beginning) {
                        return Err(format!("{name}, line {number}: {reply}; expected {text}"));
                    }
                }
            }
            "X:" => {
                goes_on = false;
                if let Some(reply) = game.reply() {
                    return Err(format!("{name}, line {number}: {reply}; expected the end"));
                }
                if !game.played.closed {
                    return Err(format!("{name}, line {number}: still open"));
                }
            }
            _ => panic!("{name}, line {number}: {line}"),
        }
    }
    if goes_on {
        game.played.send(b"NOOP\r\n");
        match game.reply().as_deref() {
            Some("250 2.0.0 done") => {}
            other => return Err(format!("{name}: does not go on: {other:?}")),
        }
    }
    game.reply().map_or(Ok(()), |reply| Err(format!("{name}: one reply more than written: {reply}")))
}

/// `{n*reply}` is the same reply n times.
fn repeated(text: &str) -> (usize, &str) {
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inner.map_or((1, text), |inner| inner.split_once('*').map(|(count, reply)| (count.parse().unwrap(), reply)).unwrap())
}

#[test]
fn every_bad_reply_is_told_from_a_good_one() {
    let text = std::fs::read_to_string(folder().join("replies.txt")).unwrap();
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let (front, expected) = line.rsplit_once(" => ").expect(line);
        let (when, said) = front.split_once(" | ").expect(line);
        let outcome = hear(when, &octets(said));
        if outcome != expected {
            faults.push(format!("replies.txt:{}: {outcome}; expected {expected}", number + 1));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What the client's session makes of these octets in the end.
fn hear(when: &str, said: &[u8]) -> String {
    let mut session = client::Session::new("mx.a.test".parse().unwrap(), Limits::default());
    if when != "greeting" {
        session.receive(b"220 mx.b.test\r\n").unwrap();
        session.next().unwrap();
        session.receive(b"250 mx.b.test\r\n").unwrap();
        assert_eq!(session.next(), Ok(client::Step::Event(client::Event::Ready)));
    }
    let asked = ["silence", "command", "pipeline"].iter().position(|name| *name == when).unwrap_or(0);
    for _ in 0..asked {
        session.send(&Command::Noop).unwrap();
    }
    let _ = session.take_output();
    let mut last = "more".to_owned();
    if let Err(error) = session.receive(said) {
        return error.to_string();
    }
    loop {
        last = match session.next() {
            Err(error) => return error.to_string(),
            Ok(client::Step::NeedInput) => return last,
            Ok(client::Step::Event(client::Event::Reply(reply))) => format!("reply {}", reply.code),
            Ok(client::Step::Event(client::Event::Refused(reply))) => format!("refused {}", reply.code),
            Ok(client::Step::Event(client::Event::Closing(reply))) => format!("closing {}", reply.code),
            Ok(other) => format!("{other:?}"),
        };
    }
}

#[test]
fn every_bad_address_is_told_from_a_good_one() {
    let text = std::fs::read_to_string(folder().join("addresses.txt")).unwrap();
    let (mut faults, mut read) = (Vec::new(), 0);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let (front, expected) = line.split_once(" => ").expect(line);
        let (form, written) = front.split_once(" | ").expect(line);
        let outcome = address(form, &octets(written)).map_or_else(|error| format!("! {error}"), |key| format!("= {key}"));
        if outcome != expected {
            faults.push(format!("addresses.txt:{}: {outcome}\n  expected {expected}", number + 1));
        }
        read += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(read > 100, "only {read} addresses found");
}

/// The form that an address is compared by, or why it is none.
fn address(form: &str, written: &[u8]) -> Result<String, String> {
    let text = || std::str::from_utf8(written).map_err(|_broken| "not UTF-8".to_owned());
    match form {
        "envelope" => {
            let mailbox: Mailbox = text()?.parse().map_err(|error: AddressError| error.to_string())?;
            // Whatever was read is written so that it reads back the same.
            assert_eq!(mailbox.to_string().parse::<Mailbox>().as_ref(), Ok(&mailbox));
            Ok(mailbox.key())
        }
        "domain" => text()?.parse().map(|domain: Domain| domain.to_string()).map_err(|error| error.to_string()),
        "header" => {
            let section = [b"From: ", written, b"\r\n\r\n"].concat();
            let author = HeaderSection::read(&section).author().map_err(|error| error.to_string())?;
            Ok(author.mailbox.key())
        }
        _ => panic!("no such form: {form}"),
    }
}
