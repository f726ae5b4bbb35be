//! The account book against what the servers hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use delivery::consent::{Legacy, Screening};
use delivery::report::SentStatus;
use mail::time::Timestamp;
use sim::parcels::{is_behind_traces, report};
use sim::{Contact, Mail, PlainHost, Sent, Sim, Taken, User};

use super::book::{Author, Book, Letter, Place, Recipient};
use super::tally::Tally;

/// Longer than an outage: whoever is let in for so long has what was sent to them.
const SETTLING: Duration = Duration::from_mins(9);
/// The timers of the simulation: how long a message waits at its origin, and when its author is told of the delay.
const RETENTION: Duration = Duration::from_mins(20);
const DELAY: Duration = Duration::from_mins(3);

/// Readings of one mailbox.
const READINGS_MAX: u32 = 20;

pub(crate) fn subject_of(content: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(content);
    text.lines().find_map(|line| line.strip_prefix("Subject: ")).map(str::to_owned)
}

/// What somebody sent and what lies in their mailbox, at one moment: nothing expired, and was reported, between the two.
fn at_rest(user: &User) -> (Vec<Sent>, Vec<Mail>) {
    for _ in 0..READINGS_MAX {
        let (before, mail, after) = (user.sent(), user.mail(), user.sent());
        if before == after {
            return (before, mail);
        }
    }
    panic!("the mailbox of {} does not come to rest", user.address());
}

struct Audit<'a> {
    book: &'a Book,
    end: Timestamp,
    /// Copies of each letter in each mailbox, and what else lies there.
    copies: BTreeMap<(usize, usize), Vec<Mail>>,
    /// By author's letter, recipient and action.
    reports: BTreeMap<(usize, String, String), usize>,
    statuses: BTreeMap<(usize, String), Vec<SentStatus>>,
    contacts: Vec<Vec<Contact>>,
    elsewhere: BTreeMap<(usize, String), Vec<Taken>>,
    /// Pushed letters that must be among those kept aside: mailbox, sender, letter.
    kept: Vec<(usize, usize)>,
    faults: Vec<String>,
    tally: Tally,
}

pub(crate) fn audit(sim: &Sim, users: &[User], book: &Book, plain: &PlainHost) -> String {
    let mut audit = Audit {
        book,
        end: sim.now(),
        copies: BTreeMap::new(),
        reports: BTreeMap::new(),
        statuses: BTreeMap::new(),
        contacts: users.iter().map(User::contacts).collect(),
        elsewhere: BTreeMap::new(),
        kept: vec![],
        faults: vec![],
        tally: Tally::default(),
    };
    audit.read(users, plain);
    // Reading takes time: a message may have expired meanwhile.
    audit.end = sim.now();
    for (number, letter) in book.letters.iter().enumerate() {
        audit.letter(number, letter);
    }
    audit.nothing_else();
    audit.contact_lists();
    audit.open_the_kept(users);
    let Audit { faults, tally, .. } = audit;
    assert!(faults.is_empty(), "{} faults: {:#?}\n{}", faults.len(), faults.iter().take(40).collect::<Vec<_>>(), tally.line());
    tally.line()
}

impl Audit<'_> {
    fn read(&mut self, users: &[User], plain: &PlainHost) {
        for (person, user) in users.iter().enumerate() {
            let (sent, mail) = at_rest(user);
            for mail in mail {
                self.sort(person, mail);
            }
            for sent in sent {
                match self.book.by_subject.get(&sent.subject) {
                    Some(number) => self.statuses.entry((*number, sent.recipient)).or_default().push(sent.status),
                    None => self.faults.push(format!("{:?} was never handed in", sent.subject)),
                }
            }
        }
        for taken in plain.taken_since(0) {
            let number = subject_of(&taken.content).and_then(|subject| self.book.by_subject.get(&subject).copied());
            let Some(number) = number else {
                self.faults.push(format!("the other server has what nobody wrote: {:?}", String::from_utf8_lossy(&taken.content)));
                continue;
            };
            if !is_behind_traces(&taken.content, &self.book.letters[number].content) {
                self.faults.push(format!("{} is not to the octet at the other server", self.book.letters[number].subject));
            }
            for recipient in taken.recipients.clone() {
                self.elsewhere.entry((number, recipient)).or_default().push(taken.clone());
            }
        }
    }

    fn sort(&mut self, person: usize, mail: Mail) {
        if let Some(number) = self.book.by_subject.get(&mail.subject) {
            if !is_behind_traces(&mail.octets, &self.book.letters[*number].content) {
                self.faults.push(format!("{} is not to the octet in mailbox {person}", mail.subject));
            }
            self.copies.entry((*number, person)).or_default().push(mail);
            return;
        }
        let Some((envelope_id, actions)) = report(&mail.octets) else {
            self.faults.push(format!("{:?} in mailbox {person} is nobody's: {}", mail.subject, String::from_utf8_lossy(&mail.octets)));
            return;
        };
        let number = envelope_id.trim_start_matches('m').parse::<usize>().unwrap_or(usize::MAX);
        if self.book.letters.get(number).is_none_or(|letter| letter.author != Author::Person(person)) {
            self.faults.push(format!("mailbox {person} has a report on {envelope_id}, which is not theirs"));
        }
        for (recipient, action) in actions {
            *self.reports.entry((number, recipient, action)).or_default() += 1;
        }
    }

    fn letter(&mut self, number: usize, letter: &Letter) {
        for recipient in &letter.recipients {
            match letter.author {
                Author::Person(_) => self.submitted(number, letter, recipient),
                Author::Elsewhere => self.pushed(number, letter, recipient),
            }
        }
    }

    fn submitted(&mut self, number: usize, letter: &Letter, recipient: &Recipient) {
        let statuses = self.statuses.remove(&(number, recipient.address.clone())).unwrap_or_default();
        let what = format!("{} to {} ({:?})", letter.subject, recipient.address, letter.withdrawals);
        let is_owed = letter.is_taken && !recipient.refused;
        match statuses.as_slice() {
            [] if is_owed => self.faults.push(format!("{what}: answered 250, and not known to its server")),
            [] => self.tally.count(&format!("{}/not taken", letter.kind)),
            [status] if is_owed || letter.maybe > 0 => {
                self.tally.count(&format!("{}/{}", letter.kind, status.as_str()));
                self.told_truly(number, letter, recipient, *status, &what);
                self.reported(number, letter, recipient, *status, &what);
            }
            _ => self.faults.push(format!("{what}: {statuses:?}, and was not taken once")),
        }
    }

    /// The status is what the mailbox says, and what the recipient wanted.
    fn told_truly(&mut self, number: usize, letter: &Letter, recipient: &Recipient, status: SentStatus, what: &str) {
        // `false` says that it was too late for one of several.
        let may_be_taken_back = letter.withdrawals.iter().any(|outcome| *outcome != Ok(false) || letter.recipients.len() > 1);
        if status == SentStatus::Withdrawn && !may_be_taken_back {
            self.faults.push(format!("{what}: withdrawn by nobody"));
        }
        if letter.withdrawals.contains(&Ok(true)) && status != SentStatus::Withdrawn {
            self.faults.push(format!("{what}: withdrawn, and {status:?}"));
        }
        match recipient.place {
            Place::Nowhere if matches!(status, SentStatus::Failed | SentStatus::Withdrawn) => {}
            Place::Nowhere => self.faults.push(format!("{what}: nobody has that address, and it is {status:?}")),
            Place::Mailbox(person) => {
                let copies = self.copies.get(&(number, person)).map_or(0, Vec::len);
                if copies != usize::from(status == SentStatus::Delivered) {
                    self.faults.push(format!("{what}: {status:?}, and lies there {copies} times"));
                }
                self.consented(letter, person, status, what);
            }
            Place::Elsewhere => self.relayed(number, letter, recipient, status, what),
        }
    }

    fn consented(&mut self, letter: &Letter, person: usize, status: SentStatus, what: &str) {
        let standing = |from: Timestamp, to: Timestamp| self.book.standing(person, &letter.from, from, to);
        let ever = standing(letter.begun, self.end);
        let (soon, last) = (letter.answered + SETTLING, self.end - Duration::from_mins(2));
        let was_let_in = soon <= self.end && standing(letter.answered, soon).surely_in();
        let is_let_in = letter.begun + RETENTION > self.end && standing(last, self.end).surely_in();
        match status {
            SentStatus::Delivered if !ever.is_in => self.faults.push(format!("{what}: delivered without consent")),
            SentStatus::Noticed | SentStatus::Expired if was_let_in || is_let_in => {
                self.faults.push(format!("{what}: {status:?}, and its author is let in"));
            }
            SentStatus::Noticed if self.end.since(letter.answered) > RETENTION + SETTLING => {
                self.faults.push(format!("{what}: it should have expired"));
            }
            SentStatus::Expired if self.end.since(letter.begun) < RETENTION => self.faults.push(format!("{what}: expired too soon")),
            SentStatus::Delivered | SentStatus::Withdrawn | SentStatus::Noticed | SentStatus::Expired => {}
            SentStatus::Kept | SentStatus::HandedOver | SentStatus::Failed | SentStatus::Relayed => {
                self.faults.push(format!("{what}: {status:?} after all has come to rest"));
            }
        }
    }

    fn relayed(&mut self, number: usize, letter: &Letter, recipient: &Recipient, status: SentStatus, what: &str) {
        let taken = self.elsewhere.get(&(number, recipient.address.clone())).map_or(&[][..], Vec::as_slice);
        let known = taken.iter().filter(|taken| taken.is_known).count();
        match status {
            SentStatus::Relayed if taken.is_empty() => self.faults.push(format!("{what}: relayed, and not there")),
            SentStatus::Relayed => {}
            SentStatus::Withdrawn if known == 0 => {}
            _ => self.faults.push(format!("{what}: {status:?}, and the other server has it {} times", taken.len())),
        }
        for (one, next) in taken.iter().zip(taken.iter().skip(1)) {
            // A second copy only where the first one's reply was lost, or whoever heard it died before it wrote it down.
            if one.is_known && !self.book.died_between(letter.server, one.at, next.at + Duration::from_secs(2)) {
                self.faults.push(format!("{what}: it is there twice, at {} and {}, and nothing went wrong", one.at, next.at));
            }
            self.tally.count("twice elsewhere, a reply lost");
        }
    }

    /// Every report that is owed, once, and no other.
    fn reported(&mut self, number: usize, letter: &Letter, recipient: &Recipient, status: SentStatus, what: &str) {
        let mut told = |action: &str| self.reports.remove(&(number, recipient.address.clone(), action.to_owned())).unwrap_or(0);
        let counts = [told("delivered"), told("failed"), told("relayed"), told("delayed")];
        let owes = |wish: &str, statuses: &[SentStatus]| usize::from(statuses.contains(&status) && letter.wishes(recipient, wish));
        let owed = [
            owes("SUCCESS", &[SentStatus::Delivered]),
            owes("FAILURE", &[SentStatus::Failed, SentStatus::Expired]),
            owes("SUCCESS", &[SentStatus::Relayed]),
        ];
        if counts[..3] != owed {
            self.faults.push(format!("{what}: {status:?}, {:?}, reported {counts:?}, owed {owed:?}", recipient.notify));
        }
        let wants_delay = letter.wishes(recipient, "DELAY");
        let waited = status == SentStatus::Expired || (status == SentStatus::Noticed && self.end.since(letter.answered) > DELAY + SETTLING);
        if counts[3] > 2 * usize::from(wants_delay) || (waited && wants_delay && counts[3] == 0) {
            self.faults.push(format!("{what}: {status:?}, {:?}, {} reports of a delay", recipient.notify, counts[3]));
        }
        for (count, name) in counts.iter().zip(["delivered", "failed", "relayed", "delayed"]) {
            (0..*count).for_each(|_| self.tally.count(&format!("report/{name}")));
        }
    }

    fn pushed(&mut self, number: usize, letter: &Letter, recipient: &Recipient) {
        let what = format!("{} from {} to {} ({} times unanswered)", letter.subject, letter.from, recipient.address, letter.maybe);
        let Place::Mailbox(person) = recipient.place else {
            if recipient.taken > 0 || !recipient.refused {
                self.faults.push(format!("{what}: nobody has that address"));
            }
            return self.tally.count("pushed/to nobody");
        };
        let copies = self.copies.get(&(number, person)).map_or(0, Vec::len);
        let legacy = self.book.people[person].legacy;
        let (least, most) = (usize::from(recipient.taken > 0), usize::try_from(recipient.taken + letter.maybe).unwrap_or(0));
        if legacy == Legacy::Refuse {
            let is_so = recipient.refused && copies == 0;
            if !is_so {
                self.faults.push(format!("{what}: refuses, and has {copies}"));
            }
            return self.tally.count("pushed/refused");
        }
        if recipient.refused {
            return self.faults.push(format!("{what}: refused without reason"));
        }
        let standing = self.book.standing(person, &letter.from, letter.begun, letter.answered);
        let may_be_dropped = standing.is_blocked;
        let (released, may_be_released) = self.book.released(person, &letter.from, letter.answered, self.end);
        let may_be_released = may_be_released || self.book.released(person, &letter.from, letter.begun, self.end).1;
        let is_direct = legacy == Legacy::Deliver || letter.bounce_of.is_some();
        let (least, most) = match (is_direct, standing.surely_blocked()) {
            (_, true) => (0, if letter.maybe > 0 { most } else { 0 }),
            (true, false) => (if may_be_dropped { 0 } else { least }, most),
            (false, false) => (if released && !may_be_dropped { least } else { 0 }, if may_be_released { most } else { 0 }),
        };
        if copies < least || copies > most {
            self.faults.push(format!("{what}: {legacy:?}, lies there {copies} times, not {least} to {most}; {standing:?} {released}"));
        }
        if copies > 1 {
            self.tally.count("pushed/twice, unanswered");
        }
        let outcome = if copies > 0 {
            "delivered"
        } else if recipient.taken == 0 {
            "not taken"
        } else if may_be_dropped {
            "dropped, or kept"
        } else {
            "kept"
        };
        self.tally.count(&format!("{}/{outcome}", letter.kind));
        let is_kept = copies == 0 && recipient.taken > 0 && !may_be_dropped && !is_direct;
        if is_kept && !self.book.put_away(person, &letter.from, letter.begun) {
            self.kept.push((number, person));
        }
    }

    /// What was not asked for above is owed to nobody.
    fn nothing_else(&mut self) {
        let stray = self.reports.keys().map(|key| format!("a report that nobody is owed: {key:?}"));
        let unknown = self.statuses.iter().map(|(key, statuses)| format!("sent by nobody: {key:?} {statuses:?}"));
        let mut faults: Vec<_> = stray.chain(unknown).collect();
        for (number, person) in self.copies.keys() {
            let letter = &self.book.letters[*number];
            if !letter.recipients.iter().any(|recipient| recipient.place == Place::Mailbox(*person)) {
                faults.push(format!("{} lies in mailbox {person}, to whom it was not written", letter.subject));
            }
        }
        self.faults.extend(faults);
    }

    /// Whoever waits is shown, and nobody who is blocked.
    fn contact_lists(&mut self) {
        let last = self.end - Duration::from_mins(2);
        let kept: BTreeSet<_> = self.kept.iter().map(|(number, person)| (*person, self.book.letters[*number].from.clone())).collect();
        for (person, contacts) in self.contacts.iter().enumerate() {
            let shown: BTreeSet<_> = contacts.iter().map(|contact| contact.sender.to_string()).collect();
            for sender in &shown {
                let standing = self.book.standing(person, sender, last, self.end);
                let is_of_notice = contacts.iter().any(|contact| contact.sender.to_string() == *sender && !contact.is_pushed);
                if standing.surely_blocked()
                    || (is_of_notice && (standing.surely_in() || self.book.people[person].screening != Screening::On))
                {
                    self.faults.push(format!("{sender} is a contact attempt of {person}, and {standing:?}"));
                }
                self.tally.count("contact attempts");
            }
            for (_, sender) in kept.iter().filter(|(whose, sender)| *whose == person && !shown.contains(sender)) {
                self.faults.push(format!("{sender} waits among the pushed mail of {person}, and is not shown"));
            }
        }
    }

    /// What is kept aside comes out to the octet, when its owner takes all.
    fn open_the_kept(&mut self, users: &[User]) {
        let mailboxes: BTreeSet<_> = self.kept.iter().map(|(_, person)| *person).collect();
        for person in mailboxes {
            users[person].take_pushed(Legacy::Deliver);
            let mail = users[person].mail();
            for (number, _) in self.kept.iter().filter(|(_, whose)| *whose == person) {
                let letter = &self.book.letters[*number];
                let found: Vec<_> = mail.iter().filter(|mail| mail.subject == letter.subject).collect();
                let most = usize::try_from(letter.maybe).unwrap_or(0) + 1;
                if found.is_empty() || found.len() > most || !found.iter().all(|mail| is_behind_traces(&mail.octets, &letter.content)) {
                    self.faults.push(format!("{} was kept aside for {person}, and came out {} times", letter.subject, found.len()));
                }
                self.tally.count("kept, and let in at last");
            }
        }
    }
}
