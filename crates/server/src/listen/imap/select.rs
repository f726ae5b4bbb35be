//! SELECT, EXAMINE, CLOSE and UNSELECT (RFC 9051 sections 6.3.2, 6.3.3, 6.4.1 and 6.4.2; RFC 7162 section 3.2.5).

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use proto::imap::command::Numbering;
use proto::imap::command::mailbox::{Access, Qresync, Select};
use proto::imap::flag::Flag;
use proto::imap::mailbox_name::MailboxName;
use proto::imap::numbers::Numbers;
use proto::imap::response::code::{Code, CodeWord, NewKeywords};
use proto::imap::response::fetch::{Fetched, FetchedValue};
use proto::imap::response::{Condition, Data, Status, Vanishing};
use proto::imap::server::Extension;
use proto::imap::view::{Message, View};
use store::MailboxRow;

use super::talk::{Folder, Selected, Talk, Trouble, no, ok};
use super::{contents, flags, list, recent, requests};

/// Opens a mailbox.
pub(super) async fn select(talk: &mut Talk, command: Select) -> Result<Status, Trouble> {
    // Whatever becomes of it: the mailbox before is closed.
    recent::leave(talk).await;
    match talk.folder(&command.mailbox).await? {
        Folder::Stored(row) => select_stored(talk, &command, &row).await,
    }
}

async fn select_stored(talk: &mut Talk, command: &Select, row: &MailboxRow) -> Result<Status, Trouble> {
    let opened = contents::open(&talk.conversation.node, talk.account.id, row.id).await?;
    let Some((row, contents)) = opened else { return Err(no(CodeWord::NonExistent, "there is no mailbox of this name").into()) };
    let mut view = View::new(contents);
    let recent = recent::open(talk, &row, command.access, &mut view).await;
    let command = &Select { access: requests::access(talk.account.id, row.id, command.access), ..command.clone() };
    describe(talk, command, &row, &view).await?;
    if let Some(qresync) = &command.qresync {
        resynchronise(talk, qresync, &row, &view).await?;
    }
    talk.selected = Some(Selected {
        folder: Folder::Stored(row),
        access: command.access,
        view,
        saved_search: Vec::new(),
        holds_numbers: false,
        knows_modseq: talk.has(Extension::CondStore),
        requests: BTreeMap::new(),
        updated: Vec::new(),
        recent,
    });
    if let Err(trouble) = requests::remember(talk).await {
        talk.selected = None;
        return Err(trouble);
    }
    Ok(match command.access {
        Access::ReadWrite => ok("it is open").with(CodeWord::ReadWrite),
        Access::ReadOnly => ok("it is open for reading").with(CodeWord::ReadOnly),
    })
}

/// Says what a client must know of a mailbox that it opens.
pub(super) async fn describe(talk: &mut Talk, command: &Select, row: &MailboxRow, view: &View) -> Result<(), Trouble> {
    talk.tell(&Data::Flags(view.flags())).await?;
    talk.tell(&Data::Exists(view.count())).await?;
    let numbered = !talk.has(Extension::UidOnly);
    if !talk.has(Extension::Rev2) {
        // RFC 3501 section 6.3.1; RFC 9051 has neither.
        talk.tell(&Data::Recent(view.recent_count())).await?;
        let unseen = view.contents().iter().find(|message| !message.flags.contains(&Flag::Seen));
        let unseen = if row.unseen > 0 { unseen } else { None };
        if let Some(number) = unseen.filter(|_| numbered).and_then(|message| view.number_of(message.uid.get())) {
            tell_code(talk, Code::Unseen(number), "the first that is not seen").await?;
        }
    }
    let permanent = match command.access {
        Access::ReadWrite => Code::PermanentFlags(flags::permanent(view), NewKeywords::Possible),
        Access::ReadOnly => Code::PermanentFlags(Vec::new(), NewKeywords::Impossible),
    };
    tell_code(talk, permanent, "flags that are kept").await?;
    if let (Some(validity), Some(next)) = (NonZeroU32::new(row.uid_validity), NonZeroU32::new(row.uid_next)) {
        tell_code(talk, Code::UidValidity(validity), "UIDs are valid").await?;
        tell_code(talk, Code::UidNext(next), "the UID that comes next").await?;
    }
    tell_code(talk, Code::HighestModSeq(view.modseq()), "the last change").await?;
    tell_code(talk, Code::MailboxId(row.id.to_string()), "its id").await?;
    if talk.has(Extension::Rev2)
        && let Some(name) = MailboxName::new(&row.name)
    {
        // RFC 9051 section 6.3.2.
        talk.tell(&Data::List(list::plain(name))).await?;
    }
    Ok(())
}

/// Tells the last change to a client that has just shown, with the mailbox open, that it knows what that is (RFC 7162 section 3.1).
pub(super) async fn tell_modseq_once(talk: &mut Talk) -> Result<(), Trouble> {
    let has_condstore = talk.has(Extension::CondStore);
    let Some(selected) = talk.selected.as_mut().filter(|selected| has_condstore && !selected.knows_modseq) else { return Ok(()) };
    selected.knows_modseq = true;
    let modseq = selected.view.told_to();
    tell_code(talk, Code::HighestModSeq(modseq), "the last change").await
}

async fn tell_code(talk: &mut Talk, code: Code, text: &'static str) -> Result<(), Trouble> {
    talk.tell(&Data::Status(Status::new(Condition::Ok, text).with(code))).await
}

/// Tells what happened since the client was last here.
async fn resynchronise(talk: &mut Talk, qresync: &Qresync, row: &MailboxRow, view: &View) -> Result<(), Trouble> {
    // RFC 7162 section 3.2.5: with other UIDs, all that it knew is void.
    if qresync.uid_validity.get() != row.uid_validity {
        return Ok(());
    }
    let vanished = vanished_since(talk, qresync, row, view).await?;
    if !vanished.is_empty() {
        talk.tell(&Data::Vanished(Vanishing::Earlier, vanished)).await?;
    }
    let known = qresync.known.as_ref().map(|known| known.resolve(None));
    let is_known = |message: &&Message| known.as_ref().is_none_or(|known| known.contains(message.uid.get()));
    for message in view.contents().iter().filter(|message| message.modseq > qresync.modseq).filter(is_known) {
        let Some(number) = view.number_of(message.uid.get()) else { continue };
        talk.tell(&Data::Fetch(changed(&view.as_told(message), number, talk.has(Extension::UidOnly)))).await?;
    }
    Ok(())
}

fn changed(message: &Message, number: NonZeroU32, uid_only: bool) -> Fetched {
    let (number, numbering) = if uid_only { (message.uid, Numbering::Uid) } else { (number, Numbering::Sequence) };
    let mut values = vec![FetchedValue::Flags(message.flags.iter().cloned().collect()), FetchedValue::ModSeq(message.modseq)];
    if !uid_only {
        values.insert(0, FetchedValue::Uid(message.uid));
    }
    Fetched { number, numbering, values }
}

/// The UIDs of messages that the client may know, and that are gone.
async fn vanished_since(talk: &Talk, qresync: &Qresync, row: &MailboxRow, view: &View) -> Result<Numbers, Trouble> {
    let known = qresync.known.as_ref().map(|known| known.resolve(None));
    let since = contents::since(&talk.conversation.node, talk.account.id, row.id, qresync.modseq).await?;
    let vanished = since.filter(|since| since.is_complete).map(|since| since.changes.vanished);
    Ok(view.gone_before(vanished.as_ref(), known.as_ref(), row.uid_next))
}

/// CLOSE: closes the mailbox, and removes what has `\Deleted`, without a word of it (RFC 9051 section 6.4.1).
pub(super) async fn close(talk: &mut Talk) -> Result<Status, Trouble> {
    let made = match requests::expunge(talk, None).await {
        Ok(status) => status,
        // RFC 9051 section 6.4.1: CLOSE is not refused. What is not removed stays, with its flag, and the client hears why.
        Err(Trouble::Refused(why)) => Some(Status::new(Condition::Ok, format!("closed, and nothing was put away: {}", why.text))),
        Err(trouble) => return Err(trouble),
    };
    let open = talk.selected.as_ref().filter(|selected| made.is_none() && selected.access == Access::ReadWrite);
    let mailbox = open.and_then(Selected::stored).map(|row| row.id);
    recent::leave(talk).await;
    if let Some(mailbox) = mailbox {
        talk.node().store.expunge(talk.account.id, mailbox, None).await?;
    }
    Ok(made.unwrap_or_else(|| ok("closed")))
}

/// UNSELECT: closes the mailbox, and changes nothing (RFC 3691).
pub(super) async fn unselect(talk: &mut Talk) -> Status {
    recent::leave(talk).await;
    ok("closed")
}
