//! What the author is told: the status of each recipient, and which outcomes become a report (RFC 3461, 3464).

use mail::address::ReversePath;
use mail::envelope::{ReportWish, ReturnWish};
use mail::status::Status;
use serde::{Deserialize, Serialize};

use crate::transfer::{NoticeLine, Outcome, Taking, Transfer};

/// Something worth telling the author about one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// The destination confirmed that it has the message durably.
    Delivered,
    /// Given up for good: a server said so, or nobody could be reached for days.
    Failed {
        /// Whose refusal, and why.
        status: Status,
        /// In words; the peer's, where a peer refused.
        text: String,
    },
    /// Noticed, and not collected before it expired. Says nothing of why.
    Expired,
    /// Nobody took the notice yet; it is tried on.
    DelayedUnnoticed,
    /// Noticed, and not collected yet.
    DelayedUncollected,
    /// Handed to the destination, which never said that it is safe. Not a failure, and never called one.
    HandedOver,
    /// Passed on by ordinary SMTP, to where no confirmation comes back from.
    Relayed,
}

/// Whether this outcome becomes a report to the author (RFC 3461 section 4.1), sent to the reverse-path.
pub fn is_wanted(report: &Report, wish: ReportWish, reverse_path: &ReversePath) -> bool {
    if *reverse_path == ReversePath::Null {
        // RFC 5321 section 4.5.5: never a report about a report.
        return false;
    }
    match report {
        // RFC 3461 section 5.2.2: "relayed" answers a wish for success where the next hop knows no DSN.
        Report::Delivered | Report::Relayed => wish.success(),
        // Whoever asked for success or failure wants to know that neither could be learnt.
        Report::HandedOver => wish.success() || wish.failure(),
        Report::Failed { .. } | Report::Expired => wish.failure(),
        Report::DelayedUnnoticed | Report::DelayedUncollected => wish.delay(),
    }
}

/// The largest message that goes back whole in a report of failure, where its author asked for that (`RET=FULL`): the
/// largest that a server takes by default. The report is a copy in the author's own mailbox.
pub const RETURNED_OCTETS_MAX: u64 = 52_428_800;

/// The largest that goes back whole unasked: enough for what people write, and not worth an object of its own.
pub const RETURNED_UNASKED_OCTETS_MAX: u64 = 32 * 1024;

/// Whether the whole message goes back to its author, and not just its header section.
///
/// RFC 3461 section 4.3: RET speaks of reports of failure only; without it the choice is ours.
pub fn returns_whole(report: &Report, wish: Option<ReturnWish>, size_octets: u64) -> bool {
    let is_failure = match report {
        Report::Failed { .. } | Report::Expired => true,
        Report::Delivered | Report::DelayedUnnoticed | Report::DelayedUncollected | Report::HandedOver | Report::Relayed => false,
    };
    let octets_max = match wish {
        Some(ReturnWish::Headers) => 0,
        Some(ReturnWish::Full) => RETURNED_OCTETS_MAX,
        None => RETURNED_UNASKED_OCTETS_MAX,
    };
    is_failure && size_octets <= octets_max
}

/// What became of a message for one recipient, as the author sees it.
///
/// Waiting, ignored and blocked look alike: the origin does not know which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SentStatus {
    /// Here, and nobody has heard of it.
    Kept,
    /// The destination knows of it, or may.
    Noticed,
    /// Confirmed.
    Delivered,
    /// Collected; no confirmation came.
    HandedOver,
    /// Not collected in time.
    Expired,
    /// Refused, or nobody could be reached.
    Failed,
    /// Taken back by the author.
    Withdrawn,
    /// Passed on by ordinary SMTP.
    Relayed,
}

impl SentStatus {
    /// The status of a transfer.
    pub fn of(transfer: &Transfer) -> Self {
        match transfer {
            // Also if a NOTICE line may have left: its 250 may be on its way, or lost; the author is told what is certain.
            Transfer::Notifying { .. } | Transfer::Relaying { .. } => Self::Kept,
            // Served is not told apart: the recipient's server has the octets, and has not vouched for them.
            Transfer::Waiting { .. } | Transfer::Served { .. } => Self::Noticed,
            Transfer::Uncertain { .. } => Self::HandedOver,
            Transfer::Ended { outcome, .. } => match outcome {
                Outcome::Delivered => Self::Delivered,
                Outcome::Failed { .. } => Self::Failed,
                Outcome::Expired => Self::Expired,
                Outcome::Withdrawn => Self::Withdrawn,
                Outcome::Relayed => Self::Relayed,
                Outcome::Closed => Self::HandedOver,
            },
        }
    }

    /// As programs read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Noticed => "noticed",
            Self::Delivered => "delivered",
            Self::HandedOver => "handed-over",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
            Self::Relayed => "relayed",
        }
    }
}

/// The status in words: what is certain, whose move it is, and until when. Nothing in it depends on a recipient's lists.
pub fn detail(transfer: &Transfer) -> String {
    match transfer {
        Transfer::Notifying { line: NoticeLine::Unsent, retry_at, .. } => {
            format!("kept here; no server of the recipient's domain was told yet, next attempt at {retry_at}")
        }
        Transfer::Notifying { line: NoticeLine::MayHaveLeft { .. }, retry_at, .. } => {
            format!("kept here; no server of the recipient's domain has said yet that it heard, next attempt at {retry_at}")
        }
        Transfer::Waiting { expires, .. } => format!("the recipient's server knows of the message and can collect it until {expires}"),
        Transfer::Served { .. } => {
            "the recipient's server is collecting the message, and has not confirmed yet that it is safe there".to_owned()
        }
        Transfer::Uncertain { until } => {
            format!("the recipient's server collected the message and has not confirmed it; a confirmation is awaited until {until}")
        }
        Transfer::Relaying { taking: Taking::Possible, retry_at, .. } => {
            format!("sent by ordinary SMTP, and no reply is recorded: it may have been taken; next attempt at {retry_at}")
        }
        Transfer::Relaying { taking: Taking::Excluded, retry_at, .. } => {
            format!(
                "kept here, to be passed on by ordinary SMTP: the recipient's server does not speak two-way mail; next attempt at {retry_at}"
            )
        }
        Transfer::Ended { outcome, .. } => match outcome {
            Outcome::Delivered => "the recipient's server confirmed that it has stored the message".to_owned(),
            Outcome::Failed { status, text } => format!("{status} {text}"),
            Outcome::Expired => "the recipient's domain did not take the message in time".to_owned(),
            Outcome::Withdrawn => "taken back before it was collected".to_owned(),
            Outcome::Relayed => "passed on by ordinary SMTP, from where no confirmation comes".to_owned(),
            Outcome::Closed => "handed over; the recipient's server never confirmed that it is safe there".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use mail::time::Timestamp;

    use super::*;
    use crate::transfer::Delay;

    #[test]
    fn every_state_has_its_status_and_its_words() {
        let (since, expires) = (Timestamp::EPOCH, Timestamp::from_millis(86_400_000));
        let delay = Delay::Told;
        let notifying = |line| Transfer::Notifying { since, attempts: 0, retry_at: expires, line, delay, tls_failures: 0 };
        let relaying = |taking| Transfer::Relaying { since, attempts: 0, retry_at: expires, delay, taking };
        let ended = |outcome| Transfer::Ended { outcome, forget_at: expires };
        let failed = Outcome::Failed { status: Status::permanent(1, 1), text: "no such mailbox".to_owned() };
        let table = [
            (notifying(NoticeLine::Unsent), "kept", "was told yet, next attempt at 1970-01-02T00:00:00Z"),
            (notifying(NoticeLine::MayHaveLeft { expires }), "kept", "has said yet that it heard"),
            (Transfer::Waiting { since, expires, repeat_at: expires, delay }, "noticed", "until 1970-01-02T00:00:00Z"),
            (Transfer::Served { since, expires, repeat_at: expires }, "noticed", "has not confirmed yet"),
            (Transfer::Uncertain { until: expires }, "handed-over", "awaited until 1970-01-02T00:00:00Z"),
            (relaying(Taking::Excluded), "kept", "to be passed on by ordinary SMTP"),
            (relaying(Taking::Possible), "kept", "it may have been taken"),
            (ended(Outcome::Delivered), "delivered", "confirmed"),
            (ended(failed), "failed", "5.1.1 no such mailbox"),
            (ended(Outcome::Expired), "expired", "in time"),
            (ended(Outcome::Withdrawn), "withdrawn", "taken back"),
            (ended(Outcome::Relayed), "relayed", "ordinary SMTP"),
            (ended(Outcome::Closed), "handed-over", "never confirmed"),
        ];
        for (transfer, status, words) in table {
            assert_eq!(SentStatus::of(&transfer).as_str(), status, "{transfer:?}");
            let detail = detail(&transfer);
            assert!(detail.contains(words), "{detail}");
            let telltale = ["allow", "block", "ignor", "screen"].iter().find(|word| detail.contains(*word));
            assert_eq!(telltale, None, "{detail}");
        }
    }

    #[test]
    fn reports_follow_the_authors_wish() {
        let author: ReversePath = "alice@a.test".parse().unwrap();
        let failed = Report::Failed { status: Status::permanent(1, 1), text: "no such mailbox".to_owned() };
        let success_only = ReportWish::On { success: true, failure: false, delay: false };
        let table = [
            (Report::Delivered, ReportWish::Unsaid, false),
            (Report::Delivered, success_only, true),
            (Report::Relayed, success_only, true),
            (Report::HandedOver, ReportWish::Unsaid, true),
            (Report::HandedOver, success_only, true),
            (Report::HandedOver, ReportWish::Never, false),
            (failed.clone(), ReportWish::Unsaid, true),
            (failed.clone(), success_only, false),
            (failed.clone(), ReportWish::Never, false),
            (Report::Expired, ReportWish::Unsaid, true),
            (Report::DelayedUncollected, ReportWish::Unsaid, true),
            (Report::DelayedUnnoticed, success_only, false),
        ];
        for (report, wish, wanted) in table {
            assert_eq!(is_wanted(&report, wish, &author), wanted, "{report:?} {wish:?}");
            assert!(!is_wanted(&report, wish, &ReversePath::Null), "{report:?} to the empty path");
        }
    }

    #[test]
    fn the_whole_message_goes_back_if_it_failed_and_its_author_did_not_say_otherwise() {
        let failed = Report::Failed { status: Status::permanent(1, 1), text: "no such mailbox".to_owned() };
        let (full, headers) = (Some(ReturnWish::Full), Some(ReturnWish::Headers));
        let table = [
            (&failed, None, RETURNED_UNASKED_OCTETS_MAX, true),
            (&failed, None, RETURNED_UNASKED_OCTETS_MAX + 1, false),
            (&failed, full, RETURNED_OCTETS_MAX, true),
            (&failed, full, RETURNED_OCTETS_MAX + 1, false),
            (&failed, headers, 1, false),
            (&Report::Expired, full, 1, true),
            (&Report::Delivered, full, 1, false),
            (&Report::HandedOver, None, 1, false),
            (&Report::DelayedUnnoticed, full, 1, false),
        ];
        for (report, wish, size_octets, whole) in table {
            assert_eq!(returns_whole(report, wish, size_octets), whole, "{report:?} {wish:?} {size_octets}");
        }
    }
}
