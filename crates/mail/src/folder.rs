//! Names of mailboxes as files have them: Maildir++ folders, in the modified UTF-7 that other mail servers read.
//!
//! A mailbox is a path of names with `/` between them. On disk `.` stands between them, and what would be in the way
//! (a dot in a name, a slash, a control character) is encoded as any other character is that is not printable ASCII.

use data_encoding::{Encoding, Specification};

/// Octets of the name of a file; more does not fit on common file systems.
const FILE_NAME_OCTETS_MAX: usize = 240;

/// RFC 3501 section 5.1.3: base64 with `,` for `/`, and without padding.
fn base64() -> Option<Encoding> {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,");
    specification.check_trailing_bits = false;
    specification.encoding().ok()
}

/// Whether a mailbox may have this name: no part of its path is empty, and it fits into the name of a file.
pub fn is_name(mailbox: &str) -> bool {
    to_file_name(mailbox).is_some()
}

/// The name of a folder (without the dot that begins it in a Maildir), or of a file; `None` for what [`is_name`] refuses.
pub fn to_file_name(mailbox: &str) -> Option<String> {
    // `//` would be `..` on disk.
    if mailbox.split('/').any(str::is_empty) {
        return None;
    }
    let mut written = String::new();
    let mut units: Vec<u8> = Vec::new();
    for character in mailbox.chars() {
        let is_plain = matches!(character, ' '..='~') && character != '.';
        if !is_plain {
            let mut buffer = [0; 2];
            character.encode_utf16(&mut buffer).iter().for_each(|unit| units.extend(unit.to_be_bytes()));
            continue;
        }
        flush(&mut units, &mut written)?;
        match character {
            '/' => written.push('.'),
            '&' => written.push_str("&-"),
            other => written.push(other),
        }
    }
    flush(&mut units, &mut written)?;
    (written.len() <= FILE_NAME_OCTETS_MAX).then_some(written)
}

fn flush(units: &mut Vec<u8>, written: &mut String) -> Option<()> {
    if !units.is_empty() {
        written.push('&');
        written.push_str(&base64()?.encode(units));
        written.push('-');
        units.clear();
    }
    Some(())
}

/// The mailbox that a name on disk stands for. A name that is not in modified UTF-7 is taken as it is.
pub fn from_file_name(name: &str) -> String {
    decode(name).unwrap_or_else(|| name.replace('.', "/"))
}

fn decode(name: &str) -> Option<String> {
    let mut mailbox = String::new();
    let mut rest = name;
    while let Some((plain, encoded)) = rest.split_once('&') {
        mailbox.push_str(&plain.replace('.', "/"));
        let (encoded, after) = encoded.split_once('-')?;
        if encoded.is_empty() {
            mailbox.push('&');
        } else {
            let octets = base64()?.decode(encoded.as_bytes()).ok()?;
            let units: Vec<u16> =
                octets.chunks(2).map(|pair| <[u8; 2]>::try_from(pair).map(u16::from_be_bytes)).collect::<Result<_, _>>().ok()?;
            mailbox.push_str(&String::from_utf16(&units).ok()?);
        }
        rest = after;
    }
    mailbox.push_str(&rest.replace('.', "/"));
    Some(mailbox)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_written_as_other_servers_write_them() {
        for (mailbox, name) in [
            ("Archive/2026", "Archive.2026"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("台北", "&U,BTFw-"),
            ("a&b", "a&-b"),
            ("v1.2", "v1&AC4-2"),
            ("😀", "&2D3eAA-"),
        ] {
            assert_eq!(to_file_name(mailbox).as_deref(), Some(name));
            assert_eq!(from_file_name(name), mailbox);
        }
        assert_eq!(from_file_name("not & so"), "not & so");
        for unfit in ["", "/", "a//b", "/a", "a/"] {
            assert_eq!(to_file_name(unfit), None);
        }
        assert_eq!(to_file_name(&"x".repeat(300)), None);
    }

    proptest! {
        #[test]
        fn every_name_reads_back(mailbox in "[\\PC\\n.&-]{1,9}(/[\\PC.&-]{1,9}){0,2}") {
            prop_assume!(is_name(&mailbox));
            let name = to_file_name(&mailbox).unwrap();
            prop_assert!(!name.contains(['/', '\0', '\n']));
            prop_assert_eq!(from_file_name(&name), mailbox);
        }

        #[test]
        fn no_name_is_too_strange_to_read(name in "\\PC*") {
            from_file_name(&name);
        }
    }
}
