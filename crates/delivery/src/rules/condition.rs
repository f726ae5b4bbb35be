//! When a rule acts: what is asked of a message, and how questions are put together.

use std::fmt;
use std::str::FromStr;

use mail::address::Mailbox;
use mail::message::Field;
use mail::message::address_list::{self, Address};
use serde::{Deserialize, Serialize};

use super::facts::{Allowance, MessageFacts};
use super::limits::VALUE_OCTETS_MAX;
use super::many::Many;
use super::text::{Effort, Text, TooMuch};

/// The fields in which `to` looks for a recipient.
pub(super) const RECIPIENT_FIELDS: [&str; 5] = ["to", "cc", "bcc", "resent-to", "resent-cc"];

/// A question about a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Condition {
    /// Yes.
    Always,
    /// All of these.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// An address in From.
    From(Text),
    /// An address in To, Cc, Bcc, Resent-To or Resent-Cc, or the one that it was sent to.
    To(Text),
    /// The identifier in List-Id.
    List(Text),
    /// The subject.
    Subject(Text),
    /// A field's value.
    Header {
        /// In any of these fields.
        name: Many<FieldName>,
        /// Decoded, as people read it.
        value: Text,
    },
    /// An address in a field.
    Address {
        /// In any of these fields.
        name: Many<FieldName>,
        /// Which part of it.
        #[serde(default, skip_serializing_if = "Part::is_all")]
        part: Part,
        /// What it is compared with.
        value: Text,
    },
    /// An address of the envelope.
    Envelope {
        /// Which.
        path: Path,
        /// Which part of it.
        #[serde(default, skip_serializing_if = "Part::is_all")]
        part: Part,
        /// What it is compared with. An empty reverse-path is an empty text.
        value: Text,
    },
    /// All of these fields are there.
    Exists(Many<FieldName>),
    /// How large it is.
    Size(SizeTest),
    /// By what it was let in.
    AllowedBy(Many<Allowance>),
}

/// The name of a header field, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName(String);

/// Which part of an address is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// `local-part@domain`.
    #[default]
    All,
    /// What stands before the `@`.
    LocalPart,
    /// What stands behind it.
    Domain,
}

/// An address of the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// MAIL FROM.
    From,
    /// RCPT TO.
    To,
}

/// How large a message is, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeTest {
    /// Larger than this.
    Over(u64),
    /// Smaller than this.
    Under(u64),
}

/// A text that is no name of a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a header field: {0:?}")]
pub struct FieldNameError(String);

impl FieldName {
    /// Octets in a name: a line's worth would do, and nobody has such a one.
    pub const OCTETS_MAX: usize = 76;

    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FieldName {
    type Err = FieldNameError;

    /// RFC 5322 section 3.6.8: printable ASCII without a colon.
    fn from_str(text: &str) -> Result<Self, FieldNameError> {
        let is_ftext = |octet: u8| matches!(octet, b'!'..=b'9' | b';'..=b'~');
        let fits = (1..=Self::OCTETS_MAX).contains(&text.len()) && text.bytes().all(is_ftext);
        if fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(FieldNameError(text.to_owned())) }
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for FieldName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FieldName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Part {
    #[allow(clippy::trivially_copy_pass_by_ref)]
    const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    fn of(self, mailbox: &Mailbox) -> String {
        match self {
            Self::All => mailbox.to_string(),
            Self::LocalPart => mailbox.local().to_owned(),
            Self::Domain => mailbox.domain().to_string(),
        }
    }
}

impl Condition {
    /// The text it compares with, if it does.
    pub(super) fn text(&self) -> Option<&Text> {
        match self {
            Self::From(text) | Self::To(text) | Self::List(text) | Self::Subject(text) => Some(text),
            Self::Header { value, .. } | Self::Address { value, .. } | Self::Envelope { value, .. } => Some(value),
            Self::Always | Self::All(_) | Self::Any(_) | Self::Not(_) | Self::Exists(_) | Self::Size(_) | Self::AllowedBy(_) => None,
        }
    }

    /// The fields it names, if it does.
    pub(super) fn fields(&self) -> Option<&[FieldName]> {
        match self {
            Self::Header { name, .. } | Self::Address { name, .. } | Self::Exists(name) => Some(&name.0),
            _ => None,
        }
    }

    /// The conditions within it.
    pub(super) fn within(&self) -> &[Self] {
        match self {
            Self::All(conditions) | Self::Any(conditions) => conditions,
            Self::Not(condition) => std::slice::from_ref(condition),
            _ => &[],
        }
    }

    /// The same question in one form.
    pub(super) fn canonical(self) -> Self {
        match self {
            Self::All(conditions) if conditions.is_empty() => Self::Always,
            Self::Any(conditions) if conditions.is_empty() => Self::Not(Box::new(Self::Always)),
            Self::All(conditions) => Self::All(conditions.into_iter().map(Self::canonical).collect()),
            Self::Any(conditions) => {
                let conditions: Vec<_> = conditions.into_iter().map(Self::canonical).collect();
                recipient(&conditions).map_or(Self::Any(conditions), Self::To)
            }
            Self::Not(condition) => Self::Not(Box::new(condition.canonical())),
            Self::From(text) => Self::From(text.canonical()),
            Self::To(text) => Self::To(text.canonical()),
            Self::List(text) => Self::List(text.canonical()),
            Self::Subject(text) => Self::Subject(text.canonical()),
            Self::Header { name, value } => header(name, value.canonical()),
            Self::Address { name, part, value } => {
                let value = value.canonical();
                if part == Part::All && is_named(&name, &["from"]) { Self::From(value) } else { Self::Address { name, part, value } }
            }
            Self::Envelope { path, part, value } => Self::Envelope { path, part, value: value.canonical() },
            other @ (Self::Always | Self::Exists(_) | Self::Size(_) | Self::AllowedBy(_)) => other,
        }
    }

    /// Whether it holds.
    pub(super) fn holds(&self, facts: &MessageFacts<'_>, effort: &mut Effort) -> Result<bool, TooMuch> {
        effort.spend(0)?;
        match self {
            Self::Always => Ok(true),
            Self::All(conditions) => {
                for condition in conditions {
                    if !condition.holds(facts, effort)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(facts, effort)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(condition) => Ok(!condition.holds(facts, effort)?),
            Self::From(text) => addressed(facts, &["from"], Part::All, text, effort),
            Self::To(text) => {
                Ok(envelope(facts, Path::To, Part::All, text, effort)? || addressed(facts, &RECIPIENT_FIELDS, Part::All, text, effort)?)
            }
            Self::List(text) => valued(facts, &["list-id"], &text.bracketed(), effort),
            Self::Subject(text) => valued(facts, &["subject"], text, effort),
            Self::Header { name, value } => valued(facts, &names(name), value, effort),
            Self::Address { name, part, value } => addressed(facts, &names(name), *part, value, effort),
            Self::Envelope { path, part, value } => envelope(facts, *path, *part, value, effort),
            Self::Exists(name) => Ok(name.0.iter().all(|name| facts.header.has(name.as_str()))),
            Self::Size(SizeTest::Over(octets)) => Ok(facts.size_octets > *octets),
            Self::Size(SizeTest::Under(octets)) => Ok(facts.size_octets < *octets),
            Self::AllowedBy(allowances) => Ok(allowances.0.contains(&facts.allowed_by)),
        }
    }
}

fn names(name: &Many<FieldName>) -> Vec<&str> {
    name.0.iter().map(FieldName::as_str).collect()
}

fn is_named(name: &Many<FieldName>, wanted: &[&str]) -> bool {
    name.0.iter().map(FieldName::as_str).eq(wanted.iter().copied())
}

fn header(name: Many<FieldName>, value: Text) -> Condition {
    if is_named(&name, &["subject"]) {
        return Condition::Subject(value);
    }
    let list = if is_named(&name, &["list-id"]) { value.unbracketed() } else { None };
    list.map_or(Condition::Header { name, value }, Condition::List)
}

/// The text of `to`, if these two conditions are what it stands for.
fn recipient(conditions: &[Condition]) -> Option<Text> {
    match conditions {
        [Condition::Address { name, part: Part::All, value }, Condition::Envelope { path: Path::To, part: Part::All, value: same }]
            if value == same && is_named(name, &RECIPIENT_FIELDS) =>
        {
            Some(value.clone())
        }
        _ => None,
    }
}

/// Whether the value of one of these fields fits.
fn valued(facts: &MessageFacts<'_>, names: &[&str], text: &Text, effort: &mut Effort) -> Result<bool, TooMuch> {
    for field in named(facts, names) {
        effort.spend(field.value().len().min(VALUE_OCTETS_MAX))?;
        if text.fits(&decoded(field), effort)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The beginning of a value, decoded and without white space around it (RFC 5228 section 2.4.2.2).
fn decoded(field: &Field<'_>) -> String {
    let value = field.value();
    let start = value.get(..VALUE_OCTETS_MAX).unwrap_or(value);
    let unfolded = mail::message::text::unfold(start);
    mail::message::text::decode(&unfolded).trim().to_owned()
}

/// Whether an address in one of these fields fits.
fn addressed(facts: &MessageFacts<'_>, names: &[&str], part: Part, text: &Text, effort: &mut Effort) -> Result<bool, TooMuch> {
    for field in named(facts, names) {
        effort.spend(field.value().len())?;
        // What can't be read as addresses names nobody.
        for address in address_list::read(field.value()).unwrap_or_default() {
            let members = match address {
                Address::Mailbox(one) => vec![one],
                Address::Group { members, .. } => members,
            };
            for member in members {
                if text.fits(&part.of(&member.mailbox), effort)? {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

fn named<'a>(facts: &'a MessageFacts<'_>, names: &[&str]) -> impl Iterator<Item = &'a Field<'a>> {
    facts.header.fields().iter().filter(move |field| names.iter().any(|name| field.is(name)))
}

fn envelope(facts: &MessageFacts<'_>, path: Path, part: Part, text: &Text, effort: &mut Effort) -> Result<bool, TooMuch> {
    let mailbox = match path {
        Path::From => facts.reverse_path.mailbox(),
        Path::To => Some(facts.recipient),
    };
    text.fits(&mailbox.map(|mailbox| part.of(mailbox)).unwrap_or_default(), effort)
}
