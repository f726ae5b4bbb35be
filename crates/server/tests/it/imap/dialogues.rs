//! Dialogues, each in a file, each with a server of its own.
//!
//! `C:` is what the client says, `S:` what it must hear; `...` in it stands for anything. `C2:` and `S2:` are a second
//! client's, who connects when it first speaks, and so on. A client that begins with `C:` is alice, and logged in already;
//! with `C0:` (and `S0:`), nobody knows who it is. `T: 31m` lets time pass. `N: bob@b.test` is a notice from bob for alice, about
//! which nothing was decided before; `K: bob@b.test <id>` a message that alice sends him, `D: bob@b.test` its confirmation;
//! `P: bob@b.test` a message that somebody pushes in his name, and that is kept aside. What begins with `#` is
//! for the reader. `Q: 4` lets alice keep four messages.

use std::collections::BTreeMap;
use std::path::Path;

use crate::imap::fixture::{self, Client, Server};

#[test]
fn every_dialogue_goes_as_it_is_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/imap/dialogues");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "dialogues are missing");
    // One alone: TWOWAY_DIALOGUE=select
    let only = std::env::var("TWOWAY_DIALOGUE").ok();
    let chosen = |file: &&std::path::PathBuf| only.as_ref().is_none_or(|only| file.file_stem().is_some_and(|stem| stem == only.as_str()));
    for file in files.iter().filter(chosen) {
        let text = std::fs::read_to_string(file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        fixture::run(async |server: &Server| play(server, &name, &text).await);
    }
}

async fn play(server: &Server, name: &str, text: &str) {
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (who, said) = line.split_once(':').unwrap_or_else(|| panic!("{name}:{number}: neither C: nor S:"));
        let said = said.strip_prefix(' ').unwrap_or(said);
        if who == "T" {
            server.wait(server::config::parse_duration(said).unwrap()).await;
            continue;
        }
        if who == "Q" {
            let limit = store::quota::Limit::Of(said.parse().unwrap());
            let account = server.account().await.id;
            assert!(server.node.store.set_quota(account, None, Some(limit)).await.unwrap());
            continue;
        }
        if let "N" | "K" | "D" | "P" = who {
            let (address, id) = said.split_once(' ').unwrap_or((said, ""));
            match who {
                "N" => server.knock(address).await,
                "K" => server.keep(address, id).await,
                "P" => server.push(address).await,
                _ => server.confirm(address).await,
            }
            continue;
        }
        let (side, which) = who.split_at(1);
        if !clients.contains_key(which) {
            let client = if which == "0" { server.connect().await } else { server.alice().await };
            clients.insert(which.to_owned(), client);
        }
        let client = clients.get_mut(which).unwrap();
        if side == "C" {
            client.send(format!("{said}\r\n").as_bytes()).await;
        } else {
            let heard = client.line().await;
            assert!(is_like(&heard, said), "{name}:{number}\n  expected: {said}\n  heard:    {heard}");
        }
    }
}

/// Whether a line is what was expected, in which `...` stands for anything.
fn is_like(heard: &str, expected: &str) -> bool {
    let mut parts = expected.split("...");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = heard.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.split_at(at + part.len()).1;
    }
    rest.ends_with(last)
}

#[test]
fn dots_stand_for_anything() {
    for (heard, expected, like) in [
        ("* OK [UIDNEXT 7] x", "* OK [UIDNEXT 7] ...", true),
        ("* OK [UIDNEXT 7] x", "* OK [UIDNEXT 8] ...", false),
        ("a b c", "a ... c", true),
        ("a b c", "a ... b", false),
        ("a", "a", true),
        ("ab", "a", false),
        ("a1b2c", "a...b...c", true),
    ] {
        assert_eq!(is_like(heard, expected), like, "{heard:?} and {expected:?}");
    }
}
