//! Pushed mail that is kept aside until its recipient decides or it expires: contact attempts whose content is here.
//!
//! What is `listed` is shown. Blocking or dismissing its sender puts it away for a day, in which the recipient may
//! change their mind; letting the sender in moves it into the mailbox (`release`).

pub(crate) mod release;

use std::net::IpAddr;
use std::time::Duration;

use delivery::consent::Who;
use delivery::contacts::network_of;
use delivery::mutant::Mutant;
use mail::address::Mailbox;
use mail::id::{AccountId, Partition};
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::transfer_row::place_columns;
use crate::{Receive, Result, Room, Store, orphans, params, statements};

/// Messages kept aside for one mailbox, put away ones included: enough for a month of strangers. Beyond it RCPT is answered
/// 452: what is here stays, and honest senders try again.
pub const KEPT_MESSAGES_MAX: u64 = 1_000;
/// Their octets.
pub const KEPT_OCTETS_MAX: u64 = 256 << 20;
/// One network may fill this part of both: nobody shuts the door behind themselves.
pub const NETWORK_SHARE: u64 = 4;

/// How long what was blocked or dismissed can come back.
const PUT_AWAY_FOR: Duration = Duration::from_hours(24);
/// Rows that one transaction deletes.
const ROWS_MAX: usize = 500;

statements! {
    ROOM = "SELECT COUNT(*), CAST(COALESCE(SUM(size_octets), 0) AS BIGINT), \
            CAST(COALESCE(SUM(CASE WHEN network = ?3 THEN 1 ELSE 0 END), 0) AS BIGINT), \
            CAST(COALESCE(SUM(CASE WHEN network = ?3 THEN size_octets ELSE 0 END), 0) AS BIGINT) \
            FROM kept WHERE part = ?1 AND account = ?2";
    INSERT = "INSERT INTO kept (part, account, id, sender, sender_key, list, recipient, reverse_path, received, expires, stage, due_at, \
              network, evidence_address, evidence_detail, subject, skip_octets, head_octets, size_octets, digest, place, object, head, octets) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'listed', ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22) \
              ON CONFLICT (part, account, id) DO NOTHING";
    LIST = "SELECT id, sender, list, recipient, stage, received, expires, due_at, size_octets + head_octets - skip_octets, evidence_address, \
            evidence_detail FROM kept WHERE part = ?1 AND account = ?2 AND id > ?3 ORDER BY id LIMIT ?4";
    SET_STAGE = "UPDATE kept SET stage = ?4, due_at = ?5 WHERE part = ?1 AND account = ?2 AND id = ?3";
    DUE = "SELECT DISTINCT part FROM kept WHERE due_at <= ?1";
    DUE_OF = "SELECT account, id, object FROM kept WHERE part = ?1 AND due_at <= ?2 LIMIT ?3";
    OF_ACCOUNT = "SELECT account, id, object FROM kept WHERE part = ?1 AND account = ?2 LIMIT ?3";
    DELETE = "DELETE FROM kept WHERE part = ?1 AND account = ?2 AND id = ?3";
}

/// Whether a kept message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is a contact attempt.
    Listed,
    /// Its sender was blocked while it was here.
    Blocked,
    /// The recipient put it away.
    Dismissed,
}

impl Stage {
    pub(crate) const ALL: [Self; 3] = [Self::Listed, Self::Blocked, Self::Dismissed];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Blocked => "blocked",
            Self::Dismissed => "dismissed",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|stage| stage.as_str() == name);
        found.ok_or_else(|| crate::StoreError::Damaged(format!("a column holds {name:?} as the stage of a kept message")))
    }
}

/// A kept message without its octets.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) id: String,
    /// Whom it claims to be from.
    pub(crate) sender: Mailbox,
    pub(crate) list: Option<String>,
    pub(crate) recipient: Mailbox,
    pub(crate) stage: Stage,
    pub(crate) received: Timestamp,
    pub(crate) expires: Timestamp,
    /// When the row goes.
    pub(crate) due_at: Timestamp,
    pub(crate) size_octets: u64,
    pub(crate) address: Option<IpAddr>,
    pub(crate) detail: String,
}

impl Kept {
    pub(crate) fn is_shown(&self, now: Timestamp) -> bool {
        self.stage == Stage::Listed && now < self.due_at
    }

    pub(crate) fn is_spoken_of(&self, who: &Who) -> bool {
        who.speaks_of(&self.sender, self.list.as_deref())
    }
}

/// The network of a client, as the rows name it.
pub fn network_name(address: IpAddr) -> String {
    network_of(address).map_or_else(|| address.to_string(), |network| network.to_string())
}

/// Whether an account has room for one more message from this network.
pub(crate) fn room(tx: &mut dyn Tx, account: AccountId, network: &str) -> Result<Room> {
    let Some(mut row) = tx.one(ROOM, params![Partition::of(account), account, network])? else { return Ok(Room::Some) };
    let (messages, octets) = (row.count()?, row.count()?);
    let (messages_of_network, octets_of_network) = (row.count()?, row.count()?);
    let is_full = messages >= KEPT_MESSAGES_MAX || octets >= KEPT_OCTETS_MAX;
    let has_its_share = messages_of_network >= KEPT_MESSAGES_MAX / NETWORK_SHARE || octets_of_network >= KEPT_OCTETS_MAX / NETWORK_SHARE;
    Ok(if is_full || has_its_share { Room::None } else { Room::Some })
}

/// Keeps a message aside; nothing if it is here already.
pub(crate) fn insert(tx: &mut dyn Tx, part: Partition, new: &Receive, expires: Timestamp) -> Result<()> {
    let (place, object, octets) = place_columns(&new.content)?;
    let values = params![
        part,
        new.account,
        new.mail,
        new.sender.to_string(),
        new.sender.key(),
        new.list_id.as_deref(),
        new.recipient.to_string(),
        new.reverse_path.mailbox().map(ToString::to_string).unwrap_or_default(),
        new.now,
        expires,
        network_name(new.pusher.address),
        new.pusher.address.to_string(),
        &new.pusher.detail,
        &new.subject,
        new.skip_octets,
        new.head.len(),
        new.content.size_octets,
        new.content.digest.as_bytes(),
        place,
        object,
        &new.head,
        octets,
    ];
    tx.touch(new.account);
    if Mutant::KeptAsideNowhere.is_in() {
        return Ok(());
    }
    tx.execute(INSERT, values).map(drop)
}

/// Some of what is kept for an account, in the order of its ids: by the time it came.
pub(crate) fn page(tx: &mut dyn Tx, account: AccountId, after: &str, limit: usize) -> Result<Vec<Kept>> {
    let rows = tx.query(LIST, params![Partition::of(account), account, after, limit])?;
    rows.into_iter()
        .map(|mut row| {
            Ok(Kept {
                id: row.text()?,
                sender: row.parsed()?,
                list: row.text_or_null()?,
                recipient: row.parsed()?,
                stage: Stage::parse(&row.text()?)?,
                received: row.time()?,
                expires: row.time()?,
                due_at: row.time()?,
                size_octets: row.count()?,
                address: row.text_or_null()?.and_then(|address| address.parse().ok()),
                detail: row.text()?,
            })
        })
        .collect()
}

/// What is shown of what is kept for an account. A few messages more than the limit may be there: room is looked at before
/// they come in.
pub(crate) fn shown(tx: &mut dyn Tx, account: AccountId, now: Timestamp) -> Result<Vec<Kept>> {
    let limit = usize::try_from(KEPT_MESSAGES_MAX * 2).unwrap_or(usize::MAX);
    Ok(page(tx, account, "", limit)?.into_iter().filter(|kept| kept.is_shown(now)).collect())
}

/// Puts away what is shown from whom `who` speaks of, some of it. Returns how much that was.
pub(crate) fn dismiss(tx: &mut dyn Tx, account: AccountId, who: &Who, now: Timestamp, limit: usize) -> Result<usize> {
    let spoken_of = shown(tx, account, now)?.into_iter().filter(|kept| kept.is_spoken_of(who)).take(limit);
    let mut count = 0;
    for kept in spoken_of {
        set_stage(tx, account, &kept, Stage::Dismissed, now)?;
        count += 1;
    }
    Ok(count)
}

fn set_stage(tx: &mut dyn Tx, account: AccountId, kept: &Kept, stage: Stage, now: Timestamp) -> Result<()> {
    let due_at = match stage {
        Stage::Listed => kept.expires,
        Stage::Blocked | Stage::Dismissed => kept.expires.min(now + PUT_AWAY_FOR),
    };
    tx.touch(account);
    tx.execute(SET_STAGE, params![Partition::of(account), account, &kept.id, stage.as_str(), due_at]).map(drop)
}

impl Store {
    /// Deletes what was kept long enough. Returns how many messages that was.
    ///
    /// # Errors
    /// The store is not available; what was deleted stays deleted.
    pub async fn sweep_kept(&self, now: Timestamp) -> Result<u32> {
        let due = move |tx: &mut dyn Tx| {
            let parts = tx.query(DUE, params![now])?.into_iter().map(|mut row| row.int()).collect::<Result<Vec<_>>>()?;
            Ok(parts.into_iter().filter_map(|part| Partition::new(u16::try_from(part).ok()?)).collect::<Vec<_>>())
        };
        let mut swept = 0;
        for part in self.read(due).await? {
            swept += self.delete_kept(part, None, now).await?;
        }
        Ok(swept)
    }

    /// Deletes what is kept for an account that is being deleted.
    pub(crate) async fn erase_kept(&self, account: AccountId, now: Timestamp) -> Result<()> {
        self.delete_kept(Partition::of(account), Some(account), now).await.map(drop)
    }

    /// Deletes what is kept in a partition: for an account, or what is due.
    async fn delete_kept(&self, part: Partition, account: Option<AccountId>, now: Timestamp) -> Result<u32> {
        let mut deleted = 0;
        loop {
            let delete = move |tx: &mut dyn Tx| {
                let some = match account {
                    Some(account) => tx.query(OF_ACCOUNT, params![part, account, ROWS_MAX])?,
                    None => tx.query(DUE_OF, params![part, now, ROWS_MAX])?,
                };
                let count = some.len();
                for mut row in some {
                    let (account, id, object): (AccountId, _, _) = (row.parsed()?, row.text()?, row.text_or_null()?);
                    tx.execute(DELETE, params![part, account, &id])?;
                    tx.touch(account);
                    if let Some(object) = object {
                        orphans::note(tx, part, &object, now)?;
                    }
                }
                Ok(count)
            };
            let count = self.write(part, 0, delete).await?;
            deleted += u32::try_from(count).unwrap_or(u32::MAX);
            if count < ROWS_MAX {
                return Ok(deleted);
            }
        }
    }
}
