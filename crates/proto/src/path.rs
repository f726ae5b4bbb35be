//! Paths: mailboxes between angle brackets (RFC 5321 section 4.1.2, RFC 6531 section 3.3).
//!
//! ```abnf
//! path   = "<" Mailbox ">"     ; the extension's: never empty, no source route, no address literal
//! Domain = sub-domain *( "." sub-domain )      ; A-labels, lower case, no final dot: as we write it, everywhere
//! ```

use mail::address::{Domain, Mailbox};

/// Splits a text that begins with a path into what stands between its angle brackets and what follows them.
///
/// Knows quoted strings: `<"a> b"@c.test> SIZE=1` is one path and a parameter. `None` if there is no whole path.
pub fn split(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in inner.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some((inner.get(..at)?, inner.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// Reads the extension's `path` at the front of a text: its mailbox, and what follows it.
pub fn read(text: &str) -> Option<(Mailbox, &str)> {
    let (inner, rest) = split(text)?;
    // RFC 5321 section 2.4: the domain of a mailbox is read in any case, whoever writes it. RFC 6531: in U-labels, too.
    Some((inner.parse::<Mailbox>().ok()?, rest))
}

/// Reads a `Domain` that is written as the extension writes it.
pub fn domain(text: &str) -> Option<Domain> {
    text.parse::<Domain>().ok().filter(|domain| domain.as_str() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_at_the_first_bracket_that_is_not_quoted() {
        assert_eq!(split("<a@b.test> SIZE=1"), Some(("a@b.test", " SIZE=1")));
        assert_eq!(split(r#"<"a> \"b"@c.test>x"#), Some((r#""a> \"b"@c.test"#, "x")));
        assert_eq!(split("<>"), Some(("", "")));
        for text in ["", "a@b.test", "<a@b.test", r#"<"a>"#, " <a@b.test>"] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn a_path_is_one_mailbox_in_whatever_case_its_domain_is_written() {
        for text in ["<a@b.test>", "<A.B@b.test>", r#"<"a b"@b.test>"#, "<\u{fc}@xn--bcher-kva.test>", "<a@B.Test>", "<a@b\u{fc}cher.test>"]
        {
            assert!(read(text).is_some(), "{text}");
        }
        for text in ["<>", "<a>", "<@x.test:a@b.test>", "<a@[192.0.2.1]>", "<a@b.test.>", "< a@b.test>", "<a@b.test"] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_reading_panic(text in "[<>@\"\\\\a.\u{e9}\u{0} ]{0,40}") {
            if let Some((mailbox, rest)) = read(&text) {
                proptest::prop_assert!(text.ends_with(rest));
                let again = format!("<{mailbox}>");
                proptest::prop_assert_eq!(read(&again).unwrap().0, mailbox);
            }
        }
    }
}
