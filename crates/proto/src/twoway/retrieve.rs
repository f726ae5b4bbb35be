//! RETRIEVE: "send the message". Its reply announces the octets that follow it.

use mail::address::{Mailbox, ReversePath};
use mail::digest::ContentDigest;
use mail::id::NoticeId;

use super::words::{self, ID_FORM, NUMBER_FORM, Words};
use super::{SyntaxError, wire};
use crate::xtext;

pub(super) const PARTS: &[&str] = &[wire::ID, wire::TO, wire::OFFSET];

/// `RETRIEVE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieve {
    /// Of the notice.
    pub id: NoticeId,
    /// The recipient.
    pub to: Mailbox,
    /// How many octets the destination already has.
    pub offset: u64,
}

/// What the reply says of the octets that follow: `size_octets` less the command's offset of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Of the whole content.
    pub size_octets: u64,
    /// Of the whole content.
    pub digest: ContentDigest,
    /// Whom to tell of failures; becomes the Return-Path.
    pub mail_from: ReversePath,
}

impl Retrieve {
    /// ```abnf
    /// retrieve = "RETRIEVE ID=" id SP "TO:" path [ SP "OFFSET=" 1*19DIGIT ] CRLF
    /// ```
    pub(super) fn read(mut words: Words<'_>) -> Result<Self, SyntaxError> {
        let id = words.value(wire::ID, ID_FORM, words::id)?;
        let to = words.path(wire::TO)?;
        let offset = words.last_value(wire::OFFSET, NUMBER_FORM, words::number)?.unwrap_or(0);
        Ok(Self { id, to, offset })
    }

    pub(super) fn to_line(&self) -> String {
        let line = format!("{} {}={} {}:<{}>", wire::RETRIEVE, wire::ID, self.id.as_str(), wire::TO, self.to);
        if self.offset == 0 { line } else { format!("{line} {}={}", wire::OFFSET, self.offset) }
    }
}

impl Announcement {
    /// The text that follows `250 2.0.0 `.
    pub fn encode(&self) -> String {
        let mail_from = self.mail_from.mailbox().map_or_else(|| "<>".to_owned(), ToString::to_string);
        let mail_from = xtext::encode(&mail_from);
        format!("{}={} {}={} {}={mail_from}", wire::SIZE, self.size_octets, wire::DIGEST, self.digest, wire::MAILFROM)
    }

    /// ```abnf
    /// announcement = "SIZE=" 1*19DIGIT SP "DIGEST=sha-256:" 43b64u SP "MAILFROM=" xtext
    ///                                        ; decoded: a Mailbox, or "<>"; one in "<" and ">" is read as well
    /// ```
    ///
    /// # Errors
    /// The text is of another form.
    pub fn decode(text: &str) -> Result<Self, SyntaxError> {
        let mut words = Words::new(Some(text), &[wire::SIZE, wire::DIGEST, wire::MAILFROM]);
        let size_octets = words.value(wire::SIZE, NUMBER_FORM, words::number)?;
        let digest = words.value(wire::DIGEST, "sha-256: and 43 of base64url", |text| text.parse().ok())?;
        let mail_from = words.value(wire::MAILFROM, "xtext of a reverse-path", |text| {
            let decoded = xtext::decode_printable(text)?;
            let bare = decoded.strip_prefix('<').and_then(|inner| inner.strip_suffix('>'));
            match bare {
                Some(inner) => inner.parse().ok(),
                None => decoded.parse().ok().map(ReversePath::Mailbox),
            }
        })?;
        words.end()?;
        Ok(Self { size_octets, digest, mail_from })
    }
}
