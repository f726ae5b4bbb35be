//! `address-list` (RFC 5322 section 3.4, RFC 6532), read strictly: a text that two programs could read as two
//! different addresses is malformed here.

use super::text;
use crate::address::{Domain, Mailbox};

/// One element of an address list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `Alice <alice@a.test>`
    Mailbox(NamedMailbox),
    /// `team: alice@a.test, bob@b.test;`
    Group {
        /// Decoded, without control characters.
        name: String,
        /// Those in it, if any.
        members: Vec<NamedMailbox>,
    },
}

/// A mailbox with what its writer calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedMailbox {
    /// The address.
    pub mailbox: Mailbox,
    /// The display name, or else the comment beside the address; decoded, without control characters.
    pub name: Option<String>,
}

/// A text that is no address list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a list of addresses (RFC 5322 section 3.4)")]
pub struct Malformed;

/// Reads the value of a From, To or the like.
///
/// ```abnf
/// address-list = address *( "," address )           ; empty elements are skipped, as in obs-addr-list
/// address      = mailbox / group
/// mailbox      = [ phrase ] "<" addr-spec ">" / addr-spec
/// group        = phrase ":" [ mailbox-list / CFWS ] ";" [ CFWS ]
/// phrase       = 1*( word / "." )
/// addr-spec    = ( dot-atom / quoted-string ) "@" dot-atom      ; no literal, no route, no CFWS around dots
/// ```
/// An atom that begins as an encoded-word does is one to its end, and stands in a phrase (RFC 2047 section 5): programs that
/// look for the end of an unfinished one further on see other addresses than those that do not.
///
/// # Errors
/// The text is something else.
pub fn read(value: &[u8]) -> Result<Vec<Address>, Malformed> {
    let unfolded = text::unfold(value);
    if unfolded.chars().any(|character| character.is_control() && character != '\t') {
        return Err(Malformed);
    }
    let mut reader = Reader { rest: &unfolded, comment: None };
    let mut list = Vec::new();
    loop {
        reader.skip_cfws()?;
        if reader.rest.is_empty() {
            return Ok(list);
        }
        if !reader.take(',') {
            list.push(reader.address()?);
            reader.demand_end(&[','])?;
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    /// The last comment passed since the address began.
    comment: Option<&'a str>,
}

/// One part of a phrase or local part.
enum Token<'a> {
    Atom(&'a str),
    Quoted(String),
    Dot,
}

/// What stands before `<`, `:` or `@`.
struct Words<'a> {
    tokens: Vec<Token<'a>>,
    /// White space or a comment stands between two of them.
    spaced: bool,
}

impl<'a> Reader<'a> {
    fn address(&mut self) -> Result<Address, Malformed> {
        self.comment = None;
        let words = self.words()?;
        if self.take(':') {
            return self.members().map(|members| Address::Group { name: words.phrase(), members });
        }
        self.mailbox(&words).map(Address::Mailbox)
    }

    fn members(&mut self) -> Result<Vec<NamedMailbox>, Malformed> {
        let mut members = Vec::new();
        loop {
            self.skip_cfws()?;
            if self.take(';') {
                return Ok(members);
            }
            if !self.take(',') {
                self.comment = None;
                let words = self.words()?;
                members.push(self.mailbox(&words)?);
                self.demand_end(&[',', ';'])?;
            }
        }
    }

    fn mailbox(&mut self, words: &Words<'_>) -> Result<NamedMailbox, Malformed> {
        if self.take('<') {
            self.skip_cfws()?;
            let local = self.words()?;
            let mailbox = self.addr_spec(&local)?;
            if !self.take('>') {
                return Err(Malformed);
            }
            self.skip_cfws()?;
            return Ok(NamedMailbox { mailbox, name: Some(words.phrase()).filter(|name| !name.is_empty()) });
        }
        let mailbox = self.addr_spec(words)?;
        let name = self.comment.map(text::decode).filter(|name| !name.is_empty());
        Ok(NamedMailbox { mailbox, name })
    }

    /// Reads the rest of an addr-spec whose local part was read.
    fn addr_spec(&mut self, local: &Words<'_>) -> Result<Mailbox, Malformed> {
        if !self.take('@') {
            return Err(Malformed);
        }
        self.skip_cfws()?;
        let domain: Domain = self.atom_with(|character| character == '.').parse().map_err(|_invalid| Malformed)?;
        self.skip_cfws()?;
        local.local_part(domain).ok_or(Malformed)
    }

    fn words(&mut self) -> Result<Words<'a>, Malformed> {
        let mut words = Words { tokens: Vec::new(), spaced: false };
        loop {
            let token = match self.rest.chars().next() {
                Some('"') => Token::Quoted(self.quoted()?),
                Some('.') => {
                    self.take('.');
                    Token::Dot
                }
                _ => match self.atom_with(|_| false) {
                    "" => return Ok(words),
                    atom if is_unfinished(atom) => return Err(Malformed),
                    atom => Token::Atom(atom),
                },
            };
            words.tokens.push(token);
            let skipped = self.skip_cfws()?;
            let goes_on = !self.rest.starts_with(['<', ':', '@', ',', ';', '>']);
            words.spaced |= skipped && goes_on;
        }
    }

    fn atom_with(&mut self, also: impl Fn(char) -> bool) -> &'a str {
        let is_atext = |character: char| match character {
            // What invalid UTF-8 was replaced by is no text of anybody's.
            '\u{fffd}' => false,
            _ if character.is_ascii() => character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character),
            _ => !character.is_control() && !character.is_whitespace(),
        };
        let end = self.rest.find(|character| !is_atext(character) && !also(character)).unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        atom
    }

    fn quoted(&mut self) -> Result<String, Malformed> {
        let mut unquoted = String::new();
        let mut characters = self.rest.chars();
        characters.next();
        loop {
            match characters.next().ok_or(Malformed)? {
                '"' => break,
                '\\' => unquoted.push(characters.next().ok_or(Malformed)?),
                other => unquoted.push(other),
            }
        }
        self.rest = characters.as_str();
        Ok(unquoted)
    }

    /// Skips white space and comments; whether there was any.
    fn skip_cfws(&mut self) -> Result<bool, Malformed> {
        let before = self.rest.len();
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            if !self.rest.starts_with('(') {
                return Ok(self.rest.len() != before);
            }
            let (comment, rest) = text::comment(self.rest).ok_or(Malformed)?;
            self.comment = Some(comment);
            self.rest = rest;
        }
    }

    fn take(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn demand_end(&mut self, ends: &[char]) -> Result<(), Malformed> {
        self.skip_cfws()?;
        if self.rest.is_empty() || self.rest.starts_with(ends) { Ok(()) } else { Err(Malformed) }
    }
}

impl Words<'_> {
    /// As a display name.
    fn phrase(&self) -> String {
        let mut phrase = String::new();
        for token in &self.tokens {
            let word = match token {
                Token::Atom(atom) => atom,
                Token::Quoted(quoted) => quoted.as_str(),
                Token::Dot => ".",
            };
            if !phrase.is_empty() && !matches!(token, Token::Dot) {
                phrase.push(' ');
            }
            phrase.push_str(word);
        }
        text::decode(&phrase)
    }

    /// As the local part of a mailbox.
    fn local_part(&self, domain: Domain) -> Option<Mailbox> {
        if let [Token::Quoted(quoted)] = self.tokens.as_slice()
            && !quoted.starts_with("=?")
        {
            return Mailbox::new(quoted, domain).ok();
        }
        let mut local = String::new();
        for token in &self.tokens {
            match token {
                Token::Atom(atom) if !atom.starts_with("=?") => local.push_str(atom),
                Token::Dot => local.push('.'),
                Token::Atom(_) | Token::Quoted(_) => return None,
            }
        }
        // Mailbox's own reader finds empty atoms; two atoms in a row would have run together unless spaced.
        if self.spaced { None } else { format!("{local}@{domain}").parse().ok() }
    }
}

/// Whether an atom begins as an encoded-word does (`=?charset?B?text?=`), and lacks its end.
fn is_unfinished(atom: &str) -> bool {
    let mut rest = atom;
    while let Some(word) = rest.strip_prefix("=?") {
        let Some(after) = word.splitn(4, '?').nth(3).and_then(|end| end.strip_prefix('=')) else { return true };
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Vec<String> {
        let named = |one: &NamedMailbox| format!("{}={}", one.name.as_deref().unwrap_or_default(), one.mailbox);
        let show = |address: &Address| match address {
            Address::Mailbox(one) => named(one),
            Address::Group { name, members } => format!("{name}:{}", members.iter().map(named).collect::<Vec<_>>().join(",")),
        };
        read(value.as_bytes()).unwrap().iter().map(show).collect()
    }

    #[test]
    fn mailboxes_are_read_with_their_names() {
        for (value, read) in [
            (" alice@a.test", vec!["=alice@a.test"]),
            ("Alice <alice@a.test>", vec!["Alice=alice@a.test"]),
            ("<alice@a.test>", vec!["=alice@a.test"]),
            ("\"Smith, \\\"Al\\\"\" <alice@a.test> (home)", vec!["Smith, \"Al\"=alice@a.test"]),
            ("alice@a.test (Alice (A.) Smith)", vec!["Alice (A.) Smith=alice@a.test"]),
            ("John Q. Public <john@A.Test>", vec!["John Q. Public=john@a.test"]),
            ("(c) Alice (d) < (e) alice (f) @ (g) a.test (h) > (i)", vec!["Alice=alice@a.test"]),
            ("=?utf-8?q?J=C3=BCrgen?= <j@a.test>", vec!["J\u{fc}rgen=j@a.test"]),
            ("=?utf-8?q?J=C3=BCrgen?==?utf-8?q?_B?= = <j@a.test>", vec!["J\u{fc}rgen B ==j@a.test"]),
            ("J\u{fc}rgen <j\u{fc}rgen@b\u{fc}cher.test>", vec!["J\u{fc}rgen=j\u{fc}rgen@xn--bcher-kva.test"]),
            ("\"a b\"@a.test", vec!["=\"a b\"@a.test"]),
            ("a@a.test, , b@b.test,", vec!["=a@a.test", "=b@b.test"]),
            ("team: a@a.test, B <b@b.test>;", vec!["team:=a@a.test,B=b@b.test"]),
            ("undisclosed: ;, c@c.test", vec!["undisclosed:", "=c@c.test"]),
            ("a\r\n <a@a.test>", vec!["a=a@a.test"]),
            ("", vec![]),
        ] {
            assert_eq!(shown(value), read, "{value}");
        }
    }

    #[test]
    fn what_two_programs_could_read_differently_is_malformed() {
        for value in [
            "alice",
            "Alice",
            "alice@b.test <alice@a.test>",
            "Alice <alice@a.test> <eve@e.test>",
            "Alice <alice@a.test> eve@e.test",
            "alice@a.test eve@e.test",
            "<alice@a.test",
            "alice@a.test>",
            "<<alice@a.test>>",
            "<@x.test:alice@a.test>",
            "<alice@[192.0.2.1]>",
            "<>",
            "alice . smith@a.test",
            "alice smith@a.test",
            "\"alice\".smith@a.test",
            "alice@a .test",
            "alice@a.test@b.test",
            "alice..smith@a.test",
            "Smith, Alice <alice@a.test>",
            "\"alice@a.test",
            "(alice@a.test",
            "team: a@a.test",
            "team: other: a@a.test;;",
            "alice@a.test;",
            "alice\u{0}@a.test",
            "a\rb@a.test",
            "\u{fffd}@a.test",
            "=?@a.test,?B??= <b@b.test>",
            "=?utf-8?q?alice?=@a.test",
            "\"=?alice\"@a.test",
            "=?utf-8?q?Alice <alice@a.test>",
            "=?utf-8?q?A?==?utf-8 <alice@a.test>, ?q?B?= <b@b.test>",
        ] {
            assert_eq!(read(value.as_bytes()), Err(Malformed), "{value}");
        }
        assert_eq!(read(b"\xfc@a.test"), Err(Malformed));
    }

    #[test]
    fn deep_comments_are_no_recursion() {
        let deep = format!("{}{} a@a.test", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(read(deep.as_bytes()).unwrap().len(), 1);
        assert_eq!(read("(".repeat(100_000).as_bytes()), Err(Malformed));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_reading_panic(value in "[a.@<>()\",:;\\\\ \u{e9}\r\n=?]{0,60}") {
            for address in read(value.as_bytes()).unwrap_or_default() {
                if let Address::Mailbox(named) = address {
                    let again = format!("<{}>", named.mailbox);
                    proptest::prop_assert_eq!(read(again.as_bytes()).unwrap(), vec![Address::Mailbox(NamedMailbox { name: None, ..named })]);
                }
            }
        }
    }
}
