//! Comparing texts: `is`, `contains`, `matches` with wildcards, each without regard to the case of ASCII letters
//! (RFC 5228 section 2.7, comparator `i;ascii-casemap`).

use serde::{Deserialize, Serialize};

use super::many::Many;

/// What a text is compared with: true if it fits any of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Text {
    /// The whole text.
    Is(Many<String>),
    /// Some part of it.
    Contains(Many<String>),
    /// The whole text, by a pattern: `*` is any characters, `?` any one, `\` takes the next as it is.
    Matches(Many<String>),
}

/// How much may still be compared.
#[derive(Debug)]
pub(super) struct Effort(u64);

/// There was more to compare than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

/// One step of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Literal(char),
}

impl Effort {
    pub(super) const fn new(octets: u64) -> Self {
        Self(octets)
    }

    pub(super) fn spend(&mut self, octets: usize) -> Result<(), TooMuch> {
        self.0 = self.0.checked_sub(octets as u64 + 1).ok_or(TooMuch)?;
        Ok(())
    }
}

impl Text {
    /// The whole text.
    pub fn is(key: &str) -> Self {
        Self::Is(Many::one(key.to_owned()))
    }

    /// A part of it.
    pub fn contains(key: &str) -> Self {
        Self::Contains(Many::one(key.to_owned()))
    }

    /// A pattern.
    pub fn matches(key: &str) -> Self {
        Self::Matches(Many::one(key.to_owned()))
    }

    /// What it compares with.
    pub fn keys(&self) -> &[String] {
        match self {
            Self::Is(keys) | Self::Contains(keys) | Self::Matches(keys) => &keys.0,
        }
    }

    /// Whether this text fits.
    pub(super) fn fits(&self, text: &str, effort: &mut Effort) -> Result<bool, TooMuch> {
        effort.spend(text.len())?;
        let folded = text.to_ascii_lowercase();
        for key in self.keys() {
            let key = key.to_ascii_lowercase();
            let fits = match self {
                Self::Is(_) => folded == key,
                Self::Contains(_) => {
                    effort.spend(folded.len())?;
                    folded.contains(&key)
                }
                Self::Matches(_) => {
                    effort.spend(folded.len())?;
                    glob(&tokens(&key), &folded, effort)?
                }
            };
            if fits {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same comparison in one form: a pattern without wildcards is `is`, one that only begins and ends with `*` is
    /// `contains`.
    pub(super) fn canonical(self) -> Self {
        let Self::Matches(Many(keys)) = self else { return self };
        let patterns: Vec<Vec<Token>> = keys.iter().map(|key| tokens(key)).collect();
        let whole = |pattern: &Vec<Token>| literal(pattern);
        let inner = |pattern: &Vec<Token>| match pattern.as_slice() {
            [Token::Any, inner @ .., Token::Any] => literal(inner),
            _ => None,
        };
        if let Some(keys) = patterns.iter().map(whole).collect() {
            return Self::Is(Many(keys));
        }
        if let Some(keys) = patterns.iter().map(inner).collect() {
            return Self::Contains(Many(keys));
        }
        Self::Matches(Many(patterns.iter().map(|pattern| written(pattern)).collect()))
    }

    /// The pattern for a text that has this one between `<` and `>`, as a List-Id has its identifier.
    pub(super) fn bracketed(&self) -> Self {
        Self::Matches(Many(self.patterns().iter().map(|pattern| format!("*<{}>*", written(pattern))).collect()))
    }

    /// What [`Self::bracketed`] was made of, if this could be such a pattern.
    pub(super) fn unbracketed(&self) -> Option<Self> {
        let inner = |pattern: &Vec<Token>| match pattern.as_slice() {
            [Token::Any, Token::Literal('<'), inner @ .., Token::Literal('>'), Token::Any] => Some(written(inner)),
            _ => None,
        };
        let keys: Option<Vec<String>> = self.patterns().iter().map(inner).collect();
        Some(Self::Matches(Many(keys?)).canonical())
    }

    /// The patterns that compare as this does.
    fn patterns(&self) -> Vec<Vec<Token>> {
        let literals = |key: &String| key.chars().map(Token::Literal).collect::<Vec<_>>();
        let keys = self.keys().iter();
        match self {
            Self::Is(_) => keys.map(literals).collect(),
            Self::Contains(_) => keys.map(|key| [vec![Token::Any], literals(key), vec![Token::Any]].concat()).collect(),
            Self::Matches(_) => keys.map(|key| tokens(key)).collect(),
        }
    }
}

/// A pattern's steps. A `\` at its end stands for itself.
fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Literal(characters.next().unwrap_or('\\')),
            other => Token::Literal(other),
        });
    }
    tokens
}

fn literal(tokens: &[Token]) -> Option<String> {
    tokens.iter().map(|token| if let Token::Literal(character) = token { Some(*character) } else { None }).collect()
}

fn written(tokens: &[Token]) -> String {
    let mut pattern = String::new();
    for token in tokens {
        match token {
            Token::Any => pattern.push('*'),
            Token::One => pattern.push('?'),
            Token::Literal(special @ ('*' | '?' | '\\')) => pattern.extend(['\\', *special]),
            Token::Literal(other) => pattern.push(*other),
        }
    }
    pattern
}

/// Whether a whole text fits a pattern. Goes back only to the last `*`; every step is paid for.
fn glob(pattern: &[Token], text: &str, effort: &mut Effort) -> Result<bool, TooMuch> {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut step) = (0, 0);
    // Where the last `*` stood, and up to where it has taken the text.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        effort.spend(0)?;
        match (pattern.get(step), text.get(at)) {
            (Some(Token::Any), _) => {
                star = Some((step, at));
                step += 1;
            }
            (Some(Token::One), _) => (at, step) = (at + 1, step + 1),
            (Some(Token::Literal(wanted)), Some(found)) if wanted == found => (at, step) = (at + 1, step + 1),
            _ => {
                let Some((star_step, taken)) = star else { return Ok(false) };
                star = Some((star_step, taken + 1));
                (at, step) = (taken + 1, star_step + 1);
            }
        }
    }
    Ok(pattern.iter().skip(step).all(|token| *token == Token::Any))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(text: &Text, value: &str) -> bool {
        text.fits(value, &mut Effort::new(1 << 20)).unwrap()
    }

    #[test]
    fn texts_are_compared_in_three_ways() {
        for (text, value, expected) in [
            (Text::is("Hello"), "hELLO", true),
            (Text::is("Hello"), "hello!", false),
            (Text::contains("ell"), "HELLO", true),
            (Text::contains(""), "", true),
            (Text::contains("x"), "hello", false),
            (Text::matches("h*o"), "Hello", true),
            (Text::matches("h?llo"), "Hello", true),
            (Text::matches("h?o"), "Hello", false),
            (Text::matches("*a*b*a"), "xaabba", true),
            (Text::matches("*a*b*a"), "xaabb", false),
            (Text::matches("50\\*"), "50*", true),
            (Text::matches("50\\*"), "500", false),
            (Text::matches("?"), "ü", true),
            (Text::matches("*"), "", true),
            (Text::matches(""), "", true),
            (Text::Is(Many(vec!["a".to_owned(), "b".to_owned()])), "B", true),
        ] {
            assert_eq!(fits(&text, value), expected, "{text:?} {value:?}");
        }
    }

    #[test]
    fn a_pattern_that_needs_too_much_is_given_up() {
        let (pattern, value) = (Text::matches(&format!("*{}b", "a".repeat(100))), "a".repeat(8000));
        assert_eq!(pattern.fits(&value, &mut Effort::new(100_000)), Err(TooMuch));
    }

    proptest! {
        #[test]
        fn a_canonical_comparison_means_the_same(keys in prop::collection::vec("[ab*?\\\\]{0,6}", 1..3), value in "[ab*?\\\\]{0,6}") {
            let text = Text::Matches(Many(keys));
            let canonical = text.clone().canonical();
            prop_assert_eq!(fits(&text, &value), fits(&canonical, &value), "{:?} {:?}", &text, &canonical);
            prop_assert_eq!(canonical.clone().canonical(), canonical);
        }

        #[test]
        fn what_was_put_between_brackets_comes_out_of_them(keys in prop::collection::vec("[ab*?<>\\\\]{0,6}", 1..3), way in 0_usize..3) {
            let text = [Text::Is, Text::Contains, Text::Matches].into_iter().nth(way).unwrap()(Many(keys)).canonical();
            prop_assert_eq!(text.bracketed().unbracketed(), Some(text));
        }
    }
}
