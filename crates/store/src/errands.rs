//! What is to be sent for an account because a message came, or a sender was let in: committed with that, done by a job, once.
//!
//! An errand has the id of the message that it will send; who finds it again after a crash hands in the same message, which
//! `keep` knows. The mail that one sends on stays in the store until it is done, whoever expunges it meanwhile.

use std::time::Duration;

use delivery::schedule::Timers;
use mail::address::Mailbox;
use mail::auto_reply::Answered;
use mail::digest::ContentDigest;
use mail::id::{AccountId, MailId, MessageId, Partition};
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backend::Tx;
use crate::codec::to_json;
use crate::{Lease, Result, Store, params, statements};

statements! {
    INSERT = "INSERT INTO errand (part, account, id, mail, task, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (part, account, id) DO NOTHING";
    DUE = "SELECT e.account, e.id, e.task FROM errand e JOIN lease l ON l.part = e.part \
           WHERE e.due_at <= ?1 AND l.owner = ?2 AND l.epoch <= ?3 ORDER BY e.due_at, e.id LIMIT ?4";
    PUT_OFF = "UPDATE errand SET due_at = ?4 WHERE part = ?1 AND account = ?2 AND id = ?3";
    DONE = "DELETE FROM errand WHERE part = ?1 AND account = ?2 AND id = ?3";
    NEEDS = "SELECT id FROM errand WHERE part = ?1 AND account = ?2 AND mail = ?3 LIMIT 1";
    ERASE = "DELETE FROM errand WHERE part = ?1 AND account = ?2";
}

/// Something to send, or to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// For whom.
    pub account: AccountId,
    /// The message that will be sent; for a question, only a name.
    pub message: MessageId,
    /// What it is.
    pub task: Task,
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// A mail, to others.
    Forward {
        /// Which.
        mail: MailId,
        /// To whom.
        to: Vec<Mailbox>,
        /// Whether it came with SMTPUTF8: then it goes on with that, if it needs it.
        #[serde(default)]
        smtputf8: bool,
    },
    /// The absence reply.
    Answer {
        /// To whom.
        to: Mailbox,
        /// As whom.
        from: Mailbox,
        /// To what.
        answered: Answered,
    },
    /// PENDING: the question what else waits, at the origin of somebody who was let in.
    Pending {
        /// Who was.
        from: Mailbox,
        /// By whom, as their notice named it.
        to: Mailbox,
        /// Until when it is worth asking: then the origin has given its notices again by itself.
        until: Timestamp,
    },
}

/// What is known here when a sender is let in is retrieved first, and need not be told again; its session waits so long.
const PENDING_AFTER: Duration = Duration::from_secs(1);

impl Task {
    /// The id of the message in which a task ends that came with this mail: always the same.
    fn message(&self, mail: MailId, now: Timestamp) -> MessageId {
        let name = match self {
            Self::Forward { .. } => "forward",
            Self::Answer { .. } => "answer",
            Self::Pending { .. } => "pending",
        };
        MessageId::new(now, entropy_of(&format!("{name} {mail}")))
    }
}

/// Chance made of a text: for ids that must come out the same when a transaction is run again.
pub(crate) fn entropy_of(text: &str) -> [u8; 10] {
    ContentDigest::of(text.as_bytes()).as_bytes().first_chunk().copied().unwrap_or_default()
}

impl Store {
    /// An errand is done: the message is kept, or there is nothing to send any more.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn finish_errand(&self, errand: &Errand) -> Result<()> {
        let (account, message) = (errand.account, errand.message);
        let part = Partition::of(account);
        self.write(part, 0, move |tx| tx.execute(DONE, params![part, account, message]).map(drop)).await
    }

    /// An errand is to be tried again at another time.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn put_off_errand(&self, errand: &Errand, until: Timestamp) -> Result<()> {
        let (account, message) = (errand.account, errand.message);
        let part = Partition::of(account);
        self.write(part, 0, move |tx| tx.execute(PUT_OFF, params![part, account, message, until]).map(drop)).await
    }
}

/// Something is to be sent because this mail came.
pub(crate) fn add(tx: &mut dyn Tx, account: AccountId, mail: MailId, task: &Task, now: Timestamp) -> Result<()> {
    let pinned = match task {
        Task::Forward { mail, .. } => Some(*mail),
        Task::Answer { .. } | Task::Pending { .. } => None,
    };
    insert(tx, account, task.message(mail, now), pinned, task, now)
}

/// This sender was let in, and at their origin more may wait than what is known here (protocol section 4, Listed).
pub(crate) fn ask_for_more(
    tx: &mut dyn Tx,
    account: AccountId,
    from: &Mailbox,
    to: &Mailbox,
    now: Timestamp,
    timers: &Timers,
) -> Result<()> {
    let repeat = timers.notice_repeat.first().copied().unwrap_or(timers.retention);
    let task = Task::Pending { from: from.clone(), to: to.clone(), until: now + repeat };
    let id = MessageId::new(now, entropy_of(&format!("pending {} {}", from.key(), to.key())));
    insert(tx, account, id, None, &task, now + PENDING_AFTER)
}

fn insert(tx: &mut dyn Tx, account: AccountId, id: MessageId, pinned: Option<MailId>, task: &Task, due_at: Timestamp) -> Result<()> {
    tx.execute(INSERT, params![Partition::of(account), account, id, pinned, to_json(task)?, due_at]).map(drop)
}

/// What is due in leased partitions, earliest first.
pub(crate) fn due(tx: &mut dyn Tx, lease: &Lease, now: Timestamp, limit: usize) -> Result<Vec<Errand>> {
    let rows = tx.query(DUE, params![now, &lease.owner, lease.epoch, limit])?;
    rows.into_iter().map(|mut row| Ok(Errand { account: row.parsed()?, message: row.parsed()?, task: row.json()? })).collect()
}

/// Whether a mail must stay, though it lies in no mailbox.
pub(crate) fn need(tx: &mut dyn Tx, account: AccountId, mail: MailId) -> Result<bool> {
    Ok(tx.one(NEEDS, params![Partition::of(account), account, mail])?.is_some())
}

/// Deletes what an account that is being deleted has here.
pub(crate) fn erase(tx: &mut dyn Tx, part: Partition, account: AccountId) -> Result<()> {
    tx.execute(ERASE, params![part, account]).map(drop)
}
