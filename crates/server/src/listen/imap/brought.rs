//! Contact requests that come by APPEND: programs like mbsync bring the message itself to where it is to go, and remove it
//! where it was. It means what moving it means, and the copy stays.

use std::collections::{BTreeMap, BTreeSet};

use mail::id::MailboxId;
use mail::message::HeaderSection;
use store::content::Place;
use store::items::NewItem;
use store::made::Made;

use super::append;
use super::requests::{self, DECIDED_MAX, Meaning, REQUESTS_MAX};
use super::talk::{Talk, Trouble};

/// Decides about the senders of those requests that are among these messages and are still in their mailbox. Nothing is
/// decided if the messages could not be kept: whoever brings them would be told NO, and had let somebody in.
///
/// # Errors
/// It is refused, or the store's.
pub(super) async fn decide(talk: &Talk, meaning: Meaning, mailbox: MailboxId, target: &str, messages: &[NewItem]) -> Result<(), Trouble> {
    // What the server writes is from nobody who could send mail; and its id tells nobody else the facts that it is made of.
    let ours = format!("no-reply@{}", talk.account.address.domain());
    let brought: BTreeSet<&str> =
        messages.iter().filter(|message| message.from == ours).filter_map(|message| message.internet_id.as_deref()).collect();
    if brought.is_empty() {
        return Ok(());
    }
    let (store, account) = (&talk.node().store, talk.account.id);
    let items = store.items(account, Made::Requests.id(account), 0, REQUESTS_MAX).await?;
    let uids: BTreeMap<_, _> = items.into_iter().map(|item| (item.mail, item.uid)).collect();
    let mut decided = Vec::new();
    for mail in store.mails(account, uids.keys().copied().collect()).await? {
        let Place::Row(octets) = &mail.content.place else { continue };
        let id = HeaderSection::read(octets).message_id();
        if id.is_some_and(|id| brought.contains(id.as_str())) {
            decided.extend(uids.get(&mail.row.id).copied());
        }
    }
    if decided.len() > DECIDED_MAX {
        return Err(requests::too_many().into());
    }
    // Before, and not after they are kept: a crash in between is told of by no reply, and the same is brought again.
    if let Some(refusal) = store.append_refusal(account, mailbox, messages).await? {
        return Err(append::not_appended(refusal).into());
    }
    let requests = store.requests_of(account, decided).await?;
    requests::check(talk, &requests, meaning, target).await?;
    for request in requests {
        requests::act(talk, request, meaning, target).await?;
    }
    Ok(requests::refresh(talk.node(), account).await?)
}
