//! Delivery status notifications (RFC 3464, RFC 6522, RFC 6533): what the author is told, for people and for programs.
//!
//! Facts in, octets out. The report is a `multipart/report` of three parts: a text, the status of each recipient,
//! and the message or its header section. What goes back may be too large for memory: [`frame`] makes what stands
//! around it, once a [`Scan`] has seen it.

mod part;
mod wording;

use std::borrow::Cow;

use crate::address::{Domain, Mailbox};
use crate::message::{HeaderSection, text};
use crate::status::Status;
use crate::time::Timestamp;

pub use part::{Encoding as ContentEncoding, Scan};
use part::{Encoding, returned_part};

/// Octets of a peer's words in a report.
const REASON_OCTETS_MAX: usize = 500;
/// Octets of an id or keyword.
const TOKEN_OCTETS_MAX: usize = 48;

/// One report to one author.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// Our host: the Reporting-MTA.
    pub host: &'a Domain,
    /// The domain of the report's own From.
    pub domain: &'a Domain,
    /// Whom it goes to: the message's reverse-path.
    pub to: &'a Mailbox,
    /// Names the report. Must be new: the Message-ID and the boundary between its parts are made of it.
    pub id: &'a str,
    /// When it is written.
    pub at: Timestamp,
    /// When the message was taken in.
    pub arrival: Timestamp,
    /// `ENVID` of the message, decoded (RFC 3461 section 4.4).
    pub envelope_id: Option<&'a str>,
    /// At least one.
    pub recipients: &'a [Recipient<'a>],
    /// How much of the message goes back (RFC 3461 section 4.3).
    pub returned: Returned<'a>,
}

/// What goes back of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned<'a> {
    /// Its header section.
    Headers(&'a [u8]),
    /// All of it.
    Full(&'a [u8]),
}

/// What became of the message for one recipient.
#[derive(Debug, Clone)]
pub struct Recipient<'a> {
    /// The forward-path.
    pub mailbox: &'a Mailbox,
    /// `ORCPT`, decoded: `rfc822;bob@b.test`.
    pub original: Option<&'a str>,
    /// The latest attempt, if one is worth telling.
    pub attempt: Option<Attempt<'a>>,
    /// What became of it.
    pub outcome: Outcome<'a>,
}

/// An attempt to get rid of a message: by a notice, or by ordinary SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// When.
    pub at: Timestamp,
    /// The server that was reached, if one was.
    pub remote: Option<&'a Domain>,
    /// Its reply, if it gave one: `550 5.1.1 no such mailbox`.
    pub reply: Option<&'a str>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The destination confirmed that it has the message durably.
    Delivered,
    /// Given up for good.
    Failed {
        /// Whose refusal, and why.
        status: Status,
        /// In words of our own; the peer's own are in the attempt.
        reason: &'a str,
    },
    /// Not collected before this time. Says nothing of why.
    Expired {
        /// When it expired.
        at: Timestamp,
    },
    /// Ordinary SMTP was tried until this time, and no server took it.
    GivenUp {
        /// When the last hope ended.
        at: Timestamp,
    },
    /// The destination has not heard of it yet; we go on trying.
    DelayedUnnoticed {
        /// How long we go on.
        until: Timestamp,
    },
    /// The destination knows of it, and has not collected it yet. Says nothing of why.
    DelayedUncollected {
        /// How long we keep it.
        until: Timestamp,
    },
    /// The destination collected it and never confirmed. Not a failure.
    HandedOver,
    /// Sent by ordinary SMTP, and its reply never came: a server may have taken it. Not a failure.
    Unanswered,
    /// Passed on by ordinary SMTP to a server that confirms nothing.
    Relayed,
}

impl Outcome<'_> {
    /// The Action and Status fields (RFC 3464 sections 2.3.3 and 2.3.4).
    fn action_and_status(self) -> (&'static str, Status) {
        match self {
            Self::Delivered => ("delivered", Status::success(0, 0)),
            Self::Failed { status, .. } => ("failed", status),
            Self::Expired { .. } | Self::GivenUp { .. } => ("failed", Status::permanent(4, 7)),
            // Both delays are one to programs: what the recipient does about a notice is nobody's business.
            Self::DelayedUnnoticed { .. } | Self::DelayedUncollected { .. } => ("delayed", Status::temporary(0, 0)),
            // RFC 3464 section 2.3.3: handed to where no confirmation may come back from.
            Self::HandedOver | Self::Unanswered | Self::Relayed => ("relayed", Status::success(0, 0)),
        }
    }
}

/// What stands around the content in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Before its first octet.
    pub before: Vec<u8>,
    /// After its last.
    pub after: Vec<u8>,
}

/// The report as a message.
pub fn build(report: &Report<'_>) -> Vec<u8> {
    let original = original(report);
    let (returned, encoding) = returned_part(report.returned, &original);
    let boundary = part::boundary(&token(report.id), &returned);
    let Frame { mut before, after } = assemble(report, &original, report.returned, encoding, &boundary);
    before.extend_from_slice(&returned);
    before.extend_from_slice(&after);
    before
}

/// The report's Subject, decoded.
pub fn subject(report: &Report<'_>) -> String {
    wording::subject(report)
}

/// What stands around the whole message in a report on it, for messages that are not in memory: `scan` has seen all
/// of it, `report.returned` is its header section.
///
/// That no line of the message is our boundary is not looked up: the report's id did not exist when it was written.
pub fn frame(report: &Report<'_>, scan: Scan) -> Frame {
    let original = original(report);
    let boundary = part::boundary(&token(report.id), b"");
    let mut frame = assemble(report, &original, Returned::Full(original.octets()), scan.finish(), &boundary);
    if original.is_missing() {
        // As `returned_part` does it.
        frame.before.extend_from_slice(b"\r\n");
    }
    frame
}

fn original<'a>(report: &Report<'a>) -> HeaderSection<'a> {
    match report.returned {
        Returned::Headers(octets) | Returned::Full(octets) => HeaderSection::read(octets),
    }
}

/// The three parts, without the octets of the last.
fn assemble(
    report: &Report<'_>,
    original: &HeaderSection<'_>,
    returned: Returned<'_>,
    returned_encoding: Encoding,
    boundary: &str,
) -> Frame {
    let global = needs_utf8(report);
    let explanation = wording::explanation(report, original, returned);
    let statuses = status_part(report, global);
    let widest = Encoding::of(explanation.as_bytes()).max(Encoding::of(statuses.as_bytes())).max(returned_encoding);
    let mut before = header(report, original, boundary, widest).into_bytes();
    let mut add_part = |header: &str, content: &[u8]| {
        before.extend_from_slice(format!("\r\n--{boundary}\r\n{header}\r\n").as_bytes());
        before.extend_from_slice(content);
    };
    let text_header = format!("Content-Type: text/plain; charset=utf-8\r\n{}", Encoding::of(explanation.as_bytes()).field());
    add_part(&text_header, explanation.as_bytes());
    let status_type = if global { "message/global-delivery-status" } else { "message/delivery-status" };
    add_part(&format!("Content-Type: {status_type}\r\n{}", Encoding::of(statuses.as_bytes()).field()), statuses.as_bytes());
    let returned_type = part::returned_type(returned, original);
    add_part(&format!("Content-Type: {returned_type}\r\n{}", returned_encoding.field()), b"");
    Frame { before, after: format!("\r\n--{boundary}--\r\n").into_bytes() }
}

fn header(report: &Report<'_>, original: &HeaderSection<'_>, boundary: &str, encoding: Encoding) -> String {
    let Report { host, domain, to, at, id, .. } = report;
    // RFC 3834 section 3.1.5: belongs to the thread of what it answers.
    let thread = original.message_id().filter(|id| id.is_ascii() || needs_utf8(report));
    let thread = thread.map(|id| format!("In-Reply-To: {id}\r\nReferences: {id}\r\n")).unwrap_or_default();
    format!(
        "From: Mail Delivery System <mailer-daemon@{domain}>\r\n\
         To: <{to}>\r\n\
         Subject: {}\r\n\
         Date: {}\r\n\
         Message-ID: <{}@{host}>\r\n\
         {thread}\
         Auto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type={};\r\n\tboundary=\"{boundary}\"\r\n\
         {}\r\n",
        wording::subject(report),
        at.to_rfc5322(),
        token(id),
        if needs_utf8(report) { "global-delivery-status" } else { "delivery-status" },
        encoding.field(),
    )
}

/// ```abnf
/// delivery-status-content = per-message-fields 1*( CRLF per-recipient-fields )      ; RFC 3464 section 2.1
/// ```
fn status_part(report: &Report<'_>, global: bool) -> String {
    let mut fields = format!("Reporting-MTA: dns; {}\r\n", report.host);
    if let Some(envelope_id) = report.envelope_id {
        fields.extend(["Original-Envelope-Id: ", &one_line(envelope_id, global), "\r\n"]);
    }
    fields.extend(["Arrival-Date: ", &report.arrival.to_rfc5322(), "\r\n"]);
    for recipient in report.recipients {
        fields.push_str("\r\n");
        fields.push_str(&recipient_fields(recipient, global));
    }
    fields
}

fn recipient_fields(recipient: &Recipient<'_>, global: bool) -> String {
    let (action, status) = recipient.outcome.action_and_status();
    let mut fields = String::new();
    if let Some((kind, address)) = recipient.original.and_then(|original| original.split_once(';')) {
        fields.extend(["Original-Recipient: ", &token(kind), "; ", &one_line(address.trim(), global), "\r\n"]);
    }
    // RFC 6533 section 3: addresses beyond ASCII are of type utf-8.
    let kind = if recipient.mailbox.needs_smtputf8() { "utf-8" } else { "rfc822" };
    fields.extend(["Final-Recipient: ", kind, "; ", &recipient.mailbox.to_string(), "\r\n"]);
    fields.extend(["Action: ", action, "\r\nStatus: ", &status.to_string(), "\r\n"]);
    if let Some(remote) = recipient.attempt.and_then(|attempt| attempt.remote) {
        fields.extend(["Remote-MTA: dns; ", remote.as_str(), "\r\n"]);
    }
    // RFC 3464 section 2.3.6: smtp if these are the words of a reply, to whichever command; else ours.
    match (recipient.attempt.and_then(|attempt| attempt.reply), recipient.outcome) {
        (Some(reply), _) => fields.extend(["Diagnostic-Code: smtp; ", &one_line(reply, global), "\r\n"]),
        (None, Outcome::Failed { reason, .. }) => fields.extend(["Diagnostic-Code: x-twoway; ", &one_line(reason, global), "\r\n"]),
        (None, _) => {}
    }
    if let Some(attempt) = recipient.attempt {
        fields.extend(["Last-Attempt-Date: ", &attempt.at.to_rfc5322(), "\r\n"]);
    }
    if let Outcome::DelayedUnnoticed { until } | Outcome::DelayedUncollected { until } = recipient.outcome {
        fields.extend(["Will-Retry-Until: ", &until.to_rfc5322(), "\r\n"]);
    }
    fields
}

/// Whether an address in the report is beyond ASCII, so that it takes the forms of RFC 6533.
fn needs_utf8(report: &Report<'_>) -> bool {
    let beyond_ascii =
        |recipient: &Recipient<'_>| recipient.mailbox.needs_smtputf8() || recipient.original.is_some_and(|original| !original.is_ascii());
    report.to.needs_smtputf8() || report.recipients.iter().any(beyond_ascii)
}

/// Somebody else's words on one line of our own, cut where they go on for too long.
fn one_line(words: &str, utf8: bool) -> String {
    let printable = text::printable(&words.replace(['\r', '\n'], " "));
    let mut line = String::new();
    for character in printable.chars().map(|character| if utf8 || character.is_ascii() { character } else { '?' }) {
        if line.len() + character.len_utf8() > REASON_OCTETS_MAX {
            break;
        }
        line.push(character);
    }
    if line.trim().is_empty() { "none given".to_owned() } else { line.trim().to_owned() }
}

/// An id or keyword as one word that can end neither a quoted string nor an angle bracket.
fn token(word: &str) -> Cow<'_, str> {
    let known = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
    // With "report-" in front and a count behind it stays within a boundary's 70 octets (RFC 2046 section 5.1.1).
    let fits = !word.is_empty() && word.len() <= TOKEN_OCTETS_MAX && word.chars().all(known);
    let mended = || word.chars().filter(|character| known(*character)).take(TOKEN_OCTETS_MAX - 1);
    if fits { word.into() } else { std::iter::once('x').chain(mended()).collect() }
}

#[cfg(test)]
mod tests;
