//! A message's header section, split into fields with their exact octets (RFC 5322 section 2.2, RFC 6532).
//!
//! Reads whatever arrives and never changes it. Where mail programs disagree on odd input, this reads it so that
//! nothing is hidden: every line that any of them might take for a field of the header section is one here.
//!
//! - A line ends with LF, a CR before it belongs to the line end. The section ends at the first empty line.
//! - If the first line is no field, there is no header section, and all is body.
//! - Any later line that is neither field nor continuation stands in the section and belongs to no field.

pub mod address_list;
pub mod author;
pub mod claim;
pub mod edit;
pub mod encoded_word;
pub mod end;
pub mod text;

use std::ops::Range;

use jiff::fmt::rfc2822;

use crate::time::Timestamp;

pub use author::{Author, AuthorError};
pub use claim::Claim;
pub use edit::{Head, HeaderEdit};
pub use end::EndSearch;

/// Octets in a line (RFC 5322 section 2.1.1), and so in a field's name.
const LINE_OCTETS_MAX: usize = 998;

/// The header section of a message.
#[derive(Debug, Clone)]
pub struct HeaderSection<'a> {
    message: &'a [u8],
    fields: Vec<Field<'a>>,
    /// Where the empty line begins, or the message ends.
    end: usize,
    body_start: usize,
}

/// One field of a header section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    start: usize,
    octets: &'a [u8],
    name: &'a str,
    value_at: usize,
}

/// What the front of a line says of it.
enum Front<'a> {
    /// A field of this name, its value from this offset on.
    Field(&'a str, usize),
    /// No field.
    Other,
    /// More octets are needed to tell.
    Undecided,
}

impl<'a> HeaderSection<'a> {
    /// Where the body of a message begins, from its first octets; `None` as long as that takes more of them.
    ///
    /// A caller that has the whole message and still gets `None` has a message without a body. One to whom it comes in pieces
    /// asks an [`EndSearch`].
    pub fn find_end(octets: &[u8]) -> Option<usize> {
        EndSearch::default().find(octets)
    }

    /// Reads the header section at the front of these octets: a message, or as much of one as [`Self::find_end`]
    /// needed.
    pub fn read(message: &'a [u8]) -> Self {
        let mut section = Self { message, fields: Vec::new(), end: 0, body_start: 0 };
        if empty_line(message).is_none() && !matches!(front(message), Front::Field(..)) {
            return section;
        }
        let mut at = 0;
        let mut open = None;
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            if let Some(length) = empty_line(line) {
                section.close(open.take(), at);
                section.end = at;
                section.body_start = at + length;
                return section;
            }
            if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                section.close(open.take(), at);
                if let Front::Field(name, value_at) = front(line) {
                    open = Some((at, name, value_at));
                }
            }
            at += line.len();
        }
        section.close(open, at);
        section.end = at;
        section.body_start = at;
        section
    }

    fn close(&mut self, open: Option<(usize, &'a str, usize)>, end: usize) {
        let Some((start, name, value_at)) = open else { return };
        let octets = self.message.get(start..end).unwrap_or_default();
        self.fields.push(Field { start, octets, name, value_at });
    }

    /// All fields, in order.
    pub fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// The fields of this name, in order.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(move |field| field.is(name))
    }

    /// Whether there is a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// The section's octets, without the empty line that ends it.
    pub fn octets(&self) -> &'a [u8] {
        self.message.get(..self.end).unwrap_or_default()
    }

    /// Where the body begins.
    pub fn body_start(&self) -> usize {
        self.body_start
    }

    /// Whether the message begins with its body, without so much as an empty line in front of it.
    pub fn is_missing(&self) -> bool {
        self.body_start == 0 && !self.message.is_empty()
    }

    /// The one mailbox of the one From field.
    ///
    /// # Errors
    /// There is any other number of either.
    pub fn author(&self) -> Result<Author, AuthorError> {
        author::read(self)
    }

    /// Whom the message says it is from, in any way that somebody might read it.
    pub fn claim(&self) -> Claim {
        claim::read(self)
    }

    /// The first Subject, decoded, without control characters.
    pub fn subject(&self) -> Option<String> {
        self.named("Subject").next().map(Field::text)
    }

    /// The first Date, if it can be read.
    pub fn date(&self) -> Option<Timestamp> {
        let written = text::unfold(self.named("Date").next()?.value());
        // Programs err in the day of the week more often than in the day.
        let zoned = rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_zoned(written.trim()).ok()?;
        Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
    }

    /// The first Message-ID with its angle brackets, if it is one printable word.
    pub fn message_id(&self) -> Option<String> {
        let written = text::unfold(self.named("Message-ID").next()?.value());
        let id = written.trim();
        let inner = id.strip_prefix('<')?.strip_suffix('>')?;
        let is_word = !inner.is_empty() && !inner.chars().any(|character| character.is_control() || character.is_whitespace());
        // Where another bracket stands inside, programs read another id.
        let fits = is_word && id.len() <= LINE_OCTETS_MAX / 2 && !inner.contains(['<', '>']);
        fits.then(|| id.to_owned())
    }

    /// The identifier in the one List-Id field (RFC 2919), in lower case; `None` if there are several.
    pub fn list_id(&self) -> Option<String> {
        let mut all = self.named("List-Id");
        let (Some(only), None) = (all.next(), all.next()) else { return None };
        let written = text::unfold(only.value());
        let (_phrase, tail) = written.rsplit_once('<')?;
        let (id, _comment) = tail.split_once('>')?;
        let id = id.trim().to_ascii_lowercase();
        let is_word = !id.is_empty() && !id.chars().any(|character| character.is_control() || character.is_whitespace());
        is_word.then_some(id)
    }

    /// How many servers the message passed through, by its Received fields.
    pub fn received_count(&self) -> usize {
        self.named("Received").count()
    }

    /// Whether a CR stands without LF: some programs take it for a line end, and see other fields than we do.
    pub fn has_bare_cr(&self) -> bool {
        let next = self.octets().iter().skip(1).chain(b" ");
        self.octets().iter().zip(next).any(|(octet, next)| *octet == b'\r' && *next != b'\n')
    }
}

impl<'a> Field<'a> {
    /// As it is written.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Whether this is its name, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Where it stands in the message, line end included.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.octets.len()
    }

    /// All of it, line end included.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// What follows the colon, folds included, the last line end excluded.
    pub fn value(&self) -> &'a [u8] {
        let value = self.octets.get(self.value_at..).unwrap_or_default();
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        value.strip_suffix(b"\r").unwrap_or(value)
    }

    /// The value as people read it: unfolded, encoded-words decoded, control characters removed.
    pub fn text(&self) -> String {
        text::decode(&text::unfold(self.value()))
    }
}

/// The length of the line end, if these octets begin with one.
fn empty_line(octets: &[u8]) -> Option<usize> {
    match octets {
        [b'\r', b'\n', ..] => Some(2),
        [b'\n', ..] => Some(1),
        _ => None,
    }
}

/// ```abnf
/// field      = field-name *WSP ":" unstructured CRLF      ; *WSP as in obs-optional, RFC 5322 section 4.5.8
/// field-name = 1*( %d33-57 / %d59-126 )
/// ```
fn front(line: &[u8]) -> Front<'_> {
    let is_ftext = |octet: &&u8| matches!(octet, b'!'..=b'9' | b';'..=b'~');
    let length = line.iter().take(LINE_OCTETS_MAX + 1).take_while(is_ftext).count();
    let (name, rest) = line.split_at_checked(length).unwrap_or((line, &[]));
    let blanks = rest.iter().take(LINE_OCTETS_MAX).take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    match (std::str::from_utf8(name), rest.get(blanks)) {
        (Ok(name), Some(b':')) if (1..=LINE_OCTETS_MAX).contains(&length) => Front::Field(name, length + blanks + 1),
        (Ok(_), None) if line.is_empty() || (1..=LINE_OCTETS_MAX).contains(&length) => Front::Undecided,
        _ => Front::Other,
    }
}

#[cfg(test)]
mod tests;
