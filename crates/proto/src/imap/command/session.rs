//! Commands of every state, and those that begin a session: ID, AUTHENTICATE, LOGIN, ENABLE (RFC 9051 sections 6.1 to 6.3.1).

use std::fmt;

use data_encoding::BASE64;

use crate::imap::cursor::{Cursor, Read};
use crate::imap::writer::Writer;

/// What is not shown in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden<T>(pub T);

/// What a client says of itself (RFC 2971).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(pub Vec<(String, Option<String>)>);

/// AUTHENTICATE (RFC 9051 section 6.2.2), with SASL-IR (RFC 4959).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticate {
    /// As it was written.
    pub mechanism: String,
    /// The initial response, if one came with the command; no octets for `=`.
    pub initial: Option<Hidden<Vec<u8>>>,
}

/// LOGIN (RFC 9051 section 6.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// As it was written.
    pub username: String,
    /// As it was written.
    pub password: Hidden<String>,
}

/// Fields of one ID command (RFC 2971 section 3.3).
const ID_FIELDS_MAX: usize = 30;

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

impl Id {
    /// `id-params-list = "(" [ string SP nstring *( SP string SP nstring ) ] ")" / "NIL"`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const FORM: &str = "NIL, or at most 30 pairs of strings in parentheses";
        if cursor.take_word("NIL") {
            return Ok(Self(Vec::new()));
        }
        let mut fields = Vec::new();
        cursor.list(FORM, |list| {
            let name = list.string_text(FORM)?;
            list.space()?;
            let value = list.nstring(FORM)?.map(|octets| String::from_utf8_lossy(&octets).into_owned());
            if fields.len() < ID_FIELDS_MAX {
                fields.push((name, value));
                Ok(())
            } else {
                list.expected(FORM)
            }
        })?;
        Ok(Self(fields))
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        if self.0.is_empty() {
            out.put("NIL");
            return;
        }
        out.list(&self.0, |out, (name, value)| {
            out.string(name.as_bytes()).put(" ").nstring(value.as_ref().map(String::as_bytes));
        });
    }
}

impl Authenticate {
    /// `authenticate = "AUTHENTICATE" SP auth-type [SP ( base64 / "=" )]`
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mechanism = cursor.atom("a SASL mechanism")?.to_owned();
        if cursor.at_end() || !cursor.take(b' ') {
            return Ok(Self { mechanism, initial: None });
        }
        if cursor.take(b'=') {
            return Ok(Self { mechanism, initial: Some(Hidden(Vec::new())) });
        }
        let before = cursor.clone();
        let base64 = cursor.atom("base64, or =")?;
        let Ok(initial) = BASE64.decode(base64.as_bytes()) else { return before.expected("base64, or =") };
        Ok(Self { mechanism, initial: Some(Hidden(initial)) })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.put(&self.mechanism);
        match &self.initial {
            None => out,
            Some(Hidden(initial)) if initial.is_empty() => out.put(" ="),
            Some(Hidden(initial)) => out.put(" ").put(BASE64.encode(initial)),
        };
    }
}

impl Login {
    /// `login = "LOGIN" SP astring SP astring`
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let username = cursor.text("a user name")?;
        cursor.space()?;
        Ok(Self { username, password: Hidden(cursor.text("a password")?) })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.astring(self.username.as_bytes()).put(" ").astring(self.password.0.as_bytes());
    }
}
