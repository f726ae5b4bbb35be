//! `contacts`: who has written and was let in by nobody yet. To allow and to block them is to add an entry.

use std::collections::BTreeSet;

use delivery::consent::{EntryList, Screening, Who, keys_for};
use mail::address::Mailbox;
use mail::time::Timestamp;
use serde::Serialize;
use store::{Account, Contact, ContactKind};

use crate::admin::{AdminError, Desk, Response};

#[derive(Serialize)]
struct Row {
    sender: Mailbox,
    count: u32,
    first: Timestamp,
    last: Timestamp,
    size_octets: u64,
    /// When what waits is given up; nothing waits from whom `observe` let in.
    expires: Option<Timestamp>,
    evidence: String,
    kind: &'static str,
}

pub(super) async fn list(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let contacts = desk.store.contacts(account.id, desk.means.now()).await?;
    let row = |contact: Contact| Row {
        sender: contact.sender,
        count: contact.count,
        first: contact.first,
        last: contact.last,
        size_octets: contact.size_octets,
        expires: Some(contact.expires),
        evidence: match contact.kind {
            ContactKind::Notice => format!("{}: {}", contact.evidence.rule, contact.evidence.detail),
            // The address is only what the message says.
            ContactKind::Legacy => format!("not proved: {}", contact.evidence.detail),
        },
        kind: match contact.kind {
            ContactKind::Notice => "notice",
            ContactKind::Legacy => "legacy",
        },
    };
    let mut rows: Vec<Row> = contacts.into_iter().map(row).collect();
    if account.screening == Screening::Observe {
        rows.extend(observed(desk, &account).await?);
    }
    Ok(Response::of(rows))
}

/// Who came in because the mailbox only observes, and is on no list by now: with screening on they would wait.
async fn observed(desk: &Desk, account: &Account) -> Result<Vec<Row>, AdminError> {
    let mut decided = BTreeSet::new();
    for list in [EntryList::Allow, EntryList::Block, EntryList::Expected, EntryList::RepliedTo] {
        decided.extend(desk.store.entries(account.id, list).await?.iter().map(|entry| entry.who.key()));
    }
    let observed = desk.store.observed(account.id).await?.into_iter();
    let undecided = observed.filter(|seen| keys_for(&seen.sender, &account.address, None).iter().all(|key| !decided.contains(key)));
    let row = |seen: store::Observed| Row {
        sender: seen.sender,
        count: u32::try_from(seen.count).unwrap_or(u32::MAX),
        first: seen.first,
        last: seen.last,
        size_octets: 0,
        expires: None,
        evidence: "let in: screening only observes".to_owned(),
        kind: "observed",
    };
    Ok(undecided.map(row).collect())
}

pub(super) async fn dismiss(desk: &Desk, address: &Mailbox, who: &Who) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let dismissed = desk.acts(&account).dismiss(who).await?;
    Ok(Response::of(serde_json::json!({ "who": who, "dismissed": dismissed })))
}
