//! What an account may store, and what it does (RFC 9208): one root, for all of its mailboxes.

use proto::imap::command::quota::{Resource, STORAGE_UNIT, Usage};
use proto::imap::mailbox_name::MailboxName;
use proto::imap::response::code::CodeWord;
use proto::imap::response::{Data, Status};

use super::talk::{Talk, Trouble, no, ok};

/// The name of the one root.
const ROOT: &str = "";

/// GETQUOTA.
pub(super) async fn of_root(talk: &mut Talk, root: &str) -> Result<Status, Trouble> {
    if root != ROOT {
        return Err(no(CodeWord::NonExistent, "there is one quota root, of no name").into());
    }
    tell(talk).await?;
    Ok(ok("this is what you may store"))
}

/// GETQUOTAROOT.
pub(super) async fn of_mailbox(talk: &mut Talk, name: &MailboxName) -> Result<Status, Trouble> {
    talk.folder(name).await?;
    talk.tell(&Data::QuotaRoot(name.clone(), vec![ROOT.to_owned()])).await?;
    tell(talk).await?;
    Ok(ok("this is what you may store"))
}

/// SETQUOTA: an administrator's to say, and not in this protocol.
pub(super) fn refused() -> Status {
    no(CodeWord::NoPerm, "your administrator says what you may store")
}

async fn tell(talk: &mut Talk) -> Result<(), Trouble> {
    let usage = talk.node().store.usage(talk.account.id).await?;
    let storage = usage.quota.octets_max.map(|limit| Usage {
        resource: Resource::Storage,
        // What is begun counts whole: who has stored one octet has stored something.
        used: usage.octets.div_ceil(STORAGE_UNIT.get()),
        limit: limit / STORAGE_UNIT,
    });
    let messages = usage.quota.messages_max.map(|limit| Usage { resource: Resource::Message, used: usage.messages, limit });
    talk.tell(&Data::Quota(ROOT.to_owned(), storage.into_iter().chain(messages).collect())).await
}
