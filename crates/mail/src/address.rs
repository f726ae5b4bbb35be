//! Domains and mailboxes (RFC 5321 section 4.1.2, RFC 6531): parsed once, compared as mail compares them.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

/// A domain in A-label form, lowercase, without a final dot (UTS 46).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

/// A mailbox: local part and domain. Keeps the local part as it was written.
///
/// Equality is that of mail: the local part ASCII-case-folded and in NFC, the domain as A-labels.
#[derive(Clone)]
pub struct Mailbox {
    local: String,
    domain: Domain,
}

/// `MAIL FROM`: a mailbox, or the empty path of reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: nobody is to be told of failures.
    Null,
    /// Whom to tell of failures.
    Mailbox(Mailbox),
}

/// Why a text is no domain or mailbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No such domain name can exist.
    #[error("not a domain name: {0:?}")]
    Domain(String),
    /// Neither dot-atom nor quoted string, or over 64 octets.
    #[error("not a local part: {0:?}")]
    LocalPart(String),
    /// No `@` between local part and domain.
    #[error("not an address: {0:?}; expected local-part@domain")]
    NoAt(String),
    /// `[192.0.2.1]`, where only names will do.
    #[error("an address literal has no domain to ask: {0:?}")]
    Literal(String),
}

impl Domain {
    /// Octets in a domain name (RFC 1035 section 2.3.4, less length octets).
    pub const OCTETS_MAX: usize = 253;

    /// As it stands in DNS and on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_suffix(&other.0).is_some_and(|front| front.is_empty() || front.ends_with('.'))
    }
}

impl FromStr for Domain {
    type Err = AddressError;

    /// Reads a domain in A-labels or U-labels, of any case.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError::Domain(text.to_owned());
        let ascii = idna::domain_to_ascii(text).map_err(|_invalid| error())?;
        let label_fits = |label: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && label.len() <= 63 && label.bytes().all(known) && !label.starts_with('-') && !label.ends_with('-')
        };
        let digits_only_last = ascii.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
        if ascii.len() > Self::OCTETS_MAX || !ascii.split('.').all(label_fits) || digits_only_last {
            return Err(error());
        }
        Ok(Self(ascii))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Domain {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Domain {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::from_text(deserializer)
    }
}

impl Mailbox {
    /// Octets in a mailbox whose local part has more than 64: a path without its brackets (RFC 5321 section 4.5.3.1.3). That it
    /// has 64 at most (section 4.5.3.1.1) is for who makes addresses: those that mailing services are told of failures at are
    /// longer, and real.
    pub const OCTETS_MAX: usize = 254;
    /// Octets in the local part of an address that is made here. With as many, the domain may be as long as any.
    pub const LOCAL_MADE_OCTETS_MAX: usize = 64;

    /// The local part as it was written, quotes removed.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The form to compare and store by: local part in NFC, ASCII-case-folded, and the domain.
    pub fn key(&self) -> String {
        format!("{}@{}", self.folded_local(), self.domain)
    }

    /// The same mailbox without a plus-tag (`user+tag` is `user`), if it has one.
    pub fn without_tag(&self) -> Option<Self> {
        let (user, _tag) = self.local.split_once('+')?;
        (!user.is_empty()).then(|| Self { local: user.to_owned(), domain: self.domain.clone() })
    }

    /// Its plus-tag (`tag` of `user+tag`), if it has one.
    pub fn tag(&self) -> Option<&str> {
        let (user, tag) = self.local.split_once('+')?;
        (!user.is_empty() && !tag.is_empty()).then_some(tag)
    }

    /// Whether writing it takes more than ASCII (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// The mailbox of these parts. The local part is unquoted.
    ///
    /// # Errors
    /// The local part is empty, too long, or holds control characters or what makes text look like another.
    pub fn new(local: &str, domain: Domain) -> Result<Self, AddressError> {
        let deceives = |character: char| character.is_control() || reorders(character);
        let octets = local.len().saturating_add(1).saturating_add(domain.as_str().len());
        let is_short = local.len() <= Self::LOCAL_MADE_OCTETS_MAX || octets <= Self::OCTETS_MAX;
        let is_fit = !local.is_empty() && is_short && !local.chars().any(deceives);
        if is_fit { Ok(Self { local: local.to_owned(), domain }) } else { Err(AddressError::LocalPart(local.to_owned())) }
    }

    /// Whom a host's own reports are from.
    pub fn mailer_daemon(host: Domain) -> Self {
        Self { local: "MAILER-DAEMON".to_owned(), domain: host }
    }

    fn folded_local(&self) -> String {
        self.local.nfc().collect::<String>().to_ascii_lowercase()
    }
}

/// RFC 5322 `atext`, with RFC 6532's non-ASCII.
fn is_atext(character: char) -> bool {
    !character.is_ascii() && !character.is_control() && !character.is_whitespace()
        || character.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

/// Bidirectional controls and separators of lines: an address is shown to those who decide on it, and must look like itself.
fn reorders(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn is_dot_atom(text: &str) -> bool {
    !text.is_empty() && text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// Removes the quotes of a `Quoted-string` (RFC 5321 section 4.1.2); `None` if it is not one.
fn unquote(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut unquoted = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => unquoted.push(characters.next().filter(|next| (' '..='~').contains(next))?),
            '"' => return None,
            control if control.is_control() => return None,
            other => unquoted.push(other),
        }
    }
    Some(unquoted)
}

impl FromStr for Mailbox {
    type Err = AddressError;

    /// Reads `Mailbox` of RFC 5321 section 4.1.2, without angle brackets; no address literal.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = text.rsplit_once('@').ok_or_else(|| AddressError::NoAt(text.to_owned()))?;
        if domain.starts_with('[') {
            return Err(AddressError::Literal(text.to_owned()));
        }
        let error = || AddressError::LocalPart(local.to_owned());
        let unquoted = if local.starts_with('"') { unquote(local).ok_or_else(error)? } else { local.to_owned() };
        if !local.starts_with('"') && !is_dot_atom(local) {
            return Err(error());
        }
        Self::new(&unquoted, domain.parse()?)
    }
}

impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        self.domain == other.domain && self.folded_local() == other.folded_local()
    }
}

impl Eq for Mailbox {}

impl std::hash::Hash for Mailbox {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for Mailbox {
    /// As it stands between angle brackets: the local part quoted where it must be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_atom(&self.local) {
            return write!(f, "{}@{}", self.local, self.domain);
        }
        f.write_str("\"")?;
        for character in self.local.chars() {
            if character == '"' || character == '\\' {
                f.write_str("\\")?;
            }
            write!(f, "{character}")?;
        }
        write!(f, "\"@{}", self.domain)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

impl serde::Serialize for Mailbox {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Mailbox {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::from_text(deserializer)
    }
}

impl ReversePath {
    /// The mailbox, unless the path is empty.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }
}

impl FromStr for ReversePath {
    type Err = AddressError;

    /// Reads what stands between the angle brackets; nothing is the empty path.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() { Ok(Self::Null) } else { text.parse().map(Self::Mailbox) }
    }
}

impl fmt::Display for ReversePath {
    /// With angle brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_compare_as_mail_compares_them() {
        let mailbox = |text: &str| text.parse::<Mailbox>().unwrap();
        assert_eq!(mailbox("Alice@A.Test"), mailbox("alice@a.test"));
        assert_eq!(mailbox("alice@b\u{fc}cher.test").domain().as_str(), "xn--bcher-kva.test");
        assert_eq!(mailbox("caf\u{e9}@a.test"), mailbox("cafe\u{301}@a.test"));
        assert_ne!(mailbox("alice+x@a.test"), mailbox("alice@a.test"));
        assert_eq!(mailbox("alice+x@a.test").without_tag(), Some(mailbox("alice@a.test")));
        assert_eq!(mailbox("alice@a.test").without_tag(), None);
    }

    #[test]
    fn a_quoted_local_part_is_quoted_again_only_where_it_must_be() {
        assert_eq!(r#""alice"@a.test"#.parse::<Mailbox>().unwrap().to_string(), "alice@a.test");
        let odd = r#""a \"b\\c@d"@a.test"#;
        assert_eq!(odd.parse::<Mailbox>().unwrap().local(), r#"a "b\c@d"#);
        assert_eq!(odd.parse::<Mailbox>().unwrap().to_string(), odd);
    }

    #[test]
    fn what_is_no_mailbox_is_refused() {
        let long = format!("{}@a.test", "a".repeat(248));
        // Whoever a host's own reports are from can be read again, whatever the host is called.
        let host: Domain = [["b"; 60].concat().as_str(); 4].join(".").parse().unwrap();
        let daemon = Mailbox::mailer_daemon(host);
        assert_eq!(daemon.to_string().parse::<Mailbox>(), Ok(daemon));
        for text in [
            "",
            "alice",
            "@a.test",
            "alice@",
            "a..b@a.test",
            ".a@a.test",
            "a b@a.test",
            "a@[192.0.2.1]",
            "a@192.0.2.1",
            "a@-x.test",
            "a@x..test",
            "\"a@b.test",
            "\"a\nb\"@c.test",
            "a\u{0}@b.test",
            &long,
        ] {
            assert!(text.parse::<Mailbox>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_domain_is_within_itself_and_what_is_above_it() {
        let domain = |text: &str| text.parse::<Domain>().unwrap();
        assert!(domain("mx.a.test").is_within(&domain("a.test")));
        assert!(domain("a.test").is_within(&domain("a.test")));
        assert!(!domain("ba.test").is_within(&domain("a.test")));
    }
}
