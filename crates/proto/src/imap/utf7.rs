//! Modified UTF-7, the names of mailboxes before UTF-8 (RFC 3501 section 5.1.3).

use data_encoding::{Encoding, Specification};
use std::sync::LazyLock;

/// Base64 with `,` in place of `/`, and without padding.
static BASE64: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,");
    specification.encoding().ok()
});

/// Writes a name: printable ASCII stays, `&` becomes `&-`, all else is UTF-16 in base64.
pub(super) fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let plain = |character: char| matches!(character, ' '..='~');
        if first == '&' {
            out.push_str("&-");
            rest = rest.strip_prefix('&').unwrap_or_default();
        } else if plain(first) {
            let (front, behind) = rest.split_at(rest.find(|next| !plain(next) || next == '&').unwrap_or(rest.len()));
            out.push_str(front);
            rest = behind;
        } else {
            let (front, behind) = rest.split_at(rest.find(plain).unwrap_or(rest.len()));
            let units: Vec<u8> = front.encode_utf16().flat_map(u16::to_be_bytes).collect();
            out.push('&');
            if let Some(base64) = &*BASE64 {
                base64.encode_append(&units, &mut out);
            }
            out.push('-');
            rest = behind;
        }
    }
    out
}

/// Reads a name. Characters beyond ASCII, which should not be here, are taken as they stand: clients that send them mean
/// them. `None` where a shift is broken, encodes what needs none, or is followed at once by another: a name has one form.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((front, shifted)) = rest.split_once('&') {
        out.push_str(front);
        let (base64, behind) = shifted.split_once('-')?;
        rest = behind;
        if base64.is_empty() {
            out.push('&');
            continue;
        }
        let octets = BASE64.as_ref()?.decode(base64.as_bytes()).ok()?;
        if octets.len() % 2 != 0 {
            return None;
        }
        let units = octets.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, octet| unit << 8 | u16::from(*octet)));
        let decoded: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
        if decoded.chars().any(|character| matches!(character, ' '..='~')) || behind.starts_with('&') && !behind.starts_with("&-") {
            return None;
        }
        out.push_str(&decoded);
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_and_write_as_the_rfc_has_them() {
        for (text, name) in [
            ("", ""),
            ("INBOX", "INBOX"),
            ("&-", "&"),
            ("R&-D", "R&D"),
            ("&-&-", "&&"),
            ("&AOk-t&AOk-", "\u{e9}t\u{e9}"),
            ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}"),
            ("&2D3cqQ-", "\u{1f4a9}"),
            ("&AOk-&-", "\u{e9}&"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(name));
            assert_eq!(encode(name), text);
        }
    }

    #[test]
    fn a_name_has_one_form() {
        // Not ended, no base64, half a unit, half a character, an ASCII letter in base64, two shifts where one would do.
        for text in ["a&", "&Jjo", "&!-", "&AO-", "&AOkA-", "&2D0-", "&AGE-", "&Jjo-&Jjo-", "&U/BT-"] {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(decode("\u{e9}").as_deref(), Some("\u{e9}"));
    }

    proptest::proptest! {
        #[test]
        fn every_name_reads_back(name in "\\PC{0,20}") {
            let text = encode(&name);
            proptest::prop_assert!(text.is_ascii());
            let read = decode(&text);
            proptest::prop_assert_eq!(read.as_deref(), Some(name.as_str()));
        }
    }
}
