//! Random days of a few servers and people: messages, decisions, deaths and bad weather; and at the end all is accounted for.
//!
//! `TWOWAY_TEST_LONG=1` runs many more seeds; `TWOWAY_SIM_SEED=n` runs one again and shows its journal if it fails.

use std::time::Duration;

use delivery::consent::EntryList;
use delivery::report::SentStatus;
use sim::{Boundary, Message, Sim, User, Weather};

/// Seeds of an ordinary run, and of a long one.
const SEEDS: u64 = 100;
const SEEDS_LONG: u64 = 5_000;

/// Things that happen in one run.
const ACTS: u64 = 25;

const DOMAINS: [&str; 3] = ["a.test", "b.test", "c.test"];

struct Day {
    sim: Sim,
    people: [User; 4],
    sent: Vec<(usize, usize, Message)>,
    /// Taken back, or perhaps: the server died over it.
    taken_back: Vec<(Message, Result<bool, String>)>,
}

impl Day {
    fn begin(seed: u64) -> Self {
        let mut sim = Sim::seeded(seed);
        let people = sim.accounts(["alice@a.test", "bob@b.test", "carol@c.test", "dave@b.test"]);
        Self { sim, people, sent: vec![], taken_back: vec![] }
    }

    fn person(&mut self) -> usize {
        let count = self.people.len();
        self.sim.draw(|chance| chance.index(count))
    }

    fn act(&mut self) {
        let domain = DOMAINS[self.sim.draw(|chance| chance.index(DOMAINS.len()))];
        match self.sim.draw(|chance| chance.below(16)) {
            0..=5 => {
                let (from, to) = (self.person(), self.person());
                let recipient = self.people[to].address();
                let text = ["short", "longer than the other one", "with\r\n.\r\n.. dots\r\nin it"][self.sim.draw(|chance| chance.index(3))];
                if let Ok(message) = self.people[from].try_submit(vec![recipient], "Hello", text.as_bytes()) {
                    self.sent.push((from, to, message));
                }
            }
            6 | 7 => {
                let (whose, whom) = (self.person(), self.person());
                let list = if self.sim.draw(|chance| chance.once_in(4)) { EntryList::Block } else { EntryList::Allow };
                let who = self.people[whom].address();
                // Their server may be down; then nothing was decided.
                drop(self.people[whose].try_add(list, who));
            }
            8 => {
                if let Some((from, _, message)) = self.sim.draw(|chance| chance.pick(&self.sent).cloned()) {
                    let outcome = self.people[from].try_withdraw(&message);
                    self.taken_back.push((message, outcome));
                }
            }
            9 => self.sim.crash(domain),
            10 | 11 => self.sim.restart(domain),
            12 => {
                let (nth, boundary) = self
                    .sim
                    .draw(|chance| (1 + chance.below(6), if chance.once_in(2) { Boundary::BeforeCommit } else { Boundary::AfterCommit }));
                self.sim.crash_at_commit(domain, nth, boundary);
            }
            13 => {
                let verb = ["NOTICE", "RETRIEVE", "CONFIRM"][self.sim.draw(|chance| chance.index(3))];
                self.sim.lose_reply_to(verb);
            }
            14 => self.sim.die_when_served(domain),
            _ => {
                let [breaks_once_in, unreachable_once_in] = self.sim.draw(|chance| [chance.below(6), chance.below(12)]);
                let weather = Weather { breaks_once_in, unreachable_once_in, ..Weather::default() };
                self.sim.set_weather(weather);
            }
        }
    }

    /// The weather clears, everything runs, and time passes: whoever is let in has arrived.
    fn end(mut self) -> Vec<String> {
        self.sim.heal();
        self.sim.forget_faults();
        // Peers that failed often rest for a quarter of an hour; who starts again does not remember that.
        for domain in DOMAINS {
            self.sim.crash(domain);
        }
        self.sim.restart_all();
        self.sim.run_for(Duration::from_secs(50));
        for (from, _, message) in &self.sent {
            let status = self.people[*from].sent_status(message);
            let asked = || self.taken_back.iter().filter(|(taken_back, _)| taken_back == message).map(|(_, outcome)| outcome);
            let is_truthful = match status {
                SentStatus::Withdrawn => asked().any(|outcome| *outcome != Ok(false)),
                SentStatus::Noticed | SentStatus::Delivered => asked().all(|outcome| *outcome != Ok(true)),
                _ => false,
            };
            assert!(is_truthful, "{message:?} is {status:?}, taken back: {:?}", asked().collect::<Vec<_>>());
        }
        // Whoever is let in now is let in for all that waits.
        for person in &self.people {
            for other in &self.people {
                person.allow(other.address());
            }
        }
        self.sim.run_for(Duration::from_secs(20));
        for (from, to, message) in &self.sent {
            let arrived = self.people[*to].inbox().iter().filter(|found| *found == message).count();
            let expected = match self.people[*from].sent_status(message) {
                SentStatus::Delivered => 1,
                SentStatus::Withdrawn => 0,
                other => panic!("{message:?} is {other:?}, and everybody is let in"),
            };
            assert_eq!(arrived, expected, "{message:?} at {}", self.people[*to].address());
        }
        self.sim.journal()
    }
}

/// One random day; its journal.
pub(crate) fn run(seed: u64) -> Vec<String> {
    let mut day = Day::begin(seed);
    for _ in 0..ACTS {
        day.act();
        let pause = day.sim.draw(|chance| chance.below(1_500));
        day.sim.run_for(Duration::from_millis(pause));
    }
    day.end()
}

/// Runs every fourth seed: four tests run beside each other.
fn days(quarter: u64) {
    if let Some(seed) = std::env::var("TWOWAY_SIM_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()) {
        if seed % 4 == quarter {
            println!("{}", run(seed).join("\n"));
        }
        return;
    }
    let seeds = if std::env::var_os("TWOWAY_TEST_LONG").is_some() { SEEDS_LONG } else { SEEDS };
    for seed in (0..seeds).filter(|seed| seed % 4 == quarter) {
        if let Err(failure) = std::panic::catch_unwind(|| run(seed)) {
            eprintln!("seed {seed} failed; run it again with TWOWAY_SIM_SEED={seed}");
            std::panic::resume_unwind(failure);
        }
    }
}

#[test]
fn random_days_lose_nothing_double_nothing_and_tell_no_lie() {
    days(0);
}

#[test]
fn random_days_of_a_second_quarter_of_the_seeds() {
    days(1);
}

#[test]
fn random_days_of_a_third_quarter_of_the_seeds() {
    days(2);
}

#[test]
fn random_days_of_the_last_quarter_of_the_seeds() {
    days(3);
}
