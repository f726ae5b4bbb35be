//! `sent`: what became of a message for each recipient, and taking it back.

use delivery::report::SentStatus;
use delivery::transfer::{Outcome, Taking, Transfer, TransferEvent};
use mail::address::Mailbox;
use mail::id::{MessageId, NoticeId};
use mail::time::Timestamp;
use serde::Serialize;
use store::{Account, TransferRecord};

use crate::admin::{AdminError, Desk, Response};
use crate::events::Event;

#[derive(Serialize)]
struct Row {
    message: MessageId,
    recipient: Mailbox,
    transfer: NoticeId,
    status: &'static str,
    since: Timestamp,
    detail: String,
}

#[derive(Serialize)]
struct NotWithdrawn {
    transfer: NoticeId,
    status: &'static str,
    reason: String,
}

pub(super) async fn list(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let sent = desk.store.sent(account.id).await?;
    let row = |record: TransferRecord| Row {
        message: record.message,
        recipient: record.recipient.mailbox,
        transfer: record.id,
        status: SentStatus::of(&record.transfer).as_str(),
        since: record.since,
        detail: record.detail,
    };
    Ok(Response::of(sent.into_iter().map(row).collect::<Vec<_>>()))
}

/// Takes back one transfer, or every transfer of a message that is still here.
pub(super) async fn withdraw(desk: &Desk, address: &Mailbox, id: &str) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let (mut withdrawn, mut refused) = (Vec::new(), Vec::new());
    for record in named(desk, &account, id).await? {
        match take_back(desk, &record).await? {
            None => withdrawn.push(record.id),
            Some(refusal) => refused.push(refusal),
        }
    }
    match refused.first() {
        Some(NotWithdrawn { reason, .. }) if withdrawn.is_empty() => Err(AdminError::refused("not-withdrawable", reason)),
        _ => Ok(Response::of(serde_json::json!({ "withdrawn": withdrawn, "refused": refused }))),
    }
}

async fn named(desk: &Desk, account: &Account, id: &str) -> Result<Vec<TransferRecord>, AdminError> {
    if let Ok(transfer) = id.parse::<NoticeId>()
        && let Some(record) = desk.store.transfer_briefly(&transfer).await?
        && record.account == account.id
    {
        return Ok(vec![record]);
    }
    let message = id.parse::<MessageId>().ok();
    let sent = if message.is_some() { desk.store.sent(account.id).await? } else { Vec::new() };
    let of_message: Vec<_> = sent.into_iter().filter(|record| Some(record.message) == message).collect();
    if of_message.is_empty() {
        return Err(AdminError::refused("no-such-transfer", format!("{} has sent nothing with the id {id}", account.address)));
    }
    Ok(of_message)
}

/// `None` if it is withdrawn now.
async fn take_back(desk: &Desk, record: &TransferRecord) -> Result<Option<NotWithdrawn>, AdminError> {
    let recipient = &record.recipient.mailbox;
    let refusal = |transfer: &Transfer, why: &str| {
        let status = SentStatus::of(transfer).as_str();
        Some(NotWithdrawn { transfer: record.id.clone(), status, reason: format!("the message to {recipient} {why}") })
    };
    if (desk.is_being_retrieved)(&record.id) {
        return Ok(refusal(&record.transfer, "is being collected or passed on at this moment"));
    }
    let Some(settled) = desk.settle_event(&record.id, TransferEvent::WithdrawalAsked, None, desk.means.now()).await? else {
        return Ok(refusal(&record.transfer, "is not here any more"));
    };
    match settled.after {
        Transfer::Ended { outcome: Outcome::Withdrawn, .. } => {
            if !matches!(settled.before, Transfer::Ended { .. }) {
                let (transfer, status) = (record.id.clone(), SentStatus::of(&settled.after).as_str());
                desk.events.tell(&Event::Ended { transfer, status, detail: "taken back by its author".to_owned() });
            }
            Ok(None)
        }
        after @ Transfer::Relaying { taking: Taking::Possible, .. } => {
            Ok(refusal(&after, "can't be taken back any more: it was sent by ordinary SMTP, and may have been taken"))
        }
        after => {
            let why = format!("can't be taken back any more: {}", SentStatus::of(&after).as_str());
            Ok(refusal(&after, &why))
        }
    }
}
