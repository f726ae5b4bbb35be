//! What a change of consent means for what waits: every arrival it can concern is decided again, in pages.
//!
//! The first page is in the transaction of the change itself. If there is more, a row says where to go on, so
//! that a crash in between loses nothing.

use std::collections::BTreeMap;

use delivery::arrival::Stage;
use delivery::consent::{EntryList, Who};
use delivery::mutant::Mutant;
use delivery::schedule::{Jitter, Timers};
use mail::address::Mailbox;
use mail::id::{AccountId, Partition};
use mail::time::Timestamp;

use crate::arrival_row::{self, arrival_columns};
use crate::backend::Tx;
use crate::kept::release::{self, Change};
use crate::{ArrivalKey, ArrivalRecord, Result, Store, StoreError, destination, errands, params, statements};

/// Arrivals that one transaction decides again.
const REDECIDED_MAX: usize = 500;
/// Pairs of which it is asked what else waits, for one page of these.
const ASKED_MAX: usize = 20;
/// After every domain, in the order of octets.
const LAST_ORIGIN: &str = "~";

statements! {
    GO_ON_AFTER = "INSERT INTO redecision (part, account, scope, after) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (part, account, scope) \
                   DO UPDATE SET after = CASE WHEN excluded.after < redecision.after THEN excluded.after ELSE redecision.after END";
    GONE_ON = "DELETE FROM redecision WHERE part = ?1 AND account = ?2 AND scope = ?3";
    MOVE_ON = "UPDATE redecision SET after = ?4 WHERE part = ?1 AND account = ?2 AND scope = ?3";
    UNFINISHED = "SELECT after FROM redecision WHERE part = ?1 AND account = ?2 AND scope = ?3";
    ALL_UNFINISHED = "SELECT account, scope FROM redecision ORDER BY part, account, scope";
    /// What consent can still change, from one origin or all, from one sender or all, by key.
    UNDECIDED = concat!("SELECT ", arrival_columns!(), " FROM arrival a WHERE a.part = ?1 AND a.account = ?2 AND a.origin >= ?3 \
                        AND a.origin <= ?4 AND (a.origin, a.id, a.recipient_key) > (?5, ?6, ?7) AND (?8 = '' OR a.sender_key = ?8) \
                        AND a.stage IN ('listed', 'dropped', 'due') ORDER BY a.origin, a.id, a.recipient_key LIMIT ?9");
}

/// Which arrivals a change of consent can concern: text, as its row keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of the account.
    All,
    /// Those of one origin.
    Origin(String),
    /// Those of one sender.
    Sender(Mailbox),
    /// No arrivals: pushed mail that is kept aside.
    Kept(Change),
}

impl Scope {
    /// As a row names it. No domain is empty, and no domain holds an `@`.
    fn to_name(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Origin(domain) => domain.clone(),
            Self::Sender(mailbox) => mailbox.to_string(),
            Self::Kept(change) => change.to_name(),
        }
    }

    fn parse(name: &str) -> Result<Self> {
        if let Some(change) = Change::parse(name) {
            return change.map(Self::Kept);
        }
        match name {
            "" => Ok(Self::All),
            address if address.contains('@') => {
                address.parse().map(Self::Sender).map_err(|error| StoreError::Damaged(format!("a scope {name:?}: {error}")))
            }
            domain => Ok(Self::Origin(domain.to_owned())),
        }
    }
}

/// Which arrivals an entry can speak of.
pub(crate) fn scope_of((list, who): (EntryList, &Who)) -> Scope {
    match (list, who) {
        // A site address is the recipient's own.
        (EntryList::Site, _) | (_, Who::DomainTree(_) | Who::List(_)) => Scope::All,
        (_, Who::Address(mailbox)) => Scope::Sender(mailbox.clone()),
        (_, Who::Domain(domain)) => Scope::Origin(domain.as_str().to_owned()),
    }
}

impl Store {
    /// Goes on with decisions about what waits that a crash cut short.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn resume_redecisions(&self, now: Timestamp, jitter: Jitter) -> Result<u32> {
        let all = |tx: &mut dyn Tx| {
            let rows = tx.query(ALL_UNFINISHED, params![])?;
            rows.into_iter().map(|mut row| Ok((row.parsed::<AccountId>()?, Scope::parse(&row.text()?)?))).collect::<Result<Vec<_>>>()
        };
        let mut released = 0;
        for (account, scope) in self.read(all).await? {
            released += self.go_on(account, scope, now, jitter).await?;
        }
        Ok(released)
    }

    /// Decides page after page of what waits, each in a transaction of its own. Returns how many became due.
    pub(crate) async fn go_on(&self, account: AccountId, scope: Scope, now: Timestamp, jitter: Jitter) -> Result<u32> {
        let mut released = 0;
        loop {
            let (scope, timers) = (scope.clone(), self.timers());
            let page = move |tx: &mut dyn Tx| redecide_next(tx, account, &scope, (now, jitter), &timers);
            let page = self.write(Partition::of(account), 0, page).await?;
            released += page.released;
            if !page.more {
                return Ok(released);
            }
        }
    }
}

/// What came of deciding one page of what waits.
pub(crate) struct Page {
    /// How many arrivals became due.
    pub(crate) released: u32,
    pub(crate) more: bool,
}

/// The first page, in the transaction of the change itself. Notes where to go on, if there is more.
pub(crate) fn redecide_first(tx: &mut dyn Tx, account: AccountId, scope: &Scope, at: (Timestamp, Jitter), timers: &Timers) -> Result<Page> {
    if Mutant::AllowReleasesNothing.is_in() {
        return Ok(Page { released: 0, more: false });
    }
    let (released, next) = redecide_page(tx, account, scope, "", at, timers)?;
    if let Some(after) = &next {
        tx.execute(GO_ON_AFTER, params![Partition::of(account), account, scope.to_name(), after])?;
    }
    Ok(Page { released, more: next.is_some() })
}

/// The next page of a change that was too large for one transaction.
fn redecide_next(tx: &mut dyn Tx, account: AccountId, scope: &Scope, at: (Timestamp, Jitter), timers: &Timers) -> Result<Page> {
    let (part, name) = (Partition::of(account), scope.to_name());
    let Some(mut row) = tx.one(UNFINISHED, params![part, account, &name])? else { return Ok(Page { released: 0, more: false }) };
    let (released, next) = redecide_page(tx, account, scope, &row.text()?, at, timers)?;
    match &next {
        Some(after) => tx.execute(MOVE_ON, params![part, account, &name, after])?,
        None => tx.execute(GONE_ON, params![part, account, &name])?,
    };
    Ok(Page { released, more: next.is_some() })
}

fn redecide_page(
    tx: &mut dyn Tx,
    account: AccountId,
    scope: &Scope,
    after: &str,
    (now, jitter): (Timestamp, Jitter),
    timers: &Timers,
) -> Result<(u32, Option<String>)> {
    if let Scope::Kept(change) = scope {
        return release::decide_page(tx, account, change, after, now);
    }
    let page = undecided(tx, account, scope, after, REDECIDED_MAX)?;
    let next = page.last().filter(|_| page.len() == REDECIDED_MAX).map(|last| cursor(&last.key));
    let mut released = 0;
    let mut let_in = BTreeMap::new();
    for record in page {
        let was_due = matches!(record.arrival.stage, Stage::Due { .. });
        let Some(record) = destination::redecide(tx, record, now, jitter, timers)? else { continue };
        if matches!(record.arrival.stage, Stage::Due { .. }) && !was_due {
            released += 1;
            let (from, to) = (record.notice.from, record.notice.to);
            let_in.insert((from.key(), to.key()), (from, to));
        }
    }
    // Who lets in everybody at once has few notices lost, and they come again.
    for (from, to) in let_in.values().take(ASKED_MAX) {
        errands::ask_for_more(tx, account, from, to, now, timers)?;
    }
    Ok((released, next))
}

/// Where a walk over the arrivals of an account has come to: origin, id and recipient, by spaces.
fn cursor(key: &ArrivalKey) -> String {
    format!("{} {} {}", key.origin, key.id, key.recipient)
}

/// Arrivals that consent can still change, after a cursor.
fn undecided(tx: &mut dyn Tx, account: AccountId, scope: &Scope, after: &str, limit: usize) -> Result<Vec<ArrivalRecord>> {
    let (first, last, sender_key) = match scope {
        Scope::All => ("", LAST_ORIGIN, String::new()),
        Scope::Origin(domain) => (domain.as_str(), domain.as_str(), String::new()),
        Scope::Sender(mailbox) => (mailbox.domain().as_str(), mailbox.domain().as_str(), mailbox.key()),
        Scope::Kept(_) => return Ok(Vec::new()),
    };
    let (origin, rest) = after.split_once(' ').unwrap_or_default();
    let (id, recipient) = rest.split_once(' ').unwrap_or_default();
    let values = params![Partition::of(account), account, first, last, origin, id, recipient, sender_key, limit];
    arrival_row::records(tx.query(UNDECIDED, values)?)
}
