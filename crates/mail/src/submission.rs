//! What message submission may change (RFC 6409 section 8): Date and Message-ID added where missing, Bcc removed.

use crate::address::Domain;
use crate::id::MessageId;
use crate::message::{HeaderEdit, HeaderSection, text};
use crate::time::Timestamp;

/// The field in which an author says `only` to have a message go by two-way mail or not at all. It is for the author's own
/// server, and goes no further.
pub const TWO_WAY: &str = "Two-Way";

/// Whether an author says so: in any case, with comments around it.
///
/// ```abnf
/// two-way = "Two-Way:" [CFWS] "only" [CFWS] CRLF      ; CFWS: RFC 5322 section 3.2.2
/// ```
pub fn is_twoway_only(section: &HeaderSection<'_>) -> bool {
    section.named(TWO_WAY).any(|field| {
        let value = text::unfold(field.value());
        let value = behind_comments(&value);
        let (word, rest) = value.split_at(value.find([' ', '\t', '(']).unwrap_or(value.len()));
        word.eq_ignore_ascii_case("only") && behind_comments(rest).is_empty()
    })
}

/// What follows white space and comments.
fn behind_comments(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some((_comment, behind)) = text::comment(rest) {
        rest = behind.trim_start();
    }
    rest
}

/// The edits of a submitted message. The caller puts its own trace field on top, and finishes them.
///
/// Fields are only added in front, so that what the author's program signed stays as it was.
pub fn edit<'a>(section: &'a HeaderSection<'a>, at: Timestamp, id: MessageId, host: &Domain) -> HeaderEdit<'a> {
    // RFC 5322 section 3.6.3: who was sent a copy blindly must not be seen; nor who was when it was sent again.
    let mut edit = HeaderEdit::new(section).remove(|field| field.is("Bcc") || field.is("Resent-Bcc") || field.is(TWO_WAY));
    // RFC 6409 section 8.1
    if !section.has("Date") {
        edit = edit.prepend(format!("Date: {}\r\n", at.to_rfc5322()));
    }
    // RFC 6409 section 8.3
    if !section.has("Message-ID") {
        edit = edit.prepend(format!("Message-ID: <{id}@{host}>\r\n"));
    }
    edit
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DATE: &str = "Date: Sat, 21 Nov 2026 09:30:05 +0000\r\n";
    const MESSAGE_ID: &str = "Message-ID: <018bcfe5-6800-7102-8304-05060708090a@a.test>\r\n";

    fn edited(message: &[u8]) -> Vec<u8> {
        let at: Timestamp = "2026-11-21T09:30:05Z".parse().unwrap();
        let id: MessageId = "018bcfe5-6800-7102-8304-05060708090a".parse().unwrap();
        let section = HeaderSection::read(message);
        edit(&section, at, id, &"a.test".parse().unwrap()).finish().apply(message)
    }

    #[test]
    fn only_what_is_missing_is_added_and_only_bcc_removed() {
        let both = format!("{MESSAGE_ID}{DATE}");
        for (submitted, front, rest) in [
            ("From: a@a.test\r\n\r\nHi\r\n", both.as_str(), "From: a@a.test\r\n\r\nHi\r\n"),
            ("date: x\r\n\r\n", MESSAGE_ID, "date: x\r\n\r\n"),
            ("Message-Id : <x>\r\nDATE: x\r\n\r\n", "", "Message-Id : <x>\r\nDATE: x\r\n\r\n"),
            (
                "Message-ID: <x>\r\nBcc: b@b.test,\r\n c@c.test\r\n\td@d.test\r\nTo: e@e.test\r\n\r\nBcc: x\r\n",
                DATE,
                "Message-ID: <x>\r\nTo: e@e.test\r\n\r\nBcc: x\r\n",
            ),
            ("bcc: b@b.test\r\nSubject: x\r\nBCC :\r\n\r\nHi", &both, "Subject: x\r\n\r\nHi"),
            ("X: y\nBcc: b@b.test\nTo: x\n\nHi\n", &both, "X: y\nTo: x\n\nHi\n"),
            ("Bcc-Note: kept\r\nX: Bcc: kept\r\n\r\n", &both, "Bcc-Note: kept\r\nX: Bcc: kept\r\n\r\n"),
            ("Two-Way: only\r\nX: y\r\n\r\n", &both, "X: y\r\n\r\n"),
            ("Resent-Bcc: b@b.test\r\n\r\n", &both, "\r\n"),
            ("\r\nHi\r\n", &both, "\r\nHi\r\n"),
            ("Subject: no line end", &both, "Subject: no line end"),
            ("", &both, ""),
        ] {
            assert_eq!(String::from_utf8(edited(submitted.as_bytes())).unwrap(), format!("{front}{rest}"), "{submitted:?}");
        }
    }

    #[test]
    fn only_is_said_by_the_word_alone_with_comments_around_it() {
        for (value, says) in [
            ("only", true),
            (" Only\t", true),
            ("(remark) only", true),
            ("(a (nested) remark)(another)\r\n ONLY (that's all)", true),
            ("only(please)", true),
            ("", false),
            ("(only)", false),
            ("(only", false),
            ("only (", false),
            ("onl(y)", false),
            ("only please", false),
            ("if possible", false),
            ("only; x=y", false),
            ("=?utf-8?q?only?=", false),
        ] {
            let message = format!("From: a@a.test\r\nTwo-Way: {value}\r\n\r\n");
            assert_eq!(is_twoway_only(&HeaderSection::read(message.as_bytes())), says, "{value:?}");
        }
        let several = HeaderSection::read(b"Two-Way: maybe\r\nTwo-Way: only\r\n");
        assert!(is_twoway_only(&several));
        assert!(!is_twoway_only(&HeaderSection::read(b"X: only\r\n")));
    }

    #[test]
    fn a_message_that_is_all_body_stays_all_body() {
        for body in ["Hello, world\r\n", " indented\r\n", "From alice Sat Nov 21\r\nSubject: x\r\n", "\u{fc}", "."] {
            let message = String::from_utf8(edited(body.as_bytes())).unwrap();
            assert_eq!(message, format!("{MESSAGE_ID}{DATE}\r\n{body}"));
            let section = HeaderSection::read(message.as_bytes());
            assert_eq!((section.fields().len(), message.get(section.body_start()..).unwrap()), (2, body));
        }
    }

    proptest! {
        #[test]
        fn without_what_was_prepended_the_message_is_as_it_was_less_its_bcc(
            lines in prop::collection::vec("(Bcc: x|Subject: y|DATE: z|[ \t]fold|junk|[a-zA-Z :]{0,12}|\\PC{0,9})(\r\n|\n|\r|)", 0..12),
            body: Vec<u8>,
        ) {
            let message = [lines.concat().as_bytes(), &body].concat();
            let section = HeaderSection::read(&message);
            let added = [(!section.has("Message-ID"), MESSAGE_ID), (!section.has("Date"), DATE)];
            let mut expected: Vec<u8> = added.iter().filter(|(missing, _)| *missing).flat_map(|(_, field)| field.bytes()).collect();
            if section.is_missing() {
                expected.extend(b"\r\n");
            }
            let is_bcc = |at: usize| section.named("Bcc").any(|field| field.range().contains(&at));
            expected.extend(message.iter().enumerate().filter(|(at, _)| !is_bcc(*at)).map(|(_, octet)| *octet));
            prop_assert_eq!(edited(&message), expected);
        }
    }
}
