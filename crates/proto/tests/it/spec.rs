//! The pages of `spec/`: their grammar is that of the decoders, and their dialogues are played by the sessions of both ends.

use std::path::{Path, PathBuf};

use mail::digest::ContentDigest;
use proto::imap::client;
use proto::imap::command::{self, Command};
use proto::imap::limits::{ClientLimits, Limits as ImapLimits};
use proto::imap::mailbox_name::NameForm;
use proto::imap::response::{self, Response};
use proto::imap::server;
use proto::limits::Limits;
use proto::sasl::Secret;
use proto::smtp::reply::ReplyReader;
use proto::smtp::server::{Channel, Role};
use proto::twoway::retrieve::Announcement;
use proto::{smtp, twoway};

use crate::script::{Pieces, Played, config};

/// Each page, and the files whose grammar it gives.
const GRAMMAR: [(&str, &[&str]); 2] = [
    (
        "imap.md",
        &[
            "proto/src/imap/command/twoway.rs",
            "proto/src/imap/response/twoway.rs",
            "delivery/src/synthetic/sent.rs",
            "server/src/listen/imap/twoway/metadata.rs",
        ],
    ),
    (
        "smtp.md",
        &[
            "delivery/src/policy.rs",
            "mail/src/confirmation.rs",
            "mail/src/id.rs",
            "mail/src/time.rs",
            "proto/src/path.rs",
            "proto/src/twoway/assert.rs",
            "proto/src/twoway/capability.rs",
            "proto/src/twoway/confirm.rs",
            "proto/src/twoway/decline.rs",
            "proto/src/twoway/notice.rs",
            "proto/src/twoway/pending.rs",
            "proto/src/twoway/retrieve.rs",
            "proto/src/xtext.rs",
        ],
    ),
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    std::fs::read_to_string(crates().join("../spec").join(name)).unwrap()
}

/// The fenced blocks whose fence says this, with what else it says.
fn blocks<'a>(text: &'a str, kind: &str) -> Vec<(&'a str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("```") {
            open = !open && rest.split(' ').next() == Some(kind);
            if open {
                found.push((rest.strip_prefix(kind).unwrap().trim(), String::new()));
            }
        } else if let Some((_, block)) = found.last_mut().filter(|_| open) {
            block.push_str(line);
            block.push('\n');
        }
    }
    found
}

/// The grammar in the documentation of a source file.
fn documented(file: &str) -> Vec<String> {
    let source = std::fs::read_to_string(crates().join(file)).unwrap();
    let comments = source.lines().map(str::trim_start).filter_map(|line| line.strip_prefix("///").or_else(|| line.strip_prefix("//!")));
    let text: Vec<&str> = comments.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    blocks(&text.join("\n"), "abnf").into_iter().map(|(_, block)| block).collect()
}

#[test]
fn the_grammar_of_each_page_is_that_of_the_code() {
    for (name, files) in GRAMMAR {
        let code: Vec<String> = files
            .iter()
            .flat_map(|file| {
                let found = documented(file);
                assert!(!found.is_empty(), "no grammar in {file}");
                found
            })
            .collect();
        let text = page(name);
        let told: Vec<String> = blocks(&text, "abnf").into_iter().map(|(_, block)| block).collect();
        for block in &code {
            assert!(told.contains(block), "{name} does not have\n{block}");
        }
        for block in &told {
            assert!(code.contains(block), "{name} has what no decoder says:\n{block}");
        }
    }
}

#[test]
fn every_dialogue_about_imap_goes_as_it_is_written() {
    let text = page("imap.md");
    let dialogues = blocks(&text, "dialogue");
    assert!(dialogues.len() >= 4);
    for (kind, dialogue) in dialogues {
        assert_eq!(kind, "imap");
        Imap::begin().play(&dialogue);
    }
}

/// A client and a server; what the server's driver says is what the page says.
struct Imap {
    client: client::Session,
    server: server::Session,
}

impl Imap {
    /// Past the login.
    fn begin() -> Self {
        let extensions = ["IMAP4rev2", "MOVE", "UIDPLUS", "XTWOWAY"].map(str::to_owned).into();
        let config = server::Config { name: "Twoway".to_owned(), extensions, limits: ImapLimits::default() };
        let client = client::Session::new(ClientLimits::default(), client::Channel::Tls);
        let mut both = Self { client, server: server::Session::new(config.into(), Channel::Tls) };
        both.deliver();
        assert_eq!(both.client.next(), Ok(client::Step::Event(client::Event::Ready)));
        both.client.login("bob", &Secret::new("pencil").unwrap()).unwrap();
        assert!(matches!(both.ask(), Some(server::Event::Password { .. })));
        both.server.complete(&response::Status::new(response::Condition::Ok, "welcome")).unwrap();
        both.deliver();
        assert!(matches!(both.client.next(), Ok(client::Step::Event(client::Event::Done(_)))));
        both
    }

    fn deliver(&mut self) -> String {
        let octets = self.server.take_output();
        self.client.receive(&octets).unwrap();
        String::from_utf8(octets).unwrap()
    }

    /// What the client has to say arrives: the server's event.
    fn ask(&mut self) -> Option<server::Event> {
        self.server.receive(&self.client.take_output());
        match self.server.next() {
            server::Step::Event(event) => Some(event),
            server::Step::NeedInput => None,
            other => panic!("{other:?}"),
        }
    }

    fn play(&mut self, dialogue: &str) {
        let mut asked = false;
        for line in dialogue.lines() {
            let (mark, text) = line.split_at(3);
            match mark {
                "C: " => asked = self.say(text),
                "S: " => {
                    if asked {
                        self.drive(text);
                    }
                    assert_eq!(self.deliver(), format!("{text}\r\n"));
                    match self.client.next() {
                        Ok(client::Step::Event(client::Event::Unknown(word))) => panic!("{line}: what is {word}?"),
                        Ok(client::Step::Event(_)) => {}
                        other => panic!("{line}: {other:?}"),
                    }
                    assert_eq!(self.client.next(), Ok(client::Step::NeedInput), "{line}");
                }
                _ => panic!("{line}"),
            }
        }
    }

    /// The client says a line; whether the server's driver has to answer it.
    fn say(&mut self, line: &str) -> bool {
        if line == "DONE" {
            self.client.end_idle().unwrap();
        } else {
            let command =
                command::parse(line.as_bytes(), NameForm::ModifiedUtf7).unwrap_or_else(|refused| panic!("{line}: {}", refused.error));
            self.client.send(command.command).unwrap();
        }
        let octets = self.client.take_output();
        assert_eq!(String::from_utf8_lossy(&octets), format!("{line}\r\n"));
        self.server.receive(&octets);
        match self.server.next() {
            server::Step::Event(server::Event::Command(_) | server::Event::Idle) => true,
            server::Step::Event(server::Event::IdleEnd) => false,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// The driver answers as the page says, in its own words.
    fn drive(&mut self, line: &str) {
        match response::parse(line.as_bytes(), NameForm::ModifiedUtf7).unwrap_or_else(|error| panic!("{line}: {error}")) {
            Response::Told(data) => self.server.tell(&data).unwrap(),
            Response::Answer(_, status) => self.server.complete(&status).unwrap(),
            // The session's own.
            Response::Continuation(_) => {}
            Response::Unknown(word) => panic!("{line}: what is {word}?"),
        }
    }
}

#[test]
fn every_dialogue_about_smtp_goes_as_it_is_written() {
    let text = page("smtp.md");
    let dialogues = blocks(&text, "dialogue");
    assert!(dialogues.len() >= 2);
    for (kind, dialogue) in dialogues {
        let role = match kind {
            "exchange" => Role::Exchange,
            "retrieval" => Role::Retrieval,
            _ => panic!("{kind}"),
        };
        for pieces in [Pieces::Whole, Pieces::Octets] {
            play(role, &dialogue, pieces);
        }
    }
}

fn play(role: Role, dialogue: &str, pieces: Pieces) {
    let mut played = Played::new(config(role, &Limits::default()), Channel::Tls, pieces);
    played.output_line().unwrap();
    let mut reader = ReplyReader::default();
    let mut asked = false;
    let lines: Vec<&str> = dialogue.lines().collect();
    let mut said = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let (mark, text) = (&line[..2], line.get(3..).unwrap_or_default());
        let behind = lines[number + 1..].iter().take_while(|next| next.starts_with("S>")).map(|next| next.get(3..).unwrap_or_default());
        match mark {
            "C:" => {
                played.send(format!("{text}\r\n").as_bytes());
                let event = played.event();
                asked = event.is_some();
                if let Some(smtp::server::Event::Twoway(command)) = event {
                    let mut written = Vec::new();
                    twoway::Command::encode(&command, &mut written);
                    assert_eq!(String::from_utf8(written).unwrap(), format!("{text}\r\n"), "read, and written again");
                }
            }
            "S:" => {
                said.push(text);
                let Some(reply) = reader.line(text.as_bytes(), 100).unwrap() else { continue };
                let octets: String = behind.flat_map(|line| [line, "\r\n"]).collect();
                match (asked, octets.is_empty()) {
                    (true, true) => played.session.reply(&reply).unwrap(),
                    (true, false) => {
                        let announced = Announcement::decode(text.strip_prefix("250 2.0.0 ").unwrap()).unwrap();
                        assert_eq!(announced.size_octets, u64::try_from(octets.len()).unwrap());
                        assert_eq!(announced.digest, ContentDigest::of(octets.as_bytes()));
                        played.session.reply_with_octets(&reply, announced.size_octets).unwrap();
                        played.session.write_octets(octets.as_bytes()).unwrap();
                    }
                    (false, _) => {}
                }
                for line in said.drain(..) {
                    assert_eq!(played.output_line().as_deref(), Some(line));
                }
            }
            "S>" => assert_eq!(played.output_line().as_deref(), Some(text)),
            _ => panic!("{line}"),
        }
    }
    assert_eq!(played.output_line(), None);
}

/// Lines of IMAP that stand in tables are commands too.
#[test]
fn each_command_of_the_extension_is_in_a_dialogue() {
    let text = page("imap.md");
    let mut verbs: Vec<&str> = Vec::new();
    for (_, dialogue) in &blocks(&text, "dialogue") {
        for line in dialogue.lines().filter_map(|line| line.strip_prefix("C: ")) {
            if let Ok(command::Tagged { command: Command::Twoway(said), .. }) = command::parse(line.as_bytes(), NameForm::Utf8) {
                verbs.push(match said {
                    command::twoway::Command::Entries(..) => "ENTRIES",
                    command::twoway::Command::Add(_) => "ADD",
                    command::twoway::Command::Remove(..) => "REMOVE",
                    command::twoway::Command::Contacts(..) => "CONTACTS",
                    command::twoway::Command::Decide(decision, _) => decision.as_str(),
                    command::twoway::Command::Modes => "MODES",
                    command::twoway::Command::SetModes(_) => "SETMODES",
                    command::twoway::Command::Undo(_) => "UNDO",
                    command::twoway::Command::Watch => "WATCH",
                    command::twoway::Command::Unwatch => "UNWATCH",
                });
            }
        }
    }
    verbs.sort_unstable();
    verbs.dedup();
    assert_eq!(
        verbs,
        ["ADD", "ALLOW", "BLOCK", "CONTACTS", "DISMISS", "ENTRIES", "MODES", "REMOVE", "SETMODES", "UNDO", "UNWATCH", "WATCH"]
    );
}
