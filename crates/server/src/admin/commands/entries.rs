//! `allow`, `block`, `expected`: the lists that decide who gets in.

use std::time::Duration;

use delivery::consent::{Entry, EntryList, Who};
use mail::address::Mailbox;
use mail::id::NoticeId;
use mail::time::Timestamp;
use serde::Serialize;
use store::{Account, ConsentAct, ConsentChange};

use crate::admin::request::List;
use crate::admin::{AdminError, Desk, Response};
use crate::config::parse_duration;
use crate::events::Event;

/// An expected message comes soon, or not at all (section 5).
const EXPECTED_FOR: Duration = Duration::from_hours(1);
const EXPECTED_COUNT: u32 = 3;

#[derive(Serialize)]
struct Row {
    who: Who,
    until: Option<Timestamp>,
    count: Option<u32>,
    made: Timestamp,
    through: String,
    reason: String,
    proof: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
}

/// For how long, how often and for what somebody is expected.
pub(super) struct Terms<'a> {
    /// RFC 3339, or a length of time from now; an hour from now if none.
    pub(super) until: Option<&'a str>,
    /// How many messages; 3 if none.
    pub(super) count: Option<u32>,
    /// The REF that a notice must carry, if any.
    pub(super) reference: Option<NoticeId>,
}

/// An entry to be.
struct New {
    list: List,
    who: Who,
    until: Option<Timestamp>,
    remaining: Option<u32>,
    reference: Option<NoticeId>,
}

#[derive(Serialize)]
struct Change {
    who: Who,
    changed: bool,
    released: u32,
    warnings: Vec<String>,
}

impl List {
    const fn entries(self) -> EntryList {
        match self {
            Self::Allow => EntryList::Allow,
            Self::Block => EntryList::Block,
            Self::Expected => EntryList::Expected,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
            Self::Expected => "expect",
        }
    }
}

pub(super) async fn add(desk: &Desk, address: &Mailbox, list: List, who: Who) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    insert(desk, &account, New { list, who, until: None, remaining: None, reference: None }).await
}

pub(super) async fn expect(desk: &Desk, address: &Mailbox, who: Who, terms: Terms<'_>) -> Result<Response, AdminError> {
    let Terms { until, count, reference } = terms;
    let now = desk.means.now();
    let until = match until {
        None => now + EXPECTED_FOR,
        Some(text) => moment(text, now).ok_or_else(|| {
            AdminError::usage("until", format!("not a time: {text:?}; expected RFC 3339, or a length of time from now such as 1h"))
        })?,
    };
    if until <= now {
        return Err(AdminError::usage("until", format!("{until} is past")));
    }
    let count = count.unwrap_or(EXPECTED_COUNT);
    if count == 0 {
        return Err(AdminError::usage("count", "expected at least 1 message"));
    }
    let account = desk.account(address).await?;
    insert(desk, &account, New { list: List::Expected, who, until: Some(until), remaining: Some(count), reference }).await
}

/// A point in time, or a length of time from now.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Some(now + parse_duration(text)?))
}

async fn insert(desk: &Desk, account: &Account, new: New) -> Result<Response, AdminError> {
    let New { list, who, until, remaining, reference } = new;
    let caution = match list {
        List::Allow | List::Expected => who.may_be_let_in().map_err(|error| AdminError::refused("public-suffix", error.to_string()))?,
        // Keeping out a whole public suffix is the owner's right.
        List::Block => None,
    };
    let entry = Entry {
        id: desk.new_entry_id(),
        list: list.entries(),
        who: who.clone(),
        until,
        remaining,
        reference: reference.map(|reference| reference.to_string()),
        list_domain: None,
        made: desk.means.now(),
        through: "cli".to_owned(),
        reason: format!("twoway {}", list.as_str()),
        proof: proof(desk, account, &who).await?,
    };
    let warnings: Vec<String> = caution.iter().map(ToString::to_string).collect();
    let response = change(desk, account, list.as_str(), who, ConsentAct::Add(entry), warnings.clone()).await?;
    Ok(Response { warnings, ..response })
}

/// What proof the sender had, if they have written: the reader of the history wants to know who was let in.
async fn proof(desk: &Desk, account: &Account, who: &Who) -> Result<Option<String>, AdminError> {
    let Who::Address(address) = who else { return Ok(None) };
    let contacts = desk.store.contacts(account.id, desk.means.now()).await?;
    Ok(contacts.into_iter().find(|contact| contact.sender == *address).map(|contact| contact.evidence.rule))
}

pub(super) async fn remove(desk: &Desk, address: &Mailbox, list: List, who: Who) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let act = ConsentAct::Remove { list: list.entries(), who: who.clone() };
    let response = change(desk, &account, &format!("no longer {}", list.as_str()), who.clone(), act, Vec::new()).await?;
    if response.document.get("changed").and_then(serde_json::Value::as_bool) == Some(false) {
        return Err(AdminError::refused("no-such-entry", format!("{who} is not on that list of {address}")));
    }
    Ok(response)
}

async fn change(
    desk: &Desk,
    account: &Account,
    verb: &str,
    who: Who,
    act: ConsentAct,
    warnings: Vec<String>,
) -> Result<Response, AdminError> {
    let change = ConsentChange {
        account: account.id,
        id: desk.new_entry_id(),
        act,
        through: "cli".to_owned(),
        now: desk.means.now(),
        jitter: desk.jitter(),
    };
    let done = desk.store.change_consent(change).await?;
    if done.is_full {
        let max = store::consent::ENTRIES_MAX;
        return Err(AdminError::refused("list-full", format!("{} has {max} entries, as many as an account may have", account.address)));
    }
    desk.due.raise();
    if done.changed {
        desk.events.tell(&Event::ConsentChanged {
            account: account.address.clone(),
            change: format!("{verb} {who}"),
            released: done.released,
        });
    }
    Ok(Response::of(Change { who, changed: done.changed, released: done.released, warnings }))
}

pub(super) async fn list(desk: &Desk, address: &Mailbox, list: List) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let entries = desk.store.entries(account.id, list.entries()).await?;
    let row = |entry: Entry| Row {
        who: entry.who,
        until: entry.until,
        count: entry.remaining,
        made: entry.made,
        through: entry.through,
        reason: entry.reason,
        proof: entry.proof,
        reference: entry.reference,
    };
    Ok(Response::of(entries.into_iter().map(row).collect::<Vec<_>>()))
}
