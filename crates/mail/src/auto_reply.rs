//! An answer that a program writes for somebody who is away (RFC 3834), as octets.

use data_encoding::BASE64_MIME;

use crate::address::{Domain, Mailbox};
use crate::id::MessageId;
use crate::message::{HeaderSection, encoded_word};
use crate::time::Timestamp;

/// Octets of a line of text that goes as it is; longer ones are encoded (RFC 5322 section 2.1.1: 998).
const LINE_OCTETS_MAX: usize = 900;
/// Of the subject that is answered, as much as is repeated.
const SUBJECT_CHARACTERS_MAX: usize = 200;
/// Ids in References: those of the longest threads that people have. The first and the last stay (RFC 5322 section 3.6.4).
const REFERENCES_MAX: usize = 20;

/// What an answer repeats of the message that it answers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Answered {
    /// Decoded.
    pub subject: String,
    /// With angle brackets.
    pub message_id: Option<String>,
    /// What it refers to itself, oldest first.
    pub references: Vec<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct AutoReply<'a> {
    /// As whom.
    pub from: &'a Mailbox,
    /// To whom.
    pub to: &'a Mailbox,
    /// Its subject; `Auto: ` and the one that is answered, if none.
    pub subject: Option<&'a str>,
    /// Lines end with LF.
    pub text: &'a str,
    /// What is answered.
    pub answered: &'a Answered,
    /// Names the answer.
    pub id: MessageId,
    /// This server.
    pub host: &'a Domain,
    /// When.
    pub at: Timestamp,
}

impl Answered {
    /// What an answer to the message with this header section repeats of it.
    pub fn of(header: &HeaderSection<'_>) -> Self {
        let references = header.named("References").next().map(crate::message::Field::text).unwrap_or_default();
        let is_id = |word: &&str| word.starts_with('<') && word.ends_with('>') && word.len() <= LINE_OCTETS_MAX;
        let mut references: Vec<String> = references.split_whitespace().filter(is_id).map(str::to_owned).collect();
        if references.len() > REFERENCES_MAX {
            let behind = references.len() - (REFERENCES_MAX - 1);
            references.drain(1..behind);
        }
        let subject = header.subject().unwrap_or_default().chars().take(SUBJECT_CHARACTERS_MAX).collect();
        Self { subject, message_id: header.message_id(), references }
    }
}

impl AutoReply<'_> {
    /// Its octets, Received fields excepted.
    pub fn write(&self) -> Vec<u8> {
        let Self { from, to, subject, text, answered, id, host, at } = self;
        // RFC 5230 section 4.6
        let subject = subject.map_or_else(|| format!("Auto: {}", answered.subject), str::to_owned);
        let is_plain = text.is_ascii() && text.lines().all(|line| line.len() <= LINE_OCTETS_MAX);
        let mut lines = vec![
            format!("From: <{from}>"),
            format!("To: <{to}>"),
            format!("Subject: {}", encoded_word::unstructured(&subject)),
            format!("Date: {}", at.to_rfc5322()),
            format!("Message-ID: <{id}@{host}>"),
        ];
        if let Some(message_id) = &answered.message_id {
            // RFC 3834 section 3.1.5, RFC 5322 section 3.6.4
            let references = answered.references.iter().chain([message_id]).filter(|id| id.is_ascii());
            lines.push(format!("In-Reply-To: {message_id}"));
            lines.push(format!("References: {}", references.cloned().collect::<Vec<_>>().join("\r\n ")));
        }
        // RFC 3834 section 5
        lines.push("Auto-Submitted: auto-replied".to_owned());
        lines.push("MIME-Version: 1.0".to_owned());
        lines.push("Content-Type: text/plain; charset=utf-8".to_owned());
        lines.push(format!("Content-Transfer-Encoding: {}", if is_plain { "7bit" } else { "base64" }));
        let head = lines.join("\r\n");
        let body = text.replace('\n', "\r\n") + "\r\n";
        let body = if is_plain { body } else { BASE64_MIME.encode(body.as_bytes()) };
        format!("{head}\r\n\r\n{body}").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(header: &str, subject: Option<&str>, text: &str) -> String {
        let section = HeaderSection::read(header.as_bytes());
        let (from, to) = ("bob@b.test".parse().unwrap(), "ann@a.test".parse().unwrap());
        let reply = AutoReply {
            from: &from,
            to: &to,
            subject,
            text,
            answered: &Answered::of(&section),
            id: "018bcfe5-6800-7102-8304-05060708090a".parse().unwrap(),
            host: &"mx.b.test".parse().unwrap(),
            at: "2026-11-21T09:30:05Z".parse().unwrap(),
        };
        String::from_utf8(reply.write()).unwrap()
    }

    #[test]
    fn an_answer_says_that_a_program_wrote_it_and_to_what() {
        let header = "Message-ID: <3@a.test>\r\nReferences: <1@a.test>\r\n <2@a.test>\r\nSubject: Lunch\r\n";
        assert_eq!(
            written(header, None, "I am away.\nBye"),
            "From: <bob@b.test>\r\nTo: <ann@a.test>\r\nSubject: Auto: Lunch\r\nDate: Sat, 21 Nov 2026 09:30:05 +0000\r\n\
             Message-ID: <018bcfe5-6800-7102-8304-05060708090a@mx.b.test>\r\nIn-Reply-To: <3@a.test>\r\n\
             References: <1@a.test>\r\n <2@a.test>\r\n <3@a.test>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nI am away.\r\nBye\r\n"
        );
    }

    #[test]
    fn nothing_that_is_repeated_adds_a_field() {
        let header = "Message-ID: <3 4@a.test>\r\nReferences: x <1@a.test>\r\nSubject: =?utf-8?q?a=0D=0ABcc:_x?=\r\n";
        let reply = written(header, Some("Weg f\u{fc}r \u{1f30d}"), "Gr\u{fc}\u{df}e");
        let section = HeaderSection::read(reply.as_bytes());
        assert_eq!(section.subject().as_deref(), Some("Weg f\u{fc}r \u{1f30d}"));
        assert!(!section.has("In-Reply-To") && !section.has("Bcc"), "{reply}");
        assert!(reply.ends_with("base64\r\n\r\nR3LDvMOfZQ0K\r\n"), "{reply}");
        let repeated = written(header, None, "x");
        assert_eq!(HeaderSection::read(repeated.as_bytes()).fields().len(), 9, "{repeated}");
        let long = format!("References: {}\r\nMessage-ID: <x>\r\n", (0..100).map(|n| format!("<{n}>")).collect::<Vec<_>>().join("\r\n "));
        let references = Answered::of(&HeaderSection::read(long.as_bytes())).references;
        assert_eq!((references.len(), references[0].as_str(), references[19].as_str()), (20, "<0>", "<99>"));
    }
}
