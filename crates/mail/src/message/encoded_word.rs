//! Text for fields that hold ASCII only, as encoded-words (RFC 2047).

use data_encoding::BASE64;

/// Octets of text in one encoded-word: with its frame it stays within 75 (RFC 2047 section 2).
const TEXT_OCTETS_MAX: usize = 45;

/// A text as it stands in an unstructured field: as it is if it is printable ASCII, else in encoded-words, folded.
///
/// ```abnf
/// encoded-word = "=?utf-8?B?" base64 "?="
/// ```
pub fn unstructured(text: &str) -> String {
    // What looks like an encoded-word would be read as one.
    let is_plain = text.bytes().all(|octet| matches!(octet, b' '..=b'~')) && !text.contains("=?") && text.len() <= 900;
    if is_plain { text.to_owned() } else { encoded(text) }
}

/// A display name in front of an address: a quoted-string, or encoded-words.
pub fn phrase(text: &str) -> String {
    if !text.bytes().all(|octet| matches!(octet, b' '..=b'~')) || text.contains("=?") || text.len() > TEXT_OCTETS_MAX * 10 {
        return encoded(text);
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// RFC 2047 section 2: lines of at most 76 octets; section 5: no character is split.
fn encoded(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut piece = String::new();
    for character in text.chars().filter(|character| !character.is_control()) {
        if piece.len() + character.len_utf8() > TEXT_OCTETS_MAX {
            words.push(std::mem::take(&mut piece));
        }
        piece.push(character);
    }
    words.push(piece);
    let words: Vec<String> = words.iter().map(|word| format!("=?utf-8?B?{}?=", BASE64.encode(word.as_bytes()))).collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::text::{decode, unfold};
    use super::*;

    #[test]
    fn ascii_stays_readable() {
        assert_eq!(unstructured("Hello, world"), "Hello, world");
        assert_eq!(phrase("Ann \"A\" \\ via bob"), r#""Ann \"A\" \\ via bob""#);
        assert_eq!(unstructured("Gr\u{fc}n"), "=?utf-8?B?R3LDvG4=?=");
    }

    proptest! {
        #[test]
        fn every_text_reads_back(text in "\\PC{0,200}") {
            for written in [unstructured(&text), phrase(&text)] {
                prop_assert!(written.is_ascii());
                prop_assert!(written.split("\r\n").all(|line| line.len() <= 900));
            }
            prop_assert_eq!(decode(&unfold(encoded(&text).as_bytes())), decode(&text).trim().to_owned());
        }
    }
}
