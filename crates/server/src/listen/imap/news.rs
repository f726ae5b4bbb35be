//! What others do to an account's mailboxes while a session is open, told when it may be (RFC 9051 section 7, RFC 2177).

use std::num::NonZeroU32;

use mail::id::AccountId;
use proto::imap::numbers::Numbers;
use proto::imap::server::Extension;
use proto::imap::view::{Changes, Contents, FlagChanges, Renumbering, Told, View};
use store::MailboxRow;
use store::watch::Watch;

use super::contents::{self, Since};
use super::notify::{self, Own, Registration};
use super::search::update;
use super::talk::{Folder, Talk, Trouble};
use super::{recent, requests, resume, twoway};
use crate::node::Node;
use crate::world::WireError;

/// What is to be looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Due {
    selected: bool,
    others: bool,
}

/// What a session listens to.
pub struct News {
    watch: Watch,
    /// Something happened that was not looked at, in the open mailbox, and in others.
    due: Due,
    /// What the client wants to hear without being asked (RFC 5465).
    pub registration: Option<Box<Registration>>,
    /// What the client has changed itself by the command that is answered.
    pub(super) own: Option<Box<Own>>,
}

impl News {
    /// Of this account, from now on.
    pub fn of(node: &Node, account: AccountId) -> Self {
        Self { watch: node.store.watch(account), due: Due::default(), registration: None, own: None }
    }

    /// Whether the client wants to hear of things between its commands.
    pub fn is_wanted(&self) -> bool {
        self.registration.is_some()
    }

    /// Waits until something happens.
    pub async fn heard(&mut self) {
        self.watch.changed().await;
        self.due = Due { selected: true, others: true };
    }

    /// What is to be looked at now.
    async fn due(&mut self) -> Due {
        if self.watch.has_changed() {
            // At once: it is marked as seen.
            self.heard().await;
        }
        self.due
    }
}

/// Tells what happened, to a client that listens.
///
/// # Errors
/// The connection is of no more use.
pub async fn tell(talk: &mut Talk) -> Result<(), WireError> {
    let told = match catch_up(talk).await {
        Ok(()) => resume::unasked(talk).await,
        trouble => trouble,
    };
    match told {
        Ok(()) => Ok(()),
        // The store's trouble: what happened is told with the next command.
        Err(trouble) => trouble.told().map(drop),
    }
}

/// Tells what happened, as far as it may be told now.
///
/// # Errors
/// The store's, or the connection is of no more use.
pub async fn catch_up(talk: &mut Talk) -> Result<(), Trouble> {
    let holds = talk.selected.as_ref().is_some_and(|selected| selected.holds_numbers);
    let session = &talk.conversation.session;
    let renumbering = if session.may_renumber() && !holds { Renumbering::May } else { Renumbering::MayNot };
    let wanted = talk.news.registration.as_deref();
    // Between commands only what was asked for, and the same in IDLE (RFC 5465 sections 4 and 6).
    let is_awaited = session.tag().is_some() || wanted.map_or(session.is_idle(), Registration::of_selected);
    let flags = if session.tag().is_some() || wanted.is_none_or(Registration::of_flags) { FlagChanges::Now } else { FlagChanges::Later };
    let due = talk.news.due().await;
    if due.others && requests::is_concerned(talk) {
        requests::refresh(talk.node(), talk.account.id).await?;
    }
    if due.selected && is_awaited {
        catch_up_selected(talk, renumbering, flags).await?;
        talk.news.due.selected = false;
    } else if let (true, Some(selected)) = (is_awaited, &mut talk.selected) {
        let told = selected.view.tell_what_waits(renumbering, flags);
        say(talk, told).await?;
    }
    if is_awaited {
        update::tell_changed(talk).await?;
    }
    if due.others {
        twoway::watching::tell(talk).await?;
        notify::tell(talk).await?;
        talk.news.due.others = false;
    }
    Ok(())
}

async fn catch_up_selected(talk: &mut Talk, renumbering: Renumbering, flags: FlagChanges) -> Result<(), Trouble> {
    let Some(selected) = &talk.selected else {
        if talk.node().store.account_by_id(talk.account.id).await?.is_none() {
            talk.conversation.session.close("the account is no more");
        }
        return Ok(());
    };
    let Folder::Stored(row) = &selected.folder;
    let (mailbox, uid_validity, modseq) = (row.id, row.uid_validity, selected.view.modseq());
    let node = &*talk.conversation.node;
    let Some(since) = contents::since(node, talk.account.id, mailbox, modseq).await? else {
        let is_here = node.store.account_by_id(talk.account.id).await?.is_some();
        talk.selected = None;
        talk.conversation.session.close(if is_here { "the mailbox is no more" } else { "the account is no more" });
        return Ok(());
    };
    if since.row.uid_validity != uid_validity {
        talk.selected = None;
        talk.conversation.session.close("the mailbox has other UIDs now");
        return Ok(());
    }
    let Since { row, changes, is_complete } = since;
    let Some((row, changes)) = (if is_complete { Some((row, changes)) } else { reread(talk, row).await? }) else { return Ok(()) };
    let Some(selected) = &mut talk.selected else { return Ok(()) };
    selected.folder = Folder::Stored(row);
    let mut told = selected.view.learn(changes, renumbering, flags);
    if let Some(at) = told.iter().position(|one| matches!(one, Told::Exists(..)))
        && recent::take_new(selected)
    {
        told.insert(at + 1, Told::Recent(selected.view.recent_count()));
    }
    let new = told.iter().find_map(|one| if let Told::Exists(_, new) = one { Some(new.clone()) } else { None });
    say(talk, told).await?;
    requests::remember(talk).await?;
    match new {
        Some(new) => notify::tell_new(talk, &new).await,
        None => Ok(()),
    }
}

/// What went is forgotten: what is here says it.
async fn reread(talk: &Talk, row: MailboxRow) -> Result<Option<(MailboxRow, Changes)>, Trouble> {
    let opened = contents::open(&talk.conversation.node, talk.account.id, row.id).await?;
    let (Some((row, contents)), Some(selected)) = (opened, &talk.selected) else { return Ok(None) };
    let changes = difference(&selected.view, &contents);
    Ok(Some((row, changes)))
}

/// What happened to a mailbox that has these contents now, as far as a view can tell.
fn difference(view: &View, contents: &Contents) -> Changes {
    let is_gone = |uid: &NonZeroU32| contents.get(uid.get()).is_none();
    let vanished: Numbers = view.contents().iter().map(|message| message.uid).filter(is_gone).collect();
    Changes { vanished, modseq: contents.modseq(), changed: contents.iter().cloned().collect() }
}

/// Tells a client in its own words.
async fn say(talk: &mut Talk, told: Vec<Told>) -> Result<(), Trouble> {
    if told.is_empty() {
        return Ok(());
    }
    update::tell_gone(talk, &told).await?;
    // RFC 5465 section 5.1: with the UID, as IMAP4rev2 has it.
    let wants_uid = talk.news.registration.as_ref().is_some_and(|wanted| wanted.of_flags());
    let data = Told::responses(told, |extension: Extension| talk.has(extension) || wants_uid && extension == Extension::Rev2);
    for data in data {
        talk.tell(&data).await?;
    }
    Ok(())
}
