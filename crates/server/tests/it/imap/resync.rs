//! Clients that keep a copy of a mailbox, and are lost in the middle of an answer: when they come back they ask only for what
//! happened since, and have what lies there (RFC 7162 section 6).

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::imap::fixture::{self, Client, Server};

/// How many clients there are.
const CLIENTS: usize = 3;

/// What a client does.
#[derive(Debug, Clone)]
enum Act {
    Append,
    /// One message, by its number or its UID.
    Store(usize, &'static str, bool),
    Expunge,
    Move(usize),
    Fetch(usize),
    /// Asks for the messages that it does not know.
    Learn,
    Search,
    Noop,
    Idle,
}

/// An act, and whether the client is lost after so many lines of the answer, or behind it.
type Turn = (Act, Option<usize>);

fn turn() -> impl Strategy<Value = Turn> {
    let change = prop_oneof![Just("+FLAGS (\\Deleted)"), Just("+FLAGS (\\Seen)"), Just("-FLAGS (\\Seen)"), Just("FLAGS (\\Flagged)")];
    let act = prop_oneof![
        3 => Just(Act::Append),
        6 => (0_usize..20, change, any::<bool>()).prop_map(|(which, change, by_uid)| Act::Store(which, change, by_uid)),
        3 => Just(Act::Expunge),
        1 => (0_usize..20).prop_map(Act::Move),
        2 => (0_usize..20).prop_map(Act::Fetch),
        2 => Just(Act::Learn),
        1 => Just(Act::Search),
        1 => Just(Act::Noop),
        1 => Just(Act::Idle),
    ];
    (act, proptest::option::weighted(0.25, 0_usize..8))
}

/// A client with its copy.
struct Keeper {
    client: Client,
    /// Flags by UID.
    copy: BTreeMap<u32, BTreeSet<String>>,
    /// All messages up to this UID are known; it asks for others.
    known: u32,
    uid_validity: u32,
    /// From where it goes on.
    modseq: u64,
    /// The greatest that was told since the last answer, and what counts in its place.
    seen: u64,
    said: Option<u64>,
    /// How many messages it counts now.
    count: usize,
}

impl Keeper {
    async fn new(server: &Server) -> Self {
        let client = server.alice().await;
        let mut keeper = Self { client, copy: BTreeMap::new(), known: 0, uid_validity: 0, modseq: 0, seen: 0, said: None, count: 0 };
        keeper.open(None).await;
        keeper
    }

    /// Opens the mailbox as it left it. Returns whether it is not lost meanwhile.
    async fn open(&mut self, lost_after: Option<usize>) -> bool {
        self.client.ask("ENABLE QRESYNC").await;
        let parameters = if self.modseq == 0 { String::new() } else { format!(" (QRESYNC ({} {}))", self.uid_validity, self.modseq) };
        (self.seen, self.said, self.count) = (0, None, 0);
        let is_open = self.say(&format!("SELECT INBOX{parameters}"), lost_after).await;
        is_open && self.say(&format!("UID FETCH {}:* (FLAGS)", self.known + 1), None).await
    }

    /// The connection is gone, and there is a new one; perhaps it is lost again before the mailbox is open.
    async fn come_back(&mut self, server: &Server, lost_after: Option<usize>) {
        self.client = server.alice().await;
        if !self.open(lost_after).await {
            self.client = server.alice().await;
            assert!(self.open(None).await);
        }
    }

    /// Sends a command and notes what it is told, up to the line after which it is lost. Returns whether it was answered.
    async fn say(&mut self, command: &str, lost_after: Option<usize>) -> bool {
        self.client.send(format!("k {command}\r\n").as_bytes()).await;
        for number in 0.. {
            if lost_after == Some(number) {
                return false;
            }
            let line = self.client.line().await;
            assert!(!line.is_empty(), "{command}: the session ended");
            if let Some(answer) = line.strip_prefix("k ") {
                self.hear_code(answer);
                self.end_answer();
                assert!(answer.starts_with("OK ") || answer.starts_with("NO [EXPUNGEISSUED]"), "{command}: {answer}");
                if command.starts_with("UID FETCH") {
                    self.known = self.known.max(self.copy.keys().next_back().copied().unwrap_or(0));
                }
                return true;
            }
            self.hear(&line);
        }
        true
    }

    fn hear(&mut self, line: &str) {
        let line = line.strip_prefix("* ").unwrap_or(line);
        if let Some(rest) = line.strip_prefix("OK ") {
            self.hear_code(rest);
        } else if let Some(uids) = line.strip_prefix("VANISHED (EARLIER) ") {
            self.forget(uids);
        } else if let Some(uids) = line.strip_prefix("VANISHED ") {
            self.count -= self.forget(uids);
        } else if let Some(count) = line.strip_suffix(" EXISTS") {
            self.count = count.parse().unwrap();
        } else if let Some((_, values)) = line.split_once(" FETCH ") {
            let after = |name: &str| values.split_once(name).and_then(|(_, rest)| rest.split([')', ' ']).next());
            let uid: u32 = after("UID ").unwrap_or_else(|| panic!("no UID in {line}")).parse().unwrap();
            if let Some(modseq) = after("MODSEQ (") {
                self.seen = self.seen.max(modseq.parse().unwrap());
            }
            if let Some((_, flags)) = values.split_once("FLAGS (") {
                // What was recent in one session is not in the next.
                let flags = flags.split(')').next().unwrap().split_whitespace().filter(|flag| *flag != "\\Recent");
                self.copy.insert(uid, flags.map(str::to_owned).collect());
            }
        }
    }

    fn hear_code(&mut self, text: &str) {
        let number = |name: &str| text.split_once(name).and_then(|(_, rest)| rest.split(']').next()).map(|number| number.parse().unwrap());
        if let Some(validity) = number("[UIDVALIDITY ") {
            self.uid_validity = u32::try_from(validity).unwrap();
        }
        self.said = number("[HIGHESTMODSEQ ").or(self.said);
    }

    /// RFC 7162 section 6: what HIGHESTMODSEQ says counts even if greater ones were seen.
    fn end_answer(&mut self) {
        self.modseq = self.said.unwrap_or(self.seen.max(self.modseq));
        (self.seen, self.said) = (0, None);
    }

    fn forget(&mut self, uids: &str) -> usize {
        let mut count = 0;
        for range in uids.split(',') {
            let (from, to) = range.split_once(':').unwrap_or((range, range));
            for uid in from.parse::<u32>().unwrap()..=to.parse().unwrap() {
                self.copy.remove(&uid);
                count += 1;
            }
        }
        count
    }

    async fn act(&mut self, server: &Server, (act, lost_after): &Turn) {
        let uid = |which: &usize| self.copy.keys().nth(which % self.copy.len().max(1)).copied().unwrap_or(1);
        let number = |which: &usize| which % self.count + 1;
        let command = match act {
            Act::Append => "APPEND INBOX {3+}\r\nx\r\n".to_owned(),
            Act::Store(which, change, true) => format!("UID STORE {} {change}", uid(which)),
            Act::Store(_, _, false) | Act::Fetch(_) if self.count == 0 => "NOOP".to_owned(),
            Act::Store(which, change, false) => format!("STORE {} {change}", number(which)),
            Act::Fetch(which) => format!("FETCH {} (UID FLAGS MODSEQ)", number(which)),
            Act::Expunge => "EXPUNGE".to_owned(),
            Act::Move(which) => format!("UID MOVE {} Archive", uid(which)),
            Act::Learn => format!("UID FETCH {}:* (FLAGS)", self.known + 1),
            Act::Search => "SEARCH ALL".to_owned(),
            Act::Noop => "NOOP".to_owned(),
            Act::Idle => "IDLE\r\nDONE".to_owned(),
        };
        self.say(&command, *lost_after).await;
        if let Some(lines) = lost_after {
            self.come_back(server, Some(6 + lines)).await;
        }
    }

    /// Lost and back once more: what it has must be what lies there.
    async fn settle(&mut self, server: &Server, truth: &BTreeMap<u32, BTreeSet<String>>) {
        let before = (self.modseq, self.copy.clone());
        self.come_back(server, None).await;
        assert_eq!(&self.copy, truth, "after {before:?}");
        assert_eq!(self.count, truth.len());
    }
}

fn runner(cases: u32) -> TestRunner {
    let cases = std::env::var("TWOWAY_TEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 60, ..Config::default() })
}

async fn truth(server: &Server) -> BTreeMap<u32, BTreeSet<String>> {
    Keeper::new(server).await.copy
}

#[test]
fn who_is_lost_within_any_answer_comes_back_to_what_lies_there() {
    let turns = proptest::collection::vec((0..CLIENTS, turn()), 1..60);
    let played = runner(8).run(&turns, |turns| {
        fixture::run(async |server: &Server| {
            let mut keepers = Vec::new();
            for _ in 0..CLIENTS {
                keepers.push(Keeper::new(server).await);
            }
            for (who, turn) in &turns {
                keepers[*who].act(server, turn).await;
            }
            let truth = truth(server).await;
            for keeper in &mut keepers {
                keeper.settle(server, &truth).await;
            }
        });
        Ok(())
    });
    played.unwrap();
}

#[test]
fn the_same_when_all_of_them_act_at_once() {
    let turns = proptest::collection::vec(proptest::collection::vec(turn(), 1..40), CLIENTS);
    let played = runner(5).run(&turns, |turns| {
        fixture::run(async |server: &Server| {
            let mut keepers = Vec::new();
            for _ in 0..CLIENTS {
                keepers.push(Keeper::new(server).await);
            }
            let all = keepers.iter_mut().zip(&turns).map(|(keeper, turns)| async move {
                for turn in turns {
                    keeper.act(server, turn).await;
                }
            });
            futures_util::future::join_all(all).await;
            let truth = truth(server).await;
            for keeper in &mut keepers {
                keeper.settle(server, &truth).await;
            }
        });
        Ok(())
    });
    played.unwrap();
}
