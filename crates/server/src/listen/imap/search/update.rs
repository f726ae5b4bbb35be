//! Results that are kept up to date: what is added to one and removed from it is told (RFC 5267 section 4.3).

mod sorted;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use proto::imap::command::search::{Key, SearchReturn};
use proto::imap::command::sort::Criterion;
use proto::imap::command::{Numbering, Tag};
use proto::imap::numbers::Numbers;
use proto::imap::response::code::Code;
use proto::imap::response::search::{Change, ChangeKind, ESearch, Selection};
use proto::imap::response::{Condition, Data, Status};
use proto::imap::sequence_set::{Messages, SequenceSet};
use proto::imap::view::Told;

use super::answer::Hit;
use super::look;
use super::place::Place;
use super::plan::Plan;
use crate::listen::imap::sort;
use crate::listen::imap::talk::{Talk, Trouble, ok};
use sorted::{Placed, Sorted};

/// Results of one session that are kept up to date: each change of a message is compared with all of them.
const UPDATED_MAX: usize = 10;

/// Messages in those of them that are sorted: the session holds where each stands, in four octets, and what is told when
/// all of them come or go at once, in some seventy.
const SORTED_MESSAGES_MAX: usize = 200_000;

const TOO_LARGE: &str = "too many messages are kept in order";

/// Changes of a sorted result in one line.
const CHANGES_MAX: usize = 1_000;

/// A result that is kept up to date.
pub struct Updated {
    tag: Tag,
    numbering: Numbering,
    keys: Vec<Key>,
    /// The UIDs of the messages that fit, as the client was told.
    fitting: Numbers,
    /// Where they stand; `None`: in the order of the mailbox.
    sorted: Option<Sorted>,
    /// Up to which change of the mailbox.
    modseq: u64,
}

/// What a command asked for.
pub(in crate::listen::imap) struct Wish<'a> {
    pub(in crate::listen::imap) returns: Option<&'a [SearchReturn]>,
    pub(in crate::listen::imap) numbering: Numbering,
    pub(in crate::listen::imap) keys: &'a [Key],
    /// `None`: the order of the mailbox.
    pub(in crate::listen::imap) criteria: Option<&'a [Criterion]>,
}

/// Keeps a result up to date from now on, if that was asked for.
pub(in crate::listen::imap) async fn keep(talk: &mut Talk, wish: &Wish<'_>, hits: &[Hit]) -> Result<(), Trouble> {
    let wants = wish.returns.is_some_and(|returns| returns.contains(&SearchReturn::Update));
    let (Some(tag), true) = (talk.conversation.session.tag().cloned(), wants) else { return Ok(()) };
    let selected = talk.selected()?;
    selected.updated.retain(|updated| updated.tag != tag);
    let is_too_large = wish.criteria.is_some() && sorted_messages(&selected.updated) + hits.len() > SORTED_MESSAGES_MAX;
    if selected.updated.len() >= UPDATED_MAX || is_too_large {
        let text = if is_too_large { TOO_LARGE } else { "too many results are kept up to date" };
        return tell_no_update(talk, &tag, text).await;
    }
    let fitting = hits.iter().filter_map(|hit| NonZeroU32::new(hit.uid)).collect();
    let sorted = wish.criteria.map(|criteria| Sorted::new(criteria, hits.iter().map(|hit| hit.uid).collect()));
    let (numbering, keys, modseq) = (wish.numbering, wish.keys.to_vec(), selected.view.modseq());
    selected.updated.push(Updated { tag, numbering, keys, fitting, sorted, modseq });
    Ok(())
}

/// RFC 5267 section 4.3.1: a result is told, or was until now, and is no more.
async fn tell_no_update(talk: &mut Talk, tag: &Tag, text: &'static str) -> Result<(), Trouble> {
    let status = Status::new(Condition::No, text).with(Code::NoUpdate(tag.to_string()));
    talk.tell(&Data::Status(status)).await
}

fn sorted_messages(all: &[Updated]) -> usize {
    all.iter().filter_map(|updated| updated.sorted.as_ref()).map(Sorted::count).sum()
}

/// CANCELUPDATE: what changes is told no more.
pub(in crate::listen::imap) fn cancel(talk: &mut Talk, tags: &[String]) -> Result<Status, Trouble> {
    talk.selected()?.updated.retain(|updated| !tags.contains(&updated.tag.to_string()));
    Ok(ok("told no more"))
}

/// Tells which messages fit no more because they are gone, before their numbers are: to be called before `told` is said.
pub(in crate::listen::imap) async fn tell_gone(talk: &mut Talk, told: &[Told]) -> Result<(), Trouble> {
    let Some(selected) = talk.selected.as_mut().filter(|selected| !selected.updated.is_empty()) else { return Ok(()) };
    let expunged = |one: &Told| if let Told::Expunged(number, uid) = one { Some((uid.get(), *number)) } else { None };
    let gone: BTreeMap<u32, NonZeroU32> = told.iter().filter_map(expunged).collect();
    let uids: Numbers = gone.keys().filter_map(|uid| NonZeroU32::new(*uid)).collect();
    let mut data = Vec::new();
    for updated in &mut selected.updated {
        let removed: Numbers = uids.iter().filter(|uid| updated.fitting.contains(*uid)).filter_map(NonZeroU32::new).collect();
        if !removed.is_empty() {
            let changes = updated.remove(&removed, |uid| gone.get(&uid).copied());
            data.extend(updated.told(changes));
        }
    }
    for one in data {
        talk.tell(&Data::ESearch(one)).await?;
    }
    Ok(())
}

/// Tells which messages fit now, and which no more, after their flags changed or they came.
pub(in crate::listen::imap) async fn tell_changed(talk: &mut Talk) -> Result<(), Trouble> {
    let node = Arc::clone(&talk.conversation.node);
    let account = talk.account.id;
    let Some(selected) = talk.selected.as_mut() else { return Ok(()) };
    let stored = selected.stored().map(|row| (row.id, row.uid_validity));
    let (Some((mailbox, uid_validity)), modseq) = (stored, selected.view.modseq()) else { return Ok(()) };
    if selected.updated.iter().all(|updated| updated.modseq >= modseq) {
        return Ok(());
    }
    let mut all = std::mem::take(&mut selected.updated);
    let saved = selected.saved_search.clone();
    let place = Place { node, account, mailbox, uid_validity, view: selected.view.clone() };
    let (mut outcome, mut too_large) = (Ok(()), Vec::new());
    let mut room = SORTED_MESSAGES_MAX.saturating_sub(sorted_messages(&all));
    for updated in all.iter_mut().filter(|updated| updated.modseq < modseq) {
        let count = updated.sorted_count();
        match updated.renew(&place, &saved, room + count).await {
            Ok(Some(told)) => {
                room = (room + count).saturating_sub(updated.sorted_count());
                for one in told {
                    talk.tell(&Data::ESearch(one)).await?;
                }
            }
            Ok(None) => {
                tell_no_update(talk, &updated.tag, TOO_LARGE).await?;
                too_large.push(updated.tag.clone());
                room += count;
            }
            Err(trouble) => outcome = Err(trouble), // it is compared again after the next change
        }
    }
    all.retain(|updated| !too_large.contains(&updated.tag));
    talk.selected()?.updated = all;
    outcome
}

impl Updated {
    /// The messages whose places are held.
    fn sorted_count(&self) -> usize {
        self.sorted.as_ref().map_or(0, Sorted::count)
    }

    /// Looks at what changed since the last time. Returns what is told of it; `None`, if a sorted result would have more
    /// messages than there is room for.
    async fn renew(&mut self, place: &Place, saved: &[u32], room: usize) -> Result<Option<Vec<ESearch>>, Trouble> {
        let changed = place.view.contents().iter().filter(|message| message.modseq > self.modseq).map(|message| message.uid);
        let changed: Numbers = changed.collect();
        let mut told = Vec::new();
        if let Some(set) = SequenceSet::of(&changed) {
            let keys: Vec<Key> = std::iter::once(Key::Uids(Messages::Set(set))).chain(self.keys.iter().cloned()).collect();
            let plan = Plan::new(&keys, &place.view, saved, place.node.world.now());
            let hits = look::matching(place, &plan).await?;
            let fits = hits.iter().filter_map(|hit| NonZeroU32::new(hit.uid)).collect();
            let Some(compared) = self.compare(&changed, &fits, place, room).await? else { return Ok(None) };
            told = compared;
        }
        self.modseq = place.view.modseq();
        Ok(Some(told))
    }

    /// Takes in which of the changed messages fit. Returns what is told of it.
    async fn compare(&mut self, changed: &Numbers, fits: &Numbers, place: &Place, room: usize) -> Result<Option<Vec<ESearch>>, Trouble> {
        // Of what is gone is told with its end.
        let leaves = |uid: &u32| self.fitting.contains(*uid) && !fits.contains(*uid) && !place.view.is_gone(*uid);
        let removed: Numbers = changed.iter().filter(leaves).filter_map(NonZeroU32::new).collect();
        let added = fits.without(&self.fitting);
        if self.sorted.is_some() && self.sorted_count() + added.iter().count() > room {
            return Ok(None);
        }
        // Asked before anything is taken in: if the store does not answer, all of it is compared again.
        let anew = match &self.sorted {
            Some(sorted) if !added.is_empty() => anew(place, &self.fitting.without(&removed).with(&added), sorted.criteria()).await?,
            _ => Vec::new(),
        };
        let number = |uid| place.view.number_of(uid);
        let mut changes = if removed.is_empty() { Vec::new() } else { self.remove(&removed, number) };
        if !added.is_empty() {
            changes.extend(self.add(&added, anew, number));
        }
        Ok(Some(self.told(changes)))
    }

    /// Takes messages out. Returns what is told of it.
    fn remove(&mut self, removed: &Numbers, number: impl Fn(u32) -> Option<NonZeroU32>) -> Vec<Change> {
        self.fitting = self.fitting.without(removed);
        match self.sorted.as_mut().map(|sorted| sorted.remove(removed)) {
            None => vec![self.in_mailbox(ChangeKind::Removed, removed, number)],
            Some(placed) => self.in_places(ChangeKind::Removed, &placed, number),
        }
    }

    /// Puts messages in; into a sorted result those that were found when it was sorted anew. Returns what is told of it.
    fn add(&mut self, added: &Numbers, anew: Vec<u32>, number: impl Fn(u32) -> Option<NonZeroU32>) -> Vec<Change> {
        match self.sorted.as_mut().map(|sorted| sorted.insert(added, anew.into_iter())) {
            None => {
                self.fitting = self.fitting.with(added);
                vec![self.in_mailbox(ChangeKind::Added, added, number)]
            }
            Some(placed) => {
                self.fitting = self.fitting.with(&placed.iter().filter_map(|one| NonZeroU32::new(one.uid)).collect());
                self.in_places(ChangeKind::Added, &placed, number)
            }
        }
    }

    /// As the client numbers it.
    fn named(&self, uid: u32, number: impl Fn(u32) -> Option<NonZeroU32>) -> Option<NonZeroU32> {
        if self.numbering == Numbering::Uid { NonZeroU32::new(uid) } else { number(uid) }
    }

    /// RFC 5267 section 4.3.2: 0, for the order is that of the mailbox.
    fn in_mailbox(&self, kind: ChangeKind, uids: &Numbers, number: impl Fn(u32) -> Option<NonZeroU32>) -> Change {
        let messages = uids.iter().filter_map(|uid| self.named(uid, &number)).collect();
        Change { kind, place: 0, messages: Selection::Set(messages) }
    }

    /// Each message by itself; but those that come one behind the other, with numbers that do, are told together.
    fn in_places(&self, kind: ChangeKind, placed: &[Placed], number: impl Fn(u32) -> Option<NonZeroU32>) -> Vec<Change> {
        let named = placed.iter().filter_map(|one| Some((one.place, self.named(one.uid, &number)?)));
        let named: Vec<(u32, NonZeroU32)> = named.collect();
        let follows = |one: &(u32, NonZeroU32), next: &(u32, NonZeroU32)| {
            one.0.checked_add(1) == Some(next.0) && one.1.checked_add(1) == Some(next.1)
        };
        let runs = named.chunk_by(follows).filter_map(|run| Some((run.first()?.0, run.iter().map(|(_, number)| *number).collect())));
        runs.map(|(place, numbers)| Change { kind, place, messages: Selection::Set(numbers) }).collect()
    }

    fn told(&self, changes: Vec<Change>) -> Vec<ESearch> {
        let mut changes = changes.into_iter().filter(|change| change.messages != Selection::Set(Numbers::default())).peekable();
        let mut lines = Vec::new();
        while changes.peek().is_some() {
            let changes = changes.by_ref().take(CHANGES_MAX).collect();
            lines.push(ESearch { changes, ..ESearch::new(Some(self.tag.clone()), self.numbering) });
        }
        lines
    }
}

/// The UIDs of messages of the view, sorted as the client wants them; of those that went meanwhile, perhaps nothing.
async fn anew(place: &Place, uids: &Numbers, criteria: &[Criterion]) -> Result<Vec<u32>, Trouble> {
    let hit = |uid| Some(Hit { number: place.view.number_of(uid)?.get(), uid, modseq: place.view.message(uid)?.modseq });
    let hits: Vec<Hit> = uids.iter().filter_map(hit).collect();
    let keyed = place.keyed(&hits).await?;
    Ok(sort::in_order(&keyed, criteria).into_iter().map(|hit| hit.uid).collect())
}
