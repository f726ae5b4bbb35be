//! `history`: what was changed in an account's lists and modes, and taking it back within a day.

use mail::address::Mailbox;
use mail::id::EntryId;
use mail::time::Timestamp;
use serde::Serialize;
use store::HistoryItem;

use crate::admin::{AdminError, Desk, Response};

#[derive(Serialize)]
struct Row {
    id: EntryId,
    at: Timestamp,
    through: String,
    change: String,
    undone: bool,
}

pub(super) async fn list(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let history = desk.store.consent_history(account.id).await?;
    let row = |HistoryItem { id, at, through, text, undone }| Row { id, at, through, change: text, undone };
    Ok(Response::of(history.into_iter().map(row).collect::<Vec<_>>()))
}

pub(super) async fn undo(desk: &Desk, address: &Mailbox, change: EntryId) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let change = desk.acts(&account).undo(Some(change)).await?;
    Ok(Response::of(serde_json::json!({ "undone": change })))
}
