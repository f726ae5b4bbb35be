//! A day of two servers and one without the extension: 200 people of every mode, messages of every kind at random times,
//! kills and lost connections in between; at the end every message is accounted for, to the octet.
//!
//! `TWOWAY_TEST_LONG=1` makes it 20,000 messages; `TWOWAY_SIM_SEED=n` another day, `TWOWAY_SIM_MESSAGES=n` another size.

mod audit;
mod book;
mod tally;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use delivery::consent::EntryList;
use mail::time::Timestamp;
use sim::chance::Chance;
use sim::{Answer, Boundary, Manners, Pending, PlainHost, Post, Sim, User, Weather};
use store::Alias;

use book::{Act, Author, Book, Place, Recipient, What};

const DOMAINS: [&str; 2] = ["a.test", "b.test"];
const ELSEWHERE: &str = "legacy.test";
const PEOPLE_OF_DOMAIN: usize = 100;

/// As many as a check without optimisation has time for.
const MESSAGES: usize = 600;
const MESSAGES_LONG: usize = 20_000;

/// How long the day is.
const DAY: Duration = Duration::from_hours(1);

/// Longer than every retry and every rest of peers that failed, if they don't fail any more.
const REST: Duration = Duration::from_mins(6);

/// How often a client without an answer tries again.
const ATTEMPTS_MAX: u32 = 40;

/// What is under way.
struct UnderWay {
    letter: usize,
    post: Post,
    pending: Pending,
}

struct Day {
    sim: Sim,
    users: Vec<User>,
    plain: Arc<PlainHost>,
    book: Book,
    under_way: Vec<UnderWay>,
    /// To be handed in (again) then.
    later: Vec<(Timestamp, usize, Post)>,
    /// What the other server was seen to take.
    seen: usize,
    chance: Chance,
}

impl Day {
    fn begin(seed: u64) -> Self {
        let mut sim = Sim::seeded(seed);
        sim.allow_steps(u64::MAX);
        let mut chance = Chance::new(seed ^ 0xda7);
        let book = Book { people: writing::people(), ..Book::default() };
        let users: Vec<_> = book.people.iter().map(|person| sim.person(&person.address)).collect();
        for (user, person) in users.iter().zip(&book.people) {
            user.choose(person.screening, person.legacy);
            user.also_be(Alias::Address(format!("alias.{}", person.address).parse().unwrap()));
        }
        users[PEOPLE_OF_DOMAIN].also_be(Alias::CatchAll(DOMAINS[1].parse().unwrap()));
        let plain = sim.plain_host(ELSEWHERE);
        plain.set_manners(Manners { greylists_once_in: 6, drops_once_in: 25, defers_once_in: 25, ..Manners::default() });
        let chance = chance.fork();
        Self { sim, users, plain, book, under_way: vec![], later: vec![], seen: 0, chance }
    }

    /// One thing that somebody does, or that befalls a server.
    fn happen(&mut self, messages: usize) {
        if self.book.letters.len() < messages {
            let number = self.book.letters.len();
            let (letter, post) = if self.chance.once_in(5) {
                writing::push(&mut self.chance, &self.book, number)
            } else {
                writing::submission(&mut self.chance, &self.book, number)
            };
            self.book.by_subject.insert(letter.subject.clone(), number);
            self.book.letters.push(letter);
            self.hand_in(number, post);
        }
        if self.chance.once_in(12) {
            self.decide();
        }
        if self.chance.once_in(40) {
            self.withdraw();
        }
    }

    fn hand_in(&mut self, number: usize, post: Post) {
        let now = self.sim.now();
        let letter = &mut self.book.letters[number];
        if letter.attempts == 0 {
            letter.begun = now;
        }
        letter.attempts += 1;
        letter.answered = now;
        let pending = match letter.author {
            Author::Person(person) => self.users[person].post(post.clone()),
            Author::Elsewhere => self.sim.push(letter.server, post.clone()),
        };
        self.under_way.push(UnderWay { letter: number, post, pending });
    }

    /// Writes down what clients have heard; those who must try again do so later.
    fn look(&mut self) {
        let (done, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.under_way).into_iter().partition(|under_way| under_way.pending.outcome().is_some());
        self.under_way = open;
        for UnderWay { letter: number, post, pending } in done {
            let Some(posted) = pending.outcome() else { continue };
            let letter = &mut self.book.letters[number];
            letter.hear(&posted.answer, posted.at);
            for (recipient, reply) in post.recipients.iter().zip(&posted.recipients) {
                let Some(known) = letter.recipients.iter_mut().find(|known| known.address == recipient.0) else { continue };
                known.refused |= reply.starts_with('5');
                known.taken += u32::from(reply.starts_with('2') && posted.answer == Answer::Taken);
            }
            self.note_correspondence(number, &posted.answer);
            self.again(number, post, &posted.answer);
        }
        for taken in self.plain.taken_since(self.seen) {
            self.seen += 1;
            self.bounce(&taken);
        }
        let now = self.sim.now();
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, _, _)| *at <= now);
        self.later = later;
        let due: Vec<_> = due;
        for (_, number, post) in due {
            self.hand_in(number, post);
        }
        for domain in DOMAINS {
            if !self.sim.is_up(domain)
                && !self.book.deaths.last().is_some_and(|(name, at)| *name == domain && now.since(*at) < Duration::from_secs(2))
            {
                self.book.deaths.push((domain, now));
            }
        }
    }

    /// People try again what was not sent; servers also what they heard nothing of, for those who have not got it.
    fn again(&mut self, number: usize, mut post: Post, answer: &Answer) {
        let letter = &self.book.letters[number];
        let is_over = match answer {
            Answer::Taken => letter.recipients.iter().all(|recipient| recipient.refused || recipient.taken > 0),
            Answer::Refused(reply) => !reply.starts_with('4') || letter.author != Author::Elsewhere,
            Answer::Unknown(_) => letter.author != Author::Elsewhere,
            Answer::NotSent(_) => false,
        };
        if is_over || letter.attempts >= ATTEMPTS_MAX || (letter.author != Author::Elsewhere && *answer == Answer::Taken) {
            return;
        }
        let is_open =
            |address: &String| letter.recipients.iter().any(|known| known.address == *address && known.taken == 0 && !known.refused);
        post.recipients.retain(|(address, _)| is_open(address));
        if post.recipients.is_empty() {
            return;
        }
        let pause = Duration::from_millis(10_000 + self.chance.below(20_000));
        self.later.push((self.sim.now() + pause, number, post));
    }

    /// Writing to somebody lets them answer.
    fn note_correspondence(&mut self, number: usize, answer: &Answer) {
        let letter = &self.book.letters[number];
        let Author::Person(author) = letter.author else { return };
        if letter.reverse_path.is_empty() || matches!(answer, Answer::NotSent(_) | Answer::Refused(_)) {
            return;
        }
        let act = Act { what: What::WroteThere, from: letter.begun, to: letter.answered, is_certain: *answer == Answer::Taken };
        let own = letter.from.clone();
        let who: Vec<_> = letter
            .recipients
            .iter()
            .filter(|recipient| !recipient.refused)
            .map(|recipient| if recipient.place == Place::Mailbox(author) { own.clone() } else { recipient.address.clone() })
            .collect();
        for who in who {
            self.book.act(author, who, act.clone());
        }
    }

    /// The other server reports, sometimes, that it could not do what it promised.
    fn bounce(&mut self, taken: &sim::Taken) {
        if !taken.recipients.iter().any(|recipient| recipient.starts_with("bounce")) || taken.reverse_path.is_empty() {
            return;
        }
        let Some(original) = audit::subject_of(&taken.content).and_then(|subject| self.book.by_subject.get(&subject).copied()) else {
            return;
        };
        let Author::Person(author) = self.book.letters[original].author else { return };
        let number = self.book.letters.len();
        let recipient =
            Recipient { address: taken.reverse_path.clone(), place: Place::Mailbox(author), notify: None, taken: 0, refused: false };
        let (letter, post) = writing::bounce(number, original, &self.book.letters[original], &taken.content, recipient);
        self.book.by_subject.insert(letter.subject.clone(), number);
        self.book.letters.push(letter);
        self.hand_in(number, post);
    }

    fn decide(&mut self) {
        let person = self.chance.index(self.users.len());
        let who = writing::stranger(&mut self.chance, &self.book, person);
        let mailbox = who.parse().unwrap();
        let from = self.sim.now();
        let (what, done) = match self.chance.below(6) {
            0 => (What::Entry(EntryList::Block), self.users[person].try_add(EntryList::Block, mailbox)),
            1 => (What::Dismissed, self.users[person].try_dismiss(mailbox)),
            _ => (What::Entry(EntryList::Allow), self.users[person].try_add(EntryList::Allow, mailbox)),
        };
        if done.as_ref().is_err_and(|error| error.ends_with("is down")) {
            return;
        }
        self.book.act(person, who, Act { what, from, to: self.sim.now(), is_certain: done.is_ok() });
    }

    fn withdraw(&mut self) {
        let recent = self.book.letters.len().saturating_sub(30);
        let number = recent + self.chance.index(self.book.letters.len() - recent);
        // Nobody takes back what they don't know to be kept.
        let Some(letter) = self.book.letters.get(number).filter(|letter| letter.is_taken) else { return };
        let (Author::Person(author), subject) = (&letter.author, letter.subject.clone()) else { return };
        let outcome = self.users[*author].try_take_back(&subject);
        self.book.letters[number].withdrawals.push(outcome);
    }

    /// What goes wrong.
    fn trouble(&mut self) {
        let domain = DOMAINS[self.chance.index(2)];
        match self.chance.below(9) {
            0 => self.sim.crash(domain),
            1 | 2 => {
                let boundary = if self.chance.once_in(2) { Boundary::BeforeCommit } else { Boundary::AfterCommit };
                self.sim.crash_at_commit(domain, 1 + self.chance.below(20), boundary);
            }
            3 | 4 => self.sim.lose_reply_to(["NOTICE", "RETRIEVE", "CONFIRM", "MAIL", "DATA"][self.chance.index(5)]),
            5 => self.sim.lose_command(["NOTICE", "RETRIEVE", "CONFIRM"][self.chance.index(3)]),
            6 => self.sim.die_when_served(domain),
            7 => self.sim.cut_retrieval_after(self.chance.below(3_000)),
            _ => self.sim.set_weather(Weather { breaks_once_in: 10, unreachable_once_in: 20, ..Weather::default() }),
        }
    }

    /// Everything well again, and everybody up.
    fn mend(&mut self) {
        self.sim.heal();
        self.sim.restart_all();
    }

    fn pass(mut self, messages: usize) -> Self {
        let start = self.sim.now();
        let day = u64::try_from(DAY.as_millis()).unwrap();
        let mut times: Vec<_> = (0..messages).map(|_| self.chance.below(day)).collect();
        times.sort_unstable();
        let mut next_trouble = start + Duration::from_secs(30);
        for time in times {
            let at = start + Duration::from_millis(time);
            while self.sim.now() < at {
                let now = self.sim.now();
                self.sim.run_for(at.since(now).min(Duration::from_secs(1)));
                self.look();
                if now >= next_trouble {
                    // Trouble, and somebody who looks after it, in turns.
                    if self.chance.once_in(2) {
                        self.trouble();
                    } else {
                        self.mend();
                    }
                    next_trouble = now + Duration::from_millis(5_000 + self.chance.below(30_000));
                }
            }
            self.happen(messages);
        }
        self.rest();
        self
    }

    /// The weather clears, everything runs, and what is still to be tried is tried.
    fn rest(&mut self) {
        self.sim.heal();
        self.sim.forget_faults();
        self.plain.set_manners(Manners::default());
        for domain in DOMAINS {
            self.sim.crash(domain);
            self.book.deaths.push((domain, self.sim.now()));
        }
        self.sim.restart_all();
        let until = self.sim.now() + REST;
        while self.sim.now() < until || !self.under_way.is_empty() || !self.later.is_empty() {
            self.sim.run_for(Duration::from_secs(1));
            self.look();
        }
        self.sim.run_for(Duration::from_mins(1));
    }
}

fn number_named(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|number| number.parse().ok())
}

#[test]
fn a_day_of_two_servers_and_one_without_the_extension_is_accounted_for_to_the_octet() {
    let long = std::env::var_os("TWOWAY_TEST_LONG").is_some();
    let messages = number_named("TWOWAY_SIM_MESSAGES").and_then(|number| usize::try_from(number).ok());
    let messages = messages.unwrap_or(if long { MESSAGES_LONG } else { MESSAGES });
    let seed = number_named("TWOWAY_SIM_SEED").unwrap_or(1);
    let day = Day::begin(seed).pass(messages);
    let summary = audit::audit(&day.sim, &day.users, &day.book, &day.plain);
    println!("seed {seed}: {summary}");
}
