//! Consent: entries and modes, their history with undo, and what a change means for what waits.

mod asked;

use std::time::Duration;

use delivery::consent::{Claims, Decision, Entry, EntryList, Legacy, Reason, Screening, Who, decide};
use delivery::contacts::ContactKind;
use delivery::schedule::{Jitter, Timers};
use mail::address::Domain;
use mail::id::{AccountId, EntryId, Partition};
use mail::notice::Notice;
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backend::{Sql, Tx};
use crate::kept::release::Change;
use crate::redecision::{Page, Scope, redecide_first, scope_of};
use crate::{ConsentAct, ConsentChange, ConsentChanged, HistoryItem, Result, Store};
use crate::{accounts, codec, contacts, params, statements};

pub(crate) use asked::Asked;

/// How long a change can be undone.
const UNDO_WITHIN: Duration = Duration::from_hours(24);

statements! {
    ENTRIES = "SELECT entry FROM entry WHERE part = ?1 AND account = ?2 AND list = ?3 ORDER BY name";
    NAMED = "SELECT entry FROM entry WHERE part = ?1 AND account = ?2 AND name = ?3 ORDER BY list";
    PUT = "INSERT INTO entry (part, account, name, list, domain, id, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
           ON CONFLICT (part, account, name, list) DO UPDATE SET id = excluded.id, entry = excluded.entry";
    DELETE = "DELETE FROM entry WHERE part = ?1 AND account = ?2 AND name = ?3 AND list = ?4";
    WRITE_HISTORY = "INSERT INTO history (part, account, id, at, through, act, undone, undo) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7) \
                     ON CONFLICT (part, account, id) DO NOTHING";
    MANY = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM entry WHERE part = ?1 AND account = ?2 LIMIT ?3) AS few";
    IS_THERE = "SELECT id FROM entry WHERE part = ?1 AND account = ?2 AND name = ?3 AND list = ?4";
    // An id begins with its time, and the rows stand in the order of their ids: those that are kept are not looked at.
    FORGET_HISTORY = "DELETE FROM history WHERE part = ?1 AND account = ?2 AND id < ?3";
    HISTORY = "SELECT id, at, through, act, undone FROM history WHERE part = ?1 AND account = ?2 ORDER BY at DESC, id DESC";
    LATEST = "SELECT at FROM history WHERE part = ?1 AND account = ?2 AND id >= ?3 ORDER BY at DESC LIMIT 1";
    CHANGE = "SELECT at, undone, undo FROM history WHERE part = ?1 AND account = ?2 AND id = ?3";
    UNDONE = "UPDATE history SET undone = 1 WHERE part = ?1 AND account = ?2 AND id = ?3";
}

/// Every statement about entries and modes.
pub(crate) fn all_statements() -> Vec<Sql> {
    [STATEMENTS, asked::STATEMENTS].concat()
}

/// Entries of one account: each message's decision looks among them, and people name hundreds, not tens of thousands.
/// Beyond it a new one is refused, and writing to somebody adds none.
pub const ENTRIES_MAX: u32 = 20_000;
/// How long changes are remembered; they can be undone for a day.
const HISTORY_KEPT: Duration = Duration::from_hours(365 * 24);
/// Ids of one time come in any order. A change at the time of another is written down a millisecond after it, so that
/// the list tells which was the last; this far back others are looked for.
const HISTORY_ORDERED: Duration = Duration::from_secs(1);

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applied {
    Changed,
    /// It was so already.
    Same,
    /// There are as many entries as there may be.
    Full,
}

/// What a change replaced: what undoing it puts back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Undo {
    Entries {
        name: String,
        /// The lists it could touch.
        lists: Vec<EntryList>,
        /// The entries of that name on those lists, before.
        before: Vec<Entry>,
        /// Their ids, after: only while they are the same, undoing the change undoes this one and no other.
        after: Vec<EntryId>,
    },
    Modes {
        before: (Screening, Option<Legacy>),
        after: (Screening, Option<Legacy>),
    },
    Claims {
        before: Claims,
        after: Claims,
    },
}

impl Store {
    /// Adds or removes an entry, writes the history, and applies the new decision to all that waits from
    /// whom it speaks of; one transaction, and more of them where hundreds of messages wait.
    ///
    /// # Errors
    /// The store is not available. What was changed stays changed; what waits is decided by
    /// [`Store::resume_redecisions`], or when this is called again.
    pub async fn change_consent(&self, change: ConsentChange) -> Result<ConsentChanged> {
        let (account, now, jitter) = (change.account, change.now, change.jitter);
        let timers = self.timers();
        let apply = move |tx: &mut dyn Tx| {
            let scope = scope_of(match &change.act {
                ConsentAct::Add(entry) => (entry.list, &entry.who),
                ConsentAct::Remove { list, who } => (*list, who),
            });
            // Asked before what waits is released.
            let scopes = vec![scope, Scope::Kept(kept_change(tx, &change)?)];
            let applied = apply(tx, &change)?;
            // Nothing was added: nobody is let in.
            let scopes = if applied == Applied::Full { Vec::new() } else { scopes };
            let first = redecide_all(tx, account, &scopes, (now, jitter), &timers)?;
            Ok((applied, scopes, first))
        };
        let (applied, scopes, first) = self.write(Partition::of(account), 0, apply).await?;
        let released = self.go_on_with(account, scopes, first, (now, jitter)).await?;
        let (changed, is_full) = (applied == Applied::Changed, applied == Applied::Full);
        Ok(ConsentChanged { is_full, changed, released })
    }

    /// The entries of an account on one list.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn entries(&self, account: AccountId, list: EntryList) -> Result<Vec<Entry>> {
        let entries = move |tx: &mut dyn Tx| {
            let rows = tx.query(ENTRIES, params![Partition::of(account), account, list_name(list)])?;
            rows.into_iter().map(|mut row| row.json()).collect()
        };
        self.read(entries).await
    }

    /// The changes of an account's lists and modes, latest first.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn consent_history(&self, account: AccountId) -> Result<Vec<HistoryItem>> {
        let list = move |tx: &mut dyn Tx| {
            let rows = tx.query(HISTORY, params![Partition::of(account), account])?;
            rows.into_iter()
                .map(|mut row| {
                    let (id, at, through, text) = (row.parsed()?, row.time()?, row.text()?, row.text()?);
                    Ok(HistoryItem { id, at, through, text, undone: row.flag()? })
                })
                .collect()
        };
        self.read(list).await
    }

    /// Undoes a change not older than 24 h. `false` if it is too old, undone, unknown, or changed again since.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn undo_consent(&self, account: AccountId, change: EntryId, now: Timestamp) -> Result<bool> {
        let timers = self.timers();
        let undo = move |tx: &mut dyn Tx| {
            let scopes = match undo(tx, account, change, now)? {
                Undone::Not => return Ok(None),
                Undone::NothingElse => Vec::new(),
                // What was released stays in the mailbox; what was blocked is shown again.
                Undone::Concerns(scope) => vec![scope, Scope::Kept(Change::Blocks)],
            };
            let first = redecide_all(tx, account, &scopes, (now, Jitter::NONE), &timers)?;
            Ok(Some((scopes, first)))
        };
        let Some((scopes, first)) = self.write(Partition::of(account), 0, undo).await? else { return Ok(false) };
        self.go_on_with(account, scopes, first, (now, Jitter::NONE)).await?;
        Ok(true)
    }

    pub(crate) async fn change_modes(&self, account: AccountId, screening: Option<Screening>, legacy: Option<Legacy>) -> Result<()> {
        let now = self.now();
        let id = EntryId::new(now, self.entropy().first_chunk().copied().unwrap_or_default());
        let timers = self.timers();
        let change = move |tx: &mut dyn Tx| {
            let Some(before) = accounts::modes(tx, account)? else { return Ok(None) };
            let after = (screening.unwrap_or(before.0), legacy.or(before.1));
            if after == before {
                return Ok(None);
            }
            accounts::write_modes(tx, account, after)?;
            let text = mode_text(before, after);
            write_history(tx, account, id, (now, "mode", &text), &Undo::Modes { before, after })?;
            let scopes = scopes_of_modes(before, after);
            let first = redecide_all(tx, account, &scopes, (now, Jitter::NONE), &timers)?;
            Ok(Some((scopes, first)))
        };
        if let Some((scopes, first)) = self.write(Partition::of(account), 0, change).await? {
            self.go_on_with(account, scopes, first, (now, Jitter::NONE)).await?;
        }
        Ok(())
    }

    pub(crate) async fn change_claims(&self, account: AccountId, claims: Claims) -> Result<()> {
        let now = self.now();
        let id = EntryId::new(now, self.entropy().first_chunk().copied().unwrap_or_default());
        let change = move |tx: &mut dyn Tx| {
            let before = accounts::claims_of(tx, account)?;
            let Some(before) = before.filter(|before| *before != claims) else { return Ok(()) };
            accounts::write_claims(tx, account, claims)?;
            let text = format!("claims {}", codec::claims_name(claims));
            write_history(tx, account, id, (now, "mode", &text), &Undo::Claims { before, after: claims })
        };
        self.write(Partition::of(account), 0, change).await
    }

    /// What the first pages left. Returns how many messages were released in all.
    async fn go_on_with(&self, account: AccountId, scopes: Vec<Scope>, first: Vec<Page>, at: (Timestamp, Jitter)) -> Result<u32> {
        let mut released = first.iter().map(|page| page.released).sum();
        for (scope, page) in scopes.into_iter().zip(first) {
            if page.more {
                released += self.go_on(account, scope, at.0, at.1).await?;
            }
        }
        Ok(released)
    }
}

/// The first page of each scope.
fn redecide_all(tx: &mut dyn Tx, account: AccountId, scopes: &[Scope], at: (Timestamp, Jitter), timers: &Timers) -> Result<Vec<Page>> {
    scopes.iter().map(|scope| redecide_first(tx, account, scope, at, timers)).collect()
}

/// What a change of the lists means for pushed mail that is kept aside: whoever is allowed while it is here is meant, but
/// anybody may have written it (section 5 of the protocol). So it stays where a notice waits from anybody whom the change speaks
/// of, unless the owner decided about the pushed mail itself.
fn kept_change(tx: &mut dyn Tx, change: &ConsentChange) -> Result<Change> {
    let ConsentAct::Add(Entry { list: EntryList::Allow, who, .. }) = &change.act else { return Ok(Change::Blocks) };
    let is_meant = match change.of {
        Some(ContactKind::Legacy) => true,
        Some(ContactKind::Notice | ContactKind::Observed) => false,
        None => !contacts::gave_notice(tx, change.account, who, change.now)?,
    };
    Ok(if is_meant { Change::LetIn(who.clone()) } else { Change::Blocks })
}

type Modes = (Screening, Option<Legacy>);

/// What a change of modes concerns.
fn scopes_of_modes(before: Modes, after: Modes) -> Vec<Scope> {
    let delivers = |modes: Modes| modes.1.unwrap_or(Legacy::default_for(modes.0)) == Legacy::Deliver;
    let notices = (after.0 != before.0).then_some(Scope::All);
    let pushed = (delivers(after) && !delivers(before)).then_some(Scope::Kept(Change::LetAllIn));
    notices.into_iter().chain(pushed).collect()
}

/// The name of a list, as a column has it.
pub(crate) fn list_name(list: EntryList) -> &'static str {
    match list {
        EntryList::Allow => "allow",
        EntryList::Block => "block",
        EntryList::Expected => "expected",
        EntryList::RepliedTo => "replied-to",
        EntryList::Site => "site",
    }
}

/// The decision about a notice, and the entries it was made by.
pub(crate) fn decision(
    tx: &mut dyn Tx,
    account: AccountId,
    notice: &Notice,
    screening: Screening,
    now: Timestamp,
) -> Result<(Decision, Vec<Entry>)> {
    let reference = notice.reference.as_ref().map(mail::id::NoticeId::as_str);
    let asked = Asked { sender: &notice.from, recipient: &notice.to, list: notice.list.as_deref(), reference };
    let entries = asked.entries(tx, account)?;
    let decision = decide(&asked.question(&entries, screening, now));
    Ok((decision, entries))
}

/// A message was stored: the entry that let it in counts it, and is bound to the domain it came from.
pub(crate) fn count(tx: &mut dyn Tx, account: AccountId, decision: &Decision, entries: &[Entry], origin: &Domain) -> Result<()> {
    let Some(counted) = decision.counted() else { return Ok(()) };
    let Some(entry) = entries.iter().find(|entry| entry.id == counted) else { return Ok(()) };
    let mut after = entry.clone();
    after.remaining = after.remaining.map(|remaining| remaining.saturating_sub(1));
    if matches!(decision.reason, Reason::Site(_) | Reason::ListAllowed(_)) && after.list_domain.is_none() {
        after.list_domain = Some(origin.clone());
    }
    if after == *entry { Ok(()) } else { put(tx, account, &after) }
}

/// The owner wrote there: who had no such entry gets one, and what waits from them is let in.
pub(crate) fn note_replied_to(tx: &mut dyn Tx, account: AccountId, entries: &[Entry], jitter: Jitter, timers: &Timers) -> Result<()> {
    // Counted once, and only if it has to be known.
    let mut room = None;
    for entry in entries {
        // Nearly always: people write to the same few again and again.
        if tx.one(IS_THERE, params![Partition::of(account), account, entry.key(), list_name(entry.list)])?.is_some() {
            continue;
        }
        let left = room.map_or_else(|| room_left(tx, account), Ok)?;
        if left == 0 {
            break;
        }
        room = Some(left - 1);
        put(tx, account, entry)?;
        let lists = vec![entry.list];
        let undo = Undo::Entries { name: entry.key(), lists, before: Vec::new(), after: vec![entry.id] };
        let text = format!("{} {}", list_name(entry.list), entry.who);
        write_history(tx, account, entry.id, (entry.made, &entry.through, &text), &undo)?;
        redecide_first(tx, account, &scope_of((entry.list, &entry.who)), (entry.made, jitter), timers)?;
    }
    Ok(())
}

/// How many more entries an account may have.
fn room_left(tx: &mut dyn Tx, account: AccountId) -> Result<u32> {
    let few = tx.one(MANY, params![Partition::of(account), account, ENTRIES_MAX])?;
    let count = few.map(|mut row| row.int()).transpose()?.unwrap_or(0);
    Ok(ENTRIES_MAX.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX)))
}

fn put(tx: &mut dyn Tx, account: AccountId, entry: &Entry) -> Result<()> {
    let domain = domain_of(entry);
    let (name, json) = (entry.key(), codec::to_json(entry)?);
    tx.execute(PUT, params![Partition::of(account), account, name, list_name(entry.list), domain, entry.id, json]).map(drop)
}

/// The domain of the address that an entry speaks of; nothing if it speaks of more.
pub(crate) fn domain_of(entry: &Entry) -> &str {
    match &entry.who {
        Who::Address(mailbox) => mailbox.domain().as_str(),
        Who::Domain(_) | Who::DomainTree(_) | Who::List(_) => "",
    }
}

/// The entries of one name on some lists.
fn named(tx: &mut dyn Tx, account: AccountId, name: &str, lists: &[EntryList]) -> Result<Vec<Entry>> {
    let rows = tx.query(NAMED, params![Partition::of(account), account, name])?;
    let entries = rows.into_iter().map(|mut row| row.json()).collect::<Result<Vec<Entry>>>()?;
    Ok(entries.into_iter().filter(|entry| lists.contains(&entry.list)).collect())
}

fn remove(tx: &mut dyn Tx, account: AccountId, name: &str, list: EntryList) -> Result<()> {
    tx.execute(DELETE, params![Partition::of(account), account, name, list_name(list)]).map(drop)
}

/// The lists that a change of one of them touches: who is allowed is not blocked any more.
fn lists_touched(list: EntryList) -> Vec<EntryList> {
    match list {
        EntryList::Allow | EntryList::Block => vec![EntryList::Allow, EntryList::Block],
        EntryList::Expected | EntryList::RepliedTo | EntryList::Site => vec![list],
    }
}

fn apply(tx: &mut dyn Tx, change: &ConsentChange) -> Result<Applied> {
    let ConsentChange { account, id, act, through, now, .. } = change;
    if accounts::screening_of(tx, *account)?.is_none() {
        return Ok(Applied::Same);
    }
    if tx.one(CHANGE, params![Partition::of(*account), *account, *id])?.is_some() {
        // Changed already; the answer was lost.
        return Ok(Applied::Changed);
    }
    let (name, list) = match act {
        ConsentAct::Add(entry) => (entry.key(), entry.list),
        ConsentAct::Remove { list, who } => (key_on(*list, who), *list),
    };
    let lists = lists_touched(list);
    let before = named(tx, *account, &name, &lists)?;
    let (after, text) = match act {
        ConsentAct::Add(entry) => {
            if before.iter().any(|old| says_the_same(old, entry)) {
                return Ok(Applied::Same);
            }
            if before.is_empty() && room_left(tx, *account)? == 0 {
                return Ok(Applied::Full);
            }
            for old in before.iter().filter(|old| old.list != list) {
                remove(tx, *account, &name, old.list)?;
            }
            put(tx, *account, entry)?;
            (vec![entry.id], format!("{} {}", list_name(list), entry.who))
        }
        ConsentAct::Remove { who, .. } => {
            if !before.iter().any(|old| old.list == list) {
                return Ok(Applied::Same);
            }
            remove(tx, *account, &name, list)?;
            let left = before.iter().filter(|old| old.list != list).map(|old| old.id).collect();
            (left, format!("remove {} {who}", list_name(list)))
        }
    };
    write_history(tx, *account, *id, (*now, through, &text), &Undo::Entries { name, lists, before, after })?;
    Ok(Applied::Changed)
}

/// Whether a new entry adds nothing to one that is there.
fn says_the_same(old: &Entry, new: &Entry) -> bool {
    let same_terms = old.until == new.until && old.remaining == new.remaining && old.reference == new.reference;
    let new_domain = new.list_domain.as_ref().is_none_or(|domain| old.list_domain.as_ref() == Some(domain));
    old.list == new.list && same_terms && new_domain
}

/// `Entry::key` of whom an entry of this list would speak of.
fn key_on(list: EntryList, who: &Who) -> String {
    match list {
        EntryList::Site => format!("site:{}", who.key()),
        EntryList::Allow | EntryList::Block | EntryList::Expected | EntryList::RepliedTo => who.key(),
    }
}

fn write_history(tx: &mut dyn Tx, account: AccountId, id: EntryId, entry: (Timestamp, &str, &str), undo: &Undo) -> Result<()> {
    let (at, through, text) = entry;
    let (part, undo) = (Partition::of(account), codec::to_json(undo)?);
    tx.execute(FORGET_HISTORY, params![part, account, EntryId::new(at - HISTORY_KEPT, [0; 10])])?;
    let latest = tx.one(LATEST, params![part, account, EntryId::new(at - HISTORY_ORDERED, [0; 10])])?;
    let after_latest = latest.map(|mut row| row.time()).transpose()?.map(|latest| latest + Duration::from_millis(1));
    tx.touch(account);
    tx.execute(WRITE_HISTORY, params![part, account, id, at.max(after_latest.unwrap_or(at)), through, text, undo]).map(drop)
}

/// What came of undoing a change.
enum Undone {
    /// It can't be undone.
    Not,
    /// It is, and concerns nothing that waits.
    NothingElse,
    /// It is, and concerns these.
    Concerns(Scope),
}

/// Puts back what a change replaced, if it can.
fn undo(tx: &mut dyn Tx, account: AccountId, change: EntryId, now: Timestamp) -> Result<Undone> {
    let part = Partition::of(account);
    let Some(mut row) = tx.one(CHANGE, params![part, account, change])? else { return Ok(Undone::Not) };
    let (at, undone, undo) = (row.time()?, row.flag()?, row.json::<Undo>()?);
    if undone || at + UNDO_WITHIN < now {
        return Ok(Undone::Not);
    }
    let result = match undo {
        Undo::Entries { name, lists, before, after } => {
            let current = named(tx, account, &name, &lists)?;
            if current.iter().map(|entry| entry.id).ne(after) {
                return Ok(Undone::Not);
            }
            let spoken_of = current.iter().chain(&before).map(|entry| scope_of((entry.list, &entry.who))).next();
            for entry in &current {
                remove(tx, account, &name, entry.list)?;
            }
            for entry in &before {
                put(tx, account, entry)?;
            }
            Undone::Concerns(spoken_of.unwrap_or(Scope::All))
        }
        Undo::Modes { before, after } => {
            if accounts::modes(tx, account)? != Some(after) {
                return Ok(Undone::Not);
            }
            accounts::write_modes(tx, account, before)?;
            Undone::Concerns(Scope::All)
        }
        Undo::Claims { before, after } => {
            if accounts::claims_of(tx, account)? != Some(after) {
                return Ok(Undone::Not);
            }
            accounts::write_claims(tx, account, before)?;
            Undone::NothingElse
        }
    };
    tx.touch(account);
    tx.execute(UNDONE, params![part, account, change])?;
    Ok(result)
}

fn mode_text(before: (Screening, Option<Legacy>), after: (Screening, Option<Legacy>)) -> String {
    let screening = (before.0 != after.0).then(|| format!("screening {}", codec::screening_name(after.0)));
    let legacy = after.1.filter(|_| before.1 != after.1).map(|legacy| format!("legacy {}", codec::legacy_name(legacy)));
    screening.into_iter().chain(legacy).collect::<Vec<_>>().join(", ")
}
