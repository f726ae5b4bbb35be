//! One message on its way to one recipient, as its origin sees it.
//!
//! What is on disk, and what happens after a crash there:
//!
//! | state | on disk | after a crash here |
//! |---|---|---|
//! | Notifying, no line sent | content, envelope | the notice is given; no server can know of it yet |
//! | Notifying, a line may have left | the same, and that a line may have left | the notice is given again under the same id; whoever had it knows it as a repeat; never relayed |
//! | Waiting | the same, and when it expires | nothing is lost: the destination holds the notice, and it is repeated after 1, 3 and 7 days |
//! | Served | the same, and that the last octet may have left | the destination may have every octet: it is served again if it asks, and never called failed; its notice is repeated, for a destination that was restored from a backup |
//! | Uncertain | the same, and until when we listen | we go on listening for the confirmation |
//! | Relaying | content, envelope, and whether a server may have taken it | ordinary SMTP is tried again; as everywhere in SMTP, the message may arrive twice; what may have been taken is never called withdrawn or undelivered |
//! | Ended | the outcome; the content is freed | nothing; a late CONFIRM is answered 250 |
//!
//! Every transition may run twice: the origin may crash between acting and recording, and so may the destination.
//! Run twice it gives the state of once; only `NoticeDeferred`, `TlsFailed`, `RelayDeferred` and (where a line may have left)
//! `ExtensionAbsent` and `ExtensionAbsentNeverPush`, (where a server may have taken it) `ExtensionKnown` count their attempts.
//!
//! A withdrawal, an expiry or a refusal may be committed while a retrieval is under way: who serves must look at the
//! state that `AboutToServeLastOctet` gives, and close the connection unless [`Transfer::last_octet_may_leave`].

mod event;

use mail::status::Status;
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::discovery::TlsFailure;
use crate::mutant::Mutant;
use crate::report::Report;
use crate::schedule::Moment;
pub use event::{Reporter, TransferEvent};

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
        /// How often TLS did not come about, by weight: whether the extension is offered could not be told.
        #[serde(default)]
        tls_failures: u32,
    },
    /// The destination has heard. We keep the message until it is retrieved or expires.
    Waiting {
        /// When the notice was first accepted.
        since: Timestamp,
        /// As the notice said.
        expires: Timestamp,
        /// Of the next repeat.
        repeat_at: Timestamp,
        /// Whether the author was told of the delay.
        delay: Delay,
    },
    /// The last octet may have left (committed before it does); nobody has said yet that it is safe there.
    Served {
        /// When the notice was first accepted; when it was served, if that was faster.
        since: Timestamp,
        /// As the notice said.
        expires: Timestamp,
        /// Of the next repeat of the notice: a destination that forgot the message retrieves it again, one that
        /// has it confirms again.
        repeat_at: Timestamp,
    },
    /// Expired after it was served: we do not know what became of it, and must not say that it failed.
    Uncertain {
        /// Until when a confirmation may still come.
        until: Timestamp,
    },
    /// No server of the destination speaks the extension: ordinary SMTP, until it is known to speak it after all.
    Relaying {
        /// When the message was taken in.
        since: Timestamp,
        /// Attempts that failed.
        attempts: u32,
        /// Of the next attempt.
        retry_at: Timestamp,
        /// Whether the author was told of the delay.
        delay: Delay,
        /// Whether a server may have it all the same.
        #[serde(default)]
        taking: Taking,
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

/// Whether a server can have taken a message by ordinary SMTP. Committed before the end of the content leaves, because the
/// reply to it may be lost (RFC 5321 section 4.5.3.2.6), and so may our record of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taking {
    /// It cannot: each that was tried said no, or never had all of it.
    Excluded,
    /// It can. So it is with a row that doesn't say.
    #[default]
    Possible,
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

/// What to do, in the transaction that records the transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferAction {
    /// Tell the author, if they wished to know (`report::is_wanted`).
    Tell(Report),
    /// The content of this transfer is no longer needed.
    FreeContent,
}

/// So much weight of failures means that the destination has no TLS that we speak, and so no extension: two that it
/// refused, or four that did not come about, which is most of an hour by the timers of the protocol. Only failures of
/// TLS itself count; a server that can't be reached says nothing about its TLS.
const TLS_FAILURES_MAX: u32 = 2 * TlsFailure::Refused.weight();

/// What the author reads of a transfer that an administrator ended.
pub const GIVEN_UP: &str = "given up by the administrator of the author's server";

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
            tls_failures: 0,
        }
    }

    /// The state after `event`, and what to do about it.
    pub fn on(self, event: TransferEvent, at: Moment<'_>) -> Step {
        match self {
            state @ Self::Notifying { .. } => state.on_notifying(event, at),
            state @ Self::Waiting { .. } => state.on_waiting(event, at),
            state @ Self::Served { .. } => state.on_served(event, at),
            state @ Self::Uncertain { .. } => state.on_uncertain(event, at),
            state @ Self::Relaying { .. } => state.on_relaying(event, at),
            Self::Ended { outcome: Outcome::Delivered, .. } if Mutant::ConfirmationReportedAgain.is_in() => {
                (self, vec![TransferAction::Tell(Report::Delivered)])
            }
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
            Self::Served { expires, repeat_at, .. } => (*expires).min(*repeat_at),
            Self::Uncertain { until } => *until,
            Self::Ended { forget_at, .. } => *forget_at,
        }
    }

    /// Whether a notice is to be given now.
    pub fn wants_notice(&self, now: Timestamp) -> bool {
        match self {
            Self::Notifying { retry_at, .. } => *retry_at <= now,
            Self::Waiting { repeat_at, expires, .. } | Self::Served { repeat_at, expires, .. } => *repeat_at <= now && now < *expires,
            Self::Uncertain { .. } | Self::Relaying { .. } | Self::Ended { .. } => false,
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

    /// Whether the last octet may leave, asked after `AboutToServeLastOctet` was committed.
    pub fn last_octet_may_leave(&self) -> bool {
        match self {
            Self::Served { .. } | Self::Uncertain { .. } => true,
            Self::Notifying { .. } | Self::Waiting { .. } | Self::Relaying { .. } | Self::Ended { .. } => false,
        }
    }

    /// EXPIRES for a NOTICE line: what was promised or recorded for it, or the retention from now on.
    pub fn notice_expires(&self, at: Moment<'_>) -> Timestamp {
        match self {
            Self::Notifying { line: NoticeLine::MayHaveLeft { expires }, .. }
            | Self::Waiting { expires, .. }
            | Self::Served { expires, .. } => *expires,
            Self::Notifying { line: NoticeLine::Unsent, .. } | Self::Uncertain { .. } | Self::Relaying { .. } | Self::Ended { .. } => {
                at.now + at.timers.retention
            }
        }
    }

    fn on_notifying(self, event: TransferEvent, at: Moment<'_>) -> Step {
        let Self::Notifying { since, attempts, retry_at, line, delay, tls_failures } = self else { return (self, vec![]) };
        let renewed = at.now + at.timers.retention;
        let expires = match line {
            NoticeLine::Unsent => renewed,
            NoticeLine::MayHaveLeft { expires } => expires,
        };
        let stay = |attempts, retry_at, line, delay| Self::Notifying { since, attempts, retry_at, line, delay, tls_failures };
        let later = |tls_failures| {
            let attempts = attempts.saturating_add(1);
            (Self::Notifying { since, attempts, retry_at: at.next_notice(attempts), line, delay, tls_failures }, vec![])
        };
        let relay = || (Self::Relaying { since, attempts: 0, retry_at: at.now, delay, taking: Taking::Excluded }, vec![]);
        match (event, line) {
            (TransferEvent::NoticeSending, _) => {
                (stay(attempts, retry_at, NoticeLine::MayHaveLeft { expires: renewed.max(expires) }, delay), vec![])
            }
            (TransferEvent::NoticeAccepted, _) => {
                let delay = Delay::TellAt(at.now + at.timers.delay_waiting);
                (Self::Waiting { since: at.now, expires, repeat_at: at.next_repeat(at.now), delay }, vec![])
            }
            // A line may have been taken, and its 250 lost: this server's silence about the extension proves nothing.
            (TransferEvent::ExtensionAbsent | TransferEvent::ExtensionAbsentNeverPush { .. }, NoticeLine::MayHaveLeft { .. })
            | (TransferEvent::NoticeDeferred, _) => later(tls_failures),
            (TransferEvent::TlsFailed(failure), line) => {
                let failures = tls_failures.saturating_add(failure.weight()).min(TLS_FAILURES_MAX);
                if line == NoticeLine::Unsent && (failures == TLS_FAILURES_MAX || Mutant::OneLostHandshakeIsEnough.is_in()) {
                    relay()
                } else {
                    later(failures)
                }
            }
            (TransferEvent::ExtensionAbsentNeverPush { status, text }, NoticeLine::Unsent) => Self::fail(status, text, expires, at),
            (TransferEvent::ExtensionAbsent, NoticeLine::Unsent) => relay(),
            (TransferEvent::NoticeAskedFor | TransferEvent::RetryAsked, _) => (stay(attempts, at.now, line, delay), vec![]),
            // A notice that we have forgotten may have been taken.
            (TransferEvent::Restored, _) => {
                (stay(attempts, at.now, NoticeLine::MayHaveLeft { expires: renewed.max(expires) }, delay), vec![])
            }
            // The destination may be faster than our record of its 250.
            (TransferEvent::AboutToServeLastOctet, _) => {
                (Self::Served { since: at.now, expires, repeat_at: at.next_repeat(at.now) }, vec![])
            }
            (TransferEvent::Confirmed, _) => Self::end(Outcome::Delivered, Report::Delivered, expires, at),
            (TransferEvent::NoticeRefused { status, text } | TransferEvent::Declined { status, text }, _) => {
                Self::fail(status, text, expires, at)
            }
            (TransferEvent::WithdrawalAsked, _) => Self::withdraw(expires, at),
            (TransferEvent::GivenUp, _) => Self::give_up(expires, at),
            (TransferEvent::TimePassed, _) if at.now.since(since) >= at.timers.notice_give_up => {
                // RFC 3463 section 3.5: X.4.7, delivery time expired.
                let text = "no server of the recipient's domain said that it had heard of the message".to_owned();
                Self::fail(Status::permanent(4, 7), text, expires, at)
            }
            (TransferEvent::TimePassed, _) => {
                let (delay, actions) = delay.tell(Report::DelayedUnnoticed, at.now);
                (stay(attempts, retry_at, line, delay), actions)
            }
            (
                TransferEvent::ExtensionKnown
                | TransferEvent::RelayAccepted { .. }
                | TransferEvent::RelayEnding
                | TransferEvent::RelayDeferred { .. }
                | TransferEvent::RelayRefused { .. },
                _,
            ) => (stay(attempts, retry_at, line, delay), vec![]),
        }
    }

    fn on_waiting(self, event: TransferEvent, at: Moment<'_>) -> Step {
        let Self::Waiting { since, expires, repeat_at, delay } = self else { return (self, vec![]) };
        let repeat_then = |repeat_at| (Self::Waiting { since, expires, repeat_at, delay }, vec![]);
        match event {
            TransferEvent::NoticeAccepted => repeat_then(at.next_repeat(since)),
            // The notice is held there already; a failed repeat is no reason to give up what waits.
            TransferEvent::NoticeSending
            | TransferEvent::NoticeDeferred
            | TransferEvent::NoticeRefused { .. }
            | TransferEvent::TlsFailed(_)
            | TransferEvent::ExtensionAbsent
            | TransferEvent::ExtensionAbsentNeverPush { .. } => repeat_then(at.repeat_later(repeat_at)),
            TransferEvent::NoticeAskedFor | TransferEvent::RetryAsked => repeat_then(at.now),
            // It may have been stored in what we have forgotten: the destination gets time to say so.
            TransferEvent::Restored => {
                let expires = expires.max(at.now + at.timers.confirm_grace);
                (Self::Waiting { since, expires, repeat_at: at.now, delay }, vec![])
            }
            TransferEvent::AboutToServeLastOctet => (Self::Served { since, expires, repeat_at }, vec![]),
            TransferEvent::Confirmed => Self::end(Outcome::Delivered, Report::Delivered, expires, at),
            TransferEvent::Declined { status, text } => Self::fail(status, text, expires, at),
            TransferEvent::WithdrawalAsked => Self::withdraw(expires, at),
            TransferEvent::GivenUp => Self::give_up(expires, at),
            TransferEvent::TimePassed if expires <= at.now => Self::end(Outcome::Expired, Report::Expired, expires, at),
            TransferEvent::TimePassed => {
                let (delay, actions) = delay.tell(Report::DelayedUncollected, at.now);
                (Self::Waiting { since, expires, repeat_at, delay }, actions)
            }
            TransferEvent::ExtensionKnown
            | TransferEvent::RelayAccepted { .. }
            | TransferEvent::RelayEnding
            | TransferEvent::RelayDeferred { .. }
            | TransferEvent::RelayRefused { .. } => repeat_then(repeat_at),
        }
    }

    fn on_served(self, event: TransferEvent, at: Moment<'_>) -> Step {
        let Self::Served { since, expires, repeat_at } = self else { return (self, vec![]) };
        let repeat_then = |repeat_at| (Self::Served { since, expires, repeat_at }, vec![]);
        match event {
            TransferEvent::Confirmed => Self::end(Outcome::Delivered, Report::Delivered, expires, at),
            TransferEvent::Declined { status, text } => Self::fail(status, text, expires, at),
            TransferEvent::TimePassed if expires <= at.now => (Self::Uncertain { until: at.now + at.timers.confirm_grace }, vec![]),
            TransferEvent::NoticeAccepted => repeat_then(at.next_repeat(since)),
            TransferEvent::NoticeSending
            | TransferEvent::NoticeDeferred
            | TransferEvent::NoticeRefused { .. }
            | TransferEvent::TlsFailed(_)
            | TransferEvent::ExtensionAbsent
            | TransferEvent::ExtensionAbsentNeverPush { .. } => repeat_then(at.repeat_later(repeat_at)),
            TransferEvent::NoticeAskedFor | TransferEvent::RetryAsked | TransferEvent::Restored => repeat_then(at.now),
            TransferEvent::WithdrawalAsked if Mutant::ServedTakenBack.is_in() => Self::withdraw(expires, at),
            // It may be safe there: to call it failed could be false, whoever ends it.
            TransferEvent::GivenUp => Self::end(Outcome::Closed, Report::HandedOver, expires, at),
            // Taking back what may have been delivered would be a false promise.
            TransferEvent::WithdrawalAsked
            | TransferEvent::TimePassed
            | TransferEvent::AboutToServeLastOctet
            | TransferEvent::ExtensionKnown
            | TransferEvent::RelayAccepted { .. }
            | TransferEvent::RelayEnding
            | TransferEvent::RelayDeferred { .. }
            | TransferEvent::RelayRefused { .. } => repeat_then(repeat_at),
        }
    }

    fn on_uncertain(self, event: TransferEvent, at: Moment<'_>) -> Step {
        let Self::Uncertain { until } = self else { return (self, vec![]) };
        match event {
            TransferEvent::Confirmed => Self::end(Outcome::Delivered, Report::Delivered, until, at),
            TransferEvent::Declined { status, text } => Self::fail(status, text, until, at),
            TransferEvent::GivenUp => Self::end(Outcome::Closed, Report::HandedOver, until, at),
            TransferEvent::TimePassed if until <= at.now => Self::end(Outcome::Closed, Report::HandedOver, until, at),
            _served_or_late_or_refused => (Self::Uncertain { until }, vec![]),
        }
    }

    fn on_relaying(self, event: TransferEvent, at: Moment<'_>) -> Step {
        let Self::Relaying { since, attempts, retry_at, delay, taking } = self else { return (self, vec![]) };
        let expires = since + at.timers.notice_give_up;
        let stay = |attempts, retry_at, delay, taking| Self::Relaying { since, attempts, retry_at, delay, taking };
        let attempts_more = attempts.saturating_add(1);
        match (event, taking) {
            (TransferEvent::RelayAccepted { reporter: Reporter::Here }, _) => Self::end(Outcome::Relayed, Report::Relayed, expires, at),
            (TransferEvent::RelayAccepted { reporter: Reporter::NextServer }, _) => Self::end_silently(Outcome::Relayed, expires, at),
            // The server's last word on this message, whatever it may have done with it before.
            (TransferEvent::RelayRefused { status, text }, _) => Self::fail(status, text, expires, at),
            // What we did since the backup is forgotten here.
            (TransferEvent::RelayEnding | TransferEvent::Restored, _) => (stay(attempts, retry_at, delay, Taking::Possible), vec![]),
            (TransferEvent::RelayDeferred { taking }, _) | (TransferEvent::ExtensionKnown, taking @ Taking::Possible) => {
                (stay(attempts_more, at.next_notice(attempts_more), delay, taking), vec![])
            }
            // Nobody can have it, so it can't be stored twice. That this, too, is an attempt keeps two looks at the domain
            // that disagree from sending it back and forth without a pause.
            (TransferEvent::ExtensionKnown, Taking::Excluded) => {
                let (attempts, retry_at, line) = (attempts_more, at.next_notice(attempts_more), NoticeLine::Unsent);
                (Self::Notifying { since, attempts, retry_at, line, delay, tls_failures: 0 }, vec![])
            }
            (TransferEvent::RetryAsked, _) => (stay(attempts, at.now, delay, taking), vec![]),
            (TransferEvent::WithdrawalAsked, Taking::Excluded) => Self::withdraw(expires, at),
            (TransferEvent::GivenUp, Taking::Excluded) => Self::give_up(expires, at),
            (TransferEvent::TimePassed, Taking::Excluded) if expires <= at.now => Self::end(Outcome::Expired, Report::Expired, expires, at),
            // It may be there: to call it failed could be false, whoever ends it.
            (TransferEvent::GivenUp, Taking::Possible) => Self::end(Outcome::Closed, Report::HandedOver, expires, at),
            (TransferEvent::TimePassed, Taking::Possible) if expires <= at.now => {
                Self::end(Outcome::Closed, Report::HandedOver, expires, at)
            }
            (TransferEvent::TimePassed, _) => {
                let (delay, actions) = delay.tell(Report::DelayedUnnoticed, at.now);
                (stay(attempts, retry_at, delay, taking), actions)
            }
            // Of a notice never given; or to take back what may have been delivered would be a false promise.
            _nothing_changes => (stay(attempts, retry_at, delay, taking), vec![]),
        }
    }

    fn fail(status: Status, text: String, expires: Timestamp, at: Moment<'_>) -> Step {
        Self::end(Outcome::Failed { status, text: text.clone() }, Report::Failed { status, text }, expires, at)
    }

    fn give_up(expires: Timestamp, at: Moment<'_>) -> Step {
        // RFC 3463 section 3.1: X.0.0, undefined; no code says that people decided. 4.4.7 would say that time ran out.
        Self::fail(Status::permanent(0, 0), GIVEN_UP.to_owned(), expires, at)
    }

    fn withdraw(expires: Timestamp, at: Moment<'_>) -> Step {
        // The author did it: nothing to tell.
        Self::end_silently(Outcome::Withdrawn, expires, at)
    }

    fn end_silently(outcome: Outcome, expires: Timestamp, at: Moment<'_>) -> Step {
        (Self::Ended { outcome, forget_at: forget_at(expires, at) }, vec![TransferAction::FreeContent])
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

#[cfg(test)]
mod tests;
