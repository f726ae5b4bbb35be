//! PLAIN: authorization identity, user and password in one message (RFC 4616).

use super::{Refusal, Secret, prepared};

/// Reads the client's message: user and password.
///
/// ```abnf
/// message = [authzid] UTF8NUL authcid UTF8NUL passwd
/// ```
///
/// # Errors
/// The message has another form, or asks to act for somebody else, which nobody here may.
pub fn parse(message: &[u8]) -> Result<(String, Secret), Refusal> {
    let text = std::str::from_utf8(message).map_err(|_broken| Refusal::Malformed)?;
    let mut parts = text.split('\0');
    let (Some(acts_for), Some(username), Some(password), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Refusal::Malformed);
    };
    let username = prepared(username).ok_or(Refusal::Malformed)?;
    let password = Secret::new(password).ok_or(Refusal::Malformed)?;
    if !acts_for.is_empty() && prepared(acts_for).as_ref() != Some(&username) {
        return Err(Refusal::Failed);
    }
    Ok((username, password))
}

/// The client's message.
pub fn message(username: &str, password: &Secret) -> Vec<u8> {
    [b"\0", username.as_bytes(), b"\0", password.reveal().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_as_it_was_written() {
        let password = Secret::new("pen cil").unwrap();
        assert_eq!(parse(&message("alice", &password)), Ok(("alice".to_owned(), password.clone())));
        assert_eq!(parse(b"alice\0alice\0pen cil"), Ok(("alice".to_owned(), password)));
    }

    #[test]
    fn other_forms_are_refused() {
        for octets in [&b""[..], b"alice", b"\0alice", b"\0alice\0", b"\0\0pencil", b"\0a\0b\0c", b"\0\xff\0b", b"\0a\nb\0c"] {
            assert_eq!(parse(octets), Err(Refusal::Malformed), "{octets:?}");
        }
        assert_eq!(parse(b"bob\0alice\0pencil"), Err(Refusal::Failed));
    }
}
