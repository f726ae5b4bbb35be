//! The fields that say what a part is (RFC 2045, RFC 2183).

use super::{Inside, Part};
use crate::message::{HeaderSection, text};

/// Parameters of one field.
const PARAMETERS_MAX: usize = 100;

/// One parameter of a structured field; RFC 2231's pieces stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// As it is written.
    pub name: String,
    /// Without quotes.
    pub value: String,
}

/// How a part is to be shown (RFC 2183).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposition {
    /// `inline`, `attachment`, or another word.
    pub kind: String,
    /// `filename` and the like.
    pub parameters: Vec<Parameter>,
}

/// What a header section says of its part; where it stands and what is inside is for the reader to fill in.
pub(crate) fn part(header: &HeaderSection<'_>, in_digest: bool) -> Part {
    let value = |name: &str| header.named(name).next().map(|field| text::unfold(field.value()).trim().to_owned());
    let content_type = value("Content-Type").map(|value| structured(&value));
    let named = content_type.as_ref().and_then(|(media, _)| media.split_once('/'));
    let named = named.map(|(kind, subtype)| (kind.trim().to_ascii_lowercase(), subtype.trim().to_ascii_lowercase()));
    // RFC 2045 section 5.2 and RFC 2046 section 5.1.5.
    let unsaid = if in_digest { ("message", "rfc822") } else { ("text", "plain") };
    let known = named.filter(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty());
    let is_known = known.is_some();
    let (kind, subtype) = known.unwrap_or_else(|| (unsaid.0.to_owned(), unsaid.1.to_owned()));
    let encoding = value("Content-Transfer-Encoding").filter(|encoding| !encoding.is_empty());
    let disposition = value("Content-Disposition").map(|value| structured(&value));
    Part {
        header: 0..0,
        body: 0..0,
        kind,
        subtype,
        parameters: content_type.filter(|_| is_known).map(|(_, parameters)| parameters).unwrap_or_default(),
        id: value("Content-ID"),
        description: value("Content-Description"),
        encoding: encoding.unwrap_or_else(|| "7bit".to_owned()),
        md5: value("Content-MD5"),
        disposition: disposition.map(|(kind, parameters)| Disposition { kind, parameters }),
        languages: value("Content-Language").map(|value| words(&value)).unwrap_or_default(),
        location: value("Content-Location"),
        lines: 0,
        inside: Inside::Content,
    }
}

/// The value of a parameter, whole: as it stands, or put together of the pieces of RFC 2231 section 3 (`name*0`, `name*1`).
pub(super) fn value_of(parameters: &[Parameter], name: &str) -> Option<String> {
    let named = |wanted: &str| parameters.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(wanted));
    if let Some(whole) = named(name) {
        return Some(whole.value.clone());
    }
    let pieces = (0..PARAMETERS_MAX).map_while(|number| named(&format!("{name}*{number}")));
    Some(pieces.map(|piece| piece.value.as_str()).collect::<String>()).filter(|value| !value.is_empty())
}

fn words(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|word| !word.is_empty()).take(PARAMETERS_MAX).map(str::to_owned).collect()
}

/// `value *( ";" name "=" ( token / quoted-string ) )`, with comments behind what is not quoted.
pub(crate) fn structured(value: &str) -> (String, Vec<Parameter>) {
    let (first, mut rest) = value.split_once(';').unwrap_or((value, ""));
    let mut parameters = Vec::new();
    while parameters.len() < PARAMETERS_MAX {
        let Some((name, written)) = rest.split_once('=') else { break };
        let written = written.trim_start();
        let (value, tail) = if let Some(quoted) = written.strip_prefix('"') {
            unquote(quoted)
        } else {
            let (token, tail) = written.split_once(';').unwrap_or((written, ""));
            (uncommented(token).to_owned(), tail)
        };
        // What stands before a `;` too many is nobody's name.
        let name = name.rsplit(';').next().unwrap_or(name).trim();
        if !name.is_empty() {
            parameters.push(Parameter { name: name.to_owned(), value });
        }
        rest = tail.trim_start().strip_prefix(';').unwrap_or(tail);
    }
    (uncommented(first).to_owned(), parameters)
}

/// Up to a comment (RFC 2045 section 5.1), if one follows.
fn uncommented(token: &str) -> &str {
    let end = [" (", "\t("].iter().filter_map(|comment| token.find(comment)).min().unwrap_or(token.len());
    token.get(..end).unwrap_or(token).trim()
}

/// What a quoted string says, and what follows it; one that never ends says all there is.
pub(super) fn unquote(quoted: &str) -> (String, &str) {
    let mut said = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return (said, characters.as_str()),
            '\\' => said.extend(characters.next()),
            other => said.push(other),
        }
    }
    (said, "")
}
