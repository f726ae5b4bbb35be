//! Mail pushed by ordinary SMTP: who is taken for its author, and what its recipient wants done with it.
//!
//! Pushed mail says who it is from, and anybody can say anything. It counts as "from S" only where S's domain proves
//! it. Until then an allow entry for S does not let it in, it uses up no expected entry and binds no site address: the
//! mailbox's legacy mode decides. One claim is believed unproved, because nobody gains by making it: that the author is
//! somebody whom the recipient has blocked.

use mail::address::{Mailbox, ReversePath};

use crate::arrival::Verdict;
use crate::consent::{Decision, Legacy, Question, Reason, decide, is_role};
use crate::policy::{Mode, Policy, Source};
use crate::spf;

/// Whether it is known who wrote a pushed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorship {
    /// This mailbox's domain says so.
    Proved(Mailbox),
    /// Nobody knows, and why.
    Unproved(Unproved),
}

/// Why an author is not proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// Nothing was looked at.
    #[error("DKIM and DMARC are not checked")]
    NotChecked,
}

/// Who wrote a pushed message that names this author.
///
/// DKIM and DMARC are not checked yet, so nobody's pushed mail is proved. An aligned DMARC pass for `claimed` will make it
/// so here, and nowhere else.
pub const fn authorship(_claimed: Option<&Mailbox>) -> Authorship {
    Authorship::Unproved(Unproved::NotChecked)
}

/// The reverse-path that SPF has to let pass for an absence reply to be given to a pushed message: that of the author whom
/// the message names.
///
/// An answer goes to the reverse-path, and all that it needs to know is that its owner wrote (RFC 3834 section 5.1). That is
/// DMARC's alignment in its strict form (RFC 7489 section 3.1.2), which takes no list of public suffixes to decide. It proves
/// nobody's authorship to consent: hosts that many share pass for each of their domains.
pub fn answerable<'a>(claimed: Option<&'a Mailbox>, reverse_path: &ReversePath) -> Option<&'a Mailbox> {
    claimed.filter(|author| reverse_path.mailbox().is_some_and(|mailbox| mailbox.domain() == author.domain()))
}

/// Whether what SPF says of the reverse-path is enough for an answer. A pass that everybody gets says nothing.
pub fn is_vouched_for(outcome: &spf::Outcome) -> bool {
    matches!(outcome, spf::Outcome::Pass(owed) if owed.reach.is_narrow())
}

/// What a domain that a message claims to be from thinks of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// Nothing.
    None,
    /// It wants to hear of it.
    Reported,
    /// It wants the message refused.
    Refused,
}

/// What the policy of a domain in From says to this authorship (section 2, `mode`).
pub fn objection(policy: &Policy, authorship: &Authorship) -> Objection {
    match (authorship, policy.source, policy.mode) {
        (Authorship::Proved(_), _, _) | (_, Source::Default, _) | (_, _, Mode::None) => Objection::None,
        (Authorship::Unproved(_), Source::Record, Mode::Testing) => Objection::Reported,
        (Authorship::Unproved(_), Source::Record, Mode::Enforce) => Objection::Refused,
    }
}

/// What becomes of a pushed message for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It goes into the mailbox.
    Deliver,
    /// It is taken, kept aside, and shown as a contact attempt.
    Keep,
    /// It is not taken. Decided at RCPT, by [`takes_pushed`]: the same for every sender.
    Refuse,
    /// It is taken and dropped: its author is blocked, and as with a notice nobody is told.
    Discard,
}

/// What a pushed message is an answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// Nothing that we know.
    Nothing,
    /// A message of this account: a report on it, without a reverse-path, that returns its trace field. Only who had that
    /// message can write one, and its author wants to know what became of it.
    OwnMessage,
}

/// Whether a mailbox takes pushed mail at all: what RCPT asks, before anybody has said who the message is from.
pub fn takes_pushed(recipient: &Mailbox, legacy: Legacy) -> bool {
    // RFC 5321 section 4.5.1: somebody must hear of trouble, whatever the mode.
    legacy != Legacy::Refuse || is_role(recipient)
}

/// Decides about one pushed message for one recipient. `question.sender` is whom it claims to be from.
///
/// The decision that goes with it counts for entries only if the author is proved.
pub fn decide_pushed(question: &Question<'_>, legacy: Legacy, authorship: &Authorship, answers: Answers) -> (Pushed, Decision) {
    let decision = decide(question);
    let pushed = match (decision.verdict, &decision.reason, authorship) {
        (Verdict::Drop, _, _) => Pushed::Discard,
        (Verdict::Retrieve, Reason::RoleAddress, _) | (Verdict::Retrieve, _, Authorship::Proved(_)) => Pushed::Deliver,
        (Verdict::Retrieve | Verdict::List, _, _) if answers == Answers::OwnMessage => Pushed::Deliver,
        (Verdict::Retrieve, _, Authorship::Unproved(_)) | (Verdict::List, Reason::Mode(_), _) => by_mode(legacy),
        // A site address in the hands of another: shown, even where everything else is delivered.
        (Verdict::List, _, _) => match by_mode(legacy) {
            Pushed::Deliver => Pushed::Keep,
            other => other,
        },
    };
    (pushed, decision)
}

const fn by_mode(legacy: Legacy) -> Pushed {
    match legacy {
        Legacy::Deliver => Pushed::Deliver,
        Legacy::Keep => Pushed::Keep,
        Legacy::Refuse => Pushed::Refuse,
    }
}

#[cfg(test)]
mod tests;
