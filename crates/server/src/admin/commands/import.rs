//! One message of `mail ADDR import`, and what tells whether it is here already.

use mail::address::Mailbox;
use mail::flag::Flags;
use mail::id::MailId;
use mail::message::HeaderSection;
use mail::time::Timestamp;
use serde::Serialize;
use store::content::ContentWriter;
use store::{Import, Imported, MAILBOXES_MAX};

use crate::admin::incoming::Incoming;
use crate::admin::{AdminError, Desk, Response};

/// Octets of one message: far more than mail programs send, and few enough to fit where messages lie.
pub(crate) const IMPORT_OCTETS_MAX: u64 = 1 << 30;
/// Octets of a header section that are looked at, for the listing.
const HEADER_OCTETS_MAX: usize = 256 * 1024;

/// What is asked for.
pub(super) struct Wanted {
    pub(super) address: Mailbox,
    pub(super) mailbox: String,
    pub(super) received: Timestamp,
    pub(super) flags: Vec<String>,
    pub(super) content_octets: u64,
}

#[derive(Serialize)]
struct Done {
    id: MailId,
    mailbox: String,
}

#[derive(Serialize)]
struct Digested {
    id: MailId,
    digest: String,
}

pub(super) async fn digest(desk: &Desk, address: &Mailbox, id: MailId) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let found = desk.store.mail(account.id, id).await?;
    let mail = found.ok_or_else(|| AdminError::refused("no-such-message", format!("{address} has no message {id}")))?;
    Ok(Response::of(Digested { id, digest: desk.store.digest_of_mail(&mail).await?.to_string() }))
}

pub(super) async fn import(desk: &Desk, wanted: Wanted, incoming: &mut dyn Incoming) -> Result<Response, AdminError> {
    let Wanted { address, mailbox, received, flags, content_octets } = wanted;
    let account = desk.account(&address).await?;
    if !mail::folder::is_name(&mailbox) {
        let text = format!("{mailbox:?} is no name of a mailbox: expected words with / between them, such as Archive/2026");
        return Err(AdminError::usage("mailbox", text));
    }
    let flags = Flags::from_names(flags.iter().map(String::as_str))
        .ok_or_else(|| AdminError::usage("flags", format!("{flags:?}: expected flags such as \\Seen, or words")))?;
    if content_octets > IMPORT_OCTETS_MAX {
        return Err(AdminError::refused("too-large", format!("{content_octets} octets; at most {IMPORT_OCTETS_MAX} fit")));
    }
    let broken = |error: std::io::Error| AdminError::temporary("connection", format!("the message did not come in whole: {error}"));
    let mut writer = ContentWriter::new(&desk.store, account.id);
    let mut front = Vec::new();
    loop {
        let piece = incoming.next().await.map_err(broken)?;
        if piece.is_empty() {
            break;
        }
        let room = HEADER_OCTETS_MAX.saturating_sub(front.len()).min(piece.len());
        front.extend_from_slice(piece.get(..room).unwrap_or_default());
        writer.write(&piece).await?;
    }
    if writer.size_octets() != content_octets {
        return Err(broken(std::io::Error::other(format!("{} of {content_octets} octets came", writer.size_octets()))));
    }
    let section = HeaderSection::read(&front);
    let from = section.author().map(|author| author.mailbox.to_string()).unwrap_or_default();
    let import = Import {
        account: account.id,
        mail: desk.new_mail_id(),
        mailbox: mailbox.clone(),
        received,
        from,
        subject: section.subject().unwrap_or_default(),
        flags,
        content: writer.finish().await?,
        now: desk.means.now(),
    };
    let id = import.mail;
    match desk.store.import(import).await? {
        Imported::Stored => Ok(Response::of(Done { id, mailbox })),
        Imported::NoAccount => Err(AdminError::refused("no-such-account", format!("there is no account {address} any more"))),
        Imported::OverQuota => Err(AdminError::refused("over-quota", format!("{address} has no room for it: `twoway account quota`"))),
        Imported::BadName => Err(AdminError::refused("mailbox", format!("no mailbox can have the name {mailbox:?}"))),
        Imported::Made => Err(AdminError::refused("mailbox", format!("the server makes the messages of {mailbox:?}; it takes no others"))),
        Imported::TooManyMailboxes => {
            Err(AdminError::refused("too-many-mailboxes", format!("{address} has {MAILBOXES_MAX} mailboxes, and may not have more")))
        }
    }
}
