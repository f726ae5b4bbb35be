//! `index`: how far the index of the mail is, and how it is made anew.

use mail::address::Mailbox;
use serde::Serialize;
use store::Account;
use store::search_index::IndexStatus;

use crate::admin::{AdminError, Desk, Response};

#[derive(Serialize)]
struct Row {
    address: Mailbox,
    messages: u64,
    indexed: u64,
    in_segments: u64,
    segments: u64,
    text_octets: u64,
    segment_octets: u64,
}

#[derive(Serialize)]
struct Rebuilding {
    rebuilding: Vec<Mailbox>,
}

pub(super) async fn status(desk: &Desk, address: Option<&Mailbox>) -> Result<Response, AdminError> {
    let mut rows = Vec::new();
    for account in accounts(desk, address).await? {
        let IndexStatus { messages, indexed, in_segments, segments, text_octets, segment_octets } =
            desk.store.index_status(account.id).await?;
        rows.push(Row { address: account.address, messages, indexed, in_segments, segments, text_octets, segment_octets });
    }
    Ok(Response::of(rows))
}

/// What is there is deleted; the running server, or the next to run, makes it again.
pub(super) async fn rebuild(desk: &Desk, address: Option<&Mailbox>) -> Result<Response, AdminError> {
    let mut rebuilding = Vec::new();
    for account in accounts(desk, address).await? {
        desk.store.index_anew(account.id).await?;
        rebuilding.push(account.address);
    }
    desk.due.raise();
    Ok(Response::of(Rebuilding { rebuilding }))
}

async fn accounts(desk: &Desk, address: Option<&Mailbox>) -> Result<Vec<Account>, AdminError> {
    match address {
        Some(address) => Ok(vec![desk.account(address).await?]),
        None => Ok(desk.store.accounts().await?),
    }
}
