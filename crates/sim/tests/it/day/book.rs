//! The account book: what was handed in, to whom, what was answered, who decided what; kept by the test alone.

use std::collections::BTreeMap;

use delivery::consent::{EntryList, Legacy, Screening};
use mail::time::Timestamp;
use sim::Answer;
use sim::standing::standing;
pub(crate) use sim::standing::{Act, Possible, What};

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) address: String,
    pub(crate) screening: Screening,
    pub(crate) legacy: Legacy,
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Author {
    /// Of this number.
    Person(usize),
    /// Somebody at the server without the extension.
    Elsewhere,
}

/// Where a recipient's mail should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Into the mailbox of the person of this number.
    Mailbox(usize),
    /// To the server without the extension.
    Elsewhere,
    /// Nowhere: nobody has that address.
    Nowhere,
}

#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) address: String,
    pub(crate) place: Place,
    /// NOTIFY, if it was said.
    pub(crate) notify: Option<&'static str>,
    /// The final reply was 250, so often.
    pub(crate) taken: u32,
    /// Refused for good.
    pub(crate) refused: bool,
}

/// One message.
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) kind: &'static str,
    pub(crate) author: Author,
    /// From, as an address.
    pub(crate) from: String,
    pub(crate) reverse_path: String,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) content: Vec<u8>,
    /// The server that it was handed to.
    pub(crate) server: &'static str,
    /// When it was first handed in.
    pub(crate) begun: Timestamp,
    /// When the last word on it came.
    pub(crate) answered: Timestamp,
    /// Taken for certain.
    pub(crate) is_taken: bool,
    /// Times that it may have been taken, and nobody said so.
    pub(crate) maybe: u32,
    pub(crate) withdrawals: Vec<Result<bool, String>>,
    pub(crate) attempts: u32,
    /// The message that it is a report on.
    pub(crate) bounce_of: Option<usize>,
}

impl Letter {
    /// What the client heard.
    pub(crate) fn hear(&mut self, answer: &Answer, at: Timestamp) {
        self.answered = at;
        match answer {
            Answer::Taken => self.is_taken = true,
            Answer::Unknown(_) => self.maybe += 1,
            // Some of several recipients may have it.
            Answer::Refused(reply) if reply.starts_with('4') => self.maybe += 1,
            Answer::Refused(_) | Answer::NotSent(_) => {}
        }
    }

    pub(crate) fn wishes(&self, recipient: &Recipient, wish: &str) -> bool {
        !self.reverse_path.is_empty() && recipient.notify.map_or(wish != "SUCCESS", |notify| notify.contains(wish))
    }
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) people: Vec<Person>,
    pub(crate) letters: Vec<Letter>,
    pub(crate) acts: BTreeMap<(usize, String), Vec<Act>>,
    /// When a server died, or was killed.
    pub(crate) deaths: Vec<(&'static str, Timestamp)>,
    /// Subjects by message.
    pub(crate) by_subject: BTreeMap<String, usize>,
}

impl Book {
    pub(crate) fn act(&mut self, whose: usize, who: String, act: Act) {
        self.acts.entry((whose, who)).or_default().push(act);
    }

    fn acts_of(&self, whose: usize, who: &str) -> &[Act] {
        self.acts.get(&(whose, who.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// How somebody may have stood with the owner of a mailbox at any moment between these two.
    pub(crate) fn standing(&self, whose: usize, who: &str, from: Timestamp, to: Timestamp) -> Possible {
        let is_open = self.people[whose].screening != Screening::On;
        standing(self.acts_of(whose, who), is_open.then_some(EntryList::Allow), from, to)
    }

    /// Whether the owner let somebody in between these two moments: surely, perhaps.
    pub(crate) fn released(&self, whose: usize, who: &str, from: Timestamp, to: Timestamp) -> (bool, bool) {
        let allowed = self.acts_of(whose, who).iter().filter(|act| act.what == What::Entry(EntryList::Allow));
        let surely = allowed.clone().any(|act| act.is_certain && act.from >= from && act.to <= to);
        (surely, allowed.clone().any(|act| act.to >= from && act.from <= to))
    }

    /// Whether anything was put away between.
    pub(crate) fn put_away(&self, whose: usize, who: &str, from: Timestamp) -> bool {
        let acts = self.acts_of(whose, who).iter();
        acts.filter(|act| matches!(act.what, What::Dismissed | What::Entry(EntryList::Block))).any(|act| act.to >= from)
    }

    /// Whether a server died between these moments.
    pub(crate) fn died_between(&self, server: &str, from: Timestamp, to: Timestamp) -> bool {
        self.deaths.iter().any(|(name, at)| *name == server && *at >= from && *at <= to)
    }
}
