//! EXPUNGE: messages with `\Deleted` go (RFC 9051 section 6.4.3, RFC 4315 section 2.1).

use proto::imap::command::Numbering;
use proto::imap::response::Status;
use proto::imap::response::code::{Code, CodeWord};
use proto::imap::sequence_set::Messages;
use proto::imap::server::Extension;

use super::news;
use super::talk::{Talk, Trouble, no, ok};

/// EXPUNGE, and UID EXPUNGE of some messages.
///
/// # Errors
/// The store's, or the connection's.
pub(super) async fn expunge(talk: &mut Talk, messages: Option<Messages>) -> Result<Status, Trouble> {
    let account = talk.account.id;
    let selected = talk.selected()?;
    let uids = messages.map(|messages| selected.resolve(&messages, Numbering::Uid)).transpose()?;
    let Some(mailbox) = selected.stored().map(|row| row.id) else { return Ok(no(CodeWord::Cannot, "nothing can be expunged here")) };
    if uids.as_ref().is_some_and(Vec::is_empty) {
        return Ok(ok("nothing to do"));
    }
    let expunged = talk.node().store.expunge(account, mailbox, uids).await?;
    news::catch_up(talk).await?;
    Ok(if expunged.is_empty() { ok("nothing was deleted") } else { done(talk, "expunged") })
}

/// The command is done, and messages are gone. RFC 7162 section 3.2.7: whoever keeps a copy is told how far it reaches.
pub(super) fn done(talk: &mut Talk, text: &'static str) -> Status {
    let has_modseq = talk.has(Extension::CondStore);
    match talk.selected() {
        Ok(selected) if has_modseq => ok(text).with(Code::HighestModSeq(selected.view.told_to())),
        _ => ok(text),
    }
}
