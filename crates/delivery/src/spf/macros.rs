//! Macro strings (RFC 7208 section 7): read once, expanded with the values of one check.

use std::fmt::Write as _;

/// A macro string as it stands in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MacroString(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// `%%`, `%_` and `%-`.
    Escape(&'static str),
    Expand(Expansion),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Expansion {
    letter: Letter,
    /// An uppercase letter: the value is escaped as in a URL.
    escape: bool,
    /// How many of the right-hand parts are kept.
    keep: usize,
    reverse: bool,
    delimiters: Vec<char>,
}

/// What a macro stands for (RFC 7208 section 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letter {
    /// `s`: the sender.
    Sender,
    /// `l`: the sender's local part.
    SenderLocal,
    /// `o`: the sender's domain.
    SenderDomain,
    /// `d`: the domain whose record is evaluated.
    Domain,
    /// `i`: the client's address, in dotted form.
    Address,
    /// `p`: the validated name of the client.
    ValidatedName,
    /// `v`: `in-addr` or `ip6`.
    AddressFamily,
    /// `h`: what the client said in HELO.
    Helo,
    /// `c`: the client's address, readable.
    ReadableAddress,
    /// `r`: the host that checks.
    Receiver,
    /// `t`: seconds since 1970.
    Time,
}

/// Where a macro string stands decides what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    DomainSpec,
    Modifier,
    Explanation,
}

impl MacroString {
    /// ```abnf
    /// domain-spec   = macro-string domain-end
    /// domain-end    = ( "." toplabel [ "." ] ) / macro-expand
    /// toplabel      = ( *alphanum ALPHA *alphanum ) / ( 1*alphanum "-" *( alphanum / "-" ) alphanum )
    /// ```
    pub(super) fn parse_domain_spec(text: &str) -> Option<Self> {
        let spec = Self::parse(text, Place::DomainSpec)?;
        match spec.0.last()? {
            Piece::Literal(end) => {
                let end = end.strip_suffix('.').unwrap_or(end);
                let (_, toplabel) = end.rsplit_once('.')?;
                is_toplabel(toplabel).then_some(spec)
            }
            Piece::Escape(_) | Piece::Expand(_) => Some(spec),
        }
    }

    /// The value of an unknown modifier.
    pub(super) fn parse_modifier(text: &str) -> Option<Self> {
        Self::parse(text, Place::Modifier)
    }

    /// `explain-string = *( macro-string / SP )`
    pub(super) fn parse_explanation(text: &str) -> Option<Self> {
        Self::parse(text, Place::Explanation)
    }

    /// Whether its value depends on the address of the client.
    pub(super) fn depends_on_client(&self) -> bool {
        let on_client = [Letter::Address, Letter::ValidatedName, Letter::ReadableAddress];
        self.0.iter().any(|piece| matches!(piece, Piece::Expand(expansion) if on_client.contains(&expansion.letter)))
    }

    /// The text with every macro replaced by its value.
    pub(super) fn expand<E>(&self, mut value: impl FnMut(Letter) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Escape(escaped) => text.push_str(escaped),
                Piece::Expand(expansion) => text.push_str(&expansion.apply(&value(expansion.letter)?)),
            }
        }
        Ok(text)
    }

    /// ```abnf
    /// macro-string  = *( macro-expand / macro-literal )
    /// macro-expand  = ( "%{" macro-letter transformers *delimiter "}" ) / "%%" / "%_" / "%-"
    /// macro-literal = %x21-24 / %x26-7E
    /// ```
    fn parse(text: &str, place: Place) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, from_percent) = rest.split_at_checked(rest.find('%').unwrap_or(rest.len()))?;
            if !literal.is_empty() {
                let fits = |byte: u8| byte.is_ascii_graphic() || byte == b' ' && place == Place::Explanation;
                pieces.push(literal.bytes().all(fits).then(|| Piece::Literal(literal.to_owned()))?);
            }
            rest = from_percent;
            let Some(after) = rest.strip_prefix('%') else { continue };
            let (kind, after) = after.split_at_checked(1)?;
            let piece = match kind {
                "%" => Piece::Escape("%"),
                "_" => Piece::Escape(" "),
                "-" => Piece::Escape("%20"),
                "{" => {
                    let (inside, behind) = after.split_once('}')?;
                    rest = behind;
                    pieces.push(Piece::Expand(Expansion::parse(inside, place)?));
                    continue;
                }
                _ => return None,
            };
            pieces.push(piece);
            rest = after;
        }
        Some(Self(pieces))
    }
}

impl Expansion {
    /// ```abnf
    /// transformers = *DIGIT [ "r" ]
    /// delimiter    = "." / "-" / "+" / "," / "/" / "_" / "="
    /// ```
    fn parse(inside: &str, place: Place) -> Option<Self> {
        let mut characters = inside.chars();
        let letter_as_written = characters.next()?;
        let letter = Letter::parse(letter_as_written)?;
        // RFC 7208 section 7.2: c, r and t are allowed only in explanations.
        if place == Place::DomainSpec && matches!(letter, Letter::ReadableAddress | Letter::Receiver | Letter::Time) {
            return None;
        }
        let rest = characters.as_str();
        let digits = rest.len() - rest.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let (number, rest) = rest.split_at_checked(digits)?;
        // More parts than any name has are all of them; zero parts is an error (RFC 7208 section 7.1).
        let keep = if number.is_empty() { usize::MAX } else { number.parse().unwrap_or(usize::MAX) };
        let after_reverse = rest.strip_prefix(['r', 'R']);
        let delimiters: Vec<char> = after_reverse.unwrap_or(rest).chars().collect();
        let fits = keep > 0 && delimiters.iter().all(|&delimiter| ".-+,/_=".contains(delimiter));
        fits.then_some(Self {
            letter,
            escape: letter_as_written.is_ascii_uppercase(),
            keep,
            reverse: after_reverse.is_some(),
            delimiters: if delimiters.is_empty() { vec!['.'] } else { delimiters },
        })
    }

    fn apply(&self, value: &str) -> String {
        let mut parts: Vec<&str> = value.split(self.delimiters.as_slice()).collect();
        if self.reverse {
            parts.reverse();
        }
        let kept = parts.get(parts.len().saturating_sub(self.keep)..).unwrap_or_default().join(".");
        if self.escape { url_escape(&kept) } else { kept }
    }
}

impl Letter {
    fn parse(character: char) -> Option<Self> {
        Some(match character.to_ascii_lowercase() {
            's' => Self::Sender,
            'l' => Self::SenderLocal,
            'o' => Self::SenderDomain,
            'd' => Self::Domain,
            'i' => Self::Address,
            'p' => Self::ValidatedName,
            'v' => Self::AddressFamily,
            'h' => Self::Helo,
            'c' => Self::ReadableAddress,
            'r' => Self::Receiver,
            't' => Self::Time,
            _ => return None,
        })
    }
}

fn is_toplabel(text: &str) -> bool {
    let known = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit());
    known && !numeric && !text.starts_with('-') && !text.ends_with('-')
}

/// Everything but `unreserved` of RFC 3986 (RFC 7208 section 7.3).
fn url_escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            write!(escaped, "%{byte:02X}").unwrap_or_default();
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of RFC 7208 section 7.4.
    fn value(letter: Letter) -> Result<String, ()> {
        Ok(match letter {
            Letter::Sender => "strong-bad@email.example.com",
            Letter::SenderLocal => "strong-bad",
            Letter::SenderDomain | Letter::Domain => "email.example.com",
            Letter::Address => "192.0.2.3",
            Letter::AddressFamily => "in-addr",
            Letter::ValidatedName => "mx.example.org",
            _ => return Err(()),
        }
        .to_owned())
    }

    #[test]
    fn macros_expand_as_in_the_examples_of_the_rfc() {
        let table = [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{S}", "strong-bad%40email.example.com"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
            ("a%%b%_c%-d.%{d99999999999999999999}", "a%b c%20d.email.example.com"),
        ];
        for (text, expected) in table {
            let spec = MacroString::parse_domain_spec(text).unwrap();
            assert_eq!(spec.expand(value).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_domain_spec_is_refused() {
        for text in
            ["", "%", "%a", "%{", "%{d", "%{d0}", "%{x}", "%{}", "%{dx}", "%{c}", "%{r}", "%{t}", "a b.test", "test", "a.1", "a.-b", "a.b-"]
        {
            assert_eq!(MacroString::parse_domain_spec(text), None, "{text}");
        }
        assert!(MacroString::parse_explanation("%{c} %{r} %{t} see you.").is_some());
        assert_eq!(MacroString::parse_modifier("a b"), None);
    }
}
