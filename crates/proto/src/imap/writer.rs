//! Writes commands and responses: each string in the simplest form that can hold it (RFC 9051 section 4.3).

use std::fmt::Display;
use std::io::Write as _;

use super::cursor::is_astring;
use super::input::LiteralForm;
use super::mailbox_name::{MailboxName, NameForm};

/// A quoted string is read on a line; what is longer is a literal.
const QUOTED_OCTETS_MAX: usize = 1000;

/// Octets being written.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    octets: Vec<u8>,
    /// Where the other side must ask for more before it is sent more: in front of the octets of synchronising literals.
    pauses: Vec<usize>,
    literals: LiteralForm,
    names: NameForm,
}

impl Writer {
    /// For responses: their literals are announced, and follow at once.
    pub(crate) fn responses(names: NameForm) -> Self {
        // The grammar has no `+` in a response, and nobody waits there: pauses are not looked at.
        Self { octets: Vec::new(), pauses: Vec::new(), literals: LiteralForm::Synchronising, names }
    }

    /// For responses behind others that are written already.
    pub(crate) fn behind(octets: Vec<u8>, names: NameForm) -> Self {
        Self { octets, ..Self::responses(names) }
    }

    /// For commands, with literals of this form.
    pub(crate) fn commands(literals: LiteralForm, names: NameForm) -> Self {
        Self { octets: Vec::new(), pauses: Vec::new(), literals, names }
    }

    /// What is written, and where to pause in it.
    pub(crate) fn finish(self) -> (Vec<u8>, Vec<usize>) {
        (self.octets, self.pauses)
    }

    /// What is written.
    pub(crate) fn into_octets(self) -> Vec<u8> {
        self.octets
    }

    /// Ends a chain where nothing is to be returned.
    #[expect(clippy::unused_self, reason = "it is there to be the last of a chain")]
    pub(crate) fn done(&mut self) {}

    /// Text of the grammar, as it stands.
    pub(crate) fn put(&mut self, text: impl Display) -> &mut Self {
        // Only a `Display` that fails could make this fail, and memory is no file.
        let _infallible = write!(self.octets, "{text}");
        self
    }

    /// The same, of a text that is there already: most of what is written is such, and formatting takes ten times as long.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.raw(text.as_bytes())
    }

    /// Octets as they stand.
    pub(crate) fn raw(&mut self, octets: &[u8]) -> &mut Self {
        self.octets.extend_from_slice(octets);
        self
    }

    /// `astring`
    pub(crate) fn astring(&mut self, octets: &[u8]) -> &mut Self {
        // Not bare: NIL, which could be taken for nothing.
        let bare = !octets.is_empty() && octets.iter().all(|octet| is_astring(*octet)) && !octets.eq_ignore_ascii_case(b"NIL");
        if bare { self.raw(octets) } else { self.string(octets) }
    }

    /// `string`
    pub(crate) fn string(&mut self, octets: &[u8]) -> &mut Self {
        let quotable = |octet: &u8| match octet {
            b' '..=b'~' => true,
            0..=0x7f => false,
            _ => self.names == NameForm::Utf8,
        };
        if octets.len() > QUOTED_OCTETS_MAX || !octets.iter().all(quotable) || std::str::from_utf8(octets).is_err() {
            return self.literal(octets);
        }
        self.octets.push(b'"');
        let mut rest = octets;
        while let Some(at) = rest.iter().position(|octet| matches!(octet, b'"' | b'\\')) {
            let (before, from) = rest.split_at(at);
            self.octets.extend_from_slice(before);
            self.octets.push(b'\\');
            self.octets.extend(from.first());
            rest = from.get(1..).unwrap_or_default();
        }
        self.octets.extend_from_slice(rest);
        self.octets.push(b'"');
        self
    }

    /// `nstring`
    pub(crate) fn nstring(&mut self, octets: Option<&[u8]>) -> &mut Self {
        match octets {
            None => self.text("NIL"),
            Some(octets) => self.string(octets),
        }
    }

    /// A literal; a `literal8` where there is a NUL.
    pub(crate) fn literal(&mut self, octets: &[u8]) -> &mut Self {
        if octets.contains(&0) {
            self.text("~");
        }
        self.announce(u64::try_from(octets.len()).unwrap_or(u64::MAX), self.literals);
        self.raw(octets)
    }

    /// The announcement of a literal whose octets follow.
    pub(crate) fn announce(&mut self, octets: u64, form: LiteralForm) -> &mut Self {
        match form {
            LiteralForm::NonSynchronising => self.put(format_args!("{{{octets}+}}\r\n")),
            LiteralForm::Synchronising => {
                self.put(format_args!("{{{octets}}}\r\n"));
                self.pauses.push(self.octets.len());
                self
            }
        }
    }

    /// `mailbox`
    pub(crate) fn mailbox(&mut self, name: &MailboxName) -> &mut Self {
        let encoded = self.names.encode(name.as_str());
        self.astring(encoded.as_bytes())
    }

    /// `mailbox`, where it is the reference of a LIST and names none.
    pub(crate) fn reference(&mut self, reference: &str) -> &mut Self {
        let encoded = self.names.encode(reference);
        self.astring(encoded.as_bytes())
    }

    /// A name of mailboxes, or its beginning, that is never bare.
    pub(crate) fn quoted_name(&mut self, name: &str) -> &mut Self {
        let encoded = self.names.encode(name);
        self.string(encoded.as_bytes())
    }

    /// `list-mailbox`, in which names are encoded as those of mailboxes are.
    pub(crate) fn pattern(&mut self, pattern: &str) -> &mut Self {
        let encoded = self.names.encode(pattern);
        let bare = |octet: u8| is_astring(octet) || matches!(octet, b'%' | b'*');
        if !encoded.is_empty() && encoded.bytes().all(bare) { self.put(encoded) } else { self.string(encoded.as_bytes()) }
    }

    /// Elements with a space between them.
    pub(crate) fn spaced<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) -> &mut Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.text(" ");
            }
            write(self, item);
        }
        self
    }

    /// A list in parentheses.
    pub(crate) fn list<T>(&mut self, items: impl IntoIterator<Item = T>, write: impl FnMut(&mut Self, T)) -> &mut Self {
        self.text("(");
        self.spaced(items, write).text(")")
    }

    /// A list in parentheses of what writes itself.
    pub(crate) fn words<T: Display>(&mut self, items: impl IntoIterator<Item = T>) -> &mut Self {
        self.list(items, |list, item| {
            list.put(item);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::cursor::Cursor;
    use super::*;

    fn written(names: NameForm, write: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::responses(names);
        write(&mut writer);
        String::from_utf8(writer.into_octets()).unwrap()
    }

    #[test]
    fn each_string_has_the_simplest_form_that_holds_it() {
        for (text, bare, quoted) in [
            ("alice@a.test", "alice@a.test", "\"alice@a.test\""),
            ("a b", "\"a b\"", "\"a b\""),
            ("", "\"\"", "\"\""),
            ("nil", "\"nil\"", "\"nil\""),
            ("a\"\\", "\"a\\\"\\\\\"", "\"a\\\"\\\\\""),
            ("a\r\n", "{3}\r\na\r\n", "{3}\r\na\r\n"),
            ("\u{e9}", "{2}\r\n\u{e9}", "{2}\r\n\u{e9}"),
            ("\0", "~{1}\r\n\0", "~{1}\r\n\0"),
        ] {
            let (names, octets) = (NameForm::ModifiedUtf7, text.as_bytes());
            assert_eq!(
                written(names, |writer| {
                    writer.astring(octets);
                }),
                bare
            );
            assert_eq!(
                written(names, |writer| {
                    writer.nstring(Some(octets));
                }),
                quoted
            );
        }
        assert_eq!(
            written(NameForm::Utf8, |writer| {
                writer.string("\u{e9}".as_bytes());
            }),
            "\"\u{e9}\""
        );
        assert_eq!(
            written(NameForm::Utf8, |writer| {
                writer.nstring(None);
            }),
            "NIL"
        );
    }

    #[test]
    fn a_command_pauses_only_before_synchronising_literals() {
        for (form, expected, pauses) in
            [(LiteralForm::Synchronising, "{1}\r\n\n x", vec![5]), (LiteralForm::NonSynchronising, "{1+}\r\n\n x", vec![])]
        {
            let mut writer = Writer::commands(form, NameForm::Utf8);
            writer.astring(b"\n").text(" x");
            assert_eq!(writer.finish(), (expected.as_bytes().to_vec(), pauses));
        }
    }

    proptest::proptest! {
        #[test]
        fn every_string_reads_back(octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40), utf8: bool) {
            let names = if utf8 { NameForm::Utf8 } else { NameForm::ModifiedUtf7 };
            let mut writer = Writer::responses(names);
            writer.string(&octets).text(" end");
            let written = writer.into_octets();
            let mut cursor = Cursor::new(&written, names);
            let read = cursor.nstring8("a string").unwrap().unwrap().into_owned();
            proptest::prop_assert_eq!((read, cursor.rest()), (octets, &b" end"[..]));
        }
    }
}
