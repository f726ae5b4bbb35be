//! `mail`: what lies in a mailbox, and one message, to read or octet for octet.

use mail::address::Mailbox;
use mail::id::MailId;
use mail::time::Timestamp;
use serde::Serialize;
use store::MailRow;

use crate::admin::request::Form;
use crate::admin::{AdminError, Desk, RawMail, Response};

/// Of a message shown for reading; `--raw` has no end.
const READABLE_OCTETS_MAX: usize = 256 * 1024;

#[derive(Serialize)]
struct Row {
    id: MailId,
    mailbox: String,
    from: String,
    subject: String,
    size_octets: u64,
    received: Timestamp,
    flags: Vec<String>,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    row: Row,
    /// As UTF-8, with a mark for what is not.
    text: String,
    /// Whether that is all of it.
    complete: bool,
}

impl From<MailRow> for Row {
    fn from(MailRow { id, mailbox, from, subject, size_octets, received, flags }: MailRow) -> Self {
        let flags = flags.names().map(str::to_owned).collect();
        Self { id, mailbox, from, subject, size_octets, received, flags }
    }
}

pub(super) async fn list(desk: &Desk, address: &Mailbox, mailbox: Option<&str>, limit: Option<u32>) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let mail = desk.store.mail_list(account.id).await?.into_iter();
    // RFC 9051 section 5.1: INBOX is the one name whose case does not matter.
    let is_there = |name: &str| mailbox.is_none_or(|wanted| name == wanted || (name == "INBOX" && wanted.eq_ignore_ascii_case(name)));
    let mut rows: Vec<Row> = mail.filter(|row| is_there(&row.mailbox)).map(Row::from).collect();
    // Oldest first, and the latest of them.
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let rows = rows.split_off(rows.len().saturating_sub(limit));
    Ok(Response::of(rows))
}

pub(super) async fn show(desk: &Desk, address: &Mailbox, id: MailId, form: Form) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let found = desk.store.mail(account.id, id).await?;
    let mail = found.ok_or_else(|| AdminError::refused("no-such-message", format!("{address} has no message {id}")))?;
    let row = Row::from(mail.row.clone());
    let mut raw = RawMail::new(&desk.store, mail);
    if form == Form::Raw {
        return Ok(Response { raw: Some(raw), ..Response::of(row) });
    }
    let mut octets = Vec::new();
    while octets.len() < READABLE_OCTETS_MAX {
        let piece = raw.next().await?;
        if piece.is_empty() {
            break;
        }
        octets.extend(piece);
    }
    octets.truncate(READABLE_OCTETS_MAX);
    let complete = u64::try_from(octets.len()).ok() == Some(raw.size_octets);
    Ok(Response::of(Shown { row, text: String::from_utf8_lossy(&octets).into_owned(), complete }))
}
