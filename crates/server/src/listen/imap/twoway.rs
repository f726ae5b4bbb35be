//! XTWOWAY: lists, contact attempts and modes, for clients that know two-way mail. What they ask is done where everybody's
//! acts are (`acts`).

pub(super) mod metadata;
pub(super) mod watching;
mod words;

use delivery::consent::{EntryList as List, Who};
use mail::address::Mailbox;
use mail::id::EntryId;
use proto::imap::command::twoway::{Command, Decision, Detail, Entry, EntryList, Page};
use proto::imap::response::code::{Code, CodeWord};
use proto::imap::response::twoway::Response;
use proto::imap::response::{Condition, Data, Status};
use store::Account;

use super::requests::{self, refused};
use super::talk::{Talk, Trouble, ok};
use crate::acts::{Acts, Modes, Wish};
use crate::admin::AdminError;
use watching::Watching;

/// Rows of one page: what a client shows at once, many times over.
const PAGE_ROWS_MAX: usize = 1_000;
/// Senders that one command decides about: as many as the list of contact attempts shows.
const DECIDED_MAX: usize = 500;

const LISTS: [EntryList; 5] = [EntryList::Allow, EntryList::Block, EntryList::Expected, EntryList::RepliedTo, EntryList::Site];

/// Answers one command of the extension.
pub(super) async fn serve(talk: &mut Talk, command: Command) -> Result<Status, Trouble> {
    match command {
        Command::Entries(lists, page) => entries(talk, &lists, page).await,
        Command::Add(entry) => add(talk, entry).await,
        Command::Remove(list, who) => {
            let who = read_who(&who)?;
            done(acts(talk).remove(words::list(list), &who).await)?;
            Ok(ok("it is gone"))
        }
        Command::Contacts(page, detail) => contacts(talk, page, detail).await,
        Command::Decide(decision, senders) => decide(talk, decision, &senders).await,
        Command::Modes => {
            tell_modes(talk).await?;
            Ok(ok("these"))
        }
        Command::SetModes(modes) => {
            done(acts(talk).set_modes(words::modes_wanted(modes)).await)?;
            requests::refresh(talk.node(), talk.account.id).await?;
            tell_modes(talk).await?;
            Ok(ok("as you wish"))
        }
        Command::Undo(change) => undo(talk, change).await,
        Command::Watch => {
            talk.watching = Some(Box::new(Watching::begin(talk.node(), talk.account.id).await?));
            Ok(ok("you will be told"))
        }
        Command::Unwatch => {
            talk.watching = None;
            Ok(ok("you will not be told"))
        }
    }
}

fn acts(talk: &Talk) -> Acts<'_> {
    Acts::of(talk.node(), &talk.account, requests::THROUGH)
}

fn done<T>(done: Result<T, AdminError>) -> Result<T, Trouble> {
    done.map_err(|error| refused(&error).into())
}

fn cannot(text: impl Into<String>) -> Trouble {
    Status::new(Condition::No, text.into()).with(CodeWord::Cannot).into()
}

fn read_who(text: &str) -> Result<Who, Trouble> {
    text.parse().map_err(|error: delivery::consent::WhoError| cannot(error.to_string()))
}

/// The account as it is now: its modes may have changed since it logged in.
pub(super) async fn account_now(talk: &Talk) -> Result<Account, Trouble> {
    let account = talk.node().store.account_by_id(talk.account.id).await?;
    account.ok_or_else(|| Status::new(Condition::No, "the account is no more").into())
}

async fn entries(talk: &mut Talk, lists: &[EntryList], page: Option<Page>) -> Result<Status, Trouble> {
    let mut rows = Vec::new();
    let now = talk.node().world.now();
    for list in LISTS.into_iter().filter(|list| lists.is_empty() || lists.contains(list)) {
        for entry in done(acts(talk).entries(words::list(list)).await)?.into_iter().filter(|entry| entry.is_live(now)) {
            let entry = words::entry(entry);
            rows.push((format!("{} {}", entry.list, entry.who), Response::Entry(entry)));
        }
    }
    tell_page(talk, rows, page).await
}

async fn contacts(talk: &mut Talk, page: Option<Page>, detail: Detail) -> Result<Status, Trouble> {
    let account = account_now(talk).await?;
    let contacts = talk.node().store.contacts(account.id, talk.node().world.now()).await?;
    let row = |contact| {
        let contact = words::contact(contact, account.claims, detail);
        (format!("{} {}", contact.kind, contact.sender), Response::Contact(contact))
    };
    tell_page(talk, contacts.into_iter().map(row).collect(), page).await
}

/// Tells rows, all of them or a page; what is behind a row that is gone meanwhile begins anew from the front.
async fn tell_page(talk: &mut Talk, rows: Vec<(String, Response)>, page: Option<Page>) -> Result<Status, Trouble> {
    let (after, rows_max) = match page {
        Some(page) => (page.after, usize::try_from(page.rows_max.get()).unwrap_or(usize::MAX).min(PAGE_ROWS_MAX)),
        None => (None, usize::MAX),
    };
    let behind = after.and_then(|after| rows.iter().position(|(name, _)| *name == after));
    let mut rows = rows.into_iter().skip(behind.map_or(0, |at| at + 1));
    let mut last = None;
    for (name, row) in rows.by_ref().take(rows_max) {
        talk.tell(&Data::Twoway(row)).await?;
        last = Some(name);
    }
    let status = ok("these");
    Ok(match last.filter(|_| rows.next().is_some()) {
        Some(last) => status.with(Code::More(last)),
        None => status,
    })
}

async fn add(talk: &mut Talk, entry: Entry) -> Result<Status, Trouble> {
    let Entry { list, who, until, count, reference, reason } = entry;
    let reference = reference.map(|reference| reference.parse().map_err(|_syntax| cannot("a REF has 22 to 64 characters of base64url")));
    let wish = Wish {
        list: words::list(list),
        who: read_who(&who)?,
        until,
        count: count.map(std::num::NonZeroU32::get),
        reference: reference.transpose()?,
        reason: reason.unwrap_or_else(|| "added by a mail program".to_owned()),
        of: None,
    };
    let changed = done(acts(talk).add(wish).await)?;
    requests::refresh(talk.node(), talk.account.id).await?;
    Ok(match changed.caution {
        // The owner should hear it: clients show such texts.
        Some(caution) => Status::new(Condition::Ok, format!("added, but {caution}")),
        None => ok("added"),
    })
}

async fn decide(talk: &mut Talk, decision: Decision, senders: &[String]) -> Result<Status, Trouble> {
    if senders.len() > DECIDED_MAX {
        return Err(cannot("at most 500 senders at once"));
    }
    // All of them are read before the first is decided about.
    let read = |text: &String| text.parse::<Mailbox>().map(Who::Address).map_err(|error| cannot(error.to_string()));
    let senders = senders.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let acts = acts(talk);
    let wish = |list, who: &Who| Wish::new(list, who.clone(), "decided in a mail program");
    if decision == Decision::Block {
        for who in &senders {
            done(acts.check(&wish(List::Block, who)).await)?;
        }
    }
    for who in senders {
        match decision {
            Decision::Allow => done(acts.add(wish(List::Allow, &who)).await.map(drop))?,
            Decision::Block => done(acts.add(wish(List::Block, &who)).await.map(drop))?,
            Decision::Dismiss => done(acts.dismiss(&who, None).await.map(drop))?,
        }
    }
    requests::refresh(talk.node(), talk.account.id).await?;
    Ok(ok("decided"))
}

async fn undo(talk: &mut Talk, change: Option<String>) -> Result<Status, Trouble> {
    let change = change.map(|change| change.parse::<EntryId>().map_err(|error| cannot(error.to_string()))).transpose()?;
    let undone = done(acts(talk).undo(change).await)?;
    requests::refresh(talk.node(), talk.account.id).await?;
    Ok(Status::new(Condition::Ok, format!("{undone} is undone")))
}

async fn tell_modes(talk: &mut Talk) -> Result<(), Trouble> {
    let modes = words::modes(&account_now(talk).await?);
    talk.tell(&Data::Twoway(Response::Modes(modes))).await
}

/// Changes what is named.
pub(super) async fn set_modes(talk: &Talk, modes: Modes) -> Result<(), Trouble> {
    done(acts(talk).set_modes(modes).await)?;
    Ok(requests::refresh(talk.node(), talk.account.id).await?)
}
