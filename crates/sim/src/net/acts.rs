//! What people do: write, let in, keep out, take back.

use delivery::consent::EntryList;
use mail::address::Mailbox;

use super::book::{Act, Author, Habit, Letter, Place, What};
use super::cast;
use super::life::Life;
use crate::{Answer, Post};

/// Messages that may still be taken back, counted from the last.
const RECENT: usize = 12;

impl Life {
    pub(crate) fn write(&mut self) {
        let author = self.chance.index(self.book.people.len());
        self.write_as(author, false);
    }

    pub(crate) fn write_as(&mut self, author: usize, is_to_all: bool) {
        let number = self.book.letters.len();
        let written = cast::submission(&mut self.chance, &self.book, author, number, is_to_all);
        self.hand_in_new(written);
    }

    pub(crate) fn push(&mut self) {
        let number = self.book.letters.len();
        let written = cast::push(&mut self.chance, &self.book, number);
        self.hand_in_new(written);
    }

    fn hand_in_new(&mut self, written: Option<(Letter, Post)>) {
        let Some((letter, post)) = written else { return };
        self.book.letters.push(letter);
        self.hand_in(self.book.letters.len() - 1, post);
    }

    /// Somebody looks at who waits.
    pub(crate) fn decide(&mut self) {
        let whose = self.chance.index(self.book.people.len());
        let Some(person) = self.book.people.get(whose) else { return };
        let (user, habit) = (person.user.clone(), person.habit);
        if habit == Habit::Never || !self.sim.is_up(user.address.domain().as_str()) {
            return;
        }
        let Ok(waiting) = user.try_contacts() else { return };
        let mut who: Vec<Mailbox> = waiting.into_iter().map(|contact| contact.sender).collect();
        if habit == Habit::Daily {
            who.truncate(2);
            // Sometimes they think of somebody who does not wait.
            let other = self.chance.index(self.book.people.len());
            who.extend(self.book.people.get(other).filter(|_| self.chance.once_in(2)).map(|person| person.user.address()));
        }
        for who in who {
            match (habit, self.chance.below(6)) {
                (Habit::Daily, 0) => self.enter(whose, EntryList::Block, who),
                (Habit::Daily, 1) => self.dismiss(whose, who),
                _ => self.enter(whose, EntryList::Allow, who),
            }
        }
    }

    fn dismiss(&mut self, whose: usize, who: Mailbox) {
        let Some(user) = self.book.people.get(whose).map(|person| person.user.clone()) else { return };
        let from = self.sim.now();
        let address = who.to_string();
        let is_certain = user.try_dismiss(who).is_ok();
        self.book.act(whose, address, Act { what: What::Dismissed, from, to: self.sim.now(), is_certain });
    }

    fn enter(&mut self, whose: usize, list: EntryList, who: Mailbox) {
        let Some(user) = self.book.people.get(whose).map(|person| person.user.clone()) else { return };
        let from = self.sim.now();
        let address = who.to_string();
        let done = user.try_add(list, who);
        if done.as_ref().is_err_and(|error| error.ends_with("is down")) {
            return;
        }
        self.book.act(whose, address, Act { what: What::Entry(list), from, to: self.sim.now(), is_certain: done.is_ok() });
    }

    /// Somebody takes back what they wrote of late, and know to be kept.
    pub(crate) fn withdraw(&mut self) {
        let recent = self.book.letters.len().saturating_sub(RECENT);
        let number = recent + self.chance.index(self.book.letters.len() - recent);
        let Some(letter) = self.book.letters.get(number) else { return };
        let Author::Person(author) = letter.author else { return };
        let is_taken = letter.recipients.iter().any(|recipient| recipient.taken > 0);
        let user = self.book.people.get(author).filter(|_| is_taken).map(|person| person.user.clone());
        let subject = letter.subject.clone();
        let outcome = user.map(|user| user.try_take_back(&subject));
        if let (Some(outcome), Some(letter)) = (outcome, self.book.letters.get_mut(number)) {
            letter.withdrawals.push(outcome);
        }
    }

    /// Writing to somebody lets them answer.
    pub(crate) fn note_correspondence(&mut self, number: usize, answer: &Answer) {
        let Some(letter) = self.book.letters.get(number) else { return };
        let Author::Person(author) = letter.author else { return };
        if letter.is_to_list {
            return;
        }
        let mut is_certain = *answer == Answer::Taken;
        if matches!(answer, Answer::NotSent(_)) || matches!(answer, Answer::Refused(reply) if !reply.starts_with('4')) {
            return;
        }
        // Their server may have been put back to before it heard of this, and nobody had told the book of it yet.
        is_certain &= !self.book.restores.iter().any(|restore| restore.server == letter.server && restore.at >= letter.begun);
        let act = Act { what: What::WroteThere, from: letter.begun, to: letter.answered, is_certain };
        let own = letter.from.clone();
        let address = |place: Place, address: &String| if place == Place::Mailbox(author) { own.clone() } else { address.clone() };
        let recipients = letter.recipients.iter().filter(|recipient| !recipient.is_refused);
        let who: Vec<_> = recipients.map(|recipient| address(recipient.place, &recipient.address)).collect();
        for who in who {
            self.book.act(author, who, act.clone());
        }
    }
}
