//! What became of sent messages, as messages; and the keyword upon the author's own copies of them.

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::report::SentStatus;
use delivery::synthetic::SentKeyword;
use delivery::synthetic::sent::{Recipient, Sent, message};
use delivery::transfer::Transfer;
use mail::address::Mailbox;
use mail::flag::{FlagChange, Flags, Keyword};
use mail::id::{AccountId, MailId, MailboxId, MessageId, Partition};
use mail::message::HeaderSection;
use mail::time::Timestamp;

use super::Fact;
use crate::backend::Tx;
use crate::items::flags::By;
use crate::items::{self, FlagsSet};
use crate::{Account, Result, mailboxes, params, statements};

/// For so long it is told what became of a message: as long as its outcome is remembered at least.
const TOLD_FOR: Duration = Duration::from_hours(30 * 24);
/// Messages that are told of, the latest: what a person looks through.
const MESSAGES_MAX: usize = 200;
/// Transfers that are looked at for that.
const TRANSFERS_MAX: usize = 5_000;
/// Copies of one message that get its keyword: one is usual.
const COPIES_MAX: usize = 100;

statements! {
    LATEST = "SELECT m.id, m.internet_id, m.subject, t.recipient, t.state, t.since FROM (SELECT part, id, internet_id, subject, kept FROM message \
              WHERE part = ?1 AND account = ?2 AND kept > ?3 ORDER BY kept DESC, id DESC LIMIT ?4) m \
              JOIN transfer t ON t.part = m.part AND t.message = m.id ORDER BY m.kept DESC, m.id DESC, \
              t.recipient_key, t.id LIMIT ?5";
    INTERNET_ID = "SELECT internet_id FROM message WHERE part = ?1 AND id = ?2";
    STATES = "SELECT t.state FROM message m JOIN transfer t ON t.part = m.part AND t.message = m.id \
              WHERE m.part = ?1 AND m.account = ?2 AND m.internet_id = ?3";
    // SQLite keeps the order of a CROSS JOIN. For the sake of ORDER BY, it would look through all items of the account.
    COPIES = "SELECT i.mailbox, i.uid FROM mail m CROSS JOIN item i WHERE m.part = ?1 AND m.account = ?2 AND m.internet_id = ?3 \
              AND i.part = m.part AND i.account = m.account AND i.mail = m.id ORDER BY i.mailbox, i.uid LIMIT ?4";
    APPENDED = "UPDATE mail SET internet_id = ?4 WHERE part = ?1 AND account = ?2 AND id = ?3";
}

/// One message, as it is read.
struct Row {
    internet_id: Option<String>,
    subject: String,
    recipients: Vec<(Mailbox, SentStatus, Timestamp)>,
}

/// One for each message of late, the latest last.
pub(super) fn facts(tx: &mut dyn Tx, account: &Account, now: Timestamp) -> Result<Vec<Fact>> {
    let values = params![Partition::of(account.id), account.id, now - TOLD_FOR, MESSAGES_MAX, TRANSFERS_MAX];
    let mut found: Vec<(String, Row)> = Vec::new();
    let rows = tx.query(LATEST, values)?;
    let is_cut = rows.len() == TRANSFERS_MAX;
    for mut row in rows {
        let (id, internet_id, subject) = (row.text()?, row.text_or_null()?, row.text()?);
        let recipient = (row.parsed()?, SentStatus::of(&row.json::<Transfer>()?), row.time()?);
        match found.last_mut() {
            Some((known, of_message)) if *known == id => of_message.recipients.push(recipient),
            Some(_) | None => found.push((id, Row { internet_id, subject, recipients: vec![recipient] })),
        }
    }
    if is_cut && found.len() > 1 {
        // Of the oldest, some recipients may be missing.
        found.pop();
    }
    Ok(found.into_iter().rev().map(|(id, row)| fact(account, id, &row)).collect())
}

fn fact(account: &Account, id: String, row: &Row) -> Fact {
    let recipients: Vec<_> =
        row.recipients.iter().map(|(mailbox, status, since)| Recipient { mailbox, status: *status, since: *since }).collect();
    let sent = Sent { owner: &account.address, message_id: row.internet_id.as_deref(), subject: &row.subject, recipients: &recipients };
    let octets = message(&sent);
    let at = recipients.iter().map(|recipient| recipient.since).max().unwrap_or(Timestamp::EPOCH);
    Fact { name: id, subject: HeaderSection::read(&octets).subject().unwrap_or_default(), at, octets }
}

/// A transfer of this message changed: its author's copies say so.
pub(crate) fn mark_copies(tx: &mut dyn Tx, part: Partition, account: AccountId, message: MessageId) -> Result<()> {
    match tx.one(INTERNET_ID, params![part, message])?.map(|mut row| row.text_or_null()).transpose()?.flatten() {
        Some(internet_id) => mark(tx, account, &internet_id),
        None => Ok(()),
    }
}

/// The owner appended a message with this Message-ID: should it be one that was sent, it says what became of it.
pub(crate) fn note_appended(tx: &mut dyn Tx, account: AccountId, mail: MailId, internet_id: &str) -> Result<()> {
    tx.execute(APPENDED, params![Partition::of(account), account, mail, internet_id])?;
    mark(tx, account, internet_id)
}

/// Gives all copies of a sent message the keyword of what became of it, if it was sent.
pub(crate) fn mark(tx: &mut dyn Tx, account: AccountId, internet_id: &str) -> Result<()> {
    let part = Partition::of(account);
    let mut of_mailbox: BTreeMap<MailboxId, Vec<u32>> = BTreeMap::new();
    for mut row in tx.query(COPIES, params![part, account, internet_id, COPIES_MAX])? {
        of_mailbox.entry(row.parsed()?).or_default().push(mailboxes::number(&mut row)?);
    }
    if of_mailbox.is_empty() {
        return Ok(());
    }
    let states = tx.query(STATES, params![part, account, internet_id])?;
    if states.is_empty() {
        return Ok(());
    }
    let statuses = states.into_iter().map(|mut row| Ok(SentStatus::of(&row.json::<Transfer>()?))).collect::<Result<Vec<_>>>()?;
    let keyword = SentKeyword::of(statuses).and_then(|keyword| Keyword::new(keyword.as_str()));
    for (mailbox, uids) in of_mailbox {
        for item in items::some(tx, account, mailbox, &uids)? {
            let after = with_keyword(&item.flags, keyword.as_ref());
            let set = items::flags::set(tx, account, mailbox, &[item.uid], &FlagChange::Replace(after), By::Server, None)?;
            if set == FlagsSet::TooManyKeywords {
                tracing::debug!(%account, "a copy of a sent message has too many keywords to say what became of it");
            }
        }
    }
    Ok(())
}

fn with_keyword(before: &Flags, keyword: Option<&Keyword>) -> Flags {
    let others = before.keywords.iter().filter(|known| !SentKeyword::is_one(known)).chain(keyword).cloned();
    Flags { system: before.system, keywords: others.collect() }
}
