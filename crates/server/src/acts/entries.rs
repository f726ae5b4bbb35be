//! Entries of the lists that decide who gets in, and contact attempts that are put away.

use std::time::Duration;

use delivery::consent::{Caution, Entry, EntryList, Who};
use delivery::contacts::ContactKind;
use mail::id::{EntryId, NoticeId};
use mail::time::Timestamp;
use store::{Alias, ConsentAct, ConsentChange};

use super::Acts;
use crate::admin::AdminError;

/// An expected message comes soon, or not at all (section 5).
const EXPECTED_FOR: Duration = Duration::from_hours(1);
const EXPECTED_COUNT: u32 = 3;
/// Octets of a reason: a sentence, which is kept with the entry.
const REASON_OCTETS_MAX: usize = 500;

/// An entry to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// On which list.
    pub list: EntryList,
    /// Whom it speaks of.
    pub who: Who,
    /// Until when it counts; for ever if none, but an hour for who is expected.
    pub until: Option<Timestamp>,
    /// How many messages it lets in; any number if none, but three of who is expected.
    pub count: Option<u32>,
    /// The REF that a notice must carry, if any.
    pub reference: Option<NoticeId>,
    /// Why.
    pub reason: String,
    /// Which of the sender's rows the owner looked at, if it was one of them. Pushed mail may be somebody else's: only who
    /// looked at it, or at nothing else of theirs, lets it in.
    pub of: Option<ContactKind>,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Names it in the history.
    pub change: EntryId,
    /// Whether it changed anything.
    pub changed: bool,
    /// How many waiting messages became due.
    pub released: u32,
    /// What the owner should hear.
    pub caution: Option<Caution>,
}

impl Wish {
    /// For ever, and whatever they send.
    pub fn new(list: EntryList, who: Who, reason: impl Into<String>) -> Self {
        Self { list, who, until: None, count: None, reference: None, reason: reason.into(), of: None }
    }

    /// Decided about one row of the contact attempts.
    #[must_use]
    pub fn of(self, kind: ContactKind) -> Self {
        Self { of: Some(kind), ..self }
    }

    fn with_defaults(self, now: Timestamp) -> Self {
        if self.list != EntryList::Expected {
            return self;
        }
        Self { until: self.until.or(Some(now + EXPECTED_FOR)), count: self.count.or(Some(EXPECTED_COUNT)), ..self }
    }
}

impl Acts<'_> {
    /// The entries of one list.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn entries(&self, list: EntryList) -> Result<Vec<Entry>, AdminError> {
        Ok(self.store.entries(self.account.id, list).await?)
    }

    /// Adds an entry, and lets in, or puts away, what waits.
    ///
    /// # Errors
    /// There can be no such entry, or there are too many; or the store is not available.
    pub async fn add(&self, wish: Wish) -> Result<Changed, AdminError> {
        let now = self.means.now();
        let wish = wish.with_defaults(now);
        let caution = self.admit(&wish, now).await?;
        let verb = verb(wish.list);
        let entry = Entry {
            id: self.new_entry_id(),
            list: wish.list,
            who: wish.who.clone(),
            until: wish.until,
            remaining: wish.count,
            reference: wish.reference.map(|reference| reference.to_string()),
            list_domain: None,
            made: now,
            through: self.through.to_owned(),
            reason: wish.reason,
            proof: self.proof(&wish.who, wish.of).await?,
        };
        let changed = self.change(verb, &wish.who, ConsentAct::Add(entry), wish.of).await?;
        Ok(Changed { caution, ..changed })
    }

    /// Whether there can be such an entry; asked of all before the first of several is added.
    ///
    /// # Errors
    /// There can't; or the store is not available.
    pub async fn check(&self, wish: &Wish) -> Result<(), AdminError> {
        self.admit(wish, self.means.now()).await.map(drop)
    }

    /// Takes an entry away.
    ///
    /// # Errors
    /// There is none; or the store is not available.
    pub async fn remove(&self, list: EntryList, who: &Who) -> Result<Changed, AdminError> {
        let changed = self.change(&format!("no longer {}", verb(list)), who, ConsentAct::Remove { list, who: who.clone() }, None).await?;
        if changed.changed {
            return Ok(changed);
        }
        Err(AdminError::refused("no-such-entry", format!("{who} is not on that list of {}", self.account.address)))
    }

    /// Puts away what waits from somebody, all of it or what is of one kind, without a decision about them. Returns how many
    /// messages that were.
    ///
    /// # Errors
    /// Nothing waits; or the store is not available.
    pub async fn dismiss(&self, who: &Who, of: Option<ContactKind>) -> Result<u32, AdminError> {
        match self.store.dismiss_contact(self.account.id, who, of, self.means.now()).await? {
            0 => Err(AdminError::refused("no-such-contact", format!("nothing waits from {who}"))),
            dismissed => Ok(dismissed),
        }
    }

    /// Whether there can be such an entry, and what its owner should hear first.
    async fn admit(&self, wish: &Wish, now: Timestamp) -> Result<Option<Caution>, AdminError> {
        if let Some(until) = wish.until.filter(|until| *until <= now) {
            return Err(AdminError::usage("until", format!("{until} is past")));
        }
        if wish.count == Some(0) {
            return Err(AdminError::usage("count", "expected at least 1 message"));
        }
        if wish.list != EntryList::Expected && (wish.count.is_some() || wish.reference.is_some()) {
            return Err(AdminError::usage("terms", "a number of messages and a reference go with who is expected"));
        }
        if wish.reason.len() > REASON_OCTETS_MAX {
            return Err(AdminError::usage("reason", format!("a reason has at most {REASON_OCTETS_MAX} octets")));
        }
        match wish.list {
            EntryList::Allow | EntryList::Expected => {
                wish.who.may_be_let_in().map_err(|error| AdminError::refused("public-suffix", error.to_string()))
            }
            EntryList::Block => self.admit_block(&wish.who).await,
            EntryList::RepliedTo => Err(AdminError::refused("not-by-hand", "only writing to somebody puts them on that list")),
            EntryList::Site => self.admit_site(&wish.who).await,
        }
    }

    /// Nobody blocks an address or an alias of their own, with a plus-tag or without: their notes to themselves would never come again.
    /// What a catch-all catches may be anybody's, and keeping out a whole domain, or a public suffix, is the owner's right.
    async fn admit_block(&self, who: &Who) -> Result<Option<Caution>, AdminError> {
        let Who::Address(address) = who else { return Ok(None) };
        // As it is now: an alias may be younger than a session.
        let Some(account) = self.store.account_by_id(self.account.id).await? else { return Ok(None) };
        let aliases = account.aliases.iter().filter_map(|alias| match alias {
            Alias::Address(mailbox) => Some(mailbox),
            Alias::CatchAll(_) => None,
        });
        let untagged = address.without_tag();
        let mut own = std::iter::once(&account.address).chain(aliases);
        if own.any(|own| own == address || Some(own) == untagged.as_ref()) {
            let message = format!("{who} is an address of {} itself: nobody blocks themselves", account.address);
            return Err(AdminError::refused("own-address", message));
        }
        Ok(None)
    }

    /// A site address is one of the owner's.
    async fn admit_site(&self, who: &Who) -> Result<Option<Caution>, AdminError> {
        let Who::Address(address) = who else { return Err(AdminError::usage("site", "a site address is an address")) };
        match self.store.resolve(address).await? {
            Some(account) if account.id == self.account.id => Ok(None),
            Some(_) | None => Err(AdminError::refused("not-own-address", format!("{who} is no address of {}", self.account.address))),
        }
    }

    /// What proof the sender had, if they have written: the reader of the history wants to know who was let in.
    async fn proof(&self, who: &Who, of: Option<ContactKind>) -> Result<Option<String>, AdminError> {
        let Who::Address(address) = who else { return Ok(None) };
        let contacts = self.store.contacts(self.account.id, self.means.now()).await?;
        let is_meant = |contact: &store::Contact| contact.kind.waits() && of.is_none_or(|of| of == contact.kind);
        let waits = |contact: &store::Contact| is_meant(contact) && contact.sender == *address;
        Ok(contacts.into_iter().find(waits).map(|contact| contact.evidence.rule))
    }

    async fn change(&self, verb: &str, who: &Who, act: ConsentAct, of: Option<ContactKind>) -> Result<Changed, AdminError> {
        let change = self.new_entry_id();
        let done = self
            .store
            .change_consent(ConsentChange {
                account: self.account.id,
                id: change,
                act,
                of,
                through: self.through.to_owned(),
                now: self.means.now(),
                jitter: self.jitter(),
            })
            .await?;
        if done.is_full {
            let (address, max) = (&self.account.address, store::consent::ENTRIES_MAX);
            return Err(AdminError::refused("list-full", format!("{address} has {max} entries, as many as an account may have")));
        }
        self.due.raise();
        if done.changed {
            self.tell(format!("{verb} {who}"), done.released);
        }
        Ok(Changed { change, changed: done.changed, released: done.released, caution: None })
    }
}

/// As events and histories name it.
pub(crate) const fn verb(list: EntryList) -> &'static str {
    match list {
        EntryList::Allow => "allow",
        EntryList::Block => "block",
        EntryList::Expected => "expect",
        EntryList::RepliedTo => "replied to",
        EntryList::Site => "site address",
    }
}
