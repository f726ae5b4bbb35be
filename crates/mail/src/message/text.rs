//! Text in fields: unfolding (RFC 5322 section 2.2.3) and encoded-words (RFC 2047).

use std::borrow::Cow;

use data_encoding::{BASE64, BASE64_NOPAD};
use mail_parser::decoders::charsets::map::charset_decoder;

/// Octets in a charset's name; longer ones do not exist.
const CHARSET_OCTETS_MAX: usize = 45;
/// Octets of text in one encoded-word that we write.
const ENCODED_OCTETS_MAX: usize = 45;

/// A field's value on one line: line ends removed. What is not UTF-8 becomes U+FFFD.
pub fn unfold(value: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(value);
    if text.contains('\n') { Cow::Owned(text.replace("\r\n", "").replace('\n', "")) } else { text }
}

/// Text without control characters: a tab becomes a space, all others vanish.
pub fn printable(text: &str) -> String {
    let plain = text.chars().map(|character| if character == '\t' { ' ' } else { character });
    plain.filter(|character| !character.is_control()).collect()
}

/// Splits a text that begins with a comment into what the comment holds and what follows it (RFC 5322 section 3.2.2).
///
/// Comments nest; this counts instead of recursing.
pub fn comment(text: &str) -> Option<(&str, &str)> {
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, character) in text.strip_prefix('(')?.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' if depth == 0 => return Some((text.get(1..=at)?, text.get(at + 2..)?)),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Unfolded text as people read it: encoded-words decoded, control characters removed, trimmed.
///
/// ```abnf
/// encoded-word = "=?" charset [ "*" language ] "?" ( "B" / "Q" ) "?" encoded-text "?="
/// ```
///
/// White space between two encoded-words is no text (RFC 2047 section 6.2). What only resembles an encoded-word
/// stays as it is. Characters may be split between neighbours of one charset, as some programs do.
pub fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut pending: Option<(&str, Vec<u8>)> = None;
    let mut rest = text;
    while let Some((before, candidate)) = split_before(rest, "=?") {
        let Some((charset, octets, after)) = encoded_word(candidate) else {
            flush(&mut decoded, pending.take());
            decoded.push_str(before);
            decoded.push_str("=?");
            rest = candidate.strip_prefix("=?").unwrap_or_default();
            continue;
        };
        let adjacent = before.trim().is_empty();
        match &mut pending {
            Some((of, gathered)) if adjacent && of.eq_ignore_ascii_case(charset) => gathered.extend(octets),
            _ => {
                let follows_one = pending.is_some();
                flush(&mut decoded, pending.take());
                decoded.push_str(if follows_one && adjacent { "" } else { before });
                pending = Some((charset, octets));
            }
        }
        rest = after;
    }
    flush(&mut decoded, pending);
    decoded.push_str(rest);
    printable(decoded.trim())
}

/// Text as a field's value: as it is if it is printable ASCII, or as encoded-words (RFC 2047), folded between them. What in ASCII
/// reads like an encoded-word is encoded as well.
pub fn encode(text: &str) -> String {
    if text.chars().all(|character| matches!(character, ' '..='~')) && !text.contains("=?") {
        return text.to_owned();
    }
    // RFC 2047 section 2: at most 75 characters with what stands around them; section 5: whole characters in each.
    let mut words = vec![String::new()];
    for character in printable(text).chars() {
        match words.last_mut() {
            Some(word) if word.len() + character.len_utf8() <= ENCODED_OCTETS_MAX => word.push(character),
            Some(_) | None => words.push(character.to_string()),
        }
    }
    let encoded: Vec<_> = words.iter().map(|word| format!("=?utf-8?B?{}?=", BASE64.encode(word.as_bytes()))).collect();
    encoded.join("\r\n ")
}

fn flush(decoded: &mut String, pending: Option<(&str, Vec<u8>)>) {
    let Some((charset, octets)) = pending else { return };
    let is_utf8 = ["utf-8", "us-ascii", "utf8"].iter().any(|name| name.eq_ignore_ascii_case(charset));
    match charset_decoder(charset.as_bytes()).filter(|_| !is_utf8) {
        Some(decode) => decoded.push_str(&decode(&octets)),
        None => decoded.push_str(&String::from_utf8_lossy(&octets)),
    }
}

/// Reads an encoded-word at the front: its charset, its octets, and what follows it.
///
/// Stops at the first `?` out of place, which is what keeps a whole line of half-words linear.
fn encoded_word(candidate: &str) -> Option<(&str, Vec<u8>, &str)> {
    let (charset, rest) = candidate.strip_prefix("=?")?.split_once('?').filter(|(name, _)| name.len() <= CHARSET_OCTETS_MAX)?;
    let charset = charset.split('*').next()?;
    let is_token = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.:+".contains(&octet);
    if charset.is_empty() || !charset.bytes().all(is_token) {
        return None;
    }
    let (encoding, rest) = rest.split_once('?').filter(|(encoding, _)| encoding.len() == 1)?;
    let (encoded, after) = rest.split_once('?')?;
    let after = after.strip_prefix('=')?;
    let octets = if encoding.eq_ignore_ascii_case("B") {
        BASE64_NOPAD.decode(encoded.trim_end_matches('=').as_bytes()).ok()?
    } else if encoding.eq_ignore_ascii_case("Q") {
        quoted(encoded)?
    } else {
        return None;
    };
    Some((charset, octets, after))
}

/// The "Q" encoding (RFC 2047 section 4.2).
fn quoted(encoded: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'_' => b' ',
            b'=' => {
                let digits = [char::from(rest.next()?), char::from(rest.next()?)].map(|digit| digit.to_digit(16));
                let [Some(high), Some(low)] = digits else { return None };
                u8::try_from(high << 4 | low).ok()?
            }
            other => other,
        });
    }
    Some(octets)
}

/// Splits so that the second part begins with the pattern.
fn split_before<'a>(text: &'a str, pattern: &str) -> Option<(&'a str, &'a str)> {
    text.split_at_checked(text.find(pattern)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded() {
        for (written, read) in [
            ("plain  text", "plain  text"),
            ("=?utf-8?Q?Gr=C3=BC=C3=9Fe_an_alle?=", "Gr\u{fc}\u{df}e an alle"),
            ("=?UTF-8*de?b?R3LDvMOfZQ==?=", "Gr\u{fc}\u{df}e"),
            ("=?iso-8859-1?q?a?= =?iso-8859-1?q?b?=", "ab"),
            ("=?iso-8859-1?q?a?= =?utf-8?q?b?=", "ab"),
            ("=?iso-8859-1?q?a?= b =?utf-8?q?c?=", "a b c"),
            ("=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "\u{fc}"),
            ("=?iso-8859-1?Q?=FC?=", "\u{fc}"),
            ("Re: =?utf-8?q?x?=y", "Re: xy"),
            ("=?utf-8?q?a=0D=0ABcc:_x=00?=", "aBcc: x"),
            ("=?utf-8?q?half", "=?utf-8?q?half"),
            ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
            ("=?utf-8?b?!!?=", "=?utf-8?b?!!?="),
            ("=?=?=?utf-8?q?a?=", "=?=?a"),
            ("=?none?q?a=FF?=", "a\u{fffd}"),
        ] {
            assert_eq!(decode(written), read, "{written}");
        }
    }

    #[test]
    fn folds_vanish_and_white_space_stays() {
        assert_eq!(unfold(b" a\r\n b\n\tc"), " a b\tc");
        assert_eq!(decode(&unfold(b" a\r\n b\n\tc")), "a b c");
    }

    #[test]
    fn a_million_half_words_are_read_at_once() {
        for unit in ["=?", "=?a?Q?", "=?utf-8?q?x?y", "=?a", "?="] {
            let text = unit.repeat(1_000_000 / unit.len());
            assert!(decode(&text) == text, "{unit}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_reads_as_it_was(text in "\\PC{0,80}") {
            let encoded = encode(&text);
            proptest::prop_assert!(encoded.is_ascii() && encoded.split("\r\n ").all(|line| line.len() <= 80));
            let plain = printable(text.trim());
            proptest::prop_assert_eq!(decode(&unfold(encoded.as_bytes())), plain.trim());
        }

        #[test]
        fn no_text_makes_decoding_panic(
            charset in proptest::sample::select(vec!["utf-7", "utf-16", "utf-16le", "utf-8", "koi8-r", "iso-8859-8", "windows-1252", "x"]),
            octets: Vec<u8>,
            tail: String,
        ) {
            let word = format!("=?{charset}?B?{}?={tail}", BASE64_NOPAD.encode(&octets));
            let read = decode(&word);
            proptest::prop_assert!(!read.chars().any(char::is_control));
        }
    }
}
