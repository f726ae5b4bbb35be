//! Several sessions in one mailbox, each with a client that believes what it is told: in the end all of them know what lies there.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::imap::fixture::{self, Client, Server};

/// How many clients there are.
const CLIENTS: usize = 3;

/// What a client does.
#[derive(Debug, Clone)]
enum Act {
    Append(&'static str),
    /// One message, by its number or its UID.
    Store(usize, &'static str, bool),
    Expunge,
    /// One message alone, if it is to go.
    ExpungeOne(usize),
    Copy(usize),
    /// Out of the mailbox.
    Move(usize),
    Fetch,
    Search,
    Noop,
    Idle,
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    let change = prop_oneof![Just("+FLAGS (\\Deleted)"), Just("+FLAGS (\\Seen)"), Just("-FLAGS (\\Seen)"), Just("FLAGS ($Work \\Flagged)")];
    prop_oneof![
        4 => prop_oneof![Just("\\Seen"), Just("$Play"), Just("")].prop_map(Act::Append),
        4 => (0_usize..20, change, any::<bool>()).prop_map(|(which, change, by_uid)| Act::Store(which, change, by_uid)),
        2 => Just(Act::Expunge),
        1 => (0_usize..20).prop_map(Act::ExpungeOne),
        1 => (0_usize..20).prop_map(Act::Copy),
        1 => (0_usize..20).prop_map(Act::Move),
        2 => Just(Act::Fetch),
        1 => Just(Act::Search),
        2 => Just(Act::Noop),
        1 => Just(Act::Idle),
        1 => Just(Act::Reopen),
    ]
}

/// What a client believes of one message: its UID and its flags, as far as it was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Belief {
    uid: Option<u32>,
    flags: Option<String>,
}

/// A client with what it believes, in the order of the numbers.
struct Believer {
    client: Client,
    messages: Vec<Belief>,
}

impl Believer {
    async fn new(server: &Server) -> Self {
        let mut believer = Self { client: server.alice().await, messages: Vec::new() };
        believer.open().await;
        believer
    }

    async fn open(&mut self) {
        // What was believed is of the mailbox before.
        self.messages.clear();
        self.say("SELECT INBOX").await;
    }

    /// Sends a command and believes what it is told.
    async fn say(&mut self, command: &str) {
        let lines = self.client.say(command).await;
        let keeps_numbers = ["FETCH", "STORE", "SEARCH"].iter().any(|word| command.starts_with(word));
        for line in &lines {
            assert!(!keeps_numbers || !line.ends_with(" EXPUNGE"), "{command}: {lines:?}");
            self.hear(line);
        }
        let answer = lines.last().unwrap();
        // A message that somebody else has removed may be refused, and nothing else is.
        assert!(answer.starts_with("OK ") || answer.starts_with("NO [EXPUNGEISSUED]"), "{command}: {lines:?}");
    }

    fn hear(&mut self, line: &str) {
        let Some((number, rest)) = line.strip_prefix("* ").and_then(|rest| rest.split_once(' ')) else { return };
        let Ok(number) = number.parse::<usize>() else { return };
        if rest == "EXISTS" {
            assert!(number >= self.messages.len(), "{line} after {}", self.messages.len());
            self.messages.resize(number, Belief::default());
        } else if rest == "EXPUNGE" {
            self.messages.remove(number - 1);
        } else if let Some(values) = rest.strip_prefix("FETCH ") {
            let belief = &mut self.messages[number - 1];
            if let Some(uid) = between(values, "UID ", &[' ', ')']) {
                let uid = uid.parse().unwrap();
                assert!(belief.uid.is_none_or(|known| known == uid), "{line}, and it was {:?}", belief.uid);
                belief.uid = Some(uid);
            }
            if let Some(flags) = between(values, "FLAGS (", &[')']) {
                // Each message is recent to one client.
                belief.flags = Some(sorted(&flags.replace("\\Recent", "")));
            }
        }
    }

    /// A message that the client knows of: its number, and its UID.
    fn nth(&self, which: usize) -> Option<(usize, u32)> {
        let index = which.checked_rem(self.messages.len())?;
        Some((index + 1, self.messages[index].uid?))
    }

    async fn act(&mut self, act: &Act) {
        let message = "Subject: x\r\n\r\nx\r\n";
        match act {
            Act::Append(flags) => self.say(&format!("APPEND INBOX ({flags}) {{{}+}}\r\n{message}", message.len())).await,
            Act::Store(which, change, by_uid) => match (self.nth(*which), by_uid) {
                (Some((_, uid)), true) => self.say(&format!("UID STORE {uid} {change}")).await,
                (Some((number, _)), false) => self.say(&format!("STORE {number} {change}")).await,
                (None, _) => {}
            },
            Act::Expunge => self.say("EXPUNGE").await,
            Act::ExpungeOne(which) => {
                if let Some((_, uid)) = self.nth(*which) {
                    self.say(&format!("UID EXPUNGE {uid}")).await;
                }
            }
            Act::Copy(which) => {
                if let Some((_, uid)) = self.nth(*which) {
                    self.say(&format!("UID COPY {uid} INBOX")).await;
                }
            }
            Act::Move(which) => {
                if let Some((_, uid)) = self.nth(*which) {
                    self.say(&format!("UID MOVE {uid} Archive")).await;
                }
            }
            Act::Fetch => self.learn().await,
            Act::Search => self.say("SEARCH ALL").await,
            Act::Noop => self.say("NOOP").await,
            Act::Idle => {
                self.client.send(b"i IDLE\r\nDONE\r\n").await;
                loop {
                    let line = self.client.line().await;
                    if line.starts_with("i OK ") {
                        break;
                    }
                    assert!(!line.is_empty(), "the session ended");
                    self.hear(&line);
                }
            }
            Act::Reopen => self.open().await,
        }
    }

    /// Asks for what it does not know.
    async fn learn(&mut self) {
        if !self.messages.is_empty() {
            self.say("FETCH 1:* (UID FLAGS)").await;
        }
    }

    /// Hears of all that happened. What it was told unasked must be so.
    async fn settle(&mut self, truth: &BTreeMap<u32, String>) {
        self.say("NOOP").await;
        for belief in &self.messages {
            if let Belief { uid: Some(uid), flags: Some(flags) } = belief {
                assert_eq!(truth.get(uid), Some(flags), "of {uid}");
            }
        }
        let told = self.client.ask("NOOP").await;
        assert_eq!(told.len(), 1, "told twice: {told:?}");
        self.learn().await;
        let believed: Vec<_> = self.messages.iter().map(|belief| (belief.uid.unwrap(), belief.flags.clone().unwrap())).collect();
        assert_eq!(believed, truth.iter().map(|(uid, flags)| (*uid, flags.clone())).collect::<Vec<_>>());
    }
}

fn between<'a>(text: &'a str, before: &str, end: &[char]) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split(|character| end.contains(&character)).next()
}

fn sorted(flags: &str) -> String {
    let mut words: Vec<&str> = flags.split(' ').filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words.join(" ")
}

/// What lies there, as somebody finds it who was never there before.
async fn truth(server: &Server) -> BTreeMap<u32, String> {
    let mut newcomer = Believer::new(server).await;
    newcomer.learn().await;
    newcomer.messages.into_iter().map(|belief| (belief.uid.unwrap(), belief.flags.unwrap())).collect()
}

fn runner(cases: u32) -> TestRunner {
    let cases = std::env::var("TWOWAY_TEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 60, ..Config::default() })
}

#[test]
fn sessions_that_take_turns_agree_on_what_lies_there() {
    let turns = proptest::collection::vec((0..CLIENTS, act()), 1..60);
    let played = runner(24).run(&turns, |turns| {
        fixture::run(async |server: &Server| {
            let mut believers = Vec::new();
            for _ in 0..CLIENTS {
                believers.push(Believer::new(server).await);
            }
            for (who, act) in &turns {
                believers[*who].act(act).await;
            }
            let truth = truth(server).await;
            for believer in &mut believers {
                believer.settle(&truth).await;
            }
        });
        Ok(())
    });
    played.unwrap();
}

#[test]
fn sessions_that_act_at_once_agree_on_what_lies_there() {
    let acts = proptest::collection::vec(proptest::collection::vec(act(), 1..40), CLIENTS);
    let played = runner(12).run(&acts, |acts| {
        fixture::run(async |server: &Server| {
            let mut believers = Vec::new();
            for _ in 0..CLIENTS {
                believers.push(Believer::new(server).await);
            }
            let all = believers.iter_mut().zip(&acts).map(|(believer, acts)| async move {
                for act in acts {
                    believer.act(act).await;
                }
            });
            futures_util::future::join_all(all).await;
            let truth = truth(server).await;
            for believer in &mut believers {
                believer.settle(&truth).await;
            }
        });
        Ok(())
    });
    played.unwrap();
}
