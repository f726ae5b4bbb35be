//! COPY and MOVE: messages lie in another mailbox too, or instead (RFC 9051 sections 6.4.7 and 6.4.8, RFC 4315).

use std::num::NonZeroU32;

use proto::imap::command::store::Copy;
use proto::imap::numbers::Numbers;
use proto::imap::response::code::{Code, CodeWord};
use proto::imap::response::{Condition, Data, Status};
use store::items::{Copied, Copying};

use super::news;
use super::talk::{Talk, Trouble, no, ok};

/// COPY and MOVE, and their UID forms.
///
/// # Errors
/// A sequence number is that of no message, there is no such mailbox or no room in it, or the store's.
pub(super) async fn copy(talk: &mut Talk, command: Copy, copying: Copying) -> Result<Status, Trouble> {
    let account = talk.account.id;
    let target = talk.target(&command.mailbox).await?;
    let selected = talk.selected()?;
    let uids = selected.resolve(&command.messages, command.numbering)?;
    let from = selected.stored().map(|row| row.id);
    let (Some(from), Some(to)) = (from, target.stored().map(|row| row.id)) else {
        return Ok(no(CodeWord::Cannot, "messages can't be put there"));
    };
    if uids.is_empty() {
        return Ok(ok("nothing to do"));
    }
    let now = talk.node().world.now();
    match talk.node().store.copy_items(account, from, uids, to, copying, now).await? {
        Copied::Done { uid_validity, pairs } => {
            let code = copied(uid_validity, &pairs);
            if copying == Copying::Copy {
                let status = ok("copied");
                return Ok(code.map_or(status.clone(), |code| status.with(code)));
            }
            if let Some(code) = code {
                // RFC 6851 section 4.3: before the messages go.
                talk.tell(&Data::Status(Status::new(Condition::Ok, "moved").with(code))).await?;
            }
            news::catch_up(talk).await?;
            Ok(super::expunge::done(talk, "moved"))
        }
        Copied::NoMailbox => Ok(no(CodeWord::TryCreate, "there is no mailbox of this name")),
        Copied::OverQuota => Ok(no(CodeWord::OverQuota, "there is no room for these messages")),
        Copied::TooManyKeywords => Ok(no(CodeWord::Limit, "the mailbox would have too many keywords")),
    }
}

/// `COPYUID`; nothing, if nothing was copied.
fn copied(uid_validity: u32, pairs: &[(u32, u32)]) -> Option<Code> {
    // Both in ascending order, as they were copied: the sets name the same messages at the same places.
    let from: Numbers = pairs.iter().filter_map(|(from, _)| NonZeroU32::new(*from)).collect();
    let to: Numbers = pairs.iter().filter_map(|(_, to)| NonZeroU32::new(*to)).collect();
    (!from.is_empty()).then_some(Code::CopyUid(NonZeroU32::new(uid_validity)?, from, to))
}
