//! What an account may store, and what it does (RFC 9208): one root for all of its mailboxes, or none where nothing is limited.

use proto::imap::command::quota::{Resource, STORAGE_UNIT, Usage};
use proto::imap::mailbox_name::MailboxName;
use proto::imap::response::code::CodeWord;
use proto::imap::response::{Data, Status};

use super::talk::{Talk, Trouble, no, ok};

/// The name of the one root.
const ROOT: &str = "";

/// GETQUOTA.
pub(super) async fn of_root(talk: &mut Talk, root: &str) -> Result<Status, Trouble> {
    let usages = if root == ROOT { usages(talk).await? } else { Vec::new() };
    if usages.is_empty() {
        return Err(no(CodeWord::NonExistent, "there is no such quota root").into());
    }
    talk.tell(&Data::Quota(ROOT.to_owned(), usages)).await?;
    Ok(ok("this is what you may store"))
}

/// GETQUOTAROOT.
pub(super) async fn of_mailbox(talk: &mut Talk, name: &MailboxName) -> Result<Status, Trouble> {
    talk.folder(name).await?;
    let usages = usages(talk).await?;
    if usages.is_empty() {
        // RFC 9208 section 4.2.2: a mailbox may have no root. Section 7 has no quota without a resource.
        talk.tell(&Data::QuotaRoot(name.clone(), Vec::new())).await?;
        return Ok(ok("nothing limits what you may store"));
    }
    talk.tell(&Data::QuotaRoot(name.clone(), vec![ROOT.to_owned()])).await?;
    talk.tell(&Data::Quota(ROOT.to_owned(), usages)).await?;
    Ok(ok("this is what you may store"))
}

/// SETQUOTA: an administrator's to say, and not in this protocol.
pub(super) fn refused() -> Status {
    no(CodeWord::NoPerm, "your administrator says what you may store")
}

/// What is limited.
async fn usages(talk: &Talk) -> Result<Vec<Usage>, Trouble> {
    let usage = talk.node().store.usage(talk.account.id).await?;
    let storage = usage.quota.octets_max.map(|limit| Usage {
        resource: Resource::Storage,
        // What is begun counts whole: who has stored one octet has stored something.
        used: usage.octets.div_ceil(STORAGE_UNIT.get()),
        limit: limit / STORAGE_UNIT,
    });
    let messages = usage.quota.messages_max.map(|limit| Usage { resource: Resource::Message, used: usage.messages, limit });
    Ok(storage.into_iter().chain(messages).collect())
}
