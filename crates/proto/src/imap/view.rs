//! What a client has been told of the mailbox it has open, and what it is still to be told (RFC 9051 section 7.5).
//!
//! The client counts messages, and so do we: the number of a message is its place among those that the client was told of
//! and not yet told the end of. Numbers change only when a message's end is told, and that waits while an answer speaks in
//! numbers (RFC 9051 section 7.5.1).

mod contents;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::command::Numbering;
use super::flag::{Flag, Keyword};
use super::numbers::Numbers;
use super::response::fetch::{Fetched, FetchedValue};
use super::response::{Data, Vanishing};
use super::sequence_set::Messages;
use super::server::Extension;

pub use contents::Contents;

/// One message, as its mailbox has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name in the mailbox.
    pub uid: NonZeroU32,
    /// Its last change.
    pub modseq: u64,
    /// Its flags; shared by messages that have the same.
    pub flags: Arc<BTreeSet<Flag>>,
}

/// What happened to a mailbox after what was known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Messages that came, or whose flags changed, in UID order.
    pub changed: Vec<Message>,
    /// UIDs of messages that are gone.
    pub vanished: Numbers,
    /// Up to which change this is all.
    pub modseq: u64,
}

/// Whether the end of a message may be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renumbering {
    /// It may.
    May,
    /// It waits.
    MayNot,
}

/// Whether changes of flags may be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagChanges {
    /// They are.
    Now,
    /// The client has not asked to hear of them at once: they wait for its next command (RFC 5465 section 5.1).
    Later,
}

/// One thing that the client is told, in the order in which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The message of this number, and of this UID, is gone; those behind it have a number less.
    Expunged(NonZeroU32, NonZeroU32),
    /// All flags that are in use: there are some that the client does not know.
    Flags(Vec<Flag>),
    /// How many messages there are now; the UIDs of those that the client does not know.
    Exists(u32, Numbers),
    /// The flags of a message are these.
    Changed(NonZeroU32, Message),
    /// How many messages no other client was told of before.
    Recent(u32),
}

/// The messages that a client knows of.
#[derive(Debug, Clone, Default)]
pub struct View {
    contents: Contents,
    /// Those of them that are gone, which the client has not been told.
    gone: Numbers,
    /// Those of them whose flags have changed, which the client has not been told.
    changed: Numbers,
    /// Up to which change all was told before the first of these; only while there are some.
    told_before_waiting: u64,
    /// What was told by FLAGS.
    keywords: BTreeSet<Keyword>,
    /// UIDs of messages of which this client was told before any other (RFC 3501 section 2.3.2).
    recent: Numbers,
}

/// A sequence number above that of the last message: the client's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mailbox has {count} messages, and none of number {number}")]
pub struct NoSuchNumber {
    /// The largest that was named.
    pub number: u32,
    /// How many there are.
    pub count: u32,
}

impl View {
    /// The view of a client that is told of all of these.
    pub fn new(contents: Contents) -> Self {
        let keywords = contents.keywords();
        Self {
            contents,
            gone: Numbers::default(),
            changed: Numbers::default(),
            told_before_waiting: 0,
            keywords,
            recent: Numbers::default(),
        }
    }

    /// The messages, those that are gone and not yet told so included.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The UIDs of the messages that are not gone, in order.
    pub fn present(&self) -> impl DoubleEndedIterator<Item = NonZeroU32> {
        self.contents.iter().map(|message| message.uid).filter(|uid| !self.gone.contains(uid.get()))
    }

    /// How many messages the client counts.
    pub fn count(&self) -> u32 {
        self.contents.count()
    }

    /// Up to which change of the mailbox this view has learnt.
    pub fn modseq(&self) -> u64 {
        self.contents.modseq()
    }

    /// Up to which change the client was told all. From here it misses nothing, should it be lost and come back: not the
    /// end of a message either that waits to be told (RFC 7162 section 6).
    pub fn told_to(&self) -> u64 {
        if self.gone.is_empty() && self.changed.is_empty() { self.modseq() } else { self.told_before_waiting }
    }

    /// What a client that comes back may know and that names no message here: of those UIDs that vanished since it left, or,
    /// where that is forgotten, of all below the one that comes next (RFC 7162 section 3.2.5.1).
    #[must_use]
    pub fn gone_before(&self, vanished: Option<&Numbers>, known: Option<&Numbers>, uid_next: u32) -> Numbers {
        // What went after the mailbox was opened is here still, and is told as it goes.
        let is_gone = |uid: &u32| self.contents.get(*uid).is_none();
        let (below, all) = (1..=uid_next.saturating_sub(1), (NonZeroU32::MIN, NonZeroU32::MAX));
        let may_know = known.cloned().unwrap_or_else(|| Numbers::of_ranges([all]));
        let named = match vanished {
            Some(vanished) => vanished.iter().filter(|uid| may_know.contains(*uid)).filter(is_gone).collect::<Vec<_>>(),
            None => may_know.within(&below).iter().filter(is_gone).collect(),
        };
        named.into_iter().filter_map(NonZeroU32::new).collect()
    }

    /// The UID of a number.
    pub fn uid_of(&self, number: u32) -> Option<u32> {
        self.contents.at(number).map(|message| message.uid.get())
    }

    /// The number of a UID.
    pub fn number_of(&self, uid: u32) -> Option<NonZeroU32> {
        self.contents.number_of(uid)
    }

    /// The message of a UID.
    pub fn message(&self, uid: u32) -> Option<&Message> {
        self.contents.get(uid)
    }

    /// Whether the message of a UID is gone, and the client not yet told so.
    pub fn is_gone(&self, uid: u32) -> bool {
        self.gone.contains(uid)
    }

    /// Of the messages of these UIDs, this client was told before any other.
    pub fn make_recent(&mut self, from: NonZeroU32, to: NonZeroU32) {
        self.recent = self.recent.with(&Numbers::of_ranges([(from, to)]));
    }

    /// The UIDs of which this client was told before any other, those of messages that went included.
    pub fn recent(&self) -> &Numbers {
        &self.recent
    }

    /// How many messages this client was told of before any other.
    pub fn recent_count(&self) -> u32 {
        let count = self.recent.ranges().map(|range| self.contents.within(range).count()).sum::<usize>();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// A message with its flags as this client is told them.
    #[must_use]
    pub fn as_told(&self, message: &Message) -> Message {
        let mut told = message.clone();
        if self.recent.contains(told.uid.get()) {
            Arc::make_mut(&mut told.flags).insert(Flag::Recent);
        }
        told
    }

    /// All flags in use: those of the system, and every keyword.
    pub fn flags(&self) -> Vec<Flag> {
        let system = [Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];
        system.into_iter().chain(self.keywords.iter().cloned().map(Flag::Keyword)).collect()
    }

    /// The UIDs of the messages that a command means, in order. UIDs of no message mean nothing (RFC 9051 section 6.4.9).
    ///
    /// # Errors
    /// A sequence number is that of no message.
    pub fn resolve(&self, messages: &Messages, numbering: Numbering, saved: &[u32]) -> Result<Vec<u32>, NoSuchNumber> {
        let last = match numbering {
            Numbering::Sequence => NonZeroU32::new(self.count()),
            Numbering::Uid => self.contents.last().map(|message| message.uid),
        };
        let numbers = match messages {
            Messages::Saved => return Ok(saved.iter().copied().filter(|uid| self.contents.get(*uid).is_some()).collect()),
            Messages::Set(set) => set.resolve(last),
        };
        match numbering {
            Numbering::Sequence => {
                let (count, largest) = (self.count(), numbers.last().unwrap_or_default());
                if largest > count {
                    return Err(NoSuchNumber { number: largest, count });
                }
                Ok(self.uids(numbers.ranges(), Contents::numbered))
            }
            Numbering::Uid => Ok(self.uids(numbers.ranges(), Contents::within)),
        }
    }

    fn uids<'a, I: Iterator<Item = &'a Message>>(
        &'a self,
        ranges: impl Iterator<Item = RangeInclusive<u32>>,
        find: impl Fn(&'a Contents, RangeInclusive<u32>) -> I,
    ) -> Vec<u32> {
        ranges.flat_map(|range| find(&self.contents, range)).map(|message| message.uid.get()).collect()
    }

    /// The client was told this of a message, in an answer to its own command: it is not told again.
    pub fn note(&mut self, message: Message) {
        if self.contents.get(message.uid.get()).is_some_and(|known| known.modseq < message.modseq) {
            self.contents.put(message);
        }
    }

    /// Everything that this change did is noted. If it is the next one, there is nothing to be learnt of it any more.
    pub fn note_end_of(&mut self, change: u64) {
        if self.modseq().checked_add(1) == Some(change) {
            self.contents.reach(change);
        }
    }

    /// Keywords of a message that the client does not know yet, as FLAGS tells them; to be told before the message's flags.
    pub fn new_keywords(&mut self, flags: &BTreeSet<Flag>) -> Option<Told> {
        let before = self.keywords.len();
        for flag in flags {
            if let Flag::Keyword(keyword) = flag
                && !self.keywords.contains(keyword)
            {
                self.keywords.insert(keyword.clone());
            }
        }
        (self.keywords.len() > before).then(|| Told::Flags(self.flags()))
    }

    /// Takes in what happened. Returns what the client is told of it now, in order.
    pub fn learn(&mut self, changes: Changes, renumbering: Renumbering, flags: FlagChanges) -> Vec<Told> {
        let mut told = Vec::new();
        // Of what waits already, the first counts.
        self.told_before_waiting = self.told_to();
        let vanished = changes.vanished.ranges().flat_map(|range| self.contents.within(range));
        self.gone = self.gone.with(&vanished.map(|message| message.uid).collect());
        if renumbering == Renumbering::May {
            told.extend(self.tell_the_gone());
        }
        let known = self.contents.last().map_or(0, |message| message.uid.get());
        let (mut new, mut changed) = (Numbers::default(), Vec::new());
        for message in changes.changed {
            if message.uid.get() > known {
                // It came and went before the client heard of it, if it is also among those that vanished.
                if !changes.vanished.contains(message.uid.get()) {
                    told.extend(self.new_keywords(&message.flags));
                    new.insert(message.uid);
                    self.contents.put(message);
                }
            } else if self.contents.get(message.uid.get()).is_some_and(|before| before.modseq < message.modseq) {
                changed.push(message.uid);
                self.contents.put(message);
            }
        }
        self.changed = self.changed.with(&changed.into_iter().collect());
        self.contents.reach(changes.modseq);
        let changed = if flags == FlagChanges::Now { std::mem::take(&mut self.changed) } else { Numbers::default() };
        let changed: Vec<Message> = changed.iter().filter_map(|uid| self.contents.get(uid).cloned()).collect();
        for message in &changed {
            told.extend(self.new_keywords(&message.flags));
        }
        if !new.is_empty() {
            told.push(Told::Exists(self.count(), new));
        }
        let number = |message: Message| Some(Told::Changed(self.contents.number_of(message.uid.get())?, self.as_told(&message)));
        told.extend(changed.into_iter().filter_map(number));
        told
    }

    /// What waited and may be told now.
    pub fn tell_what_waits(&mut self, renumbering: Renumbering, flags: FlagChanges) -> Vec<Told> {
        self.learn(Changes { modseq: self.modseq(), ..Changes::default() }, renumbering, flags)
    }

    fn tell_the_gone(&mut self) -> Vec<Told> {
        let gone = std::mem::take(&mut self.gone);
        // From the last to the first: no number that is told depends on another.
        let told = gone.iter().rev().filter_map(|uid| Some(Told::Expunged(self.contents.number_of(uid)?, NonZeroU32::new(uid)?))).collect();
        self.contents.remove(&gone);
        told
    }
}

impl Told {
    /// As it is written to a client that has enabled these: messages that are gone together are told together.
    pub fn responses(told: Vec<Self>, has: impl Fn(Extension) -> bool) -> Vec<Data> {
        // RFC 7162 section 3.2.10, RFC 9586 section 3.
        let by_uid = has(Extension::Qresync) || has(Extension::UidOnly);
        let vanished: Numbers = told.iter().filter_map(|one| if let Self::Expunged(_, uid) = one { Some(*uid) } else { None }).collect();
        let mut data = Vec::new();
        if by_uid && !vanished.is_empty() {
            data.push(Data::Vanished(Vanishing::Now, vanished));
        }
        data.extend(told.into_iter().filter_map(|one| match one {
            Self::Expunged(number, _) => (!by_uid).then_some(Data::Expunge(number)),
            Self::Flags(flags) => Some(Data::Flags(flags)),
            Self::Exists(count, _) => Some(Data::Exists(count)),
            Self::Recent(count) => Some(Data::Recent(count)),
            Self::Changed(number, message) => Some(Data::Fetch(message.flags_told(number, &has))),
        }));
        data
    }
}

impl Message {
    /// Its flags, as they are told without being asked for.
    pub fn flags_told(&self, number: NonZeroU32, has: &impl Fn(Extension) -> bool) -> Fetched {
        let (number, numbering) = if has(Extension::UidOnly) { (self.uid, Numbering::Uid) } else { (number, Numbering::Sequence) };
        let mut values = vec![FetchedValue::Flags(self.flags.iter().cloned().collect())];
        // RFC 7162 sections 3.1.4 and 3.2.4; with UIDFETCH the UID stands in front (RFC 9586 section 3.3).
        if has(Extension::CondStore) {
            values.push(FetchedValue::ModSeq(self.modseq));
        }
        if numbering == Numbering::Sequence && (has(Extension::Qresync) || has(Extension::Rev2)) {
            values.insert(0, FetchedValue::Uid(self.uid));
        }
        Fetched { number, numbering, values }
    }
}

#[cfg(test)]
mod tests;
