//! Results that are kept up to date: a client that believes what it is told has, in the end, what it would find anew.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::imap::fixture::{self, Client, Server};

/// The results that the client keeps, and what each is.
const RESULTS: [&str; 4] = [
    "UID SORT RETURN (ALL) (SUBJECT) UTF-8 UNDELETED",
    "SORT RETURN (ALL) (REVERSE SIZE REVERSE SUBJECT) UTF-8 SEEN",
    "UID SORT RETURN (ALL) (REVERSE ARRIVAL) UTF-8 OR FLAGGED SUBJECT b",
    "SEARCH RETURN (ALL) FLAGGED",
];

/// What somebody does.
#[derive(Debug, Clone)]
enum Act {
    Append(&'static str, &'static str),
    Store(u32, u32, &'static str),
    Expunge,
    ExpungeOne(u32),
    Noop,
    Idle,
}

fn act() -> impl Strategy<Value = Act> {
    let flags = prop_oneof![Just("\\Seen"), Just("\\Flagged \\Seen"), Just("")];
    let subject = prop_oneof![Just("a"), Just("b"), Just("bb"), Just("c"), Just("dddd")];
    let change = prop_oneof![
        Just("+FLAGS (\\Deleted)"),
        Just("-FLAGS (\\Deleted)"),
        Just("+FLAGS (\\Seen)"),
        Just("-FLAGS (\\Seen)"),
        Just("FLAGS (\\Flagged)")
    ];
    prop_oneof![
        6 => (subject, flags).prop_map(|(subject, flags)| Act::Append(subject, flags)),
        6 => (1_u32..20, 0_u32..4, change).prop_map(|(from, more, change)| Act::Store(from, from + more, change)),
        2 => Just(Act::Expunge),
        1 => (1_u32..20).prop_map(Act::ExpungeOne),
        2 => Just(Act::Noop),
        2 => Just(Act::Idle),
    ]
}

/// A client with the results that it keeps.
struct Keeper {
    client: Client,
    lists: [Vec<u32>; RESULTS.len()],
}

impl Keeper {
    async fn new(server: &Server) -> Self {
        let mut keeper = Self { client: server.alice().await, lists: Default::default() };
        keeper.client.ask("SELECT INBOX").await;
        for (index, result) in RESULTS.iter().enumerate() {
            let command = result.replace("(ALL)", "(UPDATE ALL)");
            keeper.client.send(format!("k{index} {command}\r\n").as_bytes()).await;
            keeper.hear_until(&format!("k{index} OK ")).await;
        }
        keeper
    }

    async fn hear_until(&mut self, end: &str) {
        loop {
            let line = self.client.line().await;
            if line.starts_with(end) {
                break;
            }
            assert!(!line.is_empty(), "the session ended");
            self.hear(&line);
        }
    }

    async fn say(&mut self, command: &str) {
        for line in self.client.say(command).await {
            self.hear(&line);
        }
    }

    async fn act(&mut self, act: &Act) {
        match act {
            Act::Append(subject, flags) => {
                let message = format!("Subject: {subject}\r\n\r\nx\r\n");
                self.say(&format!("APPEND INBOX ({flags}) {{{}+}}\r\n{message}", message.len())).await;
            }
            Act::Store(from, to, change) => self.say(&format!("UID STORE {from}:{to} {change}")).await,
            Act::Expunge => self.say("EXPUNGE").await,
            Act::ExpungeOne(uid) => self.say(&format!("UID EXPUNGE {uid}")).await,
            Act::Noop => self.say("NOOP").await,
            Act::Idle => {
                self.client.send(b"i IDLE\r\nDONE\r\n").await;
                self.hear_until("i OK ").await;
            }
        }
    }

    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match &words[..] {
            ["*", number, "EXPUNGE"] => {
                let gone: u32 = number.parse().unwrap();
                for (list, _) in self.lists.iter_mut().zip(RESULTS).filter(|(_, result)| !result.starts_with("UID ")) {
                    assert!(!list.contains(&gone), "{line}, and it is still in {list:?}");
                    list.iter_mut().filter(|number| **number > gone).for_each(|number| *number -= 1);
                }
            }
            ["*", "ESEARCH", "(TAG", tag, told @ ..] => {
                let Some(index) = tag.trim_matches(['"', ')']).strip_prefix('k') else { return };
                believe(&mut self.lists[index.parse::<usize>().unwrap()], told, line);
            }
            _ => {}
        }
    }
}

/// Takes the steps that a result tells, one after the other.
fn believe(list: &mut Vec<u32>, told: &[&str], line: &str) {
    let mut kind = "";
    let mut place = None;
    for word in told {
        let value = word.trim_matches(['(', ')']);
        match (kind, place) {
            _ if value.starts_with(|letter: char| letter.is_ascii_uppercase()) => (kind, place) = (value, None),
            ("ALL", _) => *list = numbers(value),
            (_, None) => place = Some(value.parse::<usize>().unwrap()),
            (_, Some(at)) => {
                take(list, kind, at, numbers(value), line);
                place = None;
            }
        }
    }
}

fn take(list: &mut Vec<u32>, kind: &str, place: usize, numbers: Vec<u32>, line: &str) {
    match (kind, place) {
        ("ADDTO", 0) => {
            assert!(numbers.iter().all(|number| !list.contains(number)), "{line} to {list:?}");
            list.extend(numbers);
            list.sort_unstable();
        }
        ("REMOVEFROM", 0) => {
            assert!(numbers.iter().all(|number| list.contains(number)), "{line} of {list:?}");
            list.retain(|number| !numbers.contains(number));
        }
        ("ADDTO", place) => {
            for (index, number) in numbers.into_iter().enumerate() {
                assert!(!list.contains(&number), "{line} to {list:?}");
                list.insert(place - 1 + index, number);
            }
        }
        ("REMOVEFROM", place) => {
            for number in numbers {
                assert_eq!(list.remove(place - 1), number, "{line}");
            }
        }
        _ => panic!("{line}"),
    }
}

/// `2:4,1`: in the order in which they stand.
fn numbers(set: &str) -> Vec<u32> {
    let range = |part: &str| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        from.parse::<u32>().unwrap()..=to.parse::<u32>().unwrap()
    };
    set.split(',').flat_map(range).collect()
}

/// What a result is, as somebody finds it who asks now.
async fn found(client: &mut Client, result: &str) -> Vec<u32> {
    let lines = client.ask(result).await;
    let mut list = Vec::new();
    let (_, told) = lines[0].split_once(") ").unwrap_or_default();
    let told: Vec<&str> = told.split(' ').filter(|word| !word.is_empty() && *word != "UID").collect();
    believe(&mut list, &told, &lines[0]);
    list
}

#[test]
fn who_believes_what_is_told_of_a_result_has_what_it_would_find() {
    let cases = std::env::var("TWOWAY_TEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 60, ..Config::default() });
    let turns = proptest::collection::vec((any::<bool>(), act()), 1..60);
    let played = runner.run(&turns, |turns| {
        fixture::run(async |server: &Server| {
            let mut other = server.alice().await;
            for subject in ["c", "a", "b"] {
                other.ask(&format!("APPEND INBOX (\\Seen) {{{}+}}\r\nSubject: {subject}\r\n", 11 + subject.len())).await;
            }
            let mut other = Keeper { client: other, lists: Default::default() };
            other.say("SELECT INBOX").await;
            let mut keeper = Keeper::new(server).await;
            for (is_keeper, act) in &turns {
                if *is_keeper { &mut keeper } else { &mut other }.act(act).await;
            }
            keeper.say("NOOP").await;
            for (index, result) in RESULTS.iter().enumerate() {
                assert_eq!(keeper.lists[index], found(&mut keeper.client, result).await, "{result}");
            }
        });
        Ok(())
    });
    played.unwrap();
}

#[test]
fn more_results_than_a_session_keeps_are_told_once() {
    fixture::run(async |server: &Server| {
        let mut client = server.alice().await;
        client.ask("SELECT INBOX").await;
        let ask = "SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL";
        let mut tags = Vec::new();
        for _ in 0..10 {
            let lines = client.ask(ask).await;
            assert_eq!(lines.len(), 2, "{lines:?}");
            tags.push(tag_of(&lines[0]));
        }
        let lines = client.ask(ask).await;
        assert!(lines[1].starts_with(&format!("* NO [NOUPDATE \"{}\"] ", tag_of(&lines[0]))), "{lines:?}");
        // Where one ends, there is room for another.
        client.ask(&format!("CANCELUPDATE \"{}\"", tags[4])).await;
        assert_eq!(client.ask(ask).await.len(), 2);
    });
}

/// Of which command a result is.
fn tag_of(line: &str) -> String {
    line.strip_prefix("* ESEARCH (TAG \"").and_then(|rest| rest.split('"').next()).unwrap().to_owned()
}
