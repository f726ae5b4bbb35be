//! One message on its way to one recipient, as its origin sees it.
//!
//! What is on disk, and what happens after a crash there:
//!
//! | state | on disk | after a crash |
//! |---|---|---|
//! | Notifying, line unsent | content, envelope | the notice is given; no server can know of it yet |
//! | Notifying, line may have left | the same | the notice is given again, under the same id; never relayed |
//! | Waiting | the same, and EXPIRES | we go on waiting; the destination holds the notice durably |
//! | Served | the same | the destination may have every octet: it is served again if it asks, never called failed |
//! | Uncertain | the same | we listen for the confirmation until the grace ends |
//! | Relaying | content, envelope | ordinary SMTP is tried again |
//! | Ended | the outcome | nothing; late confirmations are answered 250 |
//!
//! Every transition may run twice: the origin may crash between acting and recording, and so may the destination.

use mail::status::Status;
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::report::Report;
use crate::schedule::Moment;

/// One message on its way to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transfer {
    /// No server has said yet that it heard of the message.
    Notifying {
        /// When the message was taken in.
        since: Timestamp,
        /// Attempts that failed.
        attempts: u32,
        /// Of the next attempt.
        retry_at: Timestamp,
        /// Whether a server may have heard all the same.
        line: NoticeLine,
        /// Whether the author was told of the delay.
        delay: Delay,
    },
    /// The destination has heard. We keep the message until it is retrieved or expires.
    Waiting {
        /// When the notice was first accepted.
        since: Timestamp,
        /// As the notice said.
        expires: Timestamp,
        /// How often the notice was given again.
        repeats: u32,
        /// Of the next repeat.
        repeat_at: Timestamp,
        /// Whether the author was told of the delay.
        delay: Delay,
    },
    /// The last octet may have left (committed before it does); nobody has said yet that it is safe there.
    Served {
        /// As the notice said.
        expires: Timestamp,
    },
    /// Expired after it was served: we do not know what became of it, and must not say that it failed.
    Uncertain {
        /// Until when a confirmation may still come.
        until: Timestamp,
    },
    /// No server of the destination speaks the extension: ordinary SMTP.
    Relaying {
        /// When the message was taken in.
        since: Timestamp,
        /// Attempts that failed.
        attempts: u32,
        /// Of the next attempt.
        retry_at: Timestamp,
        /// Whether the author was told of the delay.
        delay: Delay,
    },
    /// Over. The content is freed, the outcome kept for a while.
    Ended {
        /// What became of the message.
        outcome: Outcome,
        /// When the row may go.
        forget_at: Timestamp,
    },
}

/// Whether a NOTICE line of a transfer can have reached a server. Committed before the line leaves, because
/// a message that may have been noticed is never relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeLine {
    /// It cannot.
    Unsent,
    /// It can.
    MayHaveLeft {
        /// EXPIRES of the latest such line.
        expires: Timestamp,
    },
}

/// Whether the author was told that a message is late. Told once in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delay {
    /// To be told at this time.
    TellAt(Timestamp),
    /// Told.
    Told,
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Confirmed by the destination.
    Delivered,
    /// Refused, or nobody could be reached.
    Failed {
        /// Whose refusal, and why.
        status: Status,
        /// In words.
        text: String,
    },
    /// Not collected in time.
    Expired,
    /// Taken back by the author.
    Withdrawn,
    /// Passed on by ordinary SMTP.
    Relayed,
    /// Served, and never confirmed.
    Closed,
}

/// What can happen to a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferEvent {
    /// A NOTICE line is about to be written to a server.
    NoticeSending,
    /// The destination answered 250.
    NoticeAccepted,
    /// It answered 4xx, or could not be reached.
    NoticeDeferred,
    /// It answered 5xx.
    NoticeRefused {
        /// Its enhanced status.
        status: Status,
        /// Its text.
        text: String,
    },
    /// The destination definitely does not offer the extension (`discovery`).
    ExtensionAbsent,
    /// The destination asked, by PENDING, to hear again of what waits.
    NoticeAskedFor,
    /// RETRIEVE has been served but for the last octet (at OFFSET=SIZE: but for the reply), which must wait for the commit of this.
    AboutToServeLastOctet,
    /// CONFIRM.
    Confirmed,
    /// DECLINE: the content is refused for good.
    Declined {
        /// The destination's status.
        status: Status,
        /// Its text.
        text: String,
    },
    /// The author takes the message back, and no connection is retrieving it.
    WithdrawalAsked,
    /// Ordinary SMTP: 2xx.
    RelayAccepted,
    /// Ordinary SMTP: 4xx, or unreachable.
    RelayDeferred,
    /// Ordinary SMTP: 5xx.
    RelayRefused {
        /// The peer's status.
        status: Status,
        /// Its text.
        text: String,
    },
    /// Time has passed.
    TimePassed,
}

/// What to do, in the transaction that records the transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferAction {
    /// Tell the author, if they wished to know (`report::is_wanted`).
    Tell(Report),
    /// The content of this transfer is no longer needed.
    FreeContent,
}

/// A transition's result.
pub type Step = (Transfer, Vec<TransferAction>);

impl Transfer {
    /// A message just taken in.
    pub fn start(at: Moment<'_>) -> Self {
        Self::Notifying {
            since: at.now,
            attempts: 0,
            retry_at: at.now,
            line: NoticeLine::Unsent,
            delay: Delay::TellAt(at.now + at.timers.delay_notifying),
        }
    }

    /// The state after `event`, and what to do about it.
    pub fn on(self, event: TransferEvent, at: Moment<'_>) -> Step {
        match self {
            state @ Self::Notifying { .. } => state.on_notifying(event, at),
            state @ Self::Waiting { .. } => state.on_waiting(event, at),
            Self::Served { expires } => Self::on_served(expires, event, at),
            Self::Uncertain { until } => Self::on_uncertain(until, event, at),
            state @ Self::Relaying { .. } => state.on_relaying(event, at),
            // Late confirmations are fine, and nothing else can change what was reported.
            ended @ Self::Ended { .. } => (ended, vec![]),
        }
    }

    /// When this transfer next needs a look: an attempt, a repeat, a report, an end. For the index of what is due.
    pub fn due_at(&self) -> Timestamp {
        let tell_at = |delay: &Delay| match delay {
            Delay::TellAt(at) => *at,
            Delay::Told => Timestamp::FAR_FUTURE,
        };
        match self {
            Self::Notifying { retry_at, delay, .. } | Self::Relaying { retry_at, delay, .. } => (*retry_at).min(tell_at(delay)),
            Self::Waiting { expires, repeat_at, delay, .. } => (*expires).min(*repeat_at).min(tell_at(delay)),
            Self::Served { expires } => *expires,
            Self::Uncertain { until } => *until,
            Self::Ended { forget_at, .. } => *forget_at,
        }
    }

    /// Whether a notice is to be given now.
    pub fn wants_notice(&self, now: Timestamp) -> bool {
        match self {
            Self::Notifying { retry_at, .. } => *retry_at <= now,
            Self::Waiting { repeat_at, expires, .. } => *repeat_at <= now && now < *expires,
            Self::Served { .. } | Self::Uncertain { .. } | Self::Relaying { .. } | Self::Ended { .. } => false,
        }
    }

    /// Whether ordinary SMTP is to be tried now.
    pub fn wants_relay(&self, now: Timestamp) -> bool {
        matches!(self, Self::Relaying { retry_at, .. } if *retry_at <= now)
    }

    /// Whether RETRIEVE is served; if not, it is answered 554 5.4.7.
    pub fn may_be_retrieved(&self) -> bool {
        match self {
            Self::Notifying { .. } | Self::Waiting { .. } | Self::Served { .. } | Self::Uncertain { .. } => true,
            // Nobody was noticed: nobody knows the id. Relayed mail must not go out a second way.
            Self::Relaying { .. } | Self::Ended { .. } => false,
        }
    }

    /// EXPIRES for a NOTICE line: what an earlier line promised, or the retention from now on.
    pub fn notice_expires(&self, at: Moment<'_>) -> Timestamp {
        match self {
            Self::Waiting { expires, .. } | Self::Served { expires } => *expires,
            Self::Notifying { .. } | Self::Uncertain { .. } | Self::Relaying { .. } | Self::Ended { .. } => at.now + at.timers.retention,
        }
    }

    fn on_notifying(self, event: TransferEvent, at: Moment<'_>) -> Step {
        let Self::Notifying { since, attempts, retry_at, line, delay } = self else { return (self, vec![]) };
        let expires = match line {
            NoticeLine::Unsent => at.now + at.timers.retention,
            NoticeLine::MayHaveLeft { expires } => expires,
        };
        match event {
            TransferEvent::NoticeSending => {
                let line = NoticeLine::MayHaveLeft { expires: at.now + at.timers.retention };
                (Self::Notifying { since, attempts, retry_at, line, delay }, vec![])
            }
            TransferEvent::NoticeAccepted => (Self::waiting(expires, at), vec![]),
            TransferEvent::NoticeDeferred => {
                let attempts = attempts.saturating_add(1);
                let retry_at = at.next_notice(attempts);
                (Self::Notifying { since, attempts, retry_at, line, delay }, vec![])
            }
            // A line may have been taken, and its 250 lost: this server's silence about the extension proves nothing.
            TransferEvent::ExtensionAbsent => match line {
                NoticeLine::Unsent => (Self::Relaying { since, attempts: 0, retry_at: at.now, delay }, vec![]),
                NoticeLine::MayHaveLeft { .. } => {
                    let attempts = attempts.saturating_add(1);
                    let retry_at = at.next_notice(attempts);
                    (Self::Notifying { since, attempts, retry_at, line, delay }, vec![])
                }
            },
            // The destination may be faster than our record of its 250.
            TransferEvent::AboutToServeLastOctet => (Self::Served { expires }, vec![]),
            TransferEvent::Confirmed => Self::end(Outcome::Delivered, Report::Delivered, expires, at),
            TransferEvent::NoticeRefused { status, text } | TransferEvent::Declined { status, text } => {
                Self::fail(status, text, expires, at)
            }
            TransferEvent::WithdrawalAsked => Self::withdraw(expires, at),
            TransferEvent::TimePassed => {
                if at.now.since(since) >= at.timers.notice_give_up {
                    // RFC 3463 section 3.5: X.4.7, delivery time expired.
                    let text = "no server of the recipient's domain could be told of the message".to_owned();
                    return Self::fail(Status::permanent(4, 7), text, expires, at);
                }
                let (delay, actions) = delay.tell(Report::DelayedUnnoticed, at.now);
                (Self::Notifying { since, attempts, retry_at, line, delay }, actions)
            }
            TransferEvent::NoticeAskedFor => (Self::Notifying { since, attempts, retry_at: at.now, line, delay }, vec![]),
            TransferEvent::RelayAccepted | TransferEvent::RelayDeferred | TransferEvent::RelayRefused { .. } => {
                (Self::Notifying { since, attempts, retry_at, line, delay }, vec![])
            }
        }
    }

    fn on_waiting(self, event: TransferEvent, at: Moment<'_>) -> Step {
        let Self::Waiting { since, expires, repeats, repeat_at, delay } = self else { return (self, vec![]) };
        match event {
            TransferEvent::NoticeAccepted => {
                // Also the reply to a notice that raced with the first: it counts as a repeat only when one was due.
                let repeats = if repeat_at <= at.now { repeats.saturating_add(1) } else { repeats };
                let repeat_at = at.next_repeat(since, repeats);
                (Self::Waiting { since, expires, repeats, repeat_at, delay }, vec![])
            }
            // The notice is held there already; a failed repeat is no reason to give up what waits.
            TransferEvent::NoticeDeferred | TransferEvent::NoticeRefused { .. } | TransferEvent::ExtensionAbsent => {
                let repeat_at = if repeat_at <= at.now { at.next_notice(u32::MAX) } else { repeat_at };
                (Self::Waiting { since, expires, repeats, repeat_at, delay }, vec![])
            }
            TransferEvent::NoticeAskedFor => (Self::Waiting { since, expires, repeats, repeat_at: at.now, delay }, vec![]),
            TransferEvent::AboutToServeLastOctet => (Self::Served { expires }, vec![]),
            TransferEvent::Confirmed => Self::end(Outcome::Delivered, Report::Delivered, expires, at),
            TransferEvent::Declined { status, text } => Self::fail(status, text, expires, at),
            TransferEvent::WithdrawalAsked => Self::withdraw(expires, at),
            TransferEvent::TimePassed if expires <= at.now => Self::end(Outcome::Expired, Report::Expired, expires, at),
            TransferEvent::TimePassed => {
                let (delay, actions) = delay.tell(Report::DelayedUncollected, at.now);
                (Self::Waiting { since, expires, repeats, repeat_at, delay }, actions)
            }
            TransferEvent::NoticeSending
            | TransferEvent::RelayAccepted
            | TransferEvent::RelayDeferred
            | TransferEvent::RelayRefused { .. } => (Self::Waiting { since, expires, repeats, repeat_at, delay }, vec![]),
        }
    }

    fn on_served(expires: Timestamp, event: TransferEvent, at: Moment<'_>) -> Step {
        match event {
            TransferEvent::Confirmed => Self::end(Outcome::Delivered, Report::Delivered, expires, at),
            TransferEvent::Declined { status, text } => Self::fail(status, text, expires, at),
            TransferEvent::TimePassed if expires <= at.now => (Self::Uncertain { until: at.now + at.timers.confirm_grace }, vec![]),
            // Taking back what may have been delivered would be a false promise; notice replies come late.
            TransferEvent::WithdrawalAsked
            | TransferEvent::TimePassed
            | TransferEvent::AboutToServeLastOctet
            | TransferEvent::NoticeSending
            | TransferEvent::NoticeAccepted
            | TransferEvent::NoticeDeferred
            | TransferEvent::NoticeRefused { .. }
            | TransferEvent::NoticeAskedFor
            | TransferEvent::ExtensionAbsent
            | TransferEvent::RelayAccepted
            | TransferEvent::RelayDeferred
            | TransferEvent::RelayRefused { .. } => (Self::Served { expires }, vec![]),
        }
    }

    fn on_uncertain(until: Timestamp, event: TransferEvent, at: Moment<'_>) -> Step {
        match event {
            TransferEvent::Confirmed => Self::end(Outcome::Delivered, Report::Delivered, until, at),
            TransferEvent::Declined { status, text } => Self::fail(status, text, until, at),
            TransferEvent::TimePassed if until <= at.now => Self::end(Outcome::Closed, Report::HandedOver, until, at),
            TransferEvent::WithdrawalAsked
            | TransferEvent::TimePassed
            | TransferEvent::AboutToServeLastOctet
            | TransferEvent::NoticeSending
            | TransferEvent::NoticeAccepted
            | TransferEvent::NoticeDeferred
            | TransferEvent::NoticeRefused { .. }
            | TransferEvent::NoticeAskedFor
            | TransferEvent::ExtensionAbsent
            | TransferEvent::RelayAccepted
            | TransferEvent::RelayDeferred
            | TransferEvent::RelayRefused { .. } => (Self::Uncertain { until }, vec![]),
        }
    }

    fn on_relaying(self, event: TransferEvent, at: Moment<'_>) -> Step {
        let Self::Relaying { since, attempts, retry_at, delay } = self else { return (self, vec![]) };
        let expires = since + at.timers.notice_give_up;
        match event {
            TransferEvent::RelayAccepted => Self::end(Outcome::Relayed, Report::Relayed, expires, at),
            TransferEvent::RelayRefused { status, text } => Self::fail(status, text, expires, at),
            TransferEvent::RelayDeferred => {
                let attempts = attempts.saturating_add(1);
                (Self::Relaying { since, attempts, retry_at: at.next_notice(attempts), delay }, vec![])
            }
            TransferEvent::WithdrawalAsked => Self::withdraw(expires, at),
            TransferEvent::TimePassed if expires <= at.now => Self::end(Outcome::Expired, Report::Expired, expires, at),
            TransferEvent::TimePassed => {
                let (delay, actions) = delay.tell(Report::DelayedUnnoticed, at.now);
                (Self::Relaying { since, attempts, retry_at, delay }, actions)
            }
            TransferEvent::NoticeSending
            | TransferEvent::NoticeAccepted
            | TransferEvent::NoticeDeferred
            | TransferEvent::NoticeRefused { .. }
            | TransferEvent::NoticeAskedFor
            | TransferEvent::ExtensionAbsent
            | TransferEvent::AboutToServeLastOctet
            | TransferEvent::Confirmed
            | TransferEvent::Declined { .. } => (Self::Relaying { since, attempts, retry_at, delay }, vec![]),
        }
    }

    fn waiting(expires: Timestamp, at: Moment<'_>) -> Self {
        let delay = Delay::TellAt(at.now + at.timers.delay_waiting);
        Self::Waiting { since: at.now, expires, repeats: 0, repeat_at: at.next_repeat(at.now, 0), delay }
    }

    fn fail(status: Status, text: String, expires: Timestamp, at: Moment<'_>) -> Step {
        Self::end(Outcome::Failed { status, text: text.clone() }, Report::Failed { status, text }, expires, at)
    }

    fn withdraw(expires: Timestamp, at: Moment<'_>) -> Step {
        // The author did it: nothing to tell.
        (Self::Ended { outcome: Outcome::Withdrawn, forget_at: forget_at(expires, at) }, vec![TransferAction::FreeContent])
    }

    fn end(outcome: Outcome, report: Report, expires: Timestamp, at: Moment<'_>) -> Step {
        (Self::Ended { outcome, forget_at: forget_at(expires, at) }, vec![TransferAction::Tell(report), TransferAction::FreeContent])
    }
}

impl Delay {
    fn tell(self, report: Report, now: Timestamp) -> (Self, Vec<TransferAction>) {
        match self {
            Self::TellAt(at) if at <= now => (Self::Told, vec![TransferAction::Tell(report)]),
            same @ (Self::TellAt(_) | Self::Told) => (same, vec![]),
        }
    }
}

/// Outcomes outlive the destination's memory of the notice: `max(30 d, EXPIRES + 7 d)`.
fn forget_at(expires: Timestamp, at: Moment<'_>) -> Timestamp {
    (at.now + at.timers.memory).max(expires + std::time::Duration::from_hours(7 * 24))
}
