//! What a report says to people. An outcome is never called worse than it is known to be, and a recipient's lists
//! are never told on: waiting, ignored and blocked read alike.

use super::{Outcome, Recipient, Report, one_line};
use crate::message::HeaderSection;

/// The Subject field's value.
pub(super) fn subject(report: &Report<'_>) -> String {
    let [only] = report.recipients else {
        return format!("Report on your message to {} recipients", report.recipients.len());
    };
    let to = only.mailbox;
    match only.outcome {
        Outcome::Delivered => format!("Delivered: your message to {to}"),
        Outcome::Failed { .. } => format!("Not delivered: your message to {to}"),
        Outcome::Expired { .. } => format!("Not collected: your message to {to}"),
        Outcome::DelayedUnnoticed { .. } => format!("Delayed: your message to {to}"),
        Outcome::DelayedUncollected { .. } => format!("Waiting to be collected: your message to {to}"),
        Outcome::HandedOver => format!("Handed over, receipt unconfirmed: your message to {to}"),
        Outcome::Relayed => format!("Passed on: your message to {to}"),
    }
}

/// The text part.
pub(super) fn explanation(report: &Report<'_>, original: &HeaderSection<'_>) -> String {
    let named = original.subject().filter(|subject| !subject.is_empty());
    let named = named.map(|subject| format!(" \"{}\"", one_line(&subject, true))).unwrap_or_default();
    let mut explanation = format!(
        "This is the mail system at {}.\r\n\r\nThis is about your message{named},\r\nwhich we took in on {}.\r\n",
        report.host,
        report.arrival.to_rfc5322()
    );
    for recipient in report.recipients {
        explanation.push_str(&format_paragraph(recipient));
    }
    explanation.push_str(match report.returned {
        super::Returned::Headers(_) => "\r\nThe header of your message is attached.\r\n",
        super::Returned::Full(_) => "\r\nYour message is attached.\r\n",
    });
    explanation
}

fn format_paragraph(recipient: &Recipient<'_>) -> String {
    let to = recipient.mailbox;
    let by = recipient.remote.map(|remote| format!(" ({remote})")).unwrap_or_default();
    let said = match recipient.outcome {
        Outcome::Delivered => format!("Delivered. The recipient's server{by} has confirmed that it has the message."),
        Outcome::Failed { status, reason } => {
            let whose = if recipient.remote.is_some() { "The recipient's server" } else { "The reason" };
            format!("Not delivered, and we will not try again.\r\n{whose}{by}: {} ({status})", one_line(reason, true))
        }
        Outcome::Expired { at } => {
            format!("Not collected by {to} before\r\n{}. We no longer keep the message; you may send it again.", at.to_rfc5322())
        }
        Outcome::DelayedUnnoticed { until } => format!(
            "Not delivered yet. We could not reach the recipient's server so far, and go on\r\ntrying until {}. You need not do anything.",
            until.to_rfc5322()
        ),
        Outcome::DelayedUncollected { until } => format!(
            "Waiting to be collected. The recipient's server knows of the message; we keep it\r\nuntil {}. You need not do anything.",
            until.to_rfc5322()
        ),
        Outcome::HandedOver => format!(
            "Handed over, receipt unconfirmed. The recipient's server{by} has collected the\r\n\
             message and has not confirmed that it arrived. It most likely did; if it matters, ask the recipient."
        ),
        Outcome::Relayed => format!(
            "Passed on to the recipient's server{by} by ordinary mail transfer, which it accepted.\r\n\
             You may hear from that server; no further word will come from us."
        ),
    };
    format!("\r\n<{to}>:\r\n{said}\r\n")
}
