//! What a row says of itself: states that parse and agree with their columns, contents with their digests,
//! everything in the partition of its account.

use std::future::Future;

use delivery::absence::Absence;
use delivery::arrival::{Arrival, Stage};
use delivery::consent::Entry;
use delivery::rules::RuleSet;
use delivery::transfer::Transfer;
use mail::address::Mailbox;
use mail::digest::ContentDigest;
use mail::id::{AccountId, NoticeId, Partition};
use mail::time::Timestamp;

use crate::backend::{Row, Sql, Tx, Value};
use crate::kept::Stage as KeptStage;
use crate::{Result, Store, StoreError, Task, arrival_row, params, statements, transfer_row};

/// Rows that are read at once.
const PAGE: usize = 500;
/// Rows with octets that are read at once.
const PAGE_OF_OCTETS: usize = 50;

statements! {
    TRANSFERS = "SELECT part, id, account, stage, due_at, recipient, recipient_key, report, state FROM transfer \
                 WHERE (part, id) > (?1, ?2) ORDER BY part, id LIMIT ?3";
    ARRIVALS = "SELECT part, account, origin, id, recipient_key, sender, sender_key, recipient, expires, stage, due_at, state FROM arrival \
                WHERE (part, account, origin, id, recipient_key) > (?1, ?2, ?3, ?4, ?5) \
                ORDER BY part, account, origin, id, recipient_key LIMIT ?6";
    ENTRIES = "SELECT part, account, name, list, domain, id, entry FROM entry \
               WHERE (part, account, name, list) > (?1, ?2, ?3, ?4) ORDER BY part, account, name, list LIMIT ?5";
    MESSAGES = "SELECT part, id, size_octets, digest, octets FROM message \
                WHERE (part, id) > (?1, ?2) ORDER BY part, id LIMIT ?3";
    MAILS = "SELECT part, account, id, size_octets, digest, octets, skip_octets, head_octets, head FROM mail \
             WHERE (part, account, id) > (?1, ?2, ?3) ORDER BY part, account, id LIMIT ?4";
    KEPT = "SELECT part, account, id, size_octets, digest, octets, head_octets, head, sender, sender_key, stage, due_at, expires FROM kept \
            WHERE (part, account, id) > (?1, ?2, ?3) ORDER BY part, account, id LIMIT ?4";
    RULES = "SELECT part, account, rules, absence FROM rules WHERE (part, account) > (?1, ?2) ORDER BY part, account LIMIT ?3";
    ERRANDS = "SELECT part, account, id, mail, task FROM errand WHERE (part, account, id) > (?1, ?2, ?3) ORDER BY part, account, id LIMIT ?4";
    PARTS = "SELECT 'an account', part, id FROM account UNION SELECT 'an alias', part, account FROM alias \
             UNION SELECT 'a message', part, account FROM message UNION SELECT 'a mailbox', part, account FROM mailbox \
             UNION SELECT 'rules', part, account FROM rules UNION SELECT 'an errand', part, account FROM errand \
             UNION SELECT 'a memory of an absence reply', part, account FROM answered \
             UNION SELECT 'an app password', part, account FROM app_password \
             UNION SELECT 'a mail', part, account FROM mail UNION SELECT 'a message in a mailbox', part, account FROM item \
             UNION SELECT 'an expunged message', part, account FROM expunged UNION SELECT 'a discarded mail', part, account FROM discarded \
             UNION SELECT 'a message that was made', part, account FROM made UNION SELECT 'a subscription', part, account FROM subscription UNION SELECT 'an annotation', part, account FROM annotation \
             UNION SELECT 'a summary', part, account FROM summary UNION SELECT 'a text', part, account FROM search_text \
             UNION SELECT 'a segment', part, account FROM search_segment UNION SELECT 'a part of a segment', part, account FROM search_gram \
             UNION SELECT 'a change of consent', part, account FROM history \
             UNION SELECT 'a message kept aside', part, account FROM kept \
             UNION SELECT 'a known domain', part, account FROM acquaintance \
             UNION SELECT 'an observed sender', part, account FROM observed UNION SELECT 'a part of a content', part, account FROM partial";
    OBJECTS = "SELECT part, object FROM message WHERE object IS NOT NULL UNION SELECT part, object FROM mail WHERE object IS NOT NULL \
               UNION SELECT part, object FROM kept WHERE object IS NOT NULL UNION SELECT part, object FROM partial UNION SELECT part, object FROM orphan";
    PINS = "SELECT part, domain FROM pin";
    FORMER = "SELECT part, recipient_key FROM former_arrival";
}

/// The key of the row read last, with the statement's other parameters still to come.
type Key = Vec<Value<'static>>;

/// What one row's reading found: its key, and the sentences.
type Found = (Key, Vec<String>);

impl Store {
    pub(super) async fn check_rows(&self) -> Result<Vec<String>> {
        let mut violations = self.read_whole(partitions).await?;
        let number = || Value::Int(-1);
        let text = || Value::from("");
        violations.extend(self.pages(TRANSFERS, vec![number(), text()], PAGE, transfer).await?);
        violations.extend(self.pages(ARRIVALS, vec![number(), text(), text(), text(), text()], PAGE, arrival).await?);
        violations.extend(self.pages(ENTRIES, vec![number(), text(), text(), text()], PAGE, entry).await?);
        violations.extend(self.pages(MESSAGES, vec![number(), text()], PAGE_OF_OCTETS, message).await?);
        violations.extend(self.pages(MAILS, vec![number(), text(), text()], PAGE_OF_OCTETS, mail).await?);
        violations.extend(self.pages(RULES, vec![number(), text()], PAGE, rules).await?);
        violations.extend(self.pages(ERRANDS, vec![number(), text(), text()], PAGE, errand).await?);
        violations.extend(self.pages(KEPT, vec![number(), text(), text()], PAGE_OF_OCTETS, kept).await?);
        Ok(violations)
    }

    /// Reads a table in the order of its key, page by page.
    fn pages(
        &self,
        sql: Sql,
        mut key: Key,
        page: usize,
        read: fn(Row) -> Result<Found>,
    ) -> impl Future<Output = Result<Vec<String>>> + Send {
        let store = self.clone();
        async move {
            let mut violations = Vec::new();
            loop {
                let after = key.clone();
                let look = move |tx: &mut dyn Tx| {
                    let values: Vec<_> = after.iter().cloned().chain([Value::from(page)]).collect();
                    tx.query(sql, &values)?.into_iter().map(read).collect::<Result<Vec<Found>>>()
                };
                let found = store.read(look).await?;
                let is_last = found.len() < page;
                for (row_key, sentences) in found {
                    key = row_key;
                    violations.extend(sentences);
                }
                if is_last {
                    return Ok(violations);
                }
            }
        }
    }
}

fn partitions(tx: &mut dyn Tx) -> Result<Vec<String>> {
    let mut violations = Vec::new();
    for mut row in tx.query(PARTS, params![])? {
        let (what, part, account) = (row.text()?, row.int()?, row.text()?);
        if !is_of(part, &account) {
            violations.push(format!("{what} is in another partition than its account's: {account}"));
        }
    }
    for mut row in tx.query(OBJECTS, params![])? {
        let (part, object) = (row.int()?, row.text()?);
        if !object.starts_with(&format!("{part:04}/")) {
            violations.push(format!("an object is named in another partition than its own: {object}"));
        }
    }
    for mut row in tx.query(PINS, params![])? {
        let (part, domain) = (row.int()?, row.text()?);
        if part != i64::from(Partition::of_name(&domain).number()) {
            violations.push(format!("a pin is in another partition than its domain's: {domain}"));
        }
    }
    for mut row in tx.query(FORMER, params![])? {
        let (part, recipient) = (row.int()?, row.text()?);
        if part != i64::from(Partition::of_name(&recipient).number()) {
            violations.push(format!("a former arrival is in another partition than its recipient's: {recipient}"));
        }
    }
    Ok(violations)
}

fn is_of(part: i64, account: &str) -> bool {
    account.parse::<AccountId>().is_ok_and(|account| i64::from(Partition::of(account).number()) == part)
}

/// A state that does not parse is a finding, not an error.
fn state<T: serde::de::DeserializeOwned>(row: &mut Row) -> Result<std::result::Result<T, StoreError>> {
    let text = row.text()?;
    Ok(serde_json::from_str(&text).map_err(|error| StoreError::Damaged(error.to_string())))
}

fn transfer(mut row: Row) -> Result<Found> {
    let (part, id, account) = (row.int()?, row.text()?, row.text()?);
    let (stage, due_at) = (row.text()?, row.time()?);
    let (recipient, recipient_key, report) = (row.text()?, row.text()?, row.text_or_null()?);
    let mut wrong = Vec::new();
    match state::<Transfer>(&mut row)? {
        Err(error) => wrong.push(format!("a transfer's state does not read ({error}): {id}")),
        Ok(transfer) => {
            if transfer_row::stage(&transfer) != stage {
                wrong.push(format!("a transfer's stage is {stage}, and its state another: {id}"));
            }
            if transfer.due_at() != due_at {
                wrong.push(format!("a transfer is due at another time than its state says: {id}"));
            }
        }
    }
    if !is_of(part, &account)
        || id.parse::<NoticeId>().ok().and_then(|id| id.partition()).map(|part| i64::from(part.number())) != Some(part)
    {
        wrong.push(format!("a transfer is in another partition than its account's or its id's: {id}"));
    }
    if recipient.parse::<Mailbox>().map(|mailbox| mailbox.key()).ok().as_ref() != Some(&recipient_key) {
        wrong.push(format!("a transfer's recipient is not the one it is found by: {id}"));
    }
    if report.is_some_and(|report| mail::envelope::ReportWish::parse(&report).is_none()) {
        wrong.push(format!("a transfer's NOTIFY does not read: {id}"));
    }
    Ok((vec![Value::Int(part), id.into()], wrong))
}

fn rules(mut row: Row) -> Result<Found> {
    let (part, account) = (row.int()?, row.text()?);
    let mut wrong = Vec::new();
    let rules = row.json_or_null::<RuleSet>().map(|rules| rules.map(RuleSet::checked));
    if !matches!(rules, Ok(None | Some(Ok(_)))) {
        wrong.push(format!("the rules of an account do not read: {account}"));
    }
    let absence = row.json_or_null::<Absence>().map(|absence| absence.map(Absence::checked));
    if !matches!(absence, Ok(None | Some(Ok(_)))) {
        wrong.push(format!("the absence reply of an account does not read: {account}"));
    }
    Ok((vec![Value::Int(part), account.into()], wrong))
}

fn errand(mut row: Row) -> Result<Found> {
    let (part, account, id, pinned) = (row.int()?, row.text()?, row.text()?, row.text_or_null()?);
    let mut wrong = Vec::new();
    match state::<Task>(&mut row)? {
        Err(error) => wrong.push(format!("an errand does not read ({error}): {id}")),
        Ok(task) => {
            let needed = match task {
                Task::Forward { mail, .. } => Some(mail.to_string()),
                Task::Answer { .. } | Task::Pending { .. } => None,
            };
            if needed != pinned {
                wrong.push(format!("an errand keeps another mail than it sends on: {id}"));
            }
        }
    }
    Ok((vec![Value::Int(part), account.into(), id.into()], wrong))
}

/// Whether a row is due when its state says.
pub(super) fn is_due_right(arrival: &Arrival, due_at: Timestamp, expires: Timestamp) -> bool {
    // How long rows are kept is configured, and may have been otherwise when this one was written.
    let is_right = match &arrival.stage {
        Stage::Noted { decide_at } => due_at == *decide_at,
        Stage::Listed => due_at == expires,
        Stage::Due { retry_at, .. } | Stage::Stored { retry_at, .. } | Stage::Declining { retry_at, .. } => due_at <= *retry_at,
        Stage::Dropped { .. } | Stage::Ended(_) => due_at >= expires,
    };
    arrival.look_again_at.map_or(is_right, |time| due_at == time || due_at < time && is_right)
}

fn arrival(mut row: Row) -> Result<Found> {
    let (part, account, origin, id, recipient_key) = (row.int()?, row.text()?, row.text()?, row.text()?, row.text()?);
    let (sender, sender_key, recipient) = (row.text()?, row.text()?, row.text()?);
    let (expires, stage, due_at) = (row.time()?, row.text()?, row.time()?);
    let mut wrong = Vec::new();
    match state::<Arrival>(&mut row)? {
        Err(error) => wrong.push(format!("an arrival's state does not read ({error}): {id}")),
        Ok(arrival) => {
            if arrival_row::stage(&arrival) != stage {
                wrong.push(format!("an arrival's stage is {stage}, and its state another: {id}"));
            }
            if arrival.expires != expires {
                wrong.push(format!("an arrival expires at another time than its state says: {id}"));
            }
            let fits = is_due_right(&arrival, due_at, expires);
            if !fits {
                wrong.push(format!("an arrival is due at another time than its state says: {id}"));
            }
        }
    }
    if !is_of(part, &account) {
        wrong.push(format!("an arrival is in another partition than its account's: {id}"));
    }
    let (from, to) = (sender.parse::<Mailbox>(), recipient.parse::<Mailbox>());
    if from.is_ok_and(|from| from.key() != sender_key || from.domain().as_str() != origin) {
        wrong.push(format!("an arrival's author is not the one it is found by: {id}"));
    }
    if to.is_ok_and(|to| to.key() != recipient_key) {
        wrong.push(format!("an arrival's recipient is not the one it is found by: {id}"));
    }
    Ok((vec![Value::Int(part), account.into(), origin.into(), id.into(), recipient_key.into()], wrong))
}

fn entry(mut row: Row) -> Result<Found> {
    let (part, account, name, list) = (row.int()?, row.text()?, row.text()?, row.text()?);
    let (domain, id) = (row.text()?, row.text()?);
    let mut wrong = Vec::new();
    match state::<Entry>(&mut row)? {
        Err(error) => wrong.push(format!("an entry does not read ({error}): {name}")),
        Ok(entry) => {
            let same = crate::consent::list_name(entry.list) == list && entry.id.to_string() == id;
            if entry.key() != name || !same || crate::consent::domain_of(&entry) != domain {
                wrong.push(format!("an entry is not the one it is found by: {name}"));
            }
        }
    }
    if !is_of(part, &account) {
        wrong.push(format!("an entry is in another partition than its account's: {name}"));
    }
    Ok((vec![Value::Int(part), account.into(), name.into(), list.into()], wrong))
}

fn message(mut row: Row) -> Result<Found> {
    let (part, id) = (row.int()?, row.text()?);
    let wrong = content(&mut row)?.map(|wrong| format!("the content of a message {wrong}: {id}"));
    Ok((vec![Value::Int(part), id.into()], wrong.into_iter().collect()))
}

fn mail(mut row: Row) -> Result<Found> {
    let (part, account, id) = (row.int()?, row.text()?, row.text()?);
    let mut wrong: Vec<_> = content(&mut row)?.map(|wrong| format!("the content of a mail {wrong}: {id}")).into_iter().collect();
    let (_skip_octets, head_octets, head) = (row.count()?, row.count()?, row.blob()?);
    if head.len() as u64 != head_octets {
        wrong.push(format!("the head of a mail is not of the size it had: {id}"));
    }
    Ok((vec![Value::Int(part), account.into(), id.into()], wrong))
}

fn kept(mut row: Row) -> Result<Found> {
    let (part, account, id) = (row.int()?, row.text()?, row.text()?);
    let what = "a message kept aside";
    let mut wrong: Vec<_> = content(&mut row)?.map(|wrong| format!("the content of {what} {wrong}: {id}")).into_iter().collect();
    let (head_octets, head) = (row.count()?, row.blob()?);
    let (sender, sender_key) = (row.text()?, row.text()?);
    let (stage, due_at, expires) = (row.text()?, row.time()?, row.time()?);
    if head.len() as u64 != head_octets {
        wrong.push(format!("the head of {what} is not of the size it had: {id}"));
    }
    if sender.parse::<Mailbox>().map(|mailbox| mailbox.key()).ok().as_ref() != Some(&sender_key) {
        wrong.push(format!("the sender of {what} is not the one it is found by: {id}"));
    }
    let goes_when_it_may = if stage == KeptStage::Listed.as_str() { due_at == expires } else { due_at <= expires };
    if !goes_when_it_may || KeptStage::ALL.iter().all(|known| known.as_str() != stage) {
        wrong.push(format!("{what} is {stage}, and goes at another time than that says: {id}"));
    }
    Ok((vec![Value::Int(part), account.into(), id.into()], wrong))
}

/// What is wrong with octets in a row.
fn content(row: &mut Row) -> Result<Option<&'static str>> {
    let (size_octets, digest, octets) = (row.count()?, row.blob()?, row.blob_or_null()?);
    let Some(octets) = octets else { return Ok(None) };
    if octets.len() as u64 != size_octets {
        return Ok(Some("is not of the size it had"));
    }
    Ok((ContentDigest::of(&octets).as_bytes().as_slice() != digest).then_some("is not what was stored"))
}
