//! What a search asks, in an order of cost: what the client knows of a message, what its item says, when it was sent, its text.
//!
//! A question that is not answered yet is `None`, and `OR`, `NOT` and the rest are answered as soon as they can be: text is
//! read only of messages that nothing cheaper decides.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use mail::message::HeaderSection;
use mail::searchable::{Needle, Searchable, field_has};
use mail::sent::Sent;
use mail::time::Timestamp;
use proto::imap::command::search::{DateField, DateRelation, Key};
use proto::imap::flag::Flag;
use proto::imap::numbers::Numbers;
use proto::imap::sequence_set::Messages;
use proto::imap::view::{Message, View};
use store::search_index::{Sought, Stamps, Within};

const DAY: Duration = Duration::from_hours(24);

/// A search, ready to be asked of one message after the other.
#[derive(Debug)]
pub(in crate::listen::imap) struct Plan {
    root: Test,
    /// The texts that are looked for.
    pub(in crate::listen::imap) texts: Arc<Vec<Text>>,
    /// It asks when a message was sent.
    pub(in crate::listen::imap) asks_sent: bool,
    /// It asks for modification sequences: then they are told, too.
    pub(in crate::listen::imap) names_modseq: bool,
}

/// A text that is looked for, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::listen::imap) enum Text {
    /// In the whole message.
    Anywhere(Needle),
    /// Behind its header section.
    Body(Needle),
    /// In a field of this name.
    Field(String, Needle),
}

/// What is known of a message so far.
#[derive(Debug, Clone, Copy)]
pub(in crate::listen::imap) struct Facts<'a> {
    /// Its number.
    pub(in crate::listen::imap) number: u32,
    /// What the client knows of it.
    pub(in crate::listen::imap) message: &'a Message,
    /// What its item says.
    pub(in crate::listen::imap) item: Option<Stamps>,
    /// When it was sent, if it says so.
    pub(in crate::listen::imap) sent: WhenSent,
    /// What is known of each text.
    pub(in crate::listen::imap) texts: &'a [Option<bool>],
}

/// When a message was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listen::imap) enum WhenSent {
    /// Nobody has looked.
    NotRead,
    /// As it says, if it does.
    Says(Option<Sent>),
}

#[derive(Debug)]
enum Test {
    Always(bool),
    Numbers(Numbers),
    Uids(Numbers),
    Flag(Flag),
    ModSeq(u64),
    Received(Span),
    /// By the clock of who said so: it disregards the zone (RFC 9051 section 6.4.4).
    ReceivedLocal(Span),
    Saved(Span),
    /// By its writer's clock.
    Sent(Span),
    Larger(u64),
    Smaller(u64),
    Mail(String),
    Text(usize),
    Not(Box<Test>),
    Or(Box<Test>, Box<Test>),
    And(Vec<Test>),
}

/// From a time on, and before another.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Span {
    fn has(self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.before.is_none_or(|before| time < before)
    }
}

impl Plan {
    /// Of these keys, all of which must fit; in a mailbox as the client knows it, where `$` is `saved`.
    pub(in crate::listen::imap) fn new(keys: &[Key], view: &View, saved: &[u32], now: Timestamp) -> Self {
        let mut planner = Planner { view, saved, now, texts: Vec::new(), asks_sent: false, names_modseq: false };
        let root = planner.all(keys);
        let Planner { texts, asks_sent, names_modseq, .. } = planner;
        Self { root, texts: Arc::new(texts), asks_sent, names_modseq }
    }

    /// Whether a message fits; `None` as long as that takes more facts.
    pub(in crate::listen::imap) fn fits(&self, facts: &Facts<'_>) -> Option<bool> {
        self.root.fits(facts)
    }
}

impl Test {
    /// Recurses as deep as the grammar lets keys be inside each other (`SEARCH_DEPTH_MAX`).
    fn fits(&self, facts: &Facts<'_>) -> Option<bool> {
        match self {
            Self::Always(always) => Some(*always),
            Self::Numbers(numbers) => Some(numbers.contains(facts.number)),
            Self::Uids(uids) => Some(uids.contains(facts.message.uid.get())),
            Self::Flag(flag) => Some(facts.message.flags.contains(flag)),
            Self::ModSeq(modseq) => Some(facts.message.modseq >= *modseq),
            Self::Received(span) => facts.item.map(|item| span.has(item.received)),
            Self::ReceivedLocal(span) => facts.item.map(|item| span.has(item.zone.local(item.received))),
            Self::Saved(span) => facts.item.map(|item| span.has(item.saved)),
            Self::Larger(octets) => facts.item.map(|item| item.size_octets > *octets),
            Self::Smaller(octets) => facts.item.map(|item| item.size_octets < *octets),
            Self::Mail(id) => facts.item.map(|item| item.mail.to_string() == *id),
            // What has no date was sent on no day.
            Self::Sent(span) => match facts.sent {
                WhenSent::NotRead => None,
                WhenSent::Says(sent) => Some(sent.is_some_and(|sent| span.has(sent.local))),
            },
            Self::Text(index) => facts.texts.get(*index).copied().flatten(),
            Self::Not(test) => test.fits(facts).map(|fits| !fits),
            Self::Or(one, other) => match (one.fits(facts), other.fits(facts)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::And(tests) => {
                let mut all = Some(true);
                for test in tests {
                    match test.fits(facts) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => all = None,
                    }
                }
                all
            }
        }
    }
}

struct Planner<'a> {
    view: &'a View,
    saved: &'a [u32],
    now: Timestamp,
    texts: Vec<Text>,
    asks_sent: bool,
    names_modseq: bool,
}

impl Planner<'_> {
    fn all(&mut self, keys: &[Key]) -> Test {
        Test::And(keys.iter().map(|key| self.test(key)).collect())
    }

    fn test(&mut self, key: &Key) -> Test {
        match key {
            Key::All | Key::SaveDateSupported => Test::Always(true),
            // No thread has an id here.
            Key::ThreadId(_) => Test::Always(false),
            Key::Flag(Flag::Recent) => Test::Uids(self.view.recent().clone()),
            Key::NoFlag(Flag::Recent) => Test::Not(Box::new(Test::Uids(self.view.recent().clone()))),
            Key::Flag(flag) => Test::Flag(flag.clone()),
            Key::NoFlag(flag) => Test::Not(Box::new(Test::Flag(flag.clone()))),
            Key::Numbers(Messages::Saved) | Key::Uids(Messages::Saved) => {
                Test::Uids(self.saved.iter().filter_map(|uid| NonZeroU32::new(*uid)).collect())
            }
            Key::Numbers(Messages::Set(set)) => Test::Numbers(set.resolve(NonZeroU32::new(self.view.count()))),
            Key::Uids(Messages::Set(set)) => Test::Uids(set.resolve(self.view.contents().last().map(|last| last.uid))),
            Key::ModSeq(modseq) => {
                self.names_modseq = true;
                Test::ModSeq(*modseq)
            }
            Key::Field(field, text) => self.text(Text::Field(field.as_str().to_owned(), Needle::new(text))),
            Key::Header { name, text } => self.text(Text::Field(name.clone(), Needle::new(text))),
            Key::Body(text) => self.text(Text::Body(Needle::new(text))),
            Key::Text(text) => self.text(Text::Anywhere(Needle::new(text))),
            Key::Not(key) => Test::Not(Box::new(self.test(key))),
            Key::Or(one, other) => Test::Or(Box::new(self.test(one)), Box::new(self.test(other))),
            Key::And(keys) => self.all(keys),
            Key::Date { field, relation, date } => self.date(*field, *relation, date.start()),
            Key::Larger(_) | Key::Smaller(_) | Key::Older(_) | Key::Younger(_) | Key::EmailId(_) => self.of_item(key),
        }
    }

    fn of_item(&mut self, key: &Key) -> Test {
        let ago = |seconds: NonZeroU32| self.now - Duration::from_secs(u64::from(seconds.get()));
        match key {
            Key::Larger(octets) => Test::Larger(*octets),
            Key::Smaller(octets) => Test::Smaller(*octets),
            // RFC 5032 section 3.
            Key::Older(seconds) => Test::Received(Span { from: None, before: Some(ago(*seconds) + Duration::from_millis(1)) }),
            Key::Younger(seconds) => Test::Received(Span { from: Some(ago(*seconds)), before: None }),
            Key::EmailId(id) => Test::Mail(id.clone()),
            _ => Test::Always(false),
        }
    }

    fn date(&mut self, field: DateField, relation: DateRelation, start: Timestamp) -> Test {
        let span = match relation {
            DateRelation::Before => Span { from: None, before: Some(start) },
            DateRelation::On => Span { from: Some(start), before: Some(start + DAY) },
            DateRelation::Since => Span { from: Some(start), before: None },
        };
        match field {
            DateField::Sent => {
                self.asks_sent = true;
                Test::Sent(span)
            }
            DateField::Internal => Test::ReceivedLocal(span),
            DateField::Saved => Test::Saved(span),
        }
    }

    fn text(&mut self, text: Text) -> Test {
        let known = self.texts.iter().position(|known| *known == text);
        Test::Text(known.unwrap_or_else(|| {
            self.texts.push(text);
            self.texts.len() - 1
        }))
    }
}

impl Text {
    /// A text without which a message can't have this; an empty one, if the index does not keep what is asked about.
    pub(in crate::listen::imap) fn ruled_out_by(&self) -> Sought {
        let (needle, within) = match self {
            Self::Field(name, _) if !Searchable::keeps_field(name) => (&Needle::new(""), Within::Head),
            Self::Field(_, needle) => (needle, Within::Head),
            Self::Body(needle) => (needle, Within::Body),
            Self::Anywhere(needle) => (needle, Within::Either),
        };
        Sought { needle: needle.clone(), within }
    }

    /// Whether a message has it, by its text; `None` if that does not say.
    pub(in crate::listen::imap) fn is_in(&self, text: &Searchable) -> Option<bool> {
        let found = match self {
            Self::Anywhere(needle) => text.has(needle),
            Self::Body(needle) => text.has_in_body(needle),
            Self::Field(name, _) if !Searchable::keeps_field(name) => return None,
            Self::Field(name, needle) => text.has_in_field(name, needle),
        };
        (found || text.is_whole).then_some(found)
    }

    /// Whether a message has it, by all of its octets.
    pub(in crate::listen::imap) fn is_in_message(&self, message: &[u8], text: &Searchable) -> bool {
        match self {
            Self::Anywhere(needle) => text.has(needle),
            Self::Body(needle) => text.has_in_body(needle),
            Self::Field(name, needle) => field_has(&HeaderSection::read(message), name, needle),
        }
    }
}

#[cfg(test)]
mod tests;
