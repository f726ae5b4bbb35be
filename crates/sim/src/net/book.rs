//! The account book of a network: what was handed in, what was answered, who decided what; kept from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::consent::{EntryList, Legacy, Screening};
use mail::time::Timestamp;

use super::list::LIST_SENDER;
use crate::standing::standing;
pub(crate) use crate::standing::{Act, Possible, What};
use crate::{Answer, User};

/// How somebody treats those who wait to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Lets everybody in as soon as they are seen.
    AtOnce,
    /// Looks now and then, lets some in, blocks and dismisses others.
    Daily,
    /// Never looks.
    Never,
}

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) user: User,
    pub(crate) address: String,
    /// Which server is theirs.
    pub(crate) server: usize,
    pub(crate) screening: Screening,
    pub(crate) legacy: Legacy,
    pub(crate) habit: Habit,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// Of this number.
    Person(usize),
    /// Somebody whose server has no extension.
    Elsewhere,
}

/// Where a recipient's mail should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Into the mailbox of the person of this number.
    Mailbox(usize),
    /// To the server without the extension.
    Elsewhere,
    /// To the peer that misbehaves.
    Hostile,
    /// Nowhere: nobody has that address.
    Nowhere,
}

#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) address: String,
    pub(crate) place: Place,
    /// The final reply was 250, so often.
    pub(crate) taken: u32,
    /// Refused for good.
    pub(crate) is_refused: bool,
}

/// One message.
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) author: Author,
    /// From, as an address.
    pub(crate) from: String,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) content: Vec<u8>,
    /// The server that it was handed to.
    pub(crate) server: usize,
    /// When it was first handed in.
    pub(crate) begun: Timestamp,
    /// When the last word on it came.
    pub(crate) answered: Timestamp,
    /// Times that it may have been taken, and nobody said so.
    pub(crate) maybe: u32,
    /// What came of taking it back.
    pub(crate) withdrawals: Vec<Result<bool, String>>,
    pub(crate) attempts: u32,
    /// It has a List-Id: nobody is let in by its being written.
    pub(crate) is_to_list: bool,
}

impl Letter {
    /// What the client heard.
    pub(crate) fn hear(&mut self, answer: &Answer, at: Timestamp) {
        self.answered = at;
        match answer {
            Answer::Unknown(_) => self.maybe += 1,
            // Somebody may have it: the disk failed when it was kept, or the other recipients did.
            Answer::Refused(reply) if reply.starts_with('4') => self.maybe += 1,
            Answer::Taken | Answer::Refused(_) | Answer::NotSent(_) => {}
        }
    }
}

/// A server that was put back to what a backup held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restore {
    pub(crate) server: usize,
    /// When the backup was made.
    pub(crate) from: Timestamp,
    /// When it was restored.
    pub(crate) at: Timestamp,
}

/// What DNS said of a domain that was not so.
struct Lie {
    domain: String,
    /// When it ended.
    to: Option<Timestamp>,
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) people: Vec<Person>,
    pub(crate) letters: Vec<Letter>,
    pub(crate) restores: Vec<Restore>,
    lies: Vec<Lie>,
    acts: BTreeMap<(usize, String), Vec<Act>>,
    /// What people have decided about the list by its List-Id, once and for all.
    pub(crate) list_entries: BTreeMap<usize, EntryList>,
}

impl Book {
    pub(crate) fn of(people: Vec<Person>) -> Self {
        Self { people, ..Self::default() }
    }

    pub(crate) fn person(&self, address: &str) -> Option<usize> {
        self.people.iter().position(|person| person.address == address)
    }

    /// The letter of a Subject.
    pub(crate) fn letter_of(&self, subject: &str) -> Option<usize> {
        let number = subject.strip_prefix('m')?.parse().ok()?;
        (number < self.letters.len()).then_some(number)
    }

    pub(crate) fn act(&mut self, whose: usize, who: String, act: Act) {
        self.acts.entry((whose, who)).or_default().push(act);
    }

    /// How many acts of all people are known.
    pub(crate) fn acts_known(&self) -> u64 {
        let leaves_rows = |act: &&Act| act.what != What::Dismissed;
        self.acts.values().map(|acts| u64::try_from(acts.iter().filter(leaves_rows).count()).unwrap_or(u64::MAX)).sum()
    }

    /// DNS says something of a domain that is not so.
    pub(crate) fn note_lie(&mut self, domain: &str) {
        self.lies.push(Lie { domain: domain.to_owned(), to: None });
    }

    /// DNS tells the truth again.
    pub(crate) fn note_truth(&mut self, at: Timestamp) {
        self.lies.iter_mut().for_each(|lie| lie.to = lie.to.or(Some(at)));
    }

    /// Whether DNS lied of a domain since then, or shortly before: what was heard is believed for a while.
    pub(crate) fn was_lied_of(&self, address: &str, since: Timestamp, believed: Duration) -> bool {
        let is_of = |lie: &&Lie| address.rsplit_once('@').is_some_and(|(_, domain)| domain == lie.domain);
        self.lies.iter().filter(is_of).any(|lie| lie.to.is_none_or(|to| to + believed >= since))
    }

    /// A server is put back: what its people decided since its backup may be forgotten.
    pub(crate) fn note_restore(&mut self, restore: Restore) {
        for ((whose, _), acts) in &mut self.acts {
            if self.people.get(*whose).is_some_and(|person| person.server == restore.server) {
                acts.iter_mut().filter(|act| act.to >= restore.from).for_each(|act| act.is_certain = false);
            }
        }
        self.restores.push(restore);
    }

    /// Whether the origin of this letter may have forgotten something of it: it was put back to before its last word.
    pub(crate) fn may_be_forgotten(&self, letter: &Letter) -> bool {
        self.restores.iter().any(|restore| restore.server == letter.server && letter.begun <= restore.at)
    }

    /// Whether a server still has what it stored at some moment between these two: it was not put back from later to before it.
    pub(crate) fn surely_holds(&self, server: usize, since: Timestamp, until: Timestamp) -> bool {
        !self.restores.iter().any(|restore| restore.server == server && restore.from <= until && since <= restore.at)
    }

    /// Whether a server may have forgotten that it stored this letter: it was put back since it was written.
    pub(crate) fn may_be_missing(&self, letter: &Letter, server: usize) -> bool {
        self.was_restored(server, letter.begun)
    }

    /// Whether a server was put back since then.
    pub(crate) fn was_restored(&self, server: usize, since: Timestamp) -> bool {
        self.restores.iter().any(|restore| restore.server == server && since <= restore.at)
    }

    /// How somebody may have stood with the owner of a mailbox at any moment between these two.
    pub(crate) fn standing(&self, whose: usize, who: &str, from: Timestamp, to: Timestamp) -> Possible {
        let by_list = self.list_entries.get(&whose).filter(|_| who == LIST_SENDER).copied();
        self.standing_behind(by_list, whose, who, from, to)
    }

    /// The same for a letter. Only the list's own domain is let in by its List-Id; a block takes everybody at their word.
    pub(crate) fn standing_of(&self, letter: &Letter, whose: usize, from: Timestamp, to: Timestamp) -> Possible {
        let is_blocked = letter.is_to_list && self.list_entries.get(&whose) == Some(&EntryList::Block);
        self.standing_behind(is_blocked.then_some(EntryList::Block), whose, &letter.from, from, to)
    }

    fn standing_behind(&self, by_list: Option<EntryList>, whose: usize, who: &str, from: Timestamp, to: Timestamp) -> Possible {
        let acts = self.acts.get(&(whose, who.to_owned())).map_or(&[][..], Vec::as_slice);
        // Behind every entry for the address comes that for the list.
        let is_open = self.people.get(whose).is_none_or(|person| person.screening != Screening::On);
        standing(acts, by_list.or(is_open.then_some(EntryList::Allow)), from, to)
    }

    /// Whether the owner may have let somebody in between these two moments.
    pub(crate) fn may_have_released(&self, whose: usize, who: &str, from: Timestamp, to: Timestamp) -> bool {
        let acts = self.acts.get(&(whose, who.to_owned())).map_or(&[][..], Vec::as_slice);
        acts.iter().any(|act| act.what == What::Entry(EntryList::Allow) && act.to >= from && act.from <= to)
    }

    /// Whether the owner let somebody in after that moment, for certain.
    pub(crate) fn has_released(&self, whose: usize, who: &str, since: Timestamp) -> bool {
        let acts = self.acts.get(&(whose, who.to_owned())).map_or(&[][..], Vec::as_slice);
        acts.iter().any(|act| act.what == What::Entry(EntryList::Allow) && act.is_certain && act.from >= since)
    }

    /// Whether the owner may have put away what waited from somebody after that moment.
    pub(crate) fn may_have_dismissed(&self, whose: usize, who: &str, since: Timestamp) -> bool {
        let acts = self.acts.get(&(whose, who.to_owned())).map_or(&[][..], Vec::as_slice);
        acts.iter().any(|act| act.what == What::Dismissed && act.to >= since)
    }

    /// Whether a pushed letter that was taken for this mailbox is there for certain, in the mailbox or beside it: nobody who
    /// may decide so put it away, and its server was not put back to before it.
    pub(crate) fn is_surely_there(&self, letter: &Letter, whose: usize, now: Timestamp) -> bool {
        let Some(owner) = self.people.get(whose) else { return false };
        let is_of_blocked_list = letter.is_to_list && self.list_entries.get(&whose) == Some(&EntryList::Block);
        let is_blocked = self.standing(whose, &letter.from, letter.begun, now).is_blocked || is_of_blocked_list;
        let is_put_away = is_blocked || self.may_have_dismissed(whose, &letter.from, letter.begun);
        !is_put_away && self.surely_holds(owner.server, letter.begun, letter.answered)
    }
}
