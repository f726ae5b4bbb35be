//! A message that a mailbox sends on: a new message of the mailbox's own, with the author named in it.
//!
//! Nobody but its author's server can prove that a message is its author's; so what is sent on is from who sends it on, as a
//! mailing list's is from the list (RFC 9057). All else stays as it was.

use crate::address::Mailbox;
use crate::message::{HeaderEdit, HeaderSection, encoded_word, text};
use crate::submission::TWO_WAY;

/// The field that says who sent a message on: who finds itself there does not do it again.
const DELIVERED_TO: &str = "Delivered-To";

/// The edits of a message that `by` sends on. The caller puts its own trace field on top, and finishes them.
pub fn edit<'a>(section: &'a HeaderSection<'a>, by: &Mailbox) -> HeaderEdit<'a> {
    let author = section.named("From").next();
    let written = author.map(|field| String::from_utf8_lossy(field.value()).trim().to_owned());
    let mut edit = HeaderEdit::new(section).remove(|field| ["From", "Sender", "Return-Path", TWO_WAY].iter().any(|name| field.is(name)));
    // RFC 9057 section 3: the author's address, as it was written.
    if let Some(written) = written.filter(|written| is_whole(written)) {
        if !section.has("Reply-To") {
            edit = edit.prepend(format!("Reply-To: {written}\r\n"));
        }
        if !section.has("Author") {
            edit = edit.prepend(format!("Author: {written}\r\n"));
        }
    }
    edit.prepend(format!("From: {} <{by}>\r\n", encoded_word::phrase(&name(section, by)))).prepend(format!("{DELIVERED_TO}: {by}\r\n"))
}

/// How who reads it is told of both.
fn name(section: &HeaderSection<'_>, by: &Mailbox) -> String {
    let claim = section.claim().mailbox.map(|mailbox| mailbox.to_string());
    let author = section.author().ok().and_then(|author| author.name).filter(|name| !name.trim().is_empty());
    let author = author.or(claim).unwrap_or_else(|| "somebody".to_owned());
    let author: String = text::printable(&author).chars().take(64).collect();
    format!("{author} via {}", by.local())
}

/// Whether a value can stand in a field of its own: every line but the first is a continuation.
fn is_whole(value: &str) -> bool {
    let has_bare_cr = value.replace("\r\n", "\n").contains('\r');
    let mut lines = value.split('\n').skip(1);
    !value.is_empty() && !has_bare_cr && lines.all(|line| line.starts_with([' ', '\t']) && !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_on(message: &str) -> String {
        let section = HeaderSection::read(message.as_bytes());
        String::from_utf8(edit(&section, &"bob@b.test".parse().unwrap()).finish().apply(message.as_bytes())).unwrap()
    }

    #[test]
    fn who_sends_on_is_the_author_and_the_author_is_named() {
        assert_eq!(
            sent_on("Return-Path: <ann@a.test>\r\nFrom: \"Ann A.\"\r\n <ann@a.test>\r\nSubject: Hi\r\n\r\nBody\r\n"),
            "Delivered-To: bob@b.test\r\nFrom: \"Ann A. via bob\" <bob@b.test>\r\nAuthor: \"Ann A.\"\r\n <ann@a.test>\r\n\
             Reply-To: \"Ann A.\"\r\n <ann@a.test>\r\nSubject: Hi\r\n\r\nBody\r\n"
        );
        assert_eq!(
            sent_on("From: ann@a.test\r\nReply-To: x@a.test\r\nAuthor: y@a.test\r\nSender: z@a.test\r\n\r\n"),
            "Delivered-To: bob@b.test\r\nFrom: \"ann@a.test via bob\" <bob@b.test>\r\nReply-To: x@a.test\r\nAuthor: y@a.test\r\n\r\n"
        );
    }

    #[test]
    fn whatever_it_is_it_has_one_author_then() {
        for message in [
            "\r\nall body",
            "From: a@a.test\r\nFrom: b@b.test\r\n\r\n",
            "From: x\rBcc: y\r\n\r\n",
            "From:\r\n\r\n",
            "From: \u{fc} <ann@a.test>\r\n\r\n",
            "From: =?utf-8?q?=22=0D=0ABcc:?= <ann@a.test>\n\n",
        ] {
            let message = sent_on(message);
            let section = HeaderSection::read(message.as_bytes());
            assert_eq!(section.author().unwrap().mailbox, "bob@b.test".parse().unwrap(), "{message}");
            assert!(!section.has("Bcc"), "{message}");
        }
    }
}
