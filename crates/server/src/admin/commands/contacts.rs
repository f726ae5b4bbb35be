//! `contacts`: who has written and was let in by nobody yet. To allow and to block them is to add an entry.

use delivery::consent::Who;
use mail::address::Mailbox;
use mail::time::Timestamp;
use serde::Serialize;
use store::{Contact, ContactKind};

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
        expires: contact.expires,
        evidence: match contact.kind {
            ContactKind::Notice => format!("{}: {}", contact.evidence.rule, contact.evidence.detail),
            // The address is only what the message says.
            ContactKind::Legacy => format!("not proved: {}", contact.evidence.detail),
            ContactKind::Observed => "let in: screening only observes".to_owned(),
        },
        kind: match contact.kind {
            ContactKind::Notice => "notice",
            ContactKind::Legacy => "legacy",
            ContactKind::Observed => "observed",
        },
    };
    Ok(Response::of(contacts.into_iter().map(row).collect::<Vec<_>>()))
}

pub(super) async fn dismiss(desk: &Desk, address: &Mailbox, who: &Who) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let dismissed = desk.acts(&account).dismiss(who, None).await?;
    Ok(Response::of(serde_json::json!({ "who": who, "dismissed": dismissed })))
}
