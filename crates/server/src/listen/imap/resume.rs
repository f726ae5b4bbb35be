//! From where a client that keeps a copy of a mailbox may go on when it comes back (RFC 7162 section 6).
//!
//! Such a client remembers the greatest modification sequence it was told, unless an answer says `HIGHESTMODSEQ`, which
//! counts in any case. The end of a message may have to wait while a later change is told (numbers do not change during FETCH,
//! STORE and SEARCH): a client that was lost then and went on from the later change would keep a message that is gone. So
//! whenever it would go on from behind what it was told completely, it is told how far that reaches; and when it would go on
//! from before that, too, so that it does not ask for the same again.

use proto::imap::response::code::Code;
use proto::imap::response::{Condition, Data, Status};
use proto::imap::server::Extension;

use super::talk::{Talk, Trouble};

/// The answer to a command, with how far the client was told all, if it would go on from somewhere else.
///
/// # Errors
/// The connection is of no more use.
pub(super) async fn complete(talk: &mut Talk, status: Status) -> Result<Status, Trouble> {
    let (Some(told), from) = (told_to(talk), talk.conversation.session.resumes_from()) else { return Ok(status) };
    let is_said = matches!(status.code, Some(Code::HighestModSeq(_)));
    let is_due = if told < from { talk.has(Extension::CondStore) } else { told > from && talk.has(Extension::Qresync) };
    if is_said || is_due && status.condition == Condition::Ok && status.code.is_none() {
        return Ok(status.with(Code::HighestModSeq(told)));
    }
    if is_due {
        say(talk, told).await?;
    }
    Ok(status)
}

/// The same where nothing is answered: between commands (NOTIFY). What the client is told too late there does no harm.
///
/// # Errors
/// The connection is of no more use.
pub(super) async fn unasked(talk: &mut Talk) -> Result<(), Trouble> {
    match told_to(talk) {
        Some(told) if told < talk.conversation.session.resumes_from() && talk.has(Extension::CondStore) => say(talk, told).await,
        _ => Ok(()),
    }
}

/// Up to which change of the open mailbox the client was told all.
pub(super) fn told_to(talk: &Talk) -> Option<u64> {
    talk.selected.as_ref().map(|selected| selected.view.told_to())
}

async fn say(talk: &mut Talk, told: u64) -> Result<(), Trouble> {
    talk.tell(&Data::Status(Status::new(Condition::Ok, "all is told up to here").with(Code::HighestModSeq(told)))).await
}
