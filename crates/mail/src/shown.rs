//! Words of strangers, made fit to stand beside our own: nothing in them moves a cursor, turns text round, ends our quotes,
//! becomes a link, or passes for another address.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::address::Mailbox;

/// Marks on top of each other that some script needs; more of them paint over the lines around.
const MARKS_MAX: u32 = 2;
/// Characters of a claim that are shown.
const CLAIM_CHARACTERS_MAX: usize = 160;

/// An address in printable ASCII, its domain in A-labels. A character of the local part that could be taken for another, or
/// make a program see a link, is written as `\u{...}`: different addresses are shown differently, and most as they are.
pub fn address(mailbox: &Mailbox) -> String {
    format!("{}@{}", local(mailbox.local(), |_other| None), mailbox.domain())
}

/// The address in the script of those who use it, where that is another than ASCII. It may look like somebody else's: it is
/// for showing beside [`address`], never alone.
pub fn own_script(mailbox: &Mailbox) -> Option<String> {
    let (domain, valid) = idna::domain_to_unicode(mailbox.domain().as_str());
    let domain = if valid.is_ok() { visible(&domain) } else { mailbox.domain().to_string() };
    let is_other = domain != mailbox.domain().as_str() || mailbox.needs_smtputf8();
    is_other.then(|| format!("{}@{domain}", visible(&local(mailbox.local(), Some))))
}

/// The local part, characters beyond ASCII as `beyond` has them.
fn local(text: &str, beyond: impl Fn(char) -> Option<char>) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let before = text.get(..at).unwrap_or_default();
        match character {
            // Programs make links of what begins so.
            '.' if ["www", "ftp"].iter().any(|scheme| ends_with(before, scheme)) => escape(&mut shown, character),
            plain if plain.is_ascii_alphanumeric() || "!#$%&'*+-._=^{|}~".contains(plain) => shown.push(plain),
            other => match Some(other).filter(|other| !other.is_ascii()).and_then(&beyond) {
                Some(kept) => shown.push(kept),
                None => escape(&mut shown, other),
            },
        }
    }
    shown
}

fn ends_with(text: &str, end: &str) -> bool {
    let tail = text.len().checked_sub(end.len()).and_then(|at| text.get(at..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

fn escape(shown: &mut String, character: char) {
    shown.extend(["\\u{", &format!("{:x}", u32::from(character)), "}"]);
}

/// Something that somebody claims (a name, a subject), in quotes of ours. A dot within what could be a host's name, `://` and `@`
/// stand in brackets: it is no link and no address.
pub fn claim(text: &str) -> String {
    let composed: String = text.nfc().collect();
    let plain: Vec<char> = visible(&composed).trim().chars().collect();
    let mut shown = String::from("\"");
    let at = |index: usize| plain.get(index).copied().unwrap_or(' ');
    for (index, character) in plain.iter().copied().enumerate().take(CLAIM_CHARACTERS_MAX) {
        let before = index.checked_sub(1).map_or(' ', at);
        match character {
            '"' => shown.push('\''),
            '@' => shown.push_str("[at]"),
            // Also the full stops of other scripts: programs that look for hosts take them for dots (UTS 46).
            '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}' if before.is_alphanumeric() && at(index + 1).is_alphabetic() => {
                shown.push_str("[.]");
            }
            ':' if !at(index + 1).is_whitespace() => shown.push_str("[:]"),
            other => shown.push(other),
        }
    }
    shown.push_str(if plain.len() > CLAIM_CHARACTERS_MAX { "...\"" } else { "\"" });
    shown
}

/// The text on one line, with U+FFFD for whatever is not seen itself and changes how the rest is seen.
pub fn visible(text: &str) -> String {
    let mut marks = 0;
    let shown = |character: char| {
        marks = if is_combining_mark(character) { marks + 1 } else { 0 };
        match character {
            '\t' | '\r' | '\n' => ' ',
            hidden if is_hidden(hidden) || marks > MARKS_MAX => '\u{fffd}',
            other => other,
        }
    };
    text.chars().map(shown).collect()
}

/// Control characters, what Unicode calls default ignorable, bidirectional controls, blanks of other widths, and private use.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(u32::from(character),
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e
            | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
            | 0x1_bca0..=0x1_bca3 | 0x1_d173..=0x1_d17a | 0xe_0000..=0x10_ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::Domain;

    fn mailbox(text: &str) -> Mailbox {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_shown_as_they_are_and_odd_ones_spelled_out() {
        let table = [
            ("Alice.B+x@a.test", "Alice.B+x@a.test", None),
            ("bounce=bob=b.test@a.test", "bounce=bob=b.test@a.test", None),
            ("alice@b\u{fc}cher.test", "alice@xn--bcher-kva.test", Some("alice@b\u{fc}cher.test")),
            ("\u{430}lice@a.test", "\\u{430}lice@a.test", Some("\u{430}lice@a.test")),
            ("\"a b\"@a.test", "a\\u{20}b@a.test", None),
            ("\"<script>\"@a.test", "\\u{3c}script\\u{3e}@a.test", None),
            ("\"https://bank.test/\"@a.test", "https\\u{3a}\\u{2f}\\u{2f}bank.test\\u{2f}@a.test", None),
            ("WWW.bank.test@a.test", "WWW\\u{2e}bank.test@a.test", None),
            ("=?utf-8?q?boss?=@a.test", "=\\u{3f}utf-8\\u{3f}q\\u{3f}boss\\u{3f}=@a.test", None),
            ("\"boss@bank.test\"@a.test", "boss\\u{40}bank.test@a.test", None),
            ("\"\\\\u{61}\"@a.test", "\\u{5c}u{61}@a.test", None),
            ("a\u{200b}b@a.test", "a\\u{200b}b@a.test", Some("a\u{fffd}b@a.test")),
        ];
        for (written, shown, script) in table {
            let mailbox = mailbox(written);
            assert_eq!(address(&mailbox), shown, "{written}");
            assert_eq!(own_script(&mailbox).as_deref(), script, "{written}");
        }
    }

    #[test]
    fn claims_are_quoted_and_never_links() {
        for (claimed, shown) in [
            ("Alice", "\"Alice\""),
            ("  Gr\u{fc}\u{df}e: an alle, Nr. 3.5  ", "\"Gr\u{fc}\u{df}e: an alle, Nr. 3.5\""),
            ("see https://evil.test/x", "\"see https[:]//evil[.]test/x\""),
            ("www.evil.test", "\"www[.]evil[.]test\""),
            ("mailto:a@b.test", "\"mailto[:]a[at]b[.]test\""),
            ("evil\u{3002}test", "\"evil[.]test\""),
            ("a\" (checked)\r\nFrom: b", "\"a' (checked)  From: b\""),
            ("\u{202e}kcehc\u{202c}", "\"\u{fffd}kcehc\u{fffd}\""),
            ("a\u{300}\u{301}\u{302}\u{303}\u{304}", "\"\u{e0}\u{301}\u{302}\u{fffd}\u{fffd}\""),
            ("", "\"\""),
        ] {
            assert_eq!(claim(claimed), shown, "{claimed}");
        }
        assert_eq!(claim(&"x".repeat(200)), format!("\"{}...\"", "x".repeat(160)));
    }

    proptest! {
        #[test]
        fn different_addresses_are_shown_differently_and_in_ascii(one in "\\PC{1,12}", other in "\\PC{1,12}") {
            let domain: Domain = "a.test".parse().unwrap();
            let shown = [&one, &other].map(|local| Mailbox::new(local, domain.clone()).ok().map(|mailbox| address(&mailbox)));
            for shown in shown.iter().flatten() {
                prop_assert!(shown.bytes().all(|octet| octet.is_ascii_graphic()), "{shown}");
                prop_assert_eq!(shown.matches('@').count(), 1);
                prop_assert!(!shown.contains("=?") && !shown.contains(['/', ':', '<', '>', '"']), "{shown}");
            }
            if let [Some(one_shown), Some(other_shown)] = &shown {
                prop_assert_eq!(one_shown == other_shown, one == other);
            }
        }

        #[test]
        fn no_claim_leaves_its_quotes_or_hides_anything(text: String) {
            let shown = claim(&text);
            let inner = shown.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
            prop_assert!(!inner.contains(['"', '@', '\n', '\r']) && !inner.contains("://"));
            prop_assert!(!inner.chars().any(is_hidden));
        }
    }
}
