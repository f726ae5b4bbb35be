//! Gives mail to the server under test as its own user would, by authenticated submission.

use anyhow::{Context as _, Result};
use data_encoding::BASE64;

use crate::session::Session;
use crate::target::Account;

/// One submission: reverse-path as given, content dot-stuffed here.
pub(crate) struct Submission<'a> {
    pub(crate) account: &'a Account,
    pub(crate) reverse_path: &'a str,
    pub(crate) recipients: &'a [String],
    pub(crate) content: &'a [u8],
}

/// Over a session that has TLS and has said EHLO.
pub(crate) fn submit(session: &mut Session, submission: &Submission<'_>) -> Result<()> {
    let Submission { account, reverse_path, recipients, content } = submission;
    let secret = BASE64.encode(format!("\0{}\0{}", account.address, account.password).as_bytes());
    session.ask(&format!("AUTH PLAIN {secret}"), "235").context("logging in at the submission port")?;
    session.ask(&format!("MAIL FROM:<{reverse_path}>"), "250")?;
    for recipient in *recipients {
        session.ask(&format!("RCPT TO:<{recipient}>"), "250")?;
    }
    session.ask("DATA", "354")?;
    session.say_content(&stuffed(content))?;
    session.expect("250")?;
    Ok(())
}

/// RFC 5321 section 4.5.2, with the final dot.
pub(crate) fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(content.len() + content.len() / 50 + 5);
    for line in content.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            octets.push(b'.');
        }
        octets.extend_from_slice(line);
    }
    if !content.ends_with(b"\r\n") {
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(b".\r\n");
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_with_a_dot_get_another() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b\r\n"), b"a\r\n..\r\n...b\r\n.\r\n");
        assert_eq!(stuffed(b"no end"), b"no end\r\n.\r\n");
    }
}
