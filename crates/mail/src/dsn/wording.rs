//! What a report says to people: what happened, and what they can do. An outcome is never called worse than it is
//! known to be, and a recipient's lists are never told on: waiting, ignored and blocked read alike.

use super::{Attempt, Outcome, Recipient, Report, Returned, one_line};
use crate::message::HeaderSection;
use crate::status::Status;

/// The Subject field's value.
pub(super) fn subject(report: &Report<'_>) -> String {
    let mut kinds: Vec<_> = report.recipients.iter().map(|recipient| kind(recipient.outcome)).collect();
    kinds.dedup();
    let to = match report.recipients {
        [only] => only.mailbox.to_string(),
        several => format!("{} recipients", several.len()),
    };
    match kinds.as_slice() {
        [kind] => format!("{kind}: your message to {to}"),
        _ => format!("Report on your message to {to}"),
    }
}

fn kind(outcome: Outcome<'_>) -> &'static str {
    match outcome {
        Outcome::Delivered => "Delivered",
        Outcome::Failed { .. } | Outcome::GivenUp { .. } => "Not delivered",
        Outcome::Expired { .. } => "Not collected",
        Outcome::DelayedUnnoticed { .. } => "Delayed",
        Outcome::DelayedUncollected { .. } => "Waiting to be collected",
        Outcome::HandedOver | Outcome::Unanswered => "Handed over, receipt unconfirmed",
        Outcome::Relayed => "Passed on",
    }
}

/// The text part. Recipients with the same outcome share a paragraph.
pub(super) fn explanation(report: &Report<'_>, original: &HeaderSection<'_>, returned: Returned<'_>) -> String {
    let named = original.subject().filter(|subject| !subject.is_empty());
    let named = named.map(|subject| format!(" \"{}\"", one_line(&subject, true))).unwrap_or_default();
    let mut explanation = format!(
        "This is the mail system at {}.\r\n\r\nThis is about your message{named},\r\nwhich we took in on {}.\r\n",
        report.host,
        report.arrival.to_rfc5322()
    );
    let mut paragraphs: Vec<(String, String)> = Vec::new();
    for recipient in report.recipients {
        let (to, said) = (format!("<{}>", recipient.mailbox), said(recipient));
        match paragraphs.iter_mut().find(|(_, known)| *known == said) {
            Some((others, _)) => others.extend([",\r\n", &to]),
            None => paragraphs.push((to, said)),
        }
    }
    for (to, said) in paragraphs {
        explanation.extend(["\r\n", &to, ":\r\n", &said, "\r\n"]);
    }
    explanation.push_str(match returned {
        Returned::Headers(_) => "\r\nThe header of your message is attached.\r\n",
        Returned::Full(_) => "\r\nYour message is attached.\r\n",
    });
    explanation
}

/// What happened, and what the author can do.
fn said(recipient: &Recipient<'_>) -> String {
    let attempt = recipient.attempt;
    match recipient.outcome {
        Outcome::Delivered => "Delivered. The recipient's server has confirmed that it has the message.\r\n\
                               You need not do anything."
            .to_owned(),
        Outcome::Failed { status, reason } => {
            let why = match attempt {
                Some(Attempt { reply: Some(reply), .. }) if reply.starts_with('5') => words_of(attempt, "The recipient's server", " said"),
                // Time passed, and this was the last that was heard.
                _ => format!("The reason:\r\n    {} ({status}){}", one_line(reason, true), latest(attempt)),
            };
            format!("Not delivered, and we will not try again. {why}\r\n{}", advice(status))
        }
        Outcome::Expired { at } => format!(
            "Not collected. The recipient's server knew of the message, and did not collect it\r\n\
             before {}. We no longer keep it.\r\n\
             You may send it again, or reach the recipient in another way.",
            at.to_rfc5322()
        ),
        Outcome::GivenUp { at } => format!(
            "Not delivered, and we will not try again. We tried until\r\n\
             {}; no server of the recipient's took the message.{}\r\n\
             You may send it again, or reach the recipient in another way.",
            at.to_rfc5322(),
            latest(attempt)
        ),
        Outcome::DelayedUnnoticed { until } => format!(
            "Not delivered yet. So far the recipient's server was not reached, or did not take it.\r\n\
             We go on trying until {}.{}\r\n\
             You need not do anything, and need not send it again.",
            until.to_rfc5322(),
            latest(attempt)
        ),
        Outcome::DelayedUncollected { until } => format!(
            "Waiting to be collected. The recipient's server knows of the message; we keep it\r\n\
             until {}.\r\n\
             You need not do anything. Until it is collected you may take it back.",
            until.to_rfc5322()
        ),
        Outcome::HandedOver => "Handed over, receipt unconfirmed. The recipient's server has collected the message,\r\n\
                                and has not confirmed that it arrived. It most likely did.\r\n\
                                If it matters, ask the recipient before you send it again."
            .to_owned(),
        Outcome::Unanswered => "Perhaps handed over. We sent the message by ordinary mail transfer and never had the answer\r\n\
                                of the recipient's server, which may have taken it. We do not try any more.\r\n\
                                If it matters, ask the recipient before you send it again."
            .to_owned(),
        Outcome::Relayed => {
            let by = attempt.and_then(|attempt| attempt.remote).map(|remote| format!(" ({remote})")).unwrap_or_default();
            format!(
                "Passed on to the recipient's server{by}, which took it by ordinary mail transfer.\r\n\
                 Whether it reaches the mailbox that server may tell you; we shall not hear of it.\r\n\
                 You need not do anything."
            )
        }
    }
}

/// The peer's own words, on a line of their own.
fn words_of(attempt: Option<Attempt<'_>>, before: &str, after: &str) -> String {
    let by = attempt.and_then(|attempt| attempt.remote).map(|remote| format!(" ({remote})")).unwrap_or_default();
    let reply = attempt.and_then(|attempt| attempt.reply).unwrap_or_default();
    format!("{before}{by}{after}:\r\n    {}", one_line(reply, true))
}

/// What a server said last, where it said something.
fn latest(attempt: Option<Attempt<'_>>) -> String {
    match attempt {
        Some(Attempt { reply: Some(_), .. }) => words_of(attempt, "\r\nThe last answer", " was"),
        Some(_) | None => String::new(),
    }
}

/// What the author can do about a failure (RFC 3463 sections 3.2 to 3.8).
fn advice(status: Status) -> &'static str {
    match (status.subject(), status.detail()) {
        (1, 1..=6 | 10) => "Please check the address, or ask the recipient in another way which one to use.",
        (2, _) => "The mailbox can't take it. Perhaps the recipient has another address, or it works later.",
        (3, 4) => "It is too large for that server: send it in parts, or share large files in another way.",
        (6, 7) => "That server does not take addresses or headers beyond ASCII: write to an address without such letters.",
        (6, _) => "That server can't take a message of this form: send it as plain text, or in another format.",
        (4, _) => "You may send it again later, or reach the recipient in another way.",
        _ => "If the message matters, reach the recipient in another way, or ask whoever runs that server.",
    }
}
