//! What a change of consent means for pushed mail that is kept aside, page by page.
//!
//! That mail is nobody's for sure, so an entry that is there does not release it: the act does, of letting its sender in
//! while it is shown. Blocks apply as they are.

use delivery::absence::Author;
use delivery::arrival::Verdict;
use delivery::consent::{Screening, Who};
use delivery::rules::Allowance;
use mail::id::{AccountId, Partition};
use mail::message::HeaderSection;
use mail::time::Timestamp;
use mail::trace::came_by_utf8;

use super::{Kept, Stage, page, set_stage};
use crate::backend::Tx;
use crate::consent::Asked;
use crate::filing::{self, LetIn};
use crate::{Result, StoreError, mailbox, params, statements};

statements! {
    HEAD = "SELECT head, id FROM kept WHERE part = ?1 AND account = ?2 AND id = ?3";
}

/// Messages that one transaction decides about: their octets move with them.
const PAGE: usize = 100;

/// What became of a page: how many were released, and after which to go on.
pub(crate) type Decided = (u32, Option<String>);

/// Which kept messages a change speaks of, and what it does to them: text, as a row of what is unfinished keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Blocks came or went: those they speak of are put away, or shown again.
    Blocks,
    /// These are let in.
    LetIn(Who),
    /// Everybody is: the mailbox takes pushed mail from now on.
    LetAllIn,
}

const PREFIX: &str = "kept:";

impl Change {
    /// As a row names it: no domain and no address begins so.
    pub(crate) fn to_name(&self) -> String {
        match self {
            Self::Blocks => format!("{PREFIX}blocks"),
            Self::LetAllIn => format!("{PREFIX}all"),
            Self::LetIn(who) => format!("{PREFIX}from:{who}"),
        }
    }

    /// Reads it; `None` if it is something else.
    pub(crate) fn parse(name: &str) -> Option<Result<Self>> {
        let rest = name.strip_prefix(PREFIX)?;
        let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(format!("a scope {name:?}: {error}"));
        Some(match (rest, rest.strip_prefix("from:")) {
            ("blocks", _) => Ok(Self::Blocks),
            ("all", _) => Ok(Self::LetAllIn),
            (_, Some(who)) => who.parse().map(Self::LetIn).map_err(|error: delivery::consent::WhoError| damaged(&error)),
            _ => Err(damaged(&"unknown")),
        })
    }

    fn lets_in(&self, kept: &Kept) -> bool {
        match self {
            Self::Blocks => false,
            Self::LetIn(who) => kept.is_spoken_of(who),
            // What the recipient put away comes back when its sender is let in; a change of mode does not do that.
            Self::LetAllIn => kept.stage == Stage::Listed,
        }
    }
}

/// Applies a change to the next messages after `after`.
pub(crate) fn decide_page(tx: &mut dyn Tx, account: AccountId, change: &Change, after: &str, now: Timestamp) -> Result<Decided> {
    let some = page(tx, account, after, PAGE)?;
    let next = some.last().filter(|_| some.len() == PAGE).map(|last| last.id.clone());
    let mut released = 0;
    for kept in some.iter().filter(|kept| now < kept.due_at) {
        released += u32::from(decide(tx, account, change, kept, now)?);
    }
    Ok((released, next))
}

/// Whether the message was released.
fn decide(tx: &mut dyn Tx, account: AccountId, change: &Change, kept: &Kept, now: Timestamp) -> Result<bool> {
    let asked = Asked { sender: &kept.sender, recipient: &kept.recipient, list: kept.list.as_deref(), reference: None };
    let entries = asked.entries(tx, account)?;
    // Whatever the mode, it is in no entry: only blocks are asked for, and site addresses.
    let verdict = delivery::consent::decide(&asked.question(&entries, Screening::Off, now)).verdict;
    match (verdict, kept.stage) {
        (Verdict::Drop, Stage::Listed) => set_stage(tx, account, kept, Stage::Blocked, now)?,
        (Verdict::Retrieve, _) if change.lets_in(kept) => {
            return release(tx, account, kept, now);
        }
        (Verdict::Retrieve | Verdict::List, Stage::Blocked) => set_stage(tx, account, kept, Stage::Listed, now)?,
        // As it should be; and what the recipient put away stays away.
        (Verdict::Retrieve | Verdict::List, Stage::Listed) | (Verdict::Drop, Stage::Blocked) | (_, Stage::Dismissed) => {}
    }
    Ok(false)
}

/// Puts a kept message where its recipient's rules want it.
fn release(tx: &mut dyn Tx, account: AccountId, kept: &Kept, now: Timestamp) -> Result<bool> {
    let Some(mut row) = tx.one(HEAD, params![Partition::of(account), account, &kept.id])? else { return Ok(false) };
    let (head, mail) = (row.blob()?, row.parsed()?);
    let let_in = LetIn {
        account,
        mail,
        head: &head,
        size_octets: kept.size_octets,
        smtputf8: came_by_utf8(&HeaderSection::read(&head)),
        recipient: &kept.recipient,
        allowed_by: Allowance::Legacy,
        author: Author::Unproved,
        // It counted for nothing, and was never refused for want of room.
        quota: None,
        now,
    };
    let plan = filing::plan(tx, &let_in)?;
    if mailbox::append_kept(tx, account, &kept.id, &plan.copies, now)? {
        plan.send(tx, &let_in)?;
    }
    Ok(true)
}
