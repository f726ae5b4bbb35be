//! SEARCH: which messages fit (RFC 9051 section 6.4.4), and what SORT and THREAD have in common with it.

mod answer;
mod content;
mod keys;
mod look;
mod place;
mod plan;
pub(super) mod update;

use std::sync::Arc;

use proto::imap::command::Numbering;
use proto::imap::command::search::{Key, Search, SearchReturn};
use proto::imap::response::Status;
use proto::imap::response::code::CodeWord;
use proto::imap::server::Extension;

use super::talk::{Talk, Trouble, no, ok};
use answer::Wanted;
use place::Place;
use plan::Plan;

pub(super) use answer::{Hit, Ordering};
pub(super) use keys::{Keys, Text};
pub(super) use place::Keyed;

/// What was found.
pub(super) struct Finding {
    /// In the order of the mailbox.
    pub(super) hits: Vec<Hit>,
    /// Where.
    pub(super) place: Place,
    /// The greatest modification sequence is told, too.
    names_modseq: bool,
}

/// Looks for messages.
pub(super) async fn search(talk: &mut Talk, command: Search) -> Result<Status, Trouble> {
    // RFC 9051 section 6.4.4: who has enabled IMAP4rev2 hears ESEARCH only.
    let returns = command.returns.clone().or_else(|| talk.has(Extension::Rev2).then(Vec::new));
    let found = find(talk, &command.keys, returns.as_deref()).await?;
    let status = tell(talk, &found, command.numbering, returns.as_deref(), Ordering::Mailbox).await?;
    let kept = update::Wish { returns: command.returns.as_deref(), numbering: command.numbering, keys: &command.keys, criteria: None };
    update::keep(talk, &kept, &found.hits).await?;
    Ok(status)
}

/// Finds the messages that fit all keys.
pub(super) async fn find(talk: &mut Talk, keys: &[Key], returns: Option<&[SearchReturn]>) -> Result<Finding, Trouble> {
    let (node, account) = (Arc::clone(&talk.conversation.node), talk.account.id);
    let selected = talk.selected()?;
    // RFC 5182 section 2.1: if it fails, nothing is saved.
    let saves = returns.is_some_and(|returns| returns.contains(&SearchReturn::Save));
    let saved = if saves { std::mem::take(&mut selected.saved_search) } else { selected.saved_search.clone() };
    let stored = selected.stored().map(|row| (row.id, row.uid_validity));
    let Some((mailbox, uid_validity)) = stored else { return Err(no(CodeWord::Cannot, "not in this mailbox").into()) };
    let place = Place { node, account, mailbox, uid_validity, view: selected.view.clone() };
    let plan = Plan::new(keys, &place.view, &saved, place.node.world.now());
    let hits = look::matching(&place, &plan).await?;
    Ok(Finding { hits, place, names_modseq: plan.names_modseq })
}

/// Tells a result, and saves it if that was asked for.
pub(super) async fn tell(
    talk: &mut Talk,
    found: &Finding,
    numbering: Numbering,
    returns: Option<&[SearchReturn]>,
    ordering: Ordering,
) -> Result<Status, Trouble> {
    let tag = talk.conversation.session.tag().cloned();
    let wanted = Wanted { tag, numbering, returns, ordering, tells_modseq: found.names_modseq };
    let (data, saved) = answer::answer(&wanted, &found.hits);
    if let Some(saved) = saved {
        talk.selected()?.saved_search = saved;
    }
    if let Some(data) = data {
        talk.tell(&data).await?;
    }
    Ok(ok("searched"))
}
