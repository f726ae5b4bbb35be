//! CATENATE: parts of a new message that are octets of others, named by URL (RFC 4469, RFC 5092). Only those of the user's own
//! mailboxes: no URL is fetched, and none authorises anybody.

use proto::imap::response::code::Code;
use proto::imap::response::{Condition, Status};
use proto::imap::url::{MessageUrl, UrlServer};

use super::fetch::{Excerpt, excerpt};
use super::talk::{Folder, Talk, Trouble};

/// What a URL names.
///
/// # Errors
/// Nothing that could be part of a message; or the store's.
pub(super) async fn find(talk: &Talk, url: &str) -> Result<Excerpt, Trouble> {
    let bad = |text: &'static str| Status::new(Condition::No, text).with(Code::BadUrl(url.to_owned()));
    let named = MessageUrl::parse(url).ok_or_else(|| bad("this URL names no message"))?;
    if !named.server.as_ref().is_none_or(|server| is_own(talk, server)) {
        return Err(bad("this URL names somebody else's mailbox").into());
    }
    let no_mailbox = || bad("there is no mailbox of this name");
    let row = match &named.mailbox {
        Some(name) => {
            let found = talk.folder(name).await.map_err(|trouble| match trouble {
                Trouble::Refused(_) => no_mailbox().into(),
                other => other,
            })?;
            let Folder::Stored(row) = found;
            row
        }
        // RFC 4469 section 3: relative to the mailbox that is open.
        None => talk.selected.as_ref().and_then(|selected| selected.stored()).cloned().ok_or_else(no_mailbox)?,
    };
    if named.uid_validity.is_some_and(|validity| validity.get() != row.uid_validity) {
        return Err(bad("the mailbox has another UIDVALIDITY").into());
    }
    let found = excerpt(talk, &row, named.uid.get(), named.section, named.partial).await?;
    Ok(found.ok_or_else(|| bad("there is no such message, or no such part of it"))?)
}

/// Whether a URL means this server, and this user.
fn is_own(talk: &Talk, server: &UrlServer) -> bool {
    let node = talk.node();
    let is_user = |user: &String| user.eq_ignore_ascii_case(&talk.account.address.to_string());
    server.host.eq_ignore_ascii_case(node.settings.hostname.as_str()) && server.user.as_ref().is_none_or(is_user)
}
