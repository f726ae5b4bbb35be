//! `xtext` (RFC 3461 section 4): any octets as printable ASCII without spaces, for parameter values.
//!
//! ```abnf
//! xtext   = *( xchar / hexchar )
//! xchar   = %d33-42 / %d44-60 / %d62-126      ; printable, but not "+" and "="
//! hexchar = "+" 2( DIGIT / "A" / "B" / "C" / "D" / "E" / "F" )      ; upper case only
//! ```

use std::borrow::Cow;

/// Whether this octet stands for itself.
fn is_xchar(octet: u8) -> bool {
    matches!(octet, b'!'..=b'~') && octet != b'+' && octet != b'='
}

/// The text as xtext.
pub fn encode(text: &str) -> Cow<'_, str> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    if text.bytes().all(is_xchar) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() * 2);
    for octet in text.bytes() {
        if is_xchar(octet) {
            encoded.push(char::from(octet));
        } else {
            encoded.extend(['+', digit(octet >> 4), digit(octet & 0xf)]);
        }
    }
    Cow::Owned(encoded)
}

/// The text that xtext stands for; `None` if it is not xtext, or what it stands for is not UTF-8.
///
/// Control characters may come out: who shows or stores the text decides on them (see [`decode_printable`]).
pub fn decode(encoded: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut octets = encoded.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'+' => decoded.push(hex_value(octets.next()?)? << 4 | hex_value(octets.next()?)?),
            _ if is_xchar(octet) => decoded.push(octet),
            _ => return None,
        }
    }
    String::from_utf8(decoded).ok()
}

/// As [`decode`], and `None` if a control character (C0, DEL or C1) comes out.
pub fn decode_printable(encoded: &str) -> Option<String> {
    decode(encoded).filter(|text| !text.chars().any(char::is_control))
}

fn hex_value(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_signs_and_what_is_not_ascii_are_written_in_hex() {
        assert_eq!(encode("plain"), "plain");
        assert_eq!(encode("a+b = c"), "a+2Bb+20+3D+20c");
        assert_eq!(encode("\u{fc}\r\n"), "+C3+BC+0D+0A");
        assert_eq!(decode("a+2Bb+20+3D+20c").unwrap(), "a+b = c");
    }

    #[test]
    fn what_is_no_xtext_is_refused() {
        for text in ["+", "+4", "+4g", "+c3+bc", "a=b", "a b", "\u{fc}", "+C3", "+FF", "\t", "+C0+AF"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn control_characters_come_out_only_where_they_are_wanted() {
        for text in ["+00", "a+0Db", "+7F", "+C2+85", "+1B[31m"] {
            assert!(decode(text).is_some(), "{text}");
            assert_eq!(decode_printable(text), None, "{text}");
        }
        assert_eq!(decode_printable("+C3+BC").unwrap(), "\u{fc}");
    }

    proptest::proptest! {
        #[test]
        fn decoding_undoes_encoding(text: String) {
            let encoded = encode(&text);
            proptest::prop_assert!(encoded.bytes().all(|octet| octet == b'+' || is_xchar(octet)));
            proptest::prop_assert_eq!(decode(&encoded).unwrap(), text);
        }

        #[test]
        fn no_text_makes_decoding_panic(text: String) {
            if let Some(decoded) = decode(&text) {
                proptest::prop_assert_eq!(decode(&encode(&decoded)).unwrap(), decoded);
            }
        }
    }
}
