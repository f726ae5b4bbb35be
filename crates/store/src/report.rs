//! Reports to the author: filed as the submitter's rules say, in the transaction that changes the transfers.
//!
//! What they return of a large message is copied before that transaction: an object that nobody names, until the
//! transaction adopts it with the report. If it does not come to that, the object is swept as every orphan.

use delivery::absence::Author;
use delivery::report::{Report, returns_whole};
use delivery::rules::Allowance;
use delivery::schedule::Timers;
use delivery::transfer::Transfer;
use mail::address::{Domain, Mailbox};
use mail::digest::ContentDigest;
use mail::dsn::{self, Outcome, Returned, Scan};
use mail::flag::Flags;
use mail::id::{AccountId, MailId, MessageId, Partition};
use mail::time::{Timestamp, Zone};

use crate::backend::Tx;
use crate::content::{ContentReader, ContentWriter, Place, StoredContent};
use crate::filing::{self, LetIn};
use crate::items::Target;
use crate::mailbox::NewMail;
use crate::mailboxes::INBOX;
use crate::{Attempt, Result, Store, StoreError, TransferRecord, accounts, orphans, transfer_row};

/// RFC 5321 section 4.4: final delivery says the reverse-path, which a report has none of.
const RETURN_PATH: &[u8] = b"Return-Path: <>\r\n";

/// What is to be told of one transfer, which is as `record` says before the transition.
pub(crate) struct News<'a> {
    pub(crate) record: &'a TransferRecord,
    pub(crate) before: &'a Transfer,
    pub(crate) report: &'a Report,
    pub(crate) attempt: Option<&'a Attempt>,
}

/// A report as it will be written: all of it but the message that goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    id: MailId,
    at: Timestamp,
    account: AccountId,
    message: MessageId,
    to: Mailbox,
    domain: Domain,
    arrival: Timestamp,
    envelope_id: Option<String>,
    header: Vec<u8>,
    recipients: Vec<DraftRecipient>,
    /// Whether the whole message goes back.
    is_whole: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct DraftRecipient {
    mailbox: Mailbox,
    original: Option<String>,
    report: Report,
    /// Until when it is tried or kept, or was.
    until: Timestamp,
    was_relaying: bool,
    attempt: Option<Attempt>,
}

/// What was made ready for a report before its transaction.
#[derive(Debug, Clone)]
pub(crate) enum Prepared {
    /// Nothing.
    Nothing,
    /// The report as an object, with the draft that it was made of.
    Whole(Box<Draft>, StoredContent),
    /// The message can't be returned, for whatever reason: its header section must do.
    HeaderOnly,
}

impl Draft {
    /// The report of this news, all of one message. `None` if nobody can be told: the reverse-path is empty, or the
    /// account is going.
    pub(crate) fn of(tx: &mut dyn Tx, news: &[News<'_>], (id, at): (MailId, Timestamp), timers: &Timers) -> Result<Option<Self>> {
        let Some(News { record, .. }) = news.first() else { return Ok(None) };
        let part = Partition::of(record.account);
        let Some(to) = record.reverse_path.mailbox() else { return Ok(None) };
        if accounts::screening_of(tx, record.account)?.is_none() {
            return Ok(None);
        }
        let envelope = transfer_row::envelope(tx, part, record.message)?;
        let size_octets = record.content.size_octets;
        Ok(Some(Self {
            id,
            at,
            account: record.account,
            message: record.message,
            to: to.clone(),
            domain: record.from.domain().clone(),
            arrival: record.kept,
            envelope_id: envelope.id,
            header: envelope.header,
            is_whole: news.iter().any(|one| returns_whole(one.report, envelope.returns, size_octets)),
            recipients: news.iter().map(|one| DraftRecipient::of(one, at, timers)).collect(),
        }))
    }

    /// Whether the report can't be written in a transaction: what it returns lies elsewhere.
    pub(crate) fn needs_object(&self, content: &StoredContent) -> bool {
        self.is_whole && matches!(content.place, Place::Object(_))
    }

    /// Puts the report where the author's rules want it.
    pub(crate) fn append(&self, tx: &mut dyn Tx, host: &Domain, prepared: &Prepared) -> Result<()> {
        let part = Partition::of(self.account);
        let content = match prepared {
            Prepared::Whole(_, content) => {
                if let Place::Object(name) = &content.place {
                    orphans::adopt(tx, part, name)?;
                }
                content.clone()
            }
            Prepared::Nothing | Prepared::HeaderOnly => {
                let full = if self.is_whole { transfer_row::octets(tx, part, self.message)? } else { None };
                let octets = self.tell(host, full.as_deref().map_or(Returned::Headers(&self.header), Returned::Full), dsn::build);
                let (size_octets, digest) = (octets.len() as u64, ContentDigest::of(&octets));
                StoredContent { size_octets, digest, place: Place::Row(octets) }
            }
        };
        let mail = NewMail {
            account: self.account,
            id: self.id,
            mailbox: Target::Named(INBOX),
            flags: &Flags::default(),
            received: self.at,
            zone: Zone::UTC,
            saved: self.at,
            author: &format!("Mail Delivery System <mailer-daemon@{}>", self.domain),
            subject: &self.tell(host, Returned::Headers(&[]), dsn::subject),
            head: RETURN_PATH,
            skip_octets: 0,
            content: &content,
            arrival: None,
        };
        // Rules ask about the header section. A report has no reverse-path, so that nothing is sent because it came.
        let header = self.tell(host, Returned::Headers(&[]), dsn::build);
        let let_in = LetIn {
            account: self.account,
            mail: self.id,
            head: &[RETURN_PATH, &header].concat(),
            size_octets: mail.size_octets(),
            smtputf8: false,
            recipient: &self.to,
            allowed_by: Allowance::Server,
            author: Author::Unproved,
            quota: None,
            now: self.at,
        };
        filing::append(tx, part, &mail, &let_in)
    }

    /// The draft in the words of DSN.
    fn tell<T>(&self, host: &Domain, returned: Returned<'_>, made: impl FnOnce(&dsn::Report<'_>) -> T) -> T {
        let recipients: Vec<_> = self.recipients.iter().map(DraftRecipient::told).collect();
        made(&dsn::Report {
            host,
            domain: &self.domain,
            to: &self.to,
            id: &self.id.to_string(),
            at: self.at,
            arrival: self.arrival,
            envelope_id: self.envelope_id.as_deref(),
            recipients: &recipients,
            returned,
        })
    }
}

impl DraftRecipient {
    fn of(news: &News<'_>, now: Timestamp, timers: &Timers) -> Self {
        let until = match news.before {
            Transfer::Notifying { since, .. } | Transfer::Relaying { since, .. } => *since + timers.notice_give_up,
            Transfer::Waiting { expires, .. } | Transfer::Served { expires, .. } => *expires,
            Transfer::Uncertain { until } => *until,
            Transfer::Ended { .. } => now,
        };
        Self {
            mailbox: news.record.recipient.mailbox.clone(),
            original: news.record.recipient.original.clone(),
            report: news.report.clone(),
            until,
            was_relaying: matches!(news.before, Transfer::Relaying { .. }),
            attempt: news.attempt.cloned(),
        }
    }

    fn told(&self) -> dsn::Recipient<'_> {
        let until = self.until;
        let outcome = match &self.report {
            Report::Delivered => Outcome::Delivered,
            Report::Failed { status, text } => Outcome::Failed { status: *status, reason: text },
            // Nobody could have collected what nobody was told of.
            Report::Expired if self.was_relaying => Outcome::GivenUp { at: until },
            Report::Expired => Outcome::Expired { at: until },
            Report::DelayedUnnoticed => Outcome::DelayedUnnoticed { until },
            Report::DelayedUncollected => Outcome::DelayedUncollected { until },
            Report::HandedOver if self.was_relaying => Outcome::Unanswered,
            Report::HandedOver => Outcome::HandedOver,
            Report::Relayed => Outcome::Relayed,
        };
        // Of the other outcomes an attempt says nothing: whose server it was is not who confirmed, or did not collect.
        let tells_of_attempt = match outcome {
            Outcome::Failed { .. }
            | Outcome::GivenUp { .. }
            | Outcome::DelayedUnnoticed { .. }
            | Outcome::Unanswered
            | Outcome::Relayed => true,
            Outcome::Delivered | Outcome::Expired { .. } | Outcome::DelayedUncollected { .. } | Outcome::HandedOver => false,
        };
        let attempt = self.attempt.as_ref().filter(|_| tells_of_attempt);
        let attempt = attempt.map(|it| dsn::Attempt { at: it.at, remote: it.host.as_ref(), reply: it.reply.as_deref() });
        dsn::Recipient { mailbox: &self.mailbox, original: self.original.as_deref(), attempt, outcome }
    }
}

impl Store {
    /// Writes a report with the whole of a large message, for the transaction that will adopt it.
    pub(crate) async fn prepare_report(&self, draft: Box<Draft>, content: &StoredContent) -> Result<Prepared> {
        match self.copy_into_report(&draft, content).await {
            Ok(whole) => Ok(Prepared::Whole(draft, whole)),
            // A message that can't be read is no reason to be silent about it.
            Err(StoreError::Damaged(_)) => Ok(Prepared::HeaderOnly),
            Err(error) => Err(error),
        }
    }

    async fn copy_into_report(&self, draft: &Draft, content: &StoredContent) -> Result<StoredContent> {
        let mut scan = Scan::default();
        ContentReader::new(self, content, 0).each(|piece| scan.update(piece)).await?;
        let frame = draft.tell(&self.host(), Returned::Headers(&draft.header), |report| dsn::frame(report, scan));
        let mut writer = ContentWriter::new(self, draft.account);
        writer.write(&frame.before).await?;
        writer.write_rest(ContentReader::new(self, content, 0)).await?;
        writer.write(&frame.after).await?;
        writer.finish().await
    }
}
