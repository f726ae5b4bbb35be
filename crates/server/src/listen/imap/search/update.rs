//! Searches whose result is kept up to date: what is added to it and removed from it is told (RFC 5267 section 4.3).

use std::num::NonZeroU32;
use std::sync::Arc;

use proto::imap::command::search::{Key, Search, SearchReturn};
use proto::imap::command::{Numbering, Tag};
use proto::imap::numbers::Numbers;
use proto::imap::response::code::Code;
use proto::imap::response::search::{ESearch, Update};
use proto::imap::response::{Condition, Data, Status};
use proto::imap::sequence_set::{Messages, SequenceSet};
use proto::imap::view::Told;

use super::answer::Hit;
use super::look;
use super::place::Place;
use super::plan::Plan;
use crate::listen::imap::talk::{Talk, Trouble, ok};

/// Searches of one session that are kept up to date: each change of a message is compared with all of them.
const UPDATED_MAX: usize = 10;

/// A search whose result is kept up to date.
pub struct Updated {
    tag: Tag,
    numbering: Numbering,
    keys: Vec<Key>,
    /// The UIDs of the messages that fit, as the client was told.
    fitting: Numbers,
    /// Up to which change of the mailbox.
    modseq: u64,
}

/// Keeps a result up to date from now on, if that was asked for.
pub(super) async fn keep(talk: &mut Talk, command: &Search, hits: &[Hit]) -> Result<(), Trouble> {
    let wants = command.returns.as_ref().is_some_and(|returns| returns.contains(&SearchReturn::Update));
    let (Some(tag), true) = (talk.conversation.session.tag().cloned(), wants) else { return Ok(()) };
    let selected = talk.selected()?;
    selected.updated.retain(|updated| updated.tag != tag);
    if selected.updated.len() >= UPDATED_MAX {
        // RFC 5267 section 4.3.1: the result is told, and no more.
        let status = Status::new(Condition::No, "too many results are kept up to date").with(Code::NoUpdate(tag.to_string()));
        return talk.tell(&Data::Status(status)).await;
    }
    let fitting = hits.iter().filter_map(|hit| NonZeroU32::new(hit.uid)).collect();
    let (numbering, keys, modseq) = (command.numbering, command.keys.clone(), selected.view.modseq());
    selected.updated.push(Updated { tag, numbering, keys, fitting, modseq });
    Ok(())
}

/// CANCELUPDATE: what changes is told no more.
pub(in crate::listen::imap) fn cancel(talk: &mut Talk, tags: &[String]) -> Result<Status, Trouble> {
    talk.selected()?.updated.retain(|updated| !tags.contains(&updated.tag.to_string()));
    Ok(ok("told no more"))
}

/// Tells which messages fit no more because they are gone, before their numbers are: to be called before `told` is said.
pub(in crate::listen::imap) async fn tell_gone(talk: &mut Talk, told: &[Told]) -> Result<(), Trouble> {
    let Some(selected) = talk.selected.as_mut().filter(|selected| !selected.updated.is_empty()) else { return Ok(()) };
    let gone: Vec<(NonZeroU32, NonZeroU32)> =
        told.iter().filter_map(|one| if let Told::Expunged(number, uid) = one { Some((*number, *uid)) } else { None }).collect();
    let mut data = Vec::new();
    for updated in &mut selected.updated {
        let of_it = gone.iter().filter(|(_, uid)| updated.fitting.contains(uid.get()));
        let removed: Numbers = of_it.map(|(number, uid)| if updated.numbering == Numbering::Uid { *uid } else { *number }).collect();
        if !removed.is_empty() {
            updated.fitting = updated.fitting.without(&gone.iter().map(|(_, uid)| *uid).collect());
            data.push(updated.told(Update { removed, added: Numbers::default() }));
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
    let (mut data, mut outcome) = (Vec::new(), Ok(()));
    for updated in all.iter_mut().filter(|updated| updated.modseq < modseq) {
        match updated.renew(&place, &saved).await {
            Ok(told) => data.extend(told),
            Err(trouble) => outcome = Err(trouble), // it is compared again after the next change
        }
    }
    talk.selected()?.updated = all;
    for one in data {
        talk.tell(&Data::ESearch(one)).await?;
    }
    outcome
}

impl Updated {
    /// Looks at what changed since the last time. Returns what is told of it.
    async fn renew(&mut self, place: &Place, saved: &[u32]) -> Result<Option<ESearch>, Trouble> {
        let changed = place.view.contents().iter().filter(|message| message.modseq > self.modseq).map(|message| message.uid);
        let changed: Numbers = changed.collect();
        let mut told = None;
        if let Some(set) = SequenceSet::of(&changed) {
            let keys: Vec<Key> = std::iter::once(Key::Uids(Messages::Set(set))).chain(self.keys.iter().cloned()).collect();
            let plan = Plan::new(&keys, &place.view, saved, place.node.world.now());
            let hits = look::matching(place, &plan).await?;
            let fits = hits.iter().filter_map(|hit| NonZeroU32::new(hit.uid)).collect();
            told = self.compare(&changed, &fits, place);
        }
        self.modseq = place.view.modseq();
        Ok(told)
    }

    /// Takes in which of the changed messages fit. Returns what is told of it.
    fn compare(&mut self, changed: &Numbers, fits: &Numbers, place: &Place) -> Option<ESearch> {
        // Of what is gone is told with its end.
        let leaves = |uid: &u32| self.fitting.contains(*uid) && !fits.contains(*uid) && !place.view.is_gone(*uid);
        let removed: Numbers = changed.iter().filter(leaves).filter_map(NonZeroU32::new).collect();
        let added = fits.without(&self.fitting);
        self.fitting = self.fitting.without(&removed).with(&added);
        let number = |uid: u32| if self.numbering == Numbering::Uid { NonZeroU32::new(uid) } else { place.view.number_of(uid) };
        let told = |uids: &Numbers| uids.iter().filter_map(number).collect::<Numbers>();
        let (removed, added) = (told(&removed), told(&added));
        if removed.is_empty() && added.is_empty() { None } else { Some(self.told(Update { removed, added })) }
    }

    fn told(&self, update: Update) -> ESearch {
        ESearch { update: Some(Box::new(update)), ..ESearch::new(Some(self.tag.clone()), self.numbering) }
    }
}
