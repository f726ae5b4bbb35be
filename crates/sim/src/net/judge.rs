//! What must hold when a network is at rest; found out from outside, by the book and by what crossed the wires.
//!
//! The rule for a server that was put back to an old backup: what it did since the backup may be forgotten, by it alone.
//! So a message that it had answered for may be unknown to it, a message that it had stored may be missing from its
//! mailbox (and its origin still says, rightly, that it was delivered), what its people decided may have to be decided
//! again, and a message that was relayed may be relayed again. Nothing lies anywhere twice all the same, nobody else
//! forgets anything, and every word to an author is true of what the servers hold, or held before. What it had answered for
//! before the backup it knows, and what it had confirmed before the backup lies there.

pub(crate) mod kept;
mod list;
mod reports;
mod rest;
mod told;
mod wires;

use std::collections::BTreeMap;

use delivery::report::SentStatus;

use super::Finding;
use super::book::Author;
use super::life::Life;
use super::trace;
use crate::{Mail, Sent};

/// Readings of one mailbox.
const READINGS_MAX: u32 = 20;

/// What was found at rest.
pub(crate) struct Evidence {
    /// What each author is told of each letter to each recipient: with the ids of the notices.
    told: BTreeMap<(usize, String), Vec<Sent>>,
    /// Copies of each letter in each mailbox.
    copies: BTreeMap<(usize, usize), Vec<Mail>>,
    /// Reports to the author on each letter: recipient and action.
    reports: BTreeMap<(usize, String, String), usize>,
    /// What else lies in mailboxes.
    others: Vec<(usize, Mail)>,
    /// Of all messages there ever were, the most that a server lets wait.
    findings: Vec<(Option<usize>, String)>,
}

impl Evidence {
    fn note(&mut self, letter: usize, what: String) {
        self.findings.push((Some(letter), what));
    }

    fn note_all(&mut self, what: impl IntoIterator<Item = String>) {
        self.findings.extend(what.into_iter().map(|what| (None, what)));
    }

    /// The ids of the notices of a letter to one recipient.
    fn ids(&self, letter: usize, recipient: &str) -> Vec<String> {
        self.told.get(&(letter, recipient.to_owned())).into_iter().flatten().map(|sent| sent.id.clone()).collect()
    }

    /// What an author is told.
    fn statuses(&self, letter: usize, recipient: &str) -> Vec<SentStatus> {
        self.told.get(&(letter, recipient.to_owned())).into_iter().flatten().map(|sent| sent.status).collect()
    }
}

/// Everything that is wrong. At the very end nothing is under way any more.
pub(crate) fn judge(life: &mut Life, is_the_end: bool) -> Vec<Finding> {
    // Before questions are asked.
    let memory = life.memory_too_much();
    let mut evidence = gather(life);
    evidence.note_all(memory);
    rest::check(life, &mut evidence);
    list::check(life, &mut evidence);
    told::check(life, &mut evidence, is_the_end);
    kept::check(life, &mut evidence);
    reports::check(life, &mut evidence);
    wires::check(life, &mut evidence);
    let forged = life.forger.successes();
    evidence.note_all(forged);
    let violations = life.sim.violations();
    evidence.note_all(violations);
    let ids = |letter: Option<usize>| -> Vec<String> {
        let of = |(number, _): &&(usize, String)| letter == Some(*number);
        evidence.told.iter().filter(|(key, _)| of(key)).flat_map(|(_, sent)| sent).map(|sent| sent.id.clone()).collect()
    };
    let journal = life.sim.journal();
    let find = |(letter, what): &(Option<usize>, String)| {
        let subject = letter.map(|number| format!("m{number}"));
        Finding { what: what.clone(), trace: trace::of(&journal, subject.as_deref(), &ids(*letter)) }
    };
    evidence.findings.iter().map(find).collect()
}

fn gather(life: &mut Life) -> Evidence {
    let (told, copies, reports, others) = Default::default();
    let mut evidence = Evidence { told, copies, reports, others, findings: vec![] };
    for person in 0..life.book.people.len() {
        let Some(user) = life.book.people.get(person).map(|found| found.user.clone()) else { continue };
        let mut reading = (user.sent(), user.mail());
        for _ in 0..READINGS_MAX {
            let again = user.sent();
            if again == reading.0 {
                break;
            }
            reading = (again, user.mail());
        }
        let (sent, mail) = reading;
        for sent in sent {
            match life.book.letter_of(&sent.subject) {
                Some(letter) => evidence.told.entry((letter, sent.recipient.clone())).or_default().push(sent),
                None => evidence.note_all([format!("{:?} of {} was never handed in", sent.subject, user.address())]),
            }
        }
        for mail in mail {
            sort(life, &mut evidence, person, mail);
        }
    }
    evidence
}

fn sort(life: &Life, evidence: &mut Evidence, person: usize, mail: Mail) {
    if let Some(letter) = life.book.letter_of(&mail.subject) {
        evidence.copies.entry((letter, person)).or_default().push(mail);
        return;
    }
    let Some((letter, actions)) = reports::read(&life.book, &mail.octets) else {
        evidence.others.push((person, mail));
        return;
    };
    if life.book.letters.get(letter).is_none_or(|found| found.author != Author::Person(person)) {
        evidence.note(letter, format!("mailbox {person} has a report on m{letter}, which is not theirs"));
    }
    for (recipient, action) in actions {
        *evidence.reports.entry((letter, recipient, action)).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sim;
    use crate::net::steer::Steer;

    /// What a server had when its backup was made must be there when it was put back: for each, a network in which something
    /// is there, and is missed when it is taken out of what was found.
    #[test]
    fn what_a_backup_held_is_missed() {
        let (mut mail_missed, mut messages_missed) = (0, 0);
        for seed in 0..8 {
            let sim = Sim::seeded(seed);
            sim.0.is_judged.set(true);
            let mut life = Life::begin(sim, seed);
            life.pass(Steer::OldBackups);
            let mut evidence = gather(&mut life);
            list::check(&life, &mut evidence);
            told::check(&life, &mut evidence, false);
            assert_eq!(evidence.findings, []);
            evidence.copies.clear();
            told::check(&life, &mut evidence, false);
            let of_restored = |letter: &Option<usize>| {
                let letter = letter.and_then(|number| life.book.letters.get(number));
                letter.is_some_and(|letter| (0..life.tasks_at_rest.len()).any(|server| life.book.may_be_missing(letter, server)))
            };
            mail_missed +=
                evidence.findings.iter().filter(|(letter, what)| of_restored(letter) && what.ends_with("lies there 0 times")).count();
            evidence.findings.clear();
            evidence.told.clear();
            told::check(&life, &mut evidence, false);
            let of_origin = |letter: &Option<usize>| {
                let letter = letter.and_then(|number| life.book.letters.get(number));
                letter.is_some_and(|letter| life.book.may_be_forgotten(letter))
            };
            messages_missed += evidence.findings.iter().filter(|(letter, what)| of_origin(letter) && what.ends_with("knows []")).count();
        }
        assert!(mail_missed > 10 && messages_missed > 10, "{mail_missed} {messages_missed}");
    }
}
