//! Text as it is compared: the same in any case and however its accents are written (RFC 5051, `i;unicode-casemap`).
//!
//! Two texts are equal to a reader of mail if their folded forms are; one is found in another if its folded form is.

use std::cmp::Ordering;

use unicode_normalization::UnicodeNormalization as _;

/// Octets looked at together.
const BLOCK: usize = 16;

/// The folded form: compatibility characters and accents taken apart, case removed, white space of any length one space.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    push(text, &mut folded, usize::MAX);
    folded
}

/// Which of two folded texts comes first (RFC 5051 section 2): they compare as capitals, and `[` and `_` stand behind those.
pub fn order(one: &str, other: &str) -> Ordering {
    let differ = one.bytes().zip(other.bytes()).position(|(one, other)| one != other).unwrap_or_else(|| one.len().min(other.len()));
    // Where they differ in ASCII, the octets there say it.
    let tails = (one.as_bytes().get(differ..).unwrap_or_default(), other.as_bytes().get(differ..).unwrap_or_default());
    if let (Some(first), Some(second)) = (tails.0.first(), tails.1.first())
        && first.is_ascii()
        && second.is_ascii()
    {
        return first.to_ascii_uppercase().cmp(&second.to_ascii_uppercase());
    }
    let letters = |text: &str| text.chars().flat_map(char::to_uppercase).collect::<String>();
    letters(one).cmp(&letters(other)).then_with(|| one.cmp(other))
}

/// Appends the folded form of a text, until `out` has so many octets. Returns whether all of it is there.
pub fn push(text: &str, out: &mut String, octets_max: usize) -> bool {
    let mut after_space = out.ends_with(' ');
    let mut rest = text;
    while !rest.is_empty() {
        let room = octets_max.saturating_sub(out.len());
        if room == 0 {
            return false;
        }
        // Most of most mail is ASCII, and needs no table.
        let ascii = if rest.is_ascii() { rest.len() } else { rest.bytes().position(|octet| !octet.is_ascii()).unwrap_or(rest.len()) };
        // What combines with a letter stands behind it: the last one goes with what follows.
        let ascii = if ascii < rest.len() { ascii.saturating_sub(1) } else { ascii };
        if ascii > room {
            let (front, _) = rest.split_at_checked(room).unwrap_or((rest, ""));
            put_ascii(front, out, &mut after_space);
            rest = rest.get(room..).unwrap_or_default();
            continue;
        }
        let (plain, behind) = rest.split_at_checked(ascii).unwrap_or((rest, ""));
        put_ascii(plain, out, &mut after_space);
        let other = behind.char_indices().skip(1).find(|(_, character)| character.is_ascii()).map_or(behind.len(), |(at, _)| at);
        let (special, tail) = behind.split_at_checked(other).unwrap_or((behind, ""));
        for character in special.nfkd() {
            if character.is_ascii() {
                put(character.to_ascii_lowercase(), out, &mut after_space);
            } else {
                // By way of its capital: `ß` is `ss` then, and each sigma the same.
                for lower in character.to_uppercase().flat_map(char::to_lowercase) {
                    put(lower, out, &mut after_space);
                }
            }
        }
        rest = tail;
    }
    true
}

/// Takes pieces that only change their case together: nearly all of a text is in such pieces, about a line long.
fn put_ascii(text: &str, out: &mut String, after_space: &mut bool) {
    let mut rest = text;
    while !rest.is_empty() {
        let plain = plain_octets(rest.as_bytes(), *after_space);
        let (front, behind) = rest.split_at_checked(plain).unwrap_or(("", rest));
        put_piece(front, out, after_space);
        rest = behind;
        let mut spaced = *after_space;
        let stays = |octet: u8| {
            let is_space = octet == b' ';
            let stays = octet.is_ascii_graphic() || is_space && !spaced;
            spaced = is_space;
            stays
        };
        let length = rest.bytes().map(stays).position(|stays| !stays).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        put_piece(piece, out, after_space);
        let mut others = behind.chars();
        if let Some(other) = others.next() {
            put(other, out, after_space);
        }
        rest = others.as_str();
    }
}

/// How many octets in front surely only change their case: no control among them, and no space behind another. Looked at many at a
/// time, without asking after each whether it was the last: that is several times as quick.
fn plain_octets(text: &[u8], after_space: bool) -> usize {
    let is_plain = |block: &[u8; BLOCK]| {
        let other = block.iter().fold(false, |any, octet| any | !(b' '..0x7f).contains(octet));
        let pairs = block.iter().zip(block.iter().skip(1));
        let doubled = pairs.fold(false, |any, pair| any | matches!(pair, (b' ', b' ')));
        !(other | doubled)
    };
    let mut ended_in_space = after_space;
    let is_next = |block: &&[u8; BLOCK]| {
        let is_next = is_plain(block) && !(ended_in_space && block.starts_with(b" "));
        ended_in_space = block.ends_with(b" ");
        is_next
    };
    text.as_chunks().0.iter().take_while(is_next).count() * BLOCK
}

fn put_piece(piece: &str, out: &mut String, after_space: &mut bool) {
    if piece.is_empty() {
        return;
    }
    let from = out.len();
    out.push_str(piece);
    if let Some(piece) = out.get_mut(from..) {
        piece.make_ascii_lowercase();
    }
    *after_space = piece.ends_with(' ');
}

fn put(character: char, out: &mut String, after_space: &mut bool) {
    let is_space = character.is_whitespace();
    if is_space && *after_space || character.is_control() && !is_space {
        return;
    }
    out.push(if is_space { ' ' } else { character });
    *after_space = is_space;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_the_same_folds_the_same() {
        for (one, other) in [
            ("Hello  World", "hello world"),
            ("STRASSE", "stra\u{df}e"),
            ("caf\u{e9}", "CAFE\u{301}"),
            ("\u{1e9b}\u{323}", "\u{1e69}"),
            ("\u{39f}\u{394}\u{3a5}\u{3a3}\u{3a3}\u{395}\u{3a5}\u{3a3}", "\u{3bf}\u{3b4}\u{3c5}\u{3c3}\u{3c3}\u{3b5}\u{3c5}\u{3c2}"),
            ("\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}", "\u{43f}\u{420}\u{418}\u{412}\u{415}\u{422}"),
            ("\u{fb01}n", "FIN"),
            ("\u{ff21}\u{ff22}", "ab"),
            ("a\r\n\tb", "A b"),
            ("a\u{a0}b", "a b"),
            ("\u{d55c}\u{ae00}", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("a"), fold("b"));
        assert_eq!(fold("x\u{0}y"), "xy");
    }

    #[test]
    fn capitals_come_before_what_ascii_has_behind_them() {
        let mut subjects = ["_", "b", "[list]", "", "A", "zebra", "\u{e4}a", "ab"].map(fold);
        subjects.sort_by(|one, other| order(one, other));
        assert_eq!(subjects, ["", "a", "ab", "a\u{308}a", "b", "zebra", "[list]", "_"]);
    }

    #[test]
    fn folding_ends_where_it_is_told_to() {
        let mut out = String::new();
        assert!(!push(&"\u{e4}a".repeat(10_000), &mut out, 100));
        assert!(out.len() < 120);
        let mut whole = String::new();
        assert!(push("abc", &mut whole, 3));
    }

    proptest::proptest! {
        #[test]
        fn a_folded_text_is_folded(text in "[aAeß\u{301}\u{327}Σς \u{a0}\n한éﬁ中]{0,30}") {
            let once = fold(&text);
            proptest::prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn ascii_is_folded_character_by_character(text in "([a-z A-Z]{0,40}|[ -~]{0,40}|[ -~\r\n\t\u{0}\u{1f}\u{7f}]{0,60}){0,4}") {
            let mut folded = String::new();
            for octet in text.bytes().filter(|octet| !octet.is_ascii_control() || matches!(octet, b'\t'..=b'\r')) {
                let is_space = octet.is_ascii_whitespace();
                if !is_space || !folded.ends_with(' ') {
                    folded.push(if is_space { ' ' } else { char::from(octet.to_ascii_lowercase()) });
                }
            }
            proptest::prop_assert_eq!(fold(&text), folded);
        }

        #[test]
        fn a_piece_is_found_where_it_was_cut(before in "[a-zäöü中文 ]{0,10}", piece in "[a-zA-ZÄÖÜß中文й]{1,10}", after in "[a-z中 ]{0,10}") {
            let whole = fold(&format!("{before}{piece}{after}"));
            proptest::prop_assert!(whole.contains(&fold(&piece)), "{} in {}", piece, whole);
        }
    }
}
