//! Words of a script (RFC 5228 section 8.1), with where they stand.

use super::{SieveError, Spot};

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, in lower case.
    Identifier(String),
    /// `:name`, in lower case.
    Tag(String),
    /// With its quantifier multiplied out.
    Number(u64),
    /// Quoted or multi-line, as it is meant.
    Text(String),
    /// One of `, ; [ ] ( ) { }`.
    Mark(char),
    /// Nothing more.
    End,
}

impl Token {
    /// For a sentence.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Identifier(name) => format!("`{name}`"),
            Self::Tag(name) => format!("`:{name}`"),
            Self::Number(number) => format!("the number {number}"),
            Self::Text(_) => "a string".to_owned(),
            Self::Mark(mark) => format!("`{mark}`"),
            Self::End => "the end of the script".to_owned(),
        }
    }
}

/// Cuts a script into words.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    at: Spot,
    /// What the latest comment `# rule:[NAME]` says: the name of the rule that follows, as programs write it that keep rules
    /// in scripts.
    label: Option<String>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(script: &'a str) -> Self {
        let rest = script.strip_prefix('\u{feff}').unwrap_or(script);
        Self { rest, at: Spot { line: 1, column: 1 }, label: None }
    }

    /// The name that a comment gave to what follows.
    pub(super) fn take_label(&mut self) -> Option<String> {
        self.label.take()
    }

    /// The next word, and where it begins.
    pub(super) fn next(&mut self) -> Result<(Spot, Token), SieveError> {
        self.skip_blanks()?;
        let at = self.at;
        let Some(first) = self.rest.chars().next() else { return Ok((at, Token::End)) };
        let token = match first {
            ',' | ';' | '[' | ']' | '(' | ')' | '{' | '}' => {
                self.take(first.len_utf8());
                Token::Mark(first)
            }
            '"' => self.quoted(at)?,
            '0'..='9' => self.number(at)?,
            ':' => {
                self.take(1);
                Token::Tag(self.name(at, "the name of a tag behind the colon")?)
            }
            _ => {
                let name = self.name(at, "a command, a test, a string or a number")?;
                if name == "text" && self.rest.starts_with(':') { self.multi_line(at)? } else { Token::Identifier(name) }
            }
        };
        Ok((at, token))
    }

    /// Goes on by so many octets, which end with a character.
    fn take(&mut self, octets: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(octets).unwrap_or((self.rest, ""));
        for character in taken.chars() {
            if character == '\n' {
                self.at = Spot { line: self.at.line.saturating_add(1), column: 1 };
            } else {
                self.at.column = self.at.column.saturating_add(1);
            }
        }
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) -> Result<(), SieveError> {
        loop {
            let blanks = self.rest.len() - self.rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            self.take(blanks);
            if self.rest.starts_with('#') {
                let line = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
                let name = line.trim_start_matches('#').trim().strip_prefix("rule:[").and_then(|name| name.strip_suffix(']'));
                if let Some(name) = name {
                    self.label = Some(name.to_owned());
                }
            } else if self.rest.starts_with("/*") {
                let at = self.at;
                match self.rest.find("*/") {
                    Some(end) => drop(self.take(end + 2)),
                    None => return at.expected("`*/` at the end of the comment", "the end of the script"),
                }
            } else {
                return Ok(());
            }
        }
    }

    /// `identifier = (ALPHA / "_") *(ALPHA / DIGIT / "_")`
    fn name(&mut self, at: Spot, expected: &str) -> Result<String, SieveError> {
        let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let length = self.rest.len() - self.rest.trim_start_matches(is_of_name).len();
        let begins_well = self.rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !begins_well {
            let found = self.rest.chars().next().map_or("the end of the script".to_owned(), |found| format!("{found:?}"));
            return at.expected(expected, &found);
        }
        Ok(self.take(length).to_ascii_lowercase())
    }

    /// `number = 1*DIGIT [ "K" / "M" / "G" ]`
    fn number(&mut self, at: Spot) -> Result<Token, SieveError> {
        let length = self.rest.len() - self.rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
        let digits = self.take(length);
        let shift = match self.rest.chars().next().map(|unit| unit.to_ascii_uppercase()) {
            Some('K') => 10,
            Some('M') => 20,
            Some('G') => 30,
            _ => 0,
        };
        if shift > 0 {
            self.take(1);
        }
        match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift)) {
            Some(number) => Ok(Token::Number(number)),
            None => at.expected("a number below 2 to the 64th", digits),
        }
    }

    /// `quoted-string = DQUOTE *(%x01-21 / %x23-5B / %x5D-... / "\" CHAR) DQUOTE`
    fn quoted(&mut self, at: Spot) -> Result<Token, SieveError> {
        let mut text = String::new();
        let mut is_escaped = false;
        for (offset, character) in self.rest.char_indices().skip(1) {
            match character {
                _ if is_escaped => {
                    text.push(character);
                    is_escaped = false;
                }
                '\\' => is_escaped = true,
                '"' => {
                    self.take(offset + 1);
                    return Ok(Token::Text(text.replace("\r\n", "\n")));
                }
                other => text.push(other),
            }
        }
        at.expected("`\"` at the end of the string", "the end of the script")
    }

    /// `multi-line = "text:" *(SP / HTAB) (hash-comment / CRLF) *(multiline-literal / multiline-dotstart) "." CRLF`
    fn multi_line(&mut self, at: Spot) -> Result<Token, SieveError> {
        self.take(1);
        let first = self.take(self.rest.find('\n').map_or(self.rest.len(), |end| end + 1));
        let behind = first.trim();
        if !behind.is_empty() && !behind.starts_with('#') {
            return at.expected("the end of the line behind `text:`", behind);
        }
        let mut text = String::new();
        while !self.rest.is_empty() {
            let line = self.take(self.rest.find('\n').map_or(self.rest.len(), |end| end + 1));
            let line = line.trim_end_matches(['\r', '\n']);
            if line == "." {
                return Ok(Token::Text(text));
            }
            text.push_str(line.strip_prefix('.').unwrap_or(line));
            text.push('\n');
        }
        at.expected("a line with a single dot at the end of the text", "the end of the script")
    }
}
