//! SASL: who is it, proved how (RFC 4422, 4616, 5802, 7677); the server's side, and of PLAIN and SCRAM the client's.

pub mod plain;
pub mod scram;

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// The mechanisms we offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// User and password in one message (RFC 4616).
    Plain,
    /// User and password in two: never standardised, still the only one some clients have.
    Login,
    /// Proof of the password without sending it (RFC 7677).
    ScramSha256,
}

/// A password. Not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// An exchange between two messages of the client.
#[derive(Debug, Clone)]
pub enum Exchange {
    /// PLAIN: its one message is due.
    Plain,
    /// LOGIN: the user's name is due.
    LoginUsername,
    /// LOGIN: the password is due.
    LoginPassword {
        /// Whose.
        username: String,
    },
    /// SCRAM: the client's first message is due.
    ScramFirst,
    /// SCRAM: the client's proof is due.
    ScramFinal(scram::AwaitProof),
    /// SCRAM: the proof was good and ours is sent; an empty message is due.
    ScramEnd {
        /// Who it is.
        username: String,
    },
}

/// What comes of one message of the client.
#[derive(Debug)]
pub enum Turn {
    /// Send this and wait for the next message.
    Challenge(Exchange, Vec<u8>),
    /// Check the password.
    Password {
        /// Whose, prepared.
        username: String,
        /// As it was sent, prepared.
        password: Secret,
    },
    /// Fetch the user's verifier, then go on with it.
    Verifier(scram::AwaitVerifier),
    /// It is this user.
    Authenticated {
        /// Prepared.
        username: String,
    },
    /// It is over.
    Refused(Refusal),
}

/// Why an exchange is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The message is not one of the mechanism.
    #[error("malformed authentication message")]
    Malformed,
    /// The message proves nothing, or asks to act for somebody else.
    #[error("authentication failed")]
    Failed,
}

impl Mechanism {
    /// All of them, as EHLO lists them.
    pub const OFFERED: &'static str = "PLAIN LOGIN SCRAM-SHA-256";

    /// Reads a mechanism's name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        let named = [("PLAIN", Self::Plain), ("LOGIN", Self::Login), ("SCRAM-SHA-256", Self::ScramSha256)];
        named.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, mechanism)| mechanism)
    }

    /// The exchange before its first message.
    pub const fn start(self) -> Exchange {
        match self {
            Self::Plain => Exchange::Plain,
            Self::Login => Exchange::LoginUsername,
            Self::ScramSha256 => Exchange::ScramFirst,
        }
    }
}

impl Exchange {
    /// What the server says when the first message did not come with the command.
    pub const fn prompt(&self) -> &'static [u8] {
        match self {
            Self::LoginUsername => b"Username:",
            Self::LoginPassword { .. } => b"Password:",
            Self::Plain | Self::ScramFirst | Self::ScramFinal(_) | Self::ScramEnd { .. } => b"",
        }
    }

    /// Takes the client's message.
    pub fn respond(self, message: &[u8]) -> Turn {
        match self {
            Self::Plain => match plain::parse(message) {
                Ok((username, password)) => Turn::Password { username, password },
                Err(refusal) => Turn::Refused(refusal),
            },
            Self::LoginUsername => match prepared_octets(message) {
                Some(username) => {
                    let next = Self::LoginPassword { username };
                    let prompt = next.prompt().to_vec();
                    Turn::Challenge(next, prompt)
                }
                None => Turn::Refused(Refusal::Malformed),
            },
            Self::LoginPassword { username } => match prepared_octets(message) {
                Some(password) => Turn::Password { username, password: Secret(password) },
                None => Turn::Refused(Refusal::Malformed),
            },
            Self::ScramFirst => match scram::client_first(message) {
                Ok(awaiting) => Turn::Verifier(awaiting),
                Err(refusal) => Turn::Refused(refusal),
            },
            Self::ScramFinal(awaiting) => match awaiting.client_final(message) {
                Ok((username, server_final)) => Turn::Challenge(Self::ScramEnd { username }, server_final),
                Err(refusal) => Turn::Refused(refusal),
            },
            Self::ScramEnd { username } if message.is_empty() => Turn::Authenticated { username },
            Self::ScramEnd { .. } => Turn::Refused(Refusal::Malformed),
        }
    }
}

impl Secret {
    /// A prepared password; `None` if no password can look like this.
    pub fn new(text: &str) -> Option<Self> {
        prepared(text).map(Self)
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Prepares a user name or password so that two ways to type it are one.
///
/// In NFC without control characters, and not empty: the `OpaqueString` of RFC 8265 less its tables of unassigned and
/// exotic characters. RFC 5802 names `SASLprep` (NFKC and Unicode 3.2), which RFC 8265 replaces; they differ for
/// compatibility characters only, such as ligatures.
pub fn prepared(text: &str) -> Option<String> {
    let usable = !text.is_empty() && !text.chars().any(char::is_control);
    usable.then(|| if text.is_ascii() { text.to_owned() } else { text.nfc().collect() })
}

fn prepared_octets(octets: &[u8]) -> Option<String> {
    prepared(std::str::from_utf8(octets).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_asks_twice() {
        let Turn::Challenge(exchange, prompt) = Mechanism::Login.start().respond(b"alice@a.test") else { panic!("no challenge") };
        assert_eq!(prompt, b"Password:");
        let Turn::Password { username, password } = exchange.respond(b"pencil") else { panic!("no password") };
        assert_eq!((username.as_str(), password.reveal()), ("alice@a.test", "pencil"));
    }

    #[test]
    fn two_ways_to_type_a_password_are_one() {
        assert_eq!(Secret::new("caf\u{e9}"), Secret::new("cafe\u{301}"));
        for text in ["", "a\0b", "a\r\n", "\u{85}"] {
            assert_eq!(Secret::new(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_password_is_not_shown_in_a_log() {
        assert_eq!(format!("{:?}", Secret::new("pencil").unwrap()), "Secret(..)");
    }

    #[test]
    fn what_is_no_message_of_login_is_refused() {
        for octets in [&b""[..], b"\xff", b"a\0b"] {
            assert!(matches!(Mechanism::Login.start().respond(octets), Turn::Refused(Refusal::Malformed)));
        }
    }
}
