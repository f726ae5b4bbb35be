//! Mailboxes whose messages the server makes of what it knows: contact attempts, and what became of sent mail.
//!
//! They are mailboxes like others, with UIDs, flags and modification sequences, so that everything that reads a mailbox reads
//! them. Only [`Store::refresh_made`] puts messages there and takes them away: a fact that changes is a new message under a
//! new UID, one that is no more is a message that vanished. Whatever keeps mailboxes for their owner leaves them out.

mod requests;
pub(crate) mod sent;

use std::collections::BTreeMap;

use delivery::contacts::ContactKind;
use delivery::synthetic::{request, sent as status};
use mail::address::Mailbox;
use mail::digest::{ContentDigest, Digester};
use mail::flag::{Flags, SystemFlags};
use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::time::{Timestamp, Zone};

use crate::backend::{Sql, Tx};
use crate::content::{Place, StoredContent};
use crate::items::append::last_uid;
use crate::items::{Listed, Target, expunge};
use crate::mailbox::{self, NewMail};
use crate::mailboxes::{self, CreateMailbox, Created, MailboxRow, Subscription};
use crate::{Result, Store, StoreError, accounts, params, statements};

statements! {
    HERE = "SELECT name, uid, digest FROM made WHERE part = ?1 AND account = ?2 AND mailbox = ?3 ORDER BY name";
    PUT = "INSERT INTO made (part, account, mailbox, name, uid, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    TAKE = "DELETE FROM made WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND name = ?4";
    CLEAR = "DELETE FROM made WHERE part = ?1 AND account = ?2 AND mailbox = ?3";
    ERASE = "DELETE FROM made WHERE part = ?1 AND account = ?2";
}

/// Every statement about them.
pub(crate) fn all_statements() -> Vec<Sql> {
    [STATEMENTS, sent::STATEMENTS].concat()
}

/// What a deleted account leaves behind here.
pub(crate) const ERASE_MADE: Sql = ERASE;

/// One of the mailboxes that the server makes for every account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Made {
    /// Contact attempts: one message for each row of the list.
    Requests,
    /// What became of messages that were sent: one message for each.
    Sent,
}

/// One contact attempt, as a message of [`Made::Requests`] stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The message's.
    pub uid: u32,
    /// Who knocks.
    pub sender: Mailbox,
    /// How it waits.
    pub kind: ContactKind,
}

/// What a message of such a mailbox is made of.
struct Fact {
    /// What it stands for.
    name: String,
    subject: String,
    at: Timestamp,
    octets: Vec<u8>,
}

impl Made {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Requests, Self::Sent];

    /// Its name, unless another mailbox had that first.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => request::FOLDER,
            Self::Sent => status::FOLDER,
        }
    }

    /// Its id: the same for ever.
    pub const fn id(self, account: AccountId) -> MailboxId {
        match self {
            Self::Requests => MailboxId::made_for(account, 1),
            Self::Sent => MailboxId::made_for(account, 2),
        }
    }

    /// Which of them a mailbox is, if it is one.
    pub fn of(account: AccountId, mailbox: MailboxId) -> Option<Self> {
        Self::ALL.into_iter().find(|made| made.id(account) == mailbox)
    }

    /// What its messages are made with: what became of sent mail is no news of a stranger's.
    fn flags(self) -> Flags {
        match self {
            Self::Requests => Flags::default(),
            Self::Sent => SystemFlags::SEEN.into(),
        }
    }

    fn facts(self, tx: &mut dyn Tx, account: AccountId, now: Timestamp) -> Result<Vec<Fact>> {
        let Some(account) = accounts::load(tx, Partition::of(account), account)? else { return Ok(Vec::new()) };
        match self {
            Self::Requests => requests::facts(tx, &account, now),
            Self::Sent => sent::facts(tx, &account, now),
        }
    }
}

/// What is to be done to a mailbox so that it says what is so.
struct Plan {
    /// As it is; none, if it was never made.
    mailbox: Option<MailboxRow>,
    /// What goes: names and UIDs.
    going: Vec<(String, u32)>,
    coming: Vec<(Fact, ContentDigest)>,
}

impl Store {
    /// Brings a mailbox that the server makes up to date, and makes it if it is not there. Returns it as it is then; nothing,
    /// if the account is no more, or has other mailboxes of all names that it could have.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn refresh_made(&self, account: AccountId, made: Made, now: Timestamp) -> Result<Option<MailboxRow>> {
        let plan = self.read(move |tx| plan(tx, account, made, now)).await?;
        match plan {
            Plan { mailbox: Some(mailbox), going, coming } if going.is_empty() && coming.is_empty() => Ok(Some(mailbox)),
            _ => {
                let entropy = self.entropy();
                self.write(Partition::of(account), 0, move |tx| carry_out(tx, account, made, now, entropy)).await
            }
        }
    }

    /// The contact attempts that these messages of [`Made::Requests`] stand for, in the order of their UIDs.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn requests_of(&self, account: AccountId, uids: Vec<u32>) -> Result<Vec<Request>> {
        let find = move |tx: &mut dyn Tx| {
            let here = here(tx, account, Made::Requests)?;
            let mut found: Vec<_> = here.iter().filter_map(|(name, (uid, _))| requests::request(name, *uid)).collect();
            found.retain(|request| uids.contains(&request.uid));
            found.sort_unstable_by_key(|request| request.uid);
            Ok(found)
        };
        self.read(find).await
    }
}

fn here(tx: &mut dyn Tx, account: AccountId, made: Made) -> Result<BTreeMap<String, (u32, Vec<u8>)>> {
    let rows = tx.query(HERE, params![Partition::of(account), account, made.id(account)])?;
    rows.into_iter().map(|mut row| Ok((row.text()?, (mailboxes::number(&mut row)?, row.blob()?)))).collect()
}

fn plan(tx: &mut dyn Tx, account: AccountId, made: Made, now: Timestamp) -> Result<Plan> {
    let mailbox = mailboxes::by_id(tx, account, made.id(account))?;
    let mut here = if mailbox.is_some() { here(tx, account, made)? } else { BTreeMap::new() };
    let mut coming = Vec::new();
    for fact in made.facts(tx, account, now)? {
        let digest = ContentDigest::of(&fact.octets);
        let is_same = here.get(&fact.name).is_some_and(|(_uid, known)| known == digest.as_bytes());
        if is_same {
            here.remove(&fact.name);
        } else {
            coming.push((fact, digest));
        }
    }
    let going = here.into_iter().map(|(name, (uid, _digest))| (name, uid)).collect();
    Ok(Plan { mailbox, going, coming })
}

fn carry_out(tx: &mut dyn Tx, account: AccountId, made: Made, now: Timestamp, entropy: [u8; 16]) -> Result<Option<MailboxRow>> {
    let (part, id) = (Partition::of(account), made.id(account));
    // Anew: what was read before may have changed.
    let Plan { mailbox, going, coming } = plan(tx, account, made, now)?;
    if mailbox.is_none() && !make(tx, account, made, now)? {
        return Ok(None);
    }
    let uids: Vec<u32> = going.iter().map(|(_name, uid)| *uid).collect();
    expunge::remove(tx, account, id, &uids, Listed::All, expunge::Mail::MayGo)?;
    for (name, _uid) in &going {
        tx.execute(TAKE, params![part, account, id, name])?;
    }
    for (fact, digest) in coming {
        let uid = put(tx, account, made, &fact, digest, now, entropy)?;
        tx.execute(PUT, params![part, account, id, &fact.name, uid, digest.as_bytes()])?;
    }
    mailboxes::by_id(tx, account, id)
}

fn put(
    tx: &mut dyn Tx,
    account: AccountId,
    made: Made,
    fact: &Fact,
    digest: ContentDigest,
    now: Timestamp,
    entropy: [u8; 16],
) -> Result<u32> {
    let own = Digester::of_all([&entropy, fact.name.as_bytes(), digest.as_bytes()]);
    let [entropy @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *own.as_bytes();
    let size_octets = u64::try_from(fact.octets.len()).unwrap_or(u64::MAX);
    let mail = NewMail {
        account,
        id: MailId::new(now, entropy),
        mailbox: Target::Id(made.id(account)),
        flags: &made.flags(),
        received: fact.at,
        zone: Zone::UTC,
        saved: now,
        author: made.name(),
        subject: &fact.subject,
        head: b"",
        skip_octets: 0,
        content: &StoredContent { size_octets, digest, place: Place::Row(fact.octets.clone()) },
        arrival: None,
    };
    let after = mailbox::append(tx, Partition::of(account), &mail)?;
    after.map(last_uid).ok_or_else(|| StoreError::Damaged("a message that was just made is there already".to_owned()))
}

/// Whether it is there then.
fn make(tx: &mut dyn Tx, account: AccountId, made: Made, now: Timestamp) -> Result<bool> {
    let id = made.id(account);
    tx.execute(CLEAR, params![Partition::of(account), account, id])?;
    // A mailbox of its owner's may have had the name before.
    for name in [made.name().to_owned(), format!("{} (server)", made.name())] {
        let create = CreateMailbox { id, name: name.clone(), special_use: None, now };
        match mailboxes::make(tx, account, &create, &[])? {
            Created::Done(_) => {
                mailboxes::subscribe(tx, account, &name, Subscription::On)?;
                return Ok(true);
            }
            Created::Exists => {}
            Created::UseTaken | Created::BadName | Created::TooMany | Created::NoAccount => return Ok(false),
        }
    }
    Ok(false)
}
