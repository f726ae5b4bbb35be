//! Reports to the author: appended to the submitter's INBOX in the transaction that changes the transfer.

use delivery::report::Report;
use delivery::schedule::Timers;
use delivery::transfer::Transfer;
use mail::address::Domain;
use mail::digest::ContentDigest;
use mail::dsn::{self, Outcome, Recipient, Returned};
use mail::envelope::ReturnWish;
use mail::id::Partition;
use mail::message::HeaderSection;
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::content::{Place, StoredContent};
use crate::mailbox::{INBOX, NewMail};
use crate::{Result, Settle, TransferRecord, accounts, mailbox, transfer_row};

/// Tells the author what became of a transfer, which is as `record` says before the transition. The reverse-path
/// is an address of the account that submitted the message, or nobody is told.
pub(crate) fn append(
    tx: &mut dyn Tx,
    record: &TransferRecord,
    report: &Report,
    settle: &Settle,
    host: &Domain,
    timers: &Timers,
) -> Result<()> {
    let part = Partition::of(record.account);
    let Some(to) = record.reverse_path.mailbox() else { return Ok(()) };
    if accounts::screening_of(tx, part, record.account)?.is_none() {
        return Ok(());
    }
    let envelope = transfer_row::envelope(tx, part, record.message)?;
    // RFC 3461 section 4.3: RET speaks of reports of failure. What is too large for a row is returned as its header section.
    let full = match (report, envelope.returns) {
        (Report::Failed { .. } | Report::Expired, ReturnWish::Full) => transfer_row::octets(tx, part, record.message)?,
        _ => None,
    };
    let recipient = Recipient {
        mailbox: &record.recipient.mailbox,
        original: record.recipient.original.as_deref(),
        remote: None,
        outcome: outcome(report, &record.transfer, settle.now, timers),
    };
    let octets = dsn::build(&dsn::Report {
        host,
        domain: record.from.domain(),
        to,
        id: &settle.report.to_string(),
        at: settle.now,
        arrival: record.kept,
        envelope_id: envelope.id.as_deref(),
        recipients: &[recipient],
        returned: full.as_deref().map_or(Returned::Headers(&envelope.header), Returned::Full),
    });
    let author = format!("Mail Delivery System <mailer-daemon@{}>", record.from.domain());
    let subject = HeaderSection::read(&octets).subject().unwrap_or_default();
    let content = StoredContent { size_octets: octets.len() as u64, digest: ContentDigest::of(&octets), place: Place::Row(octets) };
    let mail = NewMail {
        account: record.account,
        id: settle.report,
        mailbox: INBOX,
        received: settle.now,
        author: &author,
        subject: &subject,
        // RFC 5321 section 4.4: final delivery says the reverse-path, which a report has none of.
        head: b"Return-Path: <>\r\n",
        skip_octets: 0,
        content: &content,
        arrival: None,
    };
    mailbox::append(tx, part, &mail)
}

/// The report in the words of DSN, with the times it names.
fn outcome<'a>(report: &'a Report, before: &Transfer, now: Timestamp, timers: &Timers) -> Outcome<'a> {
    let until = match before {
        Transfer::Notifying { since, .. } | Transfer::Relaying { since, .. } => *since + timers.notice_give_up,
        Transfer::Waiting { expires, .. } | Transfer::Served { expires, .. } => *expires,
        Transfer::Uncertain { until } => *until,
        Transfer::Ended { .. } => now,
    };
    match report {
        Report::Delivered => Outcome::Delivered,
        Report::Failed { status, text } => Outcome::Failed { status: *status, reason: text },
        Report::Expired => Outcome::Expired { at: until },
        Report::DelayedUnnoticed => Outcome::DelayedUnnoticed { until },
        Report::DelayedUncollected => Outcome::DelayedUncollected { until },
        Report::HandedOver => Outcome::HandedOver,
        Report::Relayed => Outcome::Relayed,
    }
}
