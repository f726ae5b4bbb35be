//! Grams: what a text is cut into, so that what can't contain another is known without reading it.
//!
//! A gram is three characters in a row; where one of two is of a script that writes a word in a character or two, it is
//! those two. Whoever contains a text contains all its grams.

/// How many there are: each is a number of 24 bits, made of its characters. Two that share a number cost a look, no answer.
const GRAM_BITS: u32 = 24;

/// From here on, Unicode has the scripts of East Asia: ideographs, kana.
const WIDE_FROM: char = '\u{2e80}';

/// Grams of what is looked for that are looked up: more rule out little more.
const LOOKED_UP_MAX: usize = 8;

/// The grams of a text, in order, each once.
pub(crate) fn of(text: &str) -> Vec<u32> {
    let mut grams = Vec::with_capacity(text.len().min(1 << 16));
    let (mut first, mut second) = ('\n', '\n');
    for third in text.chars() {
        if second != '\n' && third != '\n' {
            if second >= WIDE_FROM || third >= WIDE_FROM {
                grams.push(number(second, third, '\0'));
            } else if first != '\n' && first < WIDE_FROM {
                grams.push(number(first, second, third));
            }
        }
        (first, second) = (second, third);
    }
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// Some of the grams of what is looked for, from all over it; none if it is too short to have one.
pub(crate) fn looked_up(text: &str) -> Vec<u32> {
    let all = of(text);
    // Their order is that of a hash: any of them are from all over the text.
    let step = all.len().div_ceil(LOOKED_UP_MAX).max(1);
    all.into_iter().step_by(step).collect()
}

/// The shard of a segment in which a gram's messages are listed.
pub(crate) fn shard(gram: u32) -> u32 {
    gram >> (GRAM_BITS - 8)
}

fn number(first: char, second: char, third: char) -> u32 {
    let characters = u64::from(u32::from(first)) | u64::from(u32::from(second)) << 21 | u64::from(u32::from(third)) << 42;
    // Fibonacci hashing: the upper bits depend on all of them.
    let mixed = characters.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from(mixed >> (64 - GRAM_BITS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_grams_of_what_it_contains() {
        let text =
            "\nsubject: gru\u{308}sse aus mu\u{308}nchen\n\u{4f1a}\u{8bae}\u{8bb0}\u{5f55} abc \u{645}\u{631}\u{62d}\u{628}\u{627}\n";
        let all = of(text);
        for piece in ["gru\u{308}s", "\u{4f1a}\u{8bae}", "\u{8bb0}\u{5f55} a", "\u{631}\u{62d}\u{628}", "c \u{645}", "aus m"] {
            assert!(text.contains(piece));
            assert!(!looked_up(piece).is_empty(), "{piece}");
            assert!(of(piece).iter().all(|gram| all.binary_search(gram).is_ok()), "{piece}");
        }
        assert!(of("xyz").iter().any(|gram| all.binary_search(gram).is_err()));
        assert_eq!((of("ab"), of("\u{4f1a}"), of("")), (vec![], vec![], vec![]));
        assert!((4..=LOOKED_UP_MAX).contains(&looked_up(&"a quick brown fox jumps over the lazy dog".repeat(9)).len()));
    }
}
