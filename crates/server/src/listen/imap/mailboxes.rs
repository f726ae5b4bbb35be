//! Mailboxes are made, renamed, deleted and subscribed to (RFC 9051 sections 6.3.4 to 6.3.8 and 6.3.10, RFC 6154).

use proto::imap::command::mailbox::Create;
use proto::imap::mailbox_name::MailboxName;
use proto::imap::response::code::{Code, CodeWord};
use proto::imap::response::mailbox::Namespaces;
use proto::imap::response::{Data, Status};
use store::mailboxes::{CreateMailbox, Created, Gone, Renamed, Subscribed, Subscription};

use super::requests;
use super::talk::{Folder, Talk, Trouble, no, ok};

/// CREATE, with what the mailbox is for if the client says so.
pub(super) async fn create(talk: &mut Talk, command: Create) -> Result<Status, Trouble> {
    let special_use = match command.uses[..] {
        [] => None,
        [only] => Some(only),
        _ => return Err(no(CodeWord::UseAttr, "a mailbox is for one thing here").into()),
    };
    requests::refuse_inside_made(talk, command.mailbox.as_str()).await?;
    let node = talk.node();
    let (id, now) = (node.new_mailbox_id(), node.world.now());
    let create = CreateMailbox { id, name: command.mailbox.as_str().to_owned(), special_use, now };
    Ok(match node.store.create_mailbox(talk.account.id, create).await? {
        // RFC 8474 section 4.1.
        Created::Done(row) => ok("it is there").with(Code::MailboxId(row.id.to_string())),
        Created::Exists => exists(),
        // RFC 6154 section 3.
        Created::UseTaken => no(CodeWord::UseAttr, "another mailbox is for this"),
        Created::BadName => bad_name(),
        Created::TooMany => too_many(),
        Created::NoAccount => no(CodeWord::Unavailable, "the account is no more"),
    })
}

/// DELETE.
pub(super) async fn delete(talk: &mut Talk, name: &MailboxName) -> Result<Status, Trouble> {
    let Folder::Stored(row) = talk.folder(name).await?;
    requests::refuse_made(talk.account.id, row.id)?;
    let is_selected = talk.selected.as_ref().and_then(|selected| selected.stored()).is_some_and(|selected| selected.id == row.id);
    let gone = talk.node().store.delete_mailbox(talk.account.id, row.id).await?;
    Ok(match gone {
        Gone::Done => {
            if is_selected {
                talk.selected = None;
                talk.conversation.session.deselect();
            }
            ok("it is gone")
        }
        Gone::NoMailbox => no(CodeWord::NonExistent, "there is no mailbox of this name"),
        Gone::Inbox => no(CodeWord::Cannot, "INBOX stays"),
    })
}

/// RENAME; of INBOX, its messages move (RFC 9051 section 6.3.6).
pub(super) async fn rename(talk: &mut Talk, from: &MailboxName, to: &MailboxName) -> Result<Status, Trouble> {
    requests::refuse_name(talk, from).await?;
    requests::refuse_inside_made(talk, to.as_str()).await?;
    let node = talk.node();
    // As in CREATE: a delimiter at the end says that others will be inside it.
    let to = to.as_str().trim_end_matches(proto::imap::mailbox_name::DELIMITER);
    Ok(match node.store.rename_mailbox(talk.account.id, from.as_str(), to, node.world.now()).await? {
        Renamed::Done => ok("it has another name"),
        Renamed::NoMailbox => no(CodeWord::NonExistent, "there is no mailbox of this name"),
        Renamed::Exists => exists(),
        Renamed::BadName => bad_name(),
        Renamed::TooMany => too_many(),
    })
}

/// SUBSCRIBE.
pub(super) async fn subscribe(talk: &mut Talk, name: &MailboxName) -> Result<Status, Trouble> {
    set(talk, name, Subscription::On).await
}

/// UNSUBSCRIBE.
pub(super) async fn unsubscribe(talk: &mut Talk, name: &MailboxName) -> Result<Status, Trouble> {
    set(talk, name, Subscription::Off).await
}

async fn set(talk: &mut Talk, name: &MailboxName, subscription: Subscription) -> Result<Status, Trouble> {
    Ok(match talk.node().store.subscribe(talk.account.id, name.as_str(), subscription).await? {
        Subscribed::Done => ok("as you wish"),
        Subscribed::TooMany => no(CodeWord::Limit, "you have as many subscriptions as anybody may"),
        Subscribed::BadName => bad_name(),
    })
}

/// NAMESPACE: all mailboxes are the user's own.
pub(super) async fn namespace(talk: &mut Talk) -> Result<Status, Trouble> {
    talk.tell(&Data::Namespace(Namespaces::one())).await?;
    Ok(ok("all is yours"))
}

fn exists() -> Status {
    no(CodeWord::AlreadyExists, "another mailbox has this name")
}

fn bad_name() -> Status {
    no(CodeWord::Cannot, "no mailbox can have this name: its parts are empty, too many or too long")
}

fn too_many() -> Status {
    no(CodeWord::Limit, "you have as many mailboxes as anybody may")
}
