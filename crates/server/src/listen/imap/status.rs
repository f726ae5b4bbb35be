//! STATUS: how a mailbox is, without opening it (RFC 9051 section 6.3.11, RFC 8438, RFC 9208, RFC 8474, RFC 7889).

use std::num::NonZeroU32;

use proto::imap::command::mailbox::StatusItem;
use proto::imap::mailbox_name::MailboxName;
use proto::imap::response::mailbox::StatusValue;
use proto::imap::response::{Data, Status};
use store::MailboxRow;

use super::talk::{Folder, Talk, Trouble, ok};
use super::{recent, resume};

/// Tells how a mailbox is.
pub(super) async fn status(talk: &mut Talk, name: &MailboxName, items: &[StatusItem]) -> Result<Status, Trouble> {
    let values = match talk.folder(name).await? {
        Folder::Stored(row) => values(talk, &row, items).await?,
    };
    talk.tell(&Data::MailboxStatus(name.clone(), values)).await?;
    Ok(ok("this is how it is"))
}

/// What STATUS tells of a mailbox.
pub(super) async fn values(talk: &Talk, row: &MailboxRow, items: &[StatusItem]) -> Result<Vec<StatusValue>, Trouble> {
    let recent = if items.contains(&StatusItem::Recent) { recent::count(talk, row).await? } else { 0 };
    let limit = talk.node().settings.limits.message_octets_max;
    let open = talk.selected.as_ref().and_then(|selected| selected.stored()).is_some_and(|open| open.id == row.id);
    // Of the open mailbox, no further than the client was told all of it: it might go on from there.
    let told = resume::told_to(talk).filter(|_| open).unwrap_or(u64::MAX);
    Ok(items.iter().filter_map(|item| value(row, *item, limit, told, recent)).collect())
}

fn value(row: &MailboxRow, item: StatusItem, limit: u64, told: u64, recent: u32) -> Option<StatusValue> {
    Some(match item {
        StatusItem::Messages => StatusValue::Messages(row.messages),
        StatusItem::Recent => StatusValue::Recent(recent),
        StatusItem::UidNext => StatusValue::UidNext(NonZeroU32::new(row.uid_next)?),
        StatusItem::UidValidity => StatusValue::UidValidity(NonZeroU32::new(row.uid_validity)?),
        StatusItem::Unseen => StatusValue::Unseen(row.unseen),
        StatusItem::Deleted => StatusValue::Deleted(row.deleted),
        StatusItem::Size => StatusValue::Size(row.octets),
        StatusItem::HighestModSeq => StatusValue::HighestModSeq(row.modseq.min(told)),
        StatusItem::AppendLimit => StatusValue::AppendLimit(Some(limit)),
        StatusItem::MailboxId => StatusValue::MailboxId(row.id.to_string()),
        StatusItem::DeletedStorage => StatusValue::DeletedStorage(row.deleted_octets),
    })
}
