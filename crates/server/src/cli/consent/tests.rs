//! The command line against a server session in a thread of its own, over TCP and TLS.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use proto::imap::command::Command;
use proto::imap::command::twoway;
use proto::imap::command::twoway::EntryList;
use proto::imap::limits::Limits;
use proto::imap::mailbox_name::NameForm;
use proto::imap::response::{Condition, Response, Status, parse};
use proto::imap::server::{Config, Event, Session, Step};
use proto::sasl::scram;
use proto::smtp::server::Channel;
use rustls::{ServerConnection, StreamOwned};

use super::super::arguments::Server;
use super::*;
use crate::config;
use crate::tls::{self, Tls};

const FACTS: &str = "(COUNT 2 FIRST \"20-Nov-2026 10:00:00 +0000\" LAST \"22-Nov-2026 10:00:00 +0000\" SIZE 4096 EXPIRES \" 6-Dec-2026 10:00:00 +0000\" PROOF TLS RETRIEVED NO)";

struct Running {
    server: Server,
    ca: PathBuf,
    asked: JoinHandle<Vec<twoway::Command>>,
    folder: tempfile::TempDir,
}

/// A server for one connection, whose driver answers from this table; in the end, what it was asked.
fn serve(extensions: &[&str]) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::load(&config::Tls::default(), &"localhost".parse().unwrap(), folder.path()).unwrap();
    let (ca, _key) = tls::self_signed_paths(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server { host: "localhost".to_owned(), port: listener.local_addr().unwrap().port() };
    let extensions = extensions.iter().map(|name| (*name).to_owned()).collect();
    let config = Arc::new(Config { name: "test".to_owned(), extensions, limits: Limits::default() });
    let asked = std::thread::spawn(move || {
        let (stream, _peer) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(tls.server_config()).unwrap(), stream);
        let mut session = Session::new(config, Channel::Tls);
        let mut asked = Vec::new();
        loop {
            let step = session.next();
            // A client that does not trust us goes away.
            if stream.write_all(&session.take_output()).and_then(|()| stream.flush()).is_err() {
                return asked;
            }
            match step {
                Step::Close => return asked,
                Step::Event(event) => answer(&mut session, event, &mut asked),
                _ => {
                    let mut buffer = [0; 1000];
                    match stream.read(&mut buffer) {
                        Ok(count) if count > 0 => session.receive(&buffer[..count]),
                        _ => return asked,
                    }
                }
            }
        }
    });
    Running { server, ca, asked, folder }
}

fn answer(session: &mut Session, event: Event, asked: &mut Vec<twoway::Command>) {
    let ok = Status::new(Condition::Ok, "done");
    let mut tell = |line: &str| {
        let Ok(Response::Told(data)) = parse(format!("* {line}").as_bytes(), NameForm::Utf8) else { panic!("{line}") };
        session.tell(&data).unwrap();
    };
    let status = match event {
        Event::Scram { username } => {
            assert_eq!(username, "bob@b.test");
            let verifier = scram::derive(&Secret::new("pencil").unwrap(), b"salt", 4096);
            return session.scram_verifier(verifier, &scram::Nonce::from_text("server").unwrap()).unwrap();
        }
        Event::Command(Command::Twoway(command)) => {
            asked.push(command.clone());
            match command {
                twoway::Command::Contacts(Some(Page { after: None, .. }), _) => {
                    tell(&format!("XTWOWAY CONTACT NOTICE alice@a.test {FACTS}"));
                    ok.with(proto::imap::response::code::Code::More("next".to_owned()))
                }
                twoway::Command::Contacts(..) => {
                    tell(&format!("XTWOWAY CONTACT LEGACY mallory@m.test {FACTS}"));
                    ok
                }
                twoway::Command::Entries(..) => {
                    tell("XTWOWAY ENTRY ALLOW @a.test (REASON \"met \u{202e}once\")");
                    ok
                }
                twoway::Command::Modes => {
                    tell("XTWOWAY MODES (SCREENING ON LEGACY KEEP)");
                    ok
                }
                twoway::Command::Remove(..) => Status::new(Condition::No, "there is none"),
                _ => ok,
            }
        }
        Event::Idle => {
            tell("XTWOWAY GONE CONTACT NOTICE alice@a.test");
            session.close("shutting down");
            return;
        }
        Event::IdleEnd => return,
        other => panic!("{other:?}"),
    };
    session.complete(&status).unwrap();
}

fn connect(running: &Running) -> Connection {
    let mut connection = Connection::open(&running.server, Some(&running.ca)).unwrap_or_else(|error| panic!("{}", error.message));
    connection.login("bob@b.test", &Secret::new("pencil").unwrap()).unwrap_or_else(|error| panic!("{}", error.message));
    connection
}

fn done(connection: &mut Connection, wish: Wish) -> (Value, String) {
    carry_out(connection, wish).unwrap_or_else(|error| panic!("{}", error.message))
}

#[test]
fn what_is_asked_on_the_command_line_is_asked_at_the_server() {
    let running = serve(&["XTWOWAY"]);
    let mut connection = connect(&running);
    let (contacts, text) = done(&mut connection, Wish::Contacts);
    assert_eq!(contacts["contacts"].as_array().unwrap().len(), 2);
    assert_eq!(contacts["contacts"][0]["proof"], "tls");
    assert_eq!(text.lines().next(), Some("alice@a.test: 2 messages (notice), 4096 octets, latest 2026-11-22T10:00:00Z, proof tls"));
    let (entries, text) = done(&mut connection, Wish::Entries { lists: vec![EntryList::Allow] });
    assert_eq!(entries["entries"][0]["who"], "@a.test");
    assert!(!text.contains('\u{202e}'), "{text}");
    let (modes, _) = done(&mut connection, Wish::Modes { screening: None, legacy: None, claims: None });
    assert_eq!((&modes["screening"], &modes["claims"]), (&json!("on"), &Value::Null));
    let (allowed, _) = done(&mut connection, Wish::Allow { senders: vec!["alice@a.test".to_owned()] });
    assert_eq!(allowed["ok"], true);
    let add = |until: Option<&str>| Wish::Add {
        list: EntryList::Expected,
        who: "@shop.test".to_owned(),
        until: until.map(str::to_owned),
        count: NonZeroU32::new(2),
        reference: Some("0123456789abcdefghijkl".to_owned()),
        reason: Some("an order".to_owned()),
    };
    done(&mut connection, add(Some("2030-01-01T12:00:00Z")));
    done(&mut connection, add(Some("1h")));
    done(&mut connection, add(None));
    assert_eq!(carry_out(&mut connection, add(Some("soon"))).unwrap_err().code, "until");
    done(&mut connection, Wish::Undo { change: None });
    let refused = carry_out(&mut connection, Wish::Remove { list: EntryList::Block, who: "x@x.test".to_owned() }).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.message.as_str()), ("refused", "the server refused: there is none"));
    connection.close();
    let asked = running.asked.join().unwrap();
    assert_eq!(asked.len(), 10);
    let twoway::Command::Add(entry) = &asked[5] else { panic!("{asked:?}") };
    assert_eq!((entry.until.map(Timestamp::to_rfc3339).as_deref(), entry.count.map(u32::from)), (Some("2030-01-01T12:00:00Z"), Some(2)));
    assert_eq!((entry.reference.as_deref(), entry.reason.as_deref()), (Some("0123456789abcdefghijkl"), Some("an order")));
    let twoway::Command::Add(entry) = &asked[6] else { panic!("{asked:?}") };
    let left = entry.until.unwrap().since(real::now()).as_secs();
    assert!((3_500..=3_600).contains(&left), "{left}");
    assert!(matches!(&asked[7..9], [twoway::Command::Add(Entry { until: None, .. }), twoway::Command::Undo(None)]), "{asked:?}");
    drop(running.folder);
}

#[test]
fn what_changes_is_told_until_the_server_ends_it() {
    let running = serve(&["XTWOWAY"]);
    let mut connection = connect(&running);
    let mut told = Vec::new();
    let ended = connection.watch(|change| {
        told.push(shown::change_line(change));
        Ok(())
    });
    assert_eq!(ended.unwrap_err().message, "shutting down");
    assert_eq!(told, ["nothing waits any more: alice@a.test\n"]);
}

#[test]
fn a_server_that_can_t_be_trusted_gets_no_password() {
    let running = serve(&["XTWOWAY"]);
    let Err(error) = Connection::open(&running.server, None) else { panic!("trusted") };
    assert!(error.message.contains("certificate"), "{}", error.message);
    assert_eq!(running.asked.join().unwrap(), []);
}

#[test]
fn a_wrong_password_and_a_server_without_the_extension_are_told_apart() {
    let running = serve(&["XTWOWAY"]);
    let mut connection = Connection::open(&running.server, Some(&running.ca)).unwrap_or_else(|error| panic!("{}", error.message));
    let error = connection.login("bob@b.test", &Secret::new("wrong").unwrap()).unwrap_err();
    assert_eq!(error.code, "login", "{}", error.message);
    let running = serve(&[]);
    let mut connection = Connection::open(&running.server, Some(&running.ca)).unwrap_or_else(|error| panic!("{}", error.message));
    let error = connection.login("bob@b.test", &Secret::new("pencil").unwrap()).unwrap_err();
    assert_eq!(error.code, "not-offered");
}

#[test]
fn a_server_is_named_with_or_without_its_port() {
    for (text, host, port) in [
        ("a.test", "a.test", 993),
        ("a.test:1993", "a.test", 1993),
        ("[::1]:1993", "::1", 1993),
        ("::1", "::1", 993),
        ("[::1]", "::1", 993),
    ] {
        assert_eq!(text.parse(), Ok(Server { host: host.to_owned(), port }));
    }
    for text in ["", ":993", "a.test:x"] {
        assert!(text.parse::<Server>().is_err(), "{text}");
    }
}
