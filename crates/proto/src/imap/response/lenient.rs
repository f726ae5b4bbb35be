//! What a reader of responses forgives: values and flags that it does not know, content in any form.

use crate::imap::cursor::{Cursor, Read, is_atom};
use crate::imap::flag::Flag;
use crate::imap::numbers::Numbers;

const VALUE: &str = "a value";

impl Cursor<'_> {
    /// Passes over one value that we know nothing of: a word, a string, or a list, however deep.
    pub(super) fn skip_value(&mut self) -> Read<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'(') => depth += usize::from(self.take(b'(')),
                Some(b')') if depth > 0 => depth -= usize::from(self.take(b')')),
                Some(b' ') if depth > 0 => {
                    self.take(b' ');
                }
                Some(b'"' | b'{') => {
                    self.content()?;
                }
                Some(b'~') if self.rest().starts_with(b"~{") => {
                    self.content()?;
                }
                _ => {
                    self.run(VALUE, |octet| !matches!(octet, b' ' | b'(' | b')' | b'"' | b'{' | b'\r' | b'\n'))?;
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Passes over `[...]` and `<...>`, where the name of a value goes on in them.
    pub(super) fn skip_section(&mut self) -> Read<()> {
        if self.take(b'[') {
            while !self.take(b']') {
                match self.peek() {
                    Some(b'(' | b'"' | b'{') => self.skip_value()?,
                    Some(b' ') => {
                        self.take(b' ');
                    }
                    _ => {
                        self.run(VALUE, |octet| !matches!(octet, b' ' | b'(' | b'"' | b'{' | b']' | b'\r' | b'\n'))?;
                    }
                }
            }
        }
        if self.take(b'<') {
            self.run(VALUE, |octet| octet.is_ascii_digit() || octet == b'.')?;
            self.demand(b'>', ">")?;
        }
        Ok(())
    }

    /// `nstring / literal8`, where a NUL is forgiven in a plain literal too.
    pub(super) fn content(&mut self) -> Read<Option<Vec<u8>>> {
        if self.take_word("NIL") {
            return Ok(None);
        }
        if self.peek() == Some(b'"') {
            return self.string(VALUE).map(|octets| Some(octets.into_owned()));
        }
        self.take(b'~');
        self.literal(VALUE).map(|octets| Some(octets.to_vec()))
    }

    /// `nstring`, whatever charset it is in.
    pub(super) fn nstring_lossy(&mut self) -> Read<Option<String>> {
        Ok(self.content()?.map(|octets| String::from_utf8_lossy(&octets).into_owned()))
    }

    /// `flag-list`, without what is no flag to us; whether `\*` is among them.
    pub(super) fn flags_told(&mut self) -> Read<(Vec<Flag>, bool)> {
        const FLAG: &str = "a flag";
        let mut any = false;
        let told = self.list("flags", |list| {
            let text = list.run(FLAG, |octet| is_atom(octet) || matches!(octet, b'\\' | b'*' | b'%'))?;
            any |= text == "\\*";
            Ok(Flag::parse(text))
        })?;
        Ok((told.into_iter().flatten().collect(), any))
    }

    /// A set of numbers without `*`.
    pub(super) fn numbers(&mut self) -> Read<Numbers> {
        let before = self.clone();
        let set = self.sequence_set()?;
        if set.names_last() { before.expected("a set of numbers without *") } else { Ok(set.resolve(None)) }
    }

    /// `"(" objectid ")"`
    pub(super) fn object_id(&mut self) -> Read<String> {
        const FORM: &str = "an id in parentheses";
        self.demand(b'(', FORM)?;
        let id = self.run(FORM, is_atom)?.to_owned();
        self.demand(b')', FORM)?;
        Ok(id)
    }

    /// Atoms with a space before each, up to what is none.
    pub(super) fn atoms_behind(&mut self) -> Vec<String> {
        let mut atoms = Vec::new();
        loop {
            let mut ahead = self.clone();
            if !ahead.take(b' ') {
                return atoms;
            }
            let Ok(atom) = ahead.atom("an atom") else { return atoms };
            atoms.push(atom.to_owned());
            *self = ahead;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::mailbox_name::NameForm;

    #[test]
    fn a_value_that_nobody_knows_is_passed_over_whole() {
        for value in [
            "atom",
            "\\Inbox",
            "12",
            "\"a b)\"",
            "{3}\r\na)b",
            "~{2}\r\n\0)",
            "~x",
            "()",
            "(a (b \"(\" {1}\r\n)) c) ()",
            "(\\A \"[x]\")",
            "NIL",
        ] {
            let octets = format!("{value} rest");
            let mut cursor = Cursor::new(octets.as_bytes(), NameForm::Utf8);
            let skipped = cursor.skip_value();
            let rest = String::from_utf8_lossy(cursor.rest()).into_owned();
            if value.ends_with(" ()") {
                assert_eq!((skipped, rest.as_str()), (Ok(()), " () rest"));
            } else {
                assert_eq!((skipped, rest.as_str()), (Ok(()), " rest"), "{value}");
            }
        }
        for value in ["", ")", "(a", "\"a", "{3}\r\na", "\r\n"] {
            assert!(Cursor::new(value.as_bytes(), NameForm::Utf8).skip_value().is_err(), "{value}");
        }
        let deep = "(".repeat(100_000) + &")".repeat(100_000);
        assert_eq!(Cursor::new(deep.as_bytes(), NameForm::Utf8).skip_value(), Ok(()));
    }
}
