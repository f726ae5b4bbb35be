//! Which message, or part of one, a URL names (RFC 5092), as far as the mailboxes of one user go.

use std::num::NonZeroU32;

use super::cursor::Cursor;
use super::mailbox_name::{DELIMITER, MailboxName, NameForm};
use super::section::{Partial, Section};

/// What a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageUrl {
    /// On which server; the one that is talked to, if it is not said.
    pub server: Option<UrlServer>,
    /// In which mailbox; the open one, if it is not said.
    pub mailbox: Option<MailboxName>,
    /// The UIDVALIDITY for which the UID is meant.
    pub uid_validity: Option<NonZeroU32>,
    /// Which message.
    pub uid: NonZeroU32,
    /// Which part of it; all of it, if it is not said.
    pub section: Section,
    /// Which octets of that.
    pub partial: Option<Partial>,
}

/// Which server, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlServer {
    /// The user, as decoded.
    pub user: Option<String>,
    /// The host, without a port.
    pub host: String,
}

impl MessageUrl {
    /// Reads a URL, absolute or relative to the server or the open mailbox. `None`: it is none, or names no message; or it is
    /// one that somebody has authorised (RFC 4467), which are not taken here.
    ///
    /// ```abnf
    /// imapurl   = "imap://" [enc-user [iauth] "@"] host [":" port] "/" imailpath / "/" imailpath / imailpath
    /// imailpath = [enc-mailbox [";UIDVALIDITY=" nz-number] "/"] ";UID=" nz-number ["/;SECTION=" enc-section]
    ///             ["/;PARTIAL=" number ["." nz-number]]
    /// iauth     = ";AUTH=" ( "*" / enc-auth-type )
    /// ```
    pub fn parse(url: &str) -> Option<Self> {
        let (server, path) = match strip(url, "imap://") {
            Some(rest) => {
                let (authority, path) = rest.split_once('/')?;
                (Some(UrlServer::parse(authority)?), path)
            }
            // `//host/...` and the URLs of other protocols.
            None if url.starts_with("//") || url.split('/').next().is_some_and(|first| first.contains(':')) => return None,
            None => (None, url.strip_prefix('/').unwrap_or(url)),
        };
        let at = find(path, ";UID=")?;
        let (mailbox, message) = (path.get(..at)?, path.get(at..)?);
        // Without a mailbox before it, it is the open one; `/;UID=1` names none.
        let (mailbox, uid_validity) = if mailbox.is_empty() && server.is_none() && !url.starts_with('/') {
            (None, None)
        } else {
            let (name, validity) = parse_mailbox(mailbox.strip_suffix('/')?)?;
            (Some(name), validity)
        };
        let mut parts = message.split("/;");
        let uid = strip(parts.next()?, ";UID=").and_then(nonzero)?;
        let (mut section, mut partial) = (None, None);
        for part in parts {
            if let Some(text) = strip(part, "SECTION=").filter(|_| section.is_none() && partial.is_none()) {
                section = Some(parse_section(&decode(text)?)?);
            } else {
                let text = strip(part, "PARTIAL=").filter(|_| partial.is_none())?;
                partial = Some(parse_partial(text)?);
            }
        }
        Some(Self { server, mailbox, uid_validity, uid, section: section.unwrap_or(Section::WHOLE), partial })
    }
}

impl UrlServer {
    fn parse(authority: &str) -> Option<Self> {
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let user = match user {
            // Who is named by its mechanism alone may be anybody.
            Some(user) => Some(decode(user.split(';').next()?)?).filter(|user| !user.is_empty()),
            None => None,
        };
        let host = match host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => host,
            _ => host,
        };
        if host.is_empty() { None } else { Some(Self { user, host: host.to_owned() }) }
    }
}

/// What stands behind a word that is read in any case.
fn strip<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (front, rest) = text.split_at_checked(word.len())?;
    front.eq_ignore_ascii_case(word).then_some(rest)
}

/// Where a word in any case first begins, at the front or behind a slash.
fn find(path: &str, word: &str) -> Option<usize> {
    let begins = |at: &usize| path.get(*at..).and_then(|rest| strip(rest, word)).is_some();
    std::iter::once(0).chain(path.match_indices('/').map(|(at, _slash)| at + 1)).find(begins)
}

fn parse_mailbox(text: &str) -> Option<(MailboxName, Option<NonZeroU32>)> {
    let (name, validity) = match text.split_once(';') {
        Some((name, rest)) => (name, Some(strip(rest, "UIDVALIDITY=").and_then(nonzero)?)),
        None => (text, None),
    };
    // RFC 5092 section 8: UTF-8, whatever form names have in commands.
    let name = decode(name)?;
    let name = name.strip_suffix(DELIMITER).unwrap_or(&name);
    Some((MailboxName::new(name)?, validity))
}

fn nonzero(text: &str) -> Option<NonZeroU32> {
    let is_number = text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn parse_section(text: &str) -> Option<Section> {
    if text.is_empty() {
        return None;
    }
    let bracketed = format!("[{text}]");
    let mut cursor = Cursor::new(bracketed.as_bytes(), NameForm::Utf8);
    Section::read(&mut cursor).ok().filter(|_| cursor.rest().is_empty())
}

/// `partial-range = number ["." nz-number]`
fn parse_partial(text: &str) -> Option<Partial> {
    let bracketed = format!("<{text}>");
    let mut cursor = Cursor::new(bracketed.as_bytes(), NameForm::Utf8);
    Partial::read(&mut cursor).ok().flatten().filter(|_| cursor.rest().is_empty())
}

/// Undoes `%41`.
fn decode(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(if octet == b'%' {
            let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
            digit()? * 16 + digit()?
        } else {
            octet
        });
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `server user mailbox validity uid [section]<partial>`
    fn shown(url: &str) -> Option<String> {
        let MessageUrl { server, mailbox, uid_validity, uid, section, partial } = MessageUrl::parse(url)?;
        let mut out = crate::imap::writer::Writer::responses(NameForm::Utf8);
        section.write(&mut out);
        let section = String::from_utf8(out.into_octets()).unwrap();
        let server =
            server.map_or_else(|| "- -".to_owned(), |server| format!("{} {}", server.host, server.user.unwrap_or_else(|| "-".to_owned())));
        let mailbox = mailbox.map_or_else(|| "-".to_owned(), |name| name.to_string());
        let validity = uid_validity.map_or_else(|| "-".to_owned(), |validity| validity.to_string());
        let partial = partial.map(|partial| partial.to_string()).unwrap_or_default();
        Some(format!("{server} {mailbox} {validity} {uid} {section}{partial}"))
    }

    #[test]
    fn each_form_names_a_message() {
        for (url, meant) in [
            ("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "- - Drafts 385759045 20 [HEADER]"),
            ("/Drafts/;uid=20", "- - Drafts - 20 []"),
            ("Drafts/;UID=20/;SECTION=1.2.MIME", "- - Drafts - 20 [1.2.MIME]"),
            (";UID=20/;SECTION=TEXT", "- - - - 20 [TEXT]"),
            ("/a/b%20c/;UID=1/;PARTIAL=100000.1", "- - a/b c - 1 []<100000.1>"),
            ("/%C3%A9/;UID=1/;SECTION=1/;PARTIAL=7", "- - \u{e9} - 1 [1]<7>"),
            ("/inbox/;UID=1/;SECTION=2.HEADER.FIELDS%20(From%20%22To%22)", "- - INBOX - 1 [2.HEADER.FIELDS (From To)]"),
            ("imap://bob%40b.test@mx.b.test/INBOX/;UID=1", "mx.b.test bob@b.test INBOX - 1 []"),
            ("IMAP://bob;AUTH=*@mx.b.test:143/INBOX/;UID=1", "mx.b.test bob INBOX - 1 []"),
            ("imap://;AUTH=PLAIN@mx.b.test/INBOX/;UID=1", "mx.b.test - INBOX - 1 []"),
            ("imap://[::1]:993/INBOX/;UID=1", "[::1] - INBOX - 1 []"),
        ] {
            assert_eq!(shown(url).as_deref(), Some(meant), "{url}");
        }
    }

    #[test]
    fn what_names_no_message_is_none() {
        for url in [
            "",
            "/",
            "/INBOX",
            "/INBOX/",
            "/INBOX;UIDVALIDITY=1",
            "/INBOX;UID=1",
            "/INBOX/;UID=0",
            "/INBOX/;UID=+1",
            "/INBOX/;UID=4294967296",
            "/INBOX/;UID=1,2",
            "/INBOX/;UID=1/",
            "/INBOX;UIDVALIDITY=0/;UID=1",
            "/INBOX;FROB=1/;UID=1",
            "/INBOX/;UID=1/;SECTION=",
            "/INBOX/;UID=1/;SECTION=MIME",
            "/INBOX/;UID=1/;SECTION=1]",
            "/INBOX/;UID=1/;SECTION=1/;SECTION=2",
            "/INBOX/;UID=1/;PARTIAL=1.0",
            "/INBOX/;UID=1/;PARTIAL=x",
            "/INBOX/;UID=1/;PARTIAL=1.2/;SECTION=1",
            "/INBOX/;UID=1;EXPIRE=2026-11-22T10:00:00Z;URLAUTH=anonymous:INTERNAL:00",
            "/;UID=1",
            "/%/;UID=1",
            "/%4/;UID=1",
            "/%FF/;UID=1",
            "/%00/;UID=1",
            "imap://",
            "imap://mx.b.test",
            "imap:///INBOX/;UID=1",
            "imap://mx.b.test/;UID=1",
            "http://mx.b.test/INBOX/;UID=1",
            "//mx.b.test/INBOX/;UID=1",
        ] {
            assert_eq!(shown(url), None, "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_reading_panic(url in "(imap://)?[/a-z@:%\u{e9};=.\\[\\]]{0,30}(/;UID=)?[0-9/;A-Z=.]{0,20}") {
            let _: Option<MessageUrl> = MessageUrl::parse(&url);
        }
    }
}
