//! Messages that nobody sent: what a mailbox made by the server holds, so that any mail program can show it.
//!
//! They are made of facts, and their octets are the same as long as the facts are. None is from whom it speaks of, none has
//! a reply address but its owner's own, and none has parts, links or anything to be fetched.

pub mod request;
pub mod sent;

use mail::address::Mailbox;
use mail::digest::Digester;
use mail::message::text;
use mail::time::Timestamp;

pub use request::Claimed;
pub use sent::SentKeyword;

/// Octets of a Message-ID's first part: enough of a digest to be the only one.
const ID_CHARACTERS: usize = 32;

/// What stands on top of such a message.
struct Letter<'a> {
    /// Whose mailbox it lies in.
    owner: &'a Mailbox,
    /// The mailbox's name, which is whom it is from.
    folder: &'a str,
    /// Decoded.
    subject: &'a str,
    at: Timestamp,
    /// Fields of its own, each with its line end.
    fields: &'a str,
    /// CRLF line ends.
    text: &'a str,
}

impl Letter<'_> {
    fn write(&self) -> Vec<u8> {
        let Self { owner, folder, subject, at, fields, text } = self;
        let domain = owner.domain();
        let encoding = if text.is_ascii() { "7bit" } else { "8bit" };
        let subject = text::encode(subject);
        // A program that answers without a look at Reply-To reaches nobody; one that looks, whoever answered.
        let rest = format!(
            "From: {folder} <no-reply@{domain}>\r\n\
             Reply-To: <{owner}>\r\n\
             To: <{owner}>\r\n\
             Subject: {subject}\r\n\
             Date: {}\r\n\
             {fields}\
             Auto-Submitted: auto-generated\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\
             \r\n\
             {text}",
            at.to_rfc5322()
        );
        // The same facts have the same id, other facts another.
        let digest = Digester::of_all([rest.as_bytes()]).to_string();
        let id: String = digest.chars().skip("sha-256:".len()).take(ID_CHARACTERS).collect();
        format!("Message-ID: <{id}@{domain}>\r\n{rest}").into_bytes()
    }
}
