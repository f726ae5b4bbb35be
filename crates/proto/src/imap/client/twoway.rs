//! What a client asks of two-way mail: who is let in, who has knocked, by which rules; each with its answer.
//!
//! What changes while [`Change::watch`] holds comes as [`super::Event::Data`]; within an answer it can't be told from it, and is
//! taken into it.

use super::question::{Question, Unanswered};
use crate::imap::command::Command;
use crate::imap::command::twoway::{self, Decision, Detail, Entry, EntryList, Page};
use crate::imap::response::code::Code;
use crate::imap::response::twoway::{Contact, ContactKind, Response};
use crate::imap::response::{Data, Status};

/// Rows beyond a page that may have come to be while it was told.
const CHANGES_MAX: usize = 1000;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<T> {
    /// In the server's order.
    pub rows: Vec<T>,
    /// Behind what the next page begins; none if this is the last.
    pub more: Option<String>,
}

/// What stands on some lists.
#[derive(Debug)]
pub struct Entries {
    lists: Vec<EntryList>,
    page: Page,
    rows: Vec<Entry>,
}

/// Who has knocked.
#[derive(Debug)]
pub struct Contacts {
    page: Page,
    detail: Detail,
    rows: Vec<Contact>,
}

/// By which rules.
#[derive(Debug, Default)]
pub struct Modes(Option<twoway::Modes>);

/// Something that is to be otherwise; the answer is the server's text.
#[derive(Debug)]
pub struct Change(twoway::Command);

impl Entries {
    /// A page of what stands on these lists; on all if none is named.
    pub fn new(lists: Vec<EntryList>, page: Page) -> Self {
        Self { lists, page, rows: Vec::new() }
    }
}

impl Question for Entries {
    type Answer = Rows<Entry>;

    fn command(&self) -> Command {
        Command::Twoway(twoway::Command::Entries(self.lists.clone(), Some(self.page.clone())))
    }

    fn take(&mut self, data: Data) -> Result<Option<Data>, Unanswered> {
        let wanted = |list: EntryList| self.lists.is_empty() || self.lists.contains(&list);
        let (list, who, entry) = match data {
            Data::Twoway(Response::Entry(entry)) if wanted(entry.list) => (entry.list, entry.who.clone(), Some(entry)),
            Data::Twoway(Response::EntryGone(list, who)) if wanted(list) => (list, who, None),
            other => return Ok(Some(other)),
        };
        put(&mut self.rows, |row| row.list == list && row.who == who, entry, &self.page)?;
        Ok(None)
    }

    fn answer(self, status: Status) -> Result<Self::Answer, Unanswered> {
        Ok(Rows { rows: self.rows, more: more(status) })
    }
}

impl Contacts {
    /// A page of those who have knocked.
    pub fn new(page: Page, detail: Detail) -> Self {
        Self { page, detail, rows: Vec::new() }
    }
}

impl Question for Contacts {
    type Answer = Rows<Contact>;

    fn command(&self) -> Command {
        Command::Twoway(twoway::Command::Contacts(Some(self.page.clone()), self.detail))
    }

    fn take(&mut self, data: Data) -> Result<Option<Data>, Unanswered> {
        let (kind, sender, contact): (ContactKind, String, _) = match data {
            Data::Twoway(Response::Contact(contact)) => (contact.kind, contact.sender.clone(), Some(contact)),
            Data::Twoway(Response::ContactGone(kind, sender)) => (kind, sender, None),
            other => return Ok(Some(other)),
        };
        put(&mut self.rows, |row| row.kind == kind && row.sender == sender, contact, &self.page)?;
        Ok(None)
    }

    fn answer(self, status: Status) -> Result<Self::Answer, Unanswered> {
        Ok(Rows { rows: self.rows, more: more(status) })
    }
}

impl Question for Modes {
    type Answer = twoway::Modes;

    fn command(&self) -> Command {
        Command::Twoway(twoway::Command::Modes)
    }

    fn take(&mut self, data: Data) -> Result<Option<Data>, Unanswered> {
        match data {
            Data::Twoway(Response::Modes(modes)) => {
                self.0 = Some(modes);
                Ok(None)
            }
            other => Ok(Some(other)),
        }
    }

    fn answer(self, _status: Status) -> Result<Self::Answer, Unanswered> {
        self.0.ok_or(Unanswered::NotTold)
    }
}

impl Change {
    /// A new entry.
    pub fn add(entry: Entry) -> Self {
        Self(twoway::Command::Add(entry))
    }

    /// An entry goes.
    pub fn remove(list: EntryList, who: impl Into<String>) -> Self {
        Self(twoway::Command::Remove(list, who.into()))
    }

    /// These senders are let in, and what waits from them is fetched.
    pub fn allow(senders: Vec<String>) -> Self {
        Self(twoway::Command::Decide(Decision::Allow, senders))
    }

    /// These senders are kept out.
    pub fn block(senders: Vec<String>) -> Self {
        Self(twoway::Command::Decide(Decision::Block, senders))
    }

    /// What waits from these senders goes.
    pub fn dismiss(senders: Vec<String>) -> Self {
        Self(twoway::Command::Decide(Decision::Dismiss, senders))
    }

    /// Other rules; what is not named stays.
    pub fn modes(modes: twoway::Modes) -> Self {
        Self(twoway::Command::SetModes(modes))
    }

    /// Changes are told from now on.
    pub fn watch() -> Self {
        Self(twoway::Command::Watch)
    }

    /// Takes back a change, as the history names it; the latest that was not taken back, if none is named.
    pub fn undo(change: Option<String>) -> Self {
        Self(twoway::Command::Undo(change))
    }

    /// They are told no longer.
    pub fn unwatch() -> Self {
        Self(twoway::Command::Unwatch)
    }
}

impl Question for Change {
    type Answer = String;

    fn command(&self) -> Command {
        Command::Twoway(self.0.clone())
    }

    fn take(&mut self, data: Data) -> Result<Option<Data>, Unanswered> {
        Ok(Some(data))
    }

    fn answer(self, status: Status) -> Result<Self::Answer, Unanswered> {
        Ok(status.text.into_owned())
    }
}

/// A row takes the place of the one that it is, or stands behind all others; without a new one, the old one goes.
fn put<T>(rows: &mut Vec<T>, same: impl Fn(&T) -> bool, new: Option<T>, page: &Page) -> Result<(), Unanswered> {
    let rows_max = usize::try_from(page.rows_max.get()).unwrap_or(usize::MAX).saturating_add(CHANGES_MAX);
    let Some(new) = new else {
        rows.retain(|row| !same(row));
        return Ok(());
    };
    let is_full = rows.len() >= rows_max;
    match rows.iter_mut().find(|row| same(row)) {
        Some(row) => *row = new,
        None if is_full => return Err(Unanswered::TooMuch),
        None => rows.push(new),
    }
    Ok(())
}

fn more(status: Status) -> Option<String> {
    match status.code {
        Some(Code::More(after)) => Some(after),
        _ => None,
    }
}
