//! Walks a TOML document and remembers each fault with its line, its key and what was expected there.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it was read from.
    pub file: PathBuf,
    /// Counted from 1; of the section's header, or the first, where something is missing.
    pub line: usize,
    /// With its sections: `timers.lease`. Where the text is no TOML, what stands there as a key, if anything does.
    pub key: String,
    /// What is there.
    pub problem: String,
    /// What was expected in its place.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file.display(), self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", visible(&self.key))?;
        }
        write!(f, "{}; expected {}", visible(&self.problem), self.expected)
    }
}

/// A document, and the faults found in it so far.
pub(super) struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    document: Spanned<DeTable<'a>>,
    faults: RefCell<Vec<Fault>>,
}

/// One table of a document; an absent one has no keys.
pub(super) struct Section<'r, 'a> {
    reader: &'r Reader<'a>,
    /// `timers.` or nothing.
    prefix: String,
    table: Option<&'r DeTable<'a>>,
    start: usize,
    known: RefCell<Vec<String>>,
}

impl<'a> Reader<'a> {
    /// Of this text; faults of syntax are among the others.
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        let (document, errors) = DeTable::parse_recoverable(text);
        let reader = Self { file, text, document, faults: RefCell::default() };
        for error in errors {
            let start = error.span().map_or(0, |span| span.start);
            let expected = if error.message() == "duplicate key" { "each key and each table once" } else { "key = value" };
            reader.fault_at(start, key_near(text, start), format!("not TOML: {}", error.message()), expected.to_owned());
        }
        reader
    }

    /// The outermost table.
    pub(super) fn root(&self) -> Section<'_, 'a> {
        let table = Some(self.document.get_ref());
        Section { reader: self, prefix: String::new(), table, start: 0, known: RefCell::default() }
    }

    /// All faults, by line.
    pub(super) fn finish(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line);
        faults
    }

    fn fault_at(&self, start: usize, key: String, problem: String, expected: String) {
        let line = 1 + self.text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        self.faults.borrow_mut().push(Fault { file: self.file.to_owned(), line, key, problem, expected });
    }
}

impl<'r, 'a> Section<'r, 'a> {
    /// The table below this one by that name.
    pub(super) fn section(&self, name: &str) -> Section<'r, 'a> {
        self.known.borrow_mut().push(name.to_owned());
        let found = self.table.and_then(|table| table.get(name));
        let start = found.map_or(self.start, |value| value.span().start);
        let table = found.and_then(|value| value.get_ref().as_table());
        if let (Some(value), None) = (found, table) {
            self.mismatch(name, value, "a table");
        }
        Section { reader: self.reader, prefix: format!("{}{name}.", self.prefix), table, start, known: RefCell::default() }
    }

    /// Whether a key is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.get(key).is_some())
    }

    /// The value of a key, if it is there; a fault if it is not what was expected.
    pub(super) fn optional<T>(&self, key: &str, expected: &str, read: impl FnOnce(&DeValue<'a>) -> Option<T>) -> Option<T> {
        self.known.borrow_mut().push(key.to_owned());
        let value = self.table?.get(key)?;
        let parsed = read(value.get_ref());
        if parsed.is_none() {
            self.mismatch(key, value, expected);
        }
        parsed
    }

    /// The same, with a default.
    pub(super) fn or<T>(&self, key: &str, default: T, expected: &str, read: impl FnOnce(&DeValue<'a>) -> Option<T>) -> T {
        self.optional(key, expected, read).unwrap_or(default)
    }

    /// The same, where there must be one.
    pub(super) fn required<T>(&self, key: &str, expected: &str, read: impl FnOnce(&DeValue<'a>) -> Option<T>) -> Option<T> {
        if self.table.is_none_or(|table| table.get(key).is_none()) {
            self.known.borrow_mut().push(key.to_owned());
            return self.fault(key, "missing", expected);
        }
        self.optional(key, expected, read)
    }

    /// The keys and values of a table whose keys are not ours.
    pub(super) fn entries(&self) -> impl Iterator<Item = (String, &'r DeValue<'a>)> {
        self.table.into_iter().flat_map(|table| table.iter()).map(|(key, value)| (key.get_ref().to_string(), value.get_ref()))
    }

    /// Records a fault at a key that is there, or at the section if it is not. Always `None`.
    pub(super) fn fault<T>(&self, key: &str, problem: &str, expected: &str) -> Option<T> {
        let start = self.table.and_then(|table| table.get_key_value(key)).map_or(self.start, |(key, _)| key.span().start);
        self.reader.fault_at(start, format!("{}{key}", self.prefix), problem.to_owned(), expected.to_owned());
        None
    }

    /// Once everything known was asked for: whatever else is here is a mistake.
    pub(super) fn refuse_unknown(&self) {
        let known = self.known.borrow();
        for (key, _) in self.table.into_iter().flat_map(|table| table.iter()) {
            let name: &str = key.get_ref();
            if !known.iter().any(|known| known == name) {
                let nearest = known.iter().min_by_key(|known| distance(known, name));
                // More than half of the letters wrong is another word.
                let is_near = |known: &str| distance(known, name) <= 3 && distance(known, name) * 2 < known.len().max(name.len());
                let expected = match nearest {
                    Some(nearest) if is_near(nearest) => format!("{}{nearest}", self.prefix),
                    _ => format!("one of {}", known.join(", ")),
                };
                self.fault::<()>(name, "unknown key", &expected);
            }
        }
    }

    fn mismatch(&self, key: &str, value: &Spanned<DeValue<'a>>, expected: &str) {
        let found = self.reader.text.get(value.span()).unwrap_or_default();
        let shown = found.lines().next().unwrap_or_default();
        // A URL may hold a password.
        let problem = if shown.contains("://") { "not what it should be".to_owned() } else { format!("found {shown}") };
        self.reader.fault_at(value.span().start, format!("{}{key}", self.prefix), problem, expected.to_owned());
    }
}

/// The key of the line at this octet, if the line looks like one; never a value, which may be a secret.
fn key_near(text: &str, start: usize) -> String {
    let (front, behind) = text.split_at_checked(start).unwrap_or((text, ""));
    let front = front.rsplit('\n').next().unwrap_or_default();
    let line = format!("{front}{}", behind.split('\n').next().unwrap_or_default());
    let key = line.split('=').next().unwrap_or_default().trim().trim_matches(['[', ']']);
    let is_key = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    if key.chars().all(is_key) { key.to_owned() } else { String::new() }
}

/// Control characters and marks of direction as escapes: the message may be for a terminal.
fn visible(text: &str) -> String {
    let is_mark = |character| matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let escaped = |character: char| {
        if character.is_control() || is_mark(character) { character.escape_default().to_string() } else { character.to_string() }
    };
    text.chars().map(escaped).collect()
}

/// A whole number, `1_000` and `0x10` included.
pub(super) fn integer(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// How many letters to change, add or remove to get from one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.bytes().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (above, theirs) in row.iter().skip(1).zip(other.bytes()) {
            left = (diagonal + usize::from(letter != theirs)).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
