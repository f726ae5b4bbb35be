//! One notice, as its destination sees it: from "a message waits there" to "it is safe here, and they know".
//!
//! What is on disk, and what happens after a crash there:
//!
//! | stage | on disk | after a crash here |
//! |---|---|---|
//! | Noted | the notice | consent is decided after the restart |
//! | Listed | the notice, shown as a contact attempt | nothing; the recipient decides |
//! | Dropped | the notice, as a key that recognises repeats | nothing; the recipient may still change their mind |
//! | Due | the notice, perhaps the first part of the content | retrieval goes on from where the content on disk ends |
//! | Stored | the message, in the mailbox | the confirmation is given again; it may be given any number of times |
//! | Declining | the refusal and its reason | the refusal is given again |
//! | Ended | the key and the outcome | nothing; a repeat of the notice is known, and an origin that has forgotten the outcome is told again |
//!
//! The key is origin domain, id, recipient: one row, however often the notice comes.
//!
//! Run twice, every transition gives the state of once; only `Deferred` and `OriginUnreached` count their attempts.

use mail::status::Status;
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mutant::Mutant;
use crate::schedule::Moment;

/// One notice at its destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Until when the origin keeps the message: as the notice said, clamped; may only grow.
    pub expires: Timestamp,
    /// How far it has come.
    pub stage: Stage,
    /// When consent is decided again, because the notice came again. The same in every stage that its origin cannot know, so
    /// that neither the reply nor what is done after it tells one from another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_again_at: Option<Timestamp>,
}

/// How far an arrival has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Recorded; consent is decided by a job of its own, so that no reply's time tells of it.
    Noted {
        /// Of that job: a little later, at random.
        decide_at: Timestamp,
    },
    /// A contact attempt, waiting for the recipient.
    Listed,
    /// Not shown, not retrieved.
    Dropped {
        /// For want of whose consent.
        by: DroppedBy,
    },
    /// To be retrieved.
    Due {
        /// Since when.
        since: Timestamp,
        /// Attempts that failed.
        attempts: u32,
        /// Of the next attempt.
        retry_at: Timestamp,
        /// Whether the origin may have committed Served.
        received: Received,
    },
    /// In the mailbox; the origin is to be told.
    Stored {
        /// Since when.
        since: Timestamp,
        /// Attempts that failed.
        attempts: u32,
        /// Of the next attempt.
        retry_at: Timestamp,
        /// The host that served it, and is told.
        target: String,
    },
    /// The content is refused for good; the origin is to be told.
    Declining {
        /// Since when.
        since: Timestamp,
        /// Attempts that failed.
        attempts: u32,
        /// Of the next attempt.
        retry_at: Timestamp,
        /// The host that served it, and is told.
        target: String,
        /// Why.
        status: Status,
        /// Why, in words.
        text: String,
    },
    /// Over; the row stays as a key that recognises repeats.
    Ended(ArrivalOutcome),
}

/// Why an arrival was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DroppedBy {
    /// By rule: blocked, evicted, over a cap, expired. A repeated notice is looked at again.
    Rule,
    /// By the recipient's own act, or an administrator's in their place. A repeated notice does not bring it back; allowing the sender does.
    Recipient,
}

/// Whether octets of the content have come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Received {
    /// None.
    Nothing,
    /// Some: the origin may believe that all did, and keeps it longer.
    Octets,
}

/// How an arrival ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArrivalOutcome {
    /// Stored, and the origin knows.
    Done {
        /// The host that served it.
        target: String,
    },
    /// Refused, and the origin knows.
    Declined {
        /// The host that served it.
        target: String,
        /// Why.
        status: Status,
        /// Why, in words.
        text: String,
    },
    /// Expired or withdrawn before it was retrieved.
    Gone,
}

/// Consent's answer for one arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Retrieve it.
    Retrieve,
    /// Show it as a contact attempt.
    List,
    /// Neither, silently.
    Drop,
}

/// What can happen to an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArrivalEvent {
    /// The same notice again.
    NoticeRepeated {
        /// Its EXPIRES, clamped.
        expires: Timestamp,
        /// When to decide, if it is to be decided again.
        decide_at: Timestamp,
    },
    /// The first decision, or a new one after the lists changed.
    Decided(Verdict),
    /// The recipient dismissed the contact attempt.
    Dismissed,
    /// The contact attempt gave way to better ones.
    Evicted,
    /// The message is being committed to the mailbox, in this transaction.
    Stored {
        /// The host that served it.
        target: String,
    },
    /// Unreachable, temporary trouble, mailbox full, or 550 from every target.
    Deferred {
        /// Whether octets have come in, now or before.
        received: Received,
    },
    /// RETRIEVE answered 554: expired or withdrawn.
    Vanished,
    /// What came is refused for good.
    ContentRefused {
        /// The host that served it.
        target: String,
        /// Why.
        status: Status,
        /// Why, in words.
        text: String,
    },
    /// CONFIRM or DECLINE was answered 250, or 550 by the target that served it.
    OriginKnows,
    /// CONFIRM or DECLINE could not be given.
    OriginUnreached,
    /// An administrator wants the next attempt now.
    RetryAsked,
    /// An administrator ends what this server still tries.
    GivenUp,
    /// Time has passed.
    TimePassed,
}

/// What a worker has to do for an arrival that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalTask {
    /// Decide consent.
    Decide,
    /// RETRIEVE.
    Retrieve,
    /// CONFIRM.
    Confirm,
    /// DECLINE.
    Decline,
    /// Let time pass.
    Expire,
}

impl Arrival {
    /// A notice just recorded.
    pub fn start(expires: Timestamp, decide_at: Timestamp) -> Self {
        Self { expires, stage: Stage::Noted { decide_at }, look_again_at: None }
    }

    /// The arrival after `event`.
    #[must_use]
    pub fn on(self, event: ArrivalEvent, at: Moment<'_>) -> Self {
        let Self { expires, stage, look_again_at } = self;
        let expires = match &event {
            ArrivalEvent::NoticeRepeated { expires: again, .. } => expires.max(*again),
            _ => expires,
        };
        let look_again_at = match &event {
            ArrivalEvent::NoticeRepeated { decide_at, .. } => Some(look_again_at.map_or(*decide_at, |earlier| earlier.min(*decide_at))),
            ArrivalEvent::Decided(_) => None,
            _ => look_again_at,
        };
        let stage = stage.on(event, expires, at);
        Self { expires, look_again_at: look_again_at.filter(|_time| stage.is_secret()), stage }
    }

    /// When this arrival next needs a look. For the index of what is due.
    pub fn due_at(&self, at: Moment<'_>) -> Timestamp {
        let settle_until = self.expires + at.timers.settle_grace;
        let of_stage = match &self.stage {
            Stage::Noted { decide_at } => *decide_at,
            Stage::Listed => self.expires,
            Stage::Due { retry_at, received: Received::Nothing, .. } => (*retry_at).min(self.expires),
            Stage::Due { retry_at, .. } | Stage::Stored { retry_at, .. } | Stage::Declining { retry_at, .. } => {
                (*retry_at).min(settle_until)
            }
            Stage::Dropped { .. } | Stage::Ended(_) => self.forget_at(at),
        };
        self.look_again_at.map_or(of_stage, |time| time.min(of_stage))
    }

    /// When the row may go: no repeat can come any more.
    pub fn forget_at(&self, at: Moment<'_>) -> Timestamp {
        self.expires + at.timers.memory
    }

    /// Whether content may be committed to the mailbox: asked in the transaction that stores it, before [`ArrivalEvent::Stored`].
    /// In every other stage it is not wanted (any more), or here already.
    pub fn takes_content(&self) -> bool {
        match self.stage {
            Stage::Due { .. } => true,
            Stage::Noted { .. }
            | Stage::Listed
            | Stage::Dropped { .. }
            | Stage::Stored { .. }
            | Stage::Declining { .. }
            | Stage::Ended(_) => false,
        }
    }

    /// What is to be done now, if anything.
    pub fn task(&self, at: Moment<'_>) -> Option<ArrivalTask> {
        if at.now < self.due_at(at) {
            return None;
        }
        if self.stage.is_over(self.expires, at) {
            return Some(ArrivalTask::Expire);
        }
        if self.look_again_at.is_some_and(|time| time <= at.now) {
            return Some(ArrivalTask::Decide);
        }
        match &self.stage {
            Stage::Noted { .. } => Some(ArrivalTask::Decide),
            Stage::Due { .. } => Some(ArrivalTask::Retrieve),
            Stage::Stored { .. } => Some(ArrivalTask::Confirm),
            Stage::Declining { .. } => Some(ArrivalTask::Decline),
            Stage::Listed | Stage::Dropped { .. } | Stage::Ended(_) => None,
        }
    }
}

impl Stage {
    fn on(self, event: ArrivalEvent, expires: Timestamp, at: Moment<'_>) -> Self {
        match self {
            _known if Mutant::StoreNotKeyed.is_in() && matches!(event, ArrivalEvent::NoticeRepeated { .. }) => {
                Self::Noted { decide_at: at.now }
            }
            Self::Noted { decide_at } => Self::on_noted(decide_at, &event, expires, at),
            Self::Listed => Self::on_listed(&event, expires, at),
            Self::Dropped { by } => Self::on_dropped(by, event, expires, at),
            stage @ Self::Due { .. } => stage.on_due(event, expires, at),
            stage @ (Self::Stored { .. } | Self::Declining { .. }) => stage.on_telling(&event, expires, at),
            Self::Ended(outcome) => Self::on_ended(outcome, event, at),
        }
    }

    /// Whether the time for this stage has run out.
    fn is_over(&self, expires: Timestamp, at: Moment<'_>) -> bool {
        let settle_until = expires + at.timers.settle_grace;
        match self {
            Self::Noted { .. } | Self::Listed | Self::Due { received: Received::Nothing, .. } => expires <= at.now,
            Self::Due { received: Received::Octets, .. } | Self::Stored { .. } | Self::Declining { .. } => settle_until <= at.now,
            Self::Dropped { .. } | Self::Ended(_) => expires + at.timers.memory <= at.now,
        }
    }

    /// Whether its origin cannot know of this stage: it looks like any other that waits.
    fn is_secret(&self) -> bool {
        match self {
            Self::Listed | Self::Dropped { .. } | Self::Due { .. } => true,
            // Decided soon in any case.
            Self::Noted { .. } | Self::Stored { .. } | Self::Declining { .. } | Self::Ended(_) => false,
        }
    }

    fn on_noted(decide_at: Timestamp, event: &ArrivalEvent, expires: Timestamp, at: Moment<'_>) -> Self {
        match event {
            ArrivalEvent::Decided(verdict) => Self::decided(*verdict, at),
            ArrivalEvent::Dismissed => Self::Dropped { by: DroppedBy::Recipient },
            ArrivalEvent::TimePassed if expires <= at.now => Self::Dropped { by: DroppedBy::Rule },
            ArrivalEvent::Evicted
            | ArrivalEvent::NoticeRepeated { .. }
            | ArrivalEvent::TimePassed
            | ArrivalEvent::Stored { .. }
            | ArrivalEvent::Deferred { .. }
            | ArrivalEvent::Vanished
            | ArrivalEvent::ContentRefused { .. }
            | ArrivalEvent::OriginKnows
            | ArrivalEvent::OriginUnreached
            | ArrivalEvent::RetryAsked
            | ArrivalEvent::GivenUp => Self::Noted { decide_at },
        }
    }

    fn on_listed(event: &ArrivalEvent, expires: Timestamp, at: Moment<'_>) -> Self {
        match event {
            ArrivalEvent::Decided(Verdict::Retrieve) if at.now < expires => Self::due(at),
            ArrivalEvent::Decided(Verdict::Drop) | ArrivalEvent::Evicted => Self::Dropped { by: DroppedBy::Rule },
            ArrivalEvent::Dismissed => Self::Dropped { by: DroppedBy::Recipient },
            ArrivalEvent::TimePassed if expires <= at.now => Self::Dropped { by: DroppedBy::Rule },
            ArrivalEvent::Decided(Verdict::Retrieve | Verdict::List)
            | ArrivalEvent::NoticeRepeated { .. }
            | ArrivalEvent::TimePassed
            | ArrivalEvent::Stored { .. }
            | ArrivalEvent::Deferred { .. }
            | ArrivalEvent::Vanished
            | ArrivalEvent::ContentRefused { .. }
            | ArrivalEvent::OriginKnows
            | ArrivalEvent::OriginUnreached
            | ArrivalEvent::RetryAsked
            | ArrivalEvent::GivenUp => Self::Listed,
        }
    }

    fn on_dropped(by: DroppedBy, event: ArrivalEvent, expires: Timestamp, at: Moment<'_>) -> Self {
        match (by, event) {
            (DroppedBy::Rule | DroppedBy::Recipient, ArrivalEvent::Decided(Verdict::Retrieve)) if at.now < expires => Self::due(at),
            // Unblocked: shown, if it was not the recipient who put it away.
            (DroppedBy::Rule, ArrivalEvent::Decided(Verdict::List)) if at.now < expires => Self::Listed,
            (DroppedBy::Rule | DroppedBy::Recipient, ArrivalEvent::Dismissed) => Self::Dropped { by: DroppedBy::Recipient },
            (by, _nothing_else_matters) => Self::Dropped { by },
        }
    }

    fn on_due(self, event: ArrivalEvent, expires: Timestamp, at: Moment<'_>) -> Self {
        let Self::Due { since, attempts, retry_at, received } = self else { return self };
        match event {
            ArrivalEvent::Stored { target } => Self::Stored { since: at.now, attempts: 0, retry_at: at.now, target },
            ArrivalEvent::Deferred { received: now_received } => {
                let attempts = attempts.saturating_add(1);
                let received = if received == Received::Octets { received } else { now_received };
                Self::Due { since, attempts, retry_at: at.next_retrieval(attempts, since), received }
            }
            ArrivalEvent::Vanished => Self::Ended(ArrivalOutcome::Gone),
            ArrivalEvent::ContentRefused { target, status, text } => {
                Self::Declining { since: at.now, attempts: 0, retry_at: at.now, target, status, text }
            }
            // No longer allowed: a contact attempt again, or nothing.
            ArrivalEvent::Decided(Verdict::List) => Self::Listed,
            ArrivalEvent::Decided(Verdict::Drop) => Self::Dropped { by: DroppedBy::Rule },
            ArrivalEvent::RetryAsked => Self::Due { since, attempts, retry_at: at.now, received },
            // Not `Gone`: the next repeat of the notice would bring it back. Letting the sender in does.
            ArrivalEvent::GivenUp => Self::Dropped { by: DroppedBy::Recipient },
            ArrivalEvent::TimePassed if (Self::Due { since, attempts, retry_at, received }).is_over(expires, at) => {
                Self::Ended(ArrivalOutcome::Gone)
            }
            ArrivalEvent::Decided(Verdict::Retrieve)
            | ArrivalEvent::NoticeRepeated { .. }
            | ArrivalEvent::Dismissed
            | ArrivalEvent::Evicted
            | ArrivalEvent::TimePassed
            | ArrivalEvent::OriginKnows
            | ArrivalEvent::OriginUnreached => Self::Due { since, attempts, retry_at, received },
        }
    }

    /// Stored and Declining: the origin is to be told, and nothing else matters any more.
    fn on_telling(self, event: &ArrivalEvent, expires: Timestamp, at: Moment<'_>) -> Self {
        match event {
            // Given up: an origin that gives its notice again is told again.
            ArrivalEvent::OriginKnows | ArrivalEvent::GivenUp => self.told(),
            ArrivalEvent::RetryAsked => self.tell_now(at),
            ArrivalEvent::TimePassed if self.is_over(expires, at) => self.told(),
            ArrivalEvent::OriginUnreached => self.tell_later(at),
            ArrivalEvent::NoticeRepeated { .. }
            | ArrivalEvent::Decided(_)
            | ArrivalEvent::Dismissed
            | ArrivalEvent::Evicted
            | ArrivalEvent::Stored { .. }
            | ArrivalEvent::Deferred { .. }
            | ArrivalEvent::Vanished
            | ArrivalEvent::ContentRefused { .. }
            | ArrivalEvent::TimePassed => self,
        }
    }

    /// An origin that gives the notice again has not recorded how it ended (it was restored from a backup,
    /// say): it is told again, or its author would hear a falsehood.
    fn on_ended(outcome: ArrivalOutcome, event: ArrivalEvent, at: Moment<'_>) -> Self {
        match (outcome, event) {
            (ArrivalOutcome::Done { target }, ArrivalEvent::NoticeRepeated { .. }) => {
                Self::Stored { since: at.now, attempts: 0, retry_at: at.now, target }
            }
            (ArrivalOutcome::Declined { target, status, text }, ArrivalEvent::NoticeRepeated { .. }) => {
                Self::Declining { since: at.now, attempts: 0, retry_at: at.now, target, status, text }
            }
            (ArrivalOutcome::Gone, ArrivalEvent::NoticeRepeated { decide_at, .. }) => Self::Noted { decide_at },
            (outcome, _nothing_else_matters) => Self::Ended(outcome),
        }
    }

    fn decided(verdict: Verdict, at: Moment<'_>) -> Self {
        match verdict {
            Verdict::Retrieve => Self::due(at),
            Verdict::List => Self::Listed,
            Verdict::Drop => Self::Dropped { by: DroppedBy::Rule },
        }
    }

    fn due(at: Moment<'_>) -> Self {
        Self::Due { since: at.now, attempts: 0, retry_at: at.now, received: Received::Nothing }
    }

    fn told(self) -> Self {
        match self {
            Self::Stored { target, .. } => Self::Ended(ArrivalOutcome::Done { target }),
            Self::Declining { target, status, text, .. } => Self::Ended(ArrivalOutcome::Declined { target, status, text }),
            same @ (Self::Noted { .. } | Self::Listed | Self::Dropped { .. } | Self::Due { .. } | Self::Ended(_)) => same,
        }
    }

    fn tell_now(self, at: Moment<'_>) -> Self {
        let retry_at = at.now;
        match self {
            Self::Stored { since, attempts, target, .. } => Self::Stored { since, attempts, retry_at, target },
            Self::Declining { since, attempts, target, status, text, .. } => {
                Self::Declining { since, attempts, retry_at, target, status, text }
            }
            same @ (Self::Noted { .. } | Self::Listed | Self::Dropped { .. } | Self::Due { .. } | Self::Ended(_)) => same,
        }
    }

    fn tell_later(self, at: Moment<'_>) -> Self {
        let later = |attempts: u32, since| (attempts.saturating_add(1), at.next_retrieval(attempts.saturating_add(1), since));
        match self {
            Self::Stored { since, attempts, target, .. } => {
                let (attempts, retry_at) = later(attempts, since);
                Self::Stored { since, attempts, retry_at, target }
            }
            Self::Declining { since, attempts, target, status, text, .. } => {
                let (attempts, retry_at) = later(attempts, since);
                Self::Declining { since, attempts, retry_at, target, status, text }
            }
            same @ (Self::Noted { .. } | Self::Listed | Self::Dropped { .. } | Self::Due { .. } | Self::Ended(_)) => same,
        }
    }
}

#[cfg(test)]
mod tests;
