//! The messages of a mailbox at one moment: cheap to copy, and quick to search by number and by UID.
//!
//! They stand in chunks that copies share. A change copies the chunk it falls into, and nothing else: a hundred sessions in
//! one large mailbox, and whoever remembers it for the next one, hold it once.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::{Changes, Message};
use crate::imap::flag::{Flag, Keyword};
use crate::imap::numbers::Numbers;

/// Messages in one chunk: so many are copied for one change.
const CHUNK_MESSAGES_MAX: usize = 256;

/// Different sets of flags that are kept once; more are rare, and cost their own memory.
const FLAG_SETS_MAX: usize = 500;

/// Messages in UID order, as of one modification sequence.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    chunks: Vec<Chunk>,
    modseq: u64,
    flag_sets: Arc<BTreeSet<Arc<BTreeSet<Flag>>>>,
}

#[derive(Debug, Clone)]
struct Chunk {
    /// How many stand in the chunks before.
    before: u32,
    /// At least one.
    messages: Arc<Vec<Message>>,
}

impl Chunk {
    fn last_uid(&self) -> u32 {
        self.messages.last().map_or(0, |message| message.uid.get())
    }

    fn end(&self) -> u32 {
        self.before.saturating_add(u32::try_from(self.messages.len()).unwrap_or(u32::MAX))
    }
}

impl Contents {
    /// How many there are.
    pub fn count(&self) -> u32 {
        self.chunks.last().map_or(0, Chunk::end)
    }

    /// Up to which change of the mailbox this is all.
    pub fn modseq(&self) -> u64 {
        self.modseq
    }

    /// All changes up to this one are in.
    pub fn reach(&mut self, modseq: u64) {
        self.modseq = self.modseq.max(modseq);
    }

    /// The message of this number, counted from 1.
    pub fn at(&self, number: u32) -> Option<&Message> {
        let place = number.checked_sub(1)?;
        let chunk = self.chunks.get(self.chunks.partition_point(|chunk| chunk.end() <= place))?;
        chunk.messages.get(usize::try_from(place.checked_sub(chunk.before)?).ok()?)
    }

    /// The message of this UID.
    pub fn get(&self, uid: u32) -> Option<&Message> {
        let (chunk, place) = self.find(uid)?;
        self.chunks.get(chunk)?.messages.get(place)
    }

    /// The number of this UID, counted from 1.
    pub fn number_of(&self, uid: u32) -> Option<NonZeroU32> {
        let (chunk, place) = self.find(uid)?;
        let before = self.chunks.get(chunk)?.before;
        NonZeroU32::new(before.saturating_add(u32::try_from(place).ok()?).saturating_add(1))
    }

    fn find(&self, uid: u32) -> Option<(usize, usize)> {
        let at = self.chunks.partition_point(|chunk| chunk.last_uid() < uid);
        let place = self.chunks.get(at)?.messages.binary_search_by_key(&uid, |message| message.uid.get()).ok()?;
        Some((at, place))
    }

    /// The last of them.
    pub fn last(&self) -> Option<&Message> {
        self.chunks.last()?.messages.last()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.chunks.iter().flat_map(|chunk| chunk.messages.iter())
    }

    /// Those with UIDs in this range.
    pub fn within(&self, uids: RangeInclusive<u32>) -> impl Iterator<Item = &Message> {
        let (from, to) = uids.into_inner();
        let first = self.chunks.partition_point(|chunk| chunk.last_uid() < from);
        let chunks = self.chunks.get(first..).unwrap_or_default();
        let messages = chunks.iter().enumerate().flat_map(move |(index, chunk)| {
            let skipped = if index == 0 { chunk.messages.partition_point(|message| message.uid.get() < from) } else { 0 };
            chunk.messages.get(skipped..).unwrap_or_default()
        });
        messages.take_while(move |message| message.uid.get() <= to)
    }

    /// Those with numbers in this range.
    pub fn numbered(&self, numbers: RangeInclusive<u32>) -> impl Iterator<Item = &Message> {
        let uid = |number: u32| self.at(number).map(|message| message.uid.get());
        let (from, to) = numbers.into_inner();
        // A range that nothing is in, where there is no such number.
        let (from, to) = match (uid(from), uid(to.min(self.count()))) {
            (Some(from), Some(to)) => (from, to),
            _ => (1, 0),
        };
        self.within(from..=to)
    }

    /// All keywords in use.
    pub fn keywords(&self) -> BTreeSet<Keyword> {
        let mut keywords = BTreeSet::new();
        let mut last: Option<&Arc<BTreeSet<Flag>>> = None;
        for message in self.iter() {
            // Most have the flags of the one before.
            if last.is_some_and(|last| Arc::ptr_eq(last, &message.flags)) {
                continue;
            }
            last = Some(&message.flags);
            for flag in message.flags.iter() {
                if let Flag::Keyword(keyword) = flag
                    && !keywords.contains(keyword)
                {
                    keywords.insert(keyword.clone());
                }
            }
        }
        keywords
    }

    /// Puts a message in its place, or in place of what was known of it.
    pub fn put(&mut self, mut message: Message) {
        message.flags = self.shared(message.flags);
        let uid = message.uid.get();
        if let Some((chunk, place)) = self.find(uid) {
            if let Some(known) = self.chunks.get_mut(chunk).and_then(|chunk| Arc::make_mut(&mut chunk.messages).get_mut(place)) {
                *known = message;
            }
            return;
        }
        let at = self.chunks.partition_point(|chunk| chunk.last_uid() < uid);
        let at = if at == self.chunks.len() { at.saturating_sub(1) } else { at };
        let is_last = at + 1 >= self.chunks.len();
        match self.chunks.get_mut(at) {
            Some(chunk) if chunk.messages.len() < CHUNK_MESSAGES_MAX => insert(&mut chunk.messages, message),
            Some(chunk) if is_last && chunk.last_uid() < uid => self.begin_chunk(message),
            Some(chunk) => {
                let messages = Arc::make_mut(&mut chunk.messages);
                let behind = messages.split_off(messages.len() / 2);
                let goes_behind = behind.first().is_some_and(|first| first.uid < message.uid);
                let mut behind = Chunk { before: 0, messages: Arc::new(behind) };
                insert(if goes_behind { &mut behind.messages } else { &mut chunk.messages }, message);
                self.chunks.insert(at + 1, behind);
            }
            None => self.begin_chunk(message),
        }
        if !is_last {
            self.count_anew();
        } else if let [.., before, last] = &mut self.chunks[..] {
            last.before = before.end();
        }
    }

    fn begin_chunk(&mut self, message: Message) {
        let before = self.count();
        self.chunks.push(Chunk { before, messages: Arc::new(vec![message]) });
    }

    /// Takes messages away.
    pub fn remove(&mut self, uids: &Numbers) {
        if uids.is_empty() {
            return;
        }
        for chunk in &mut self.chunks {
            let has = |message: &Message| uids.contains(message.uid.get());
            if chunk.messages.iter().any(has) {
                Arc::make_mut(&mut chunk.messages).retain(|message| !has(message));
            }
        }
        self.chunks.retain(|chunk| !chunk.messages.is_empty());
        self.count_anew();
    }

    /// Takes in what happened, for whoever is told nothing of it.
    pub fn apply(&mut self, changes: Changes) {
        for message in changes.changed {
            if self.get(message.uid.get()).is_none_or(|known| known.modseq <= message.modseq) {
                self.put(message);
            }
        }
        self.remove(&changes.vanished);
        self.reach(changes.modseq);
    }

    fn count_anew(&mut self) {
        let mut before = 0;
        for chunk in &mut self.chunks {
            chunk.before = before;
            before = chunk.end();
        }
    }

    /// The same flags, held once for all messages that have them.
    fn shared(&mut self, flags: Arc<BTreeSet<Flag>>) -> Arc<BTreeSet<Flag>> {
        if let Some(known) = self.flag_sets.get(&flags) {
            return Arc::clone(known);
        }
        if self.flag_sets.len() < FLAG_SETS_MAX {
            Arc::make_mut(&mut self.flag_sets).insert(Arc::clone(&flags));
        }
        flags
    }
}

fn insert(messages: &mut Arc<Vec<Message>>, message: Message) {
    let messages = Arc::make_mut(messages);
    let place = messages.partition_point(|other| other.uid < message.uid);
    messages.insert(place, message);
}
