//! What can happen to a transfer.

use mail::status::Status;

use super::Taking;
use crate::discovery::TlsFailure;

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
    /// The same, and the message must not be pushed: its author asked for two-way mail only.
    ExtensionAbsentNeverPush {
        /// Why that is a failure.
        status: Status,
        /// In words.
        text: String,
    },
    /// Whether the destination offers it can't be told: its servers offered TLS, and none came about.
    TlsFailed(TlsFailure),
    /// The destination's domain is known to speak the extension after all: a pin has appeared.
    ExtensionKnown,
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
    /// The author takes the message back, and no connection is retrieving or relaying it.
    WithdrawalAsked,
    /// Ordinary SMTP: 2xx.
    RelayAccepted {
        /// Who answers the author's wish to hear of success.
        reporter: Reporter,
    },
    /// Ordinary SMTP: all but the end of the content may have left; the end must wait for the commit of this.
    RelayEnding,
    /// Ordinary SMTP: 4xx, or unreachable, or no reply.
    RelayDeferred {
        /// What is known now: as it was before the attempt, unless its end left and no reply came.
        taking: Taking,
    },
    /// Ordinary SMTP: 5xx.
    RelayRefused {
        /// The peer's status, or ours.
        status: Status,
        /// Its reply, or our reason.
        text: String,
    },
    /// An administrator wants the next attempt now.
    RetryAsked,
    /// An administrator ends it, and no connection is retrieving or relaying it.
    GivenUp,
    /// The store was restored from a backup: what it did since is forgotten here, and remembered elsewhere.
    Restored,
    /// Time has passed.
    TimePassed,
}

/// Who tells the author that a message was passed on by ordinary SMTP (RFC 3461 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporter {
    /// We do: the next server knows no DSN, and what the author wished ends here.
    Here,
    /// The next server does: it was told what the author wished.
    NextServer,
}
