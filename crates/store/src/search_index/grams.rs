//! Grams: what a text is cut into, so that what can't contain another is known without reading it.
//!
//! A gram is three characters in a row; where one of two is of a script that writes a word in a character or two, it is
//! those two. Whoever contains a text contains all its grams. Those of a header section and those of a body are told apart.

/// Shards of a segment.
pub(crate) const SHARDS: usize = 1 << 8;

/// How many there are: each is a number of 24 bits, made of its characters. Two that share a number cost a look, no answer.
const GRAM_BITS: u32 = 24;

/// From here on, Unicode has the scripts of East Asia: ideographs, kana.
const WIDE_FROM: char = '\u{2e80}';

/// Grams of what is looked for that are looked up: more rule out little more.
const LOOKED_UP_MAX: usize = 8;

/// Of a character of ASCII.
const ASCII_BITS: u32 = 7;

/// Places of [`Seen`], at most.
const SEEN_MAX: usize = 1 << 14;

/// Where in a message a text stands. A text that is found stands in one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Head,
    Body,
}

/// The grams of a text, in order, each once.
pub(crate) fn of(text: &str, side: Side) -> Vec<u32> {
    let mut grams = Vec::new();
    push(text, side, &mut grams);
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// Reads the grams of many messages, one after the other.
#[derive(Debug)]
pub struct Reader {
    /// A bit for each three characters of ASCII: those of the line that were met.
    met: Vec<u64>,
    /// Those that are set.
    set: Vec<u32>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { met: vec![0; 1 << (3 * ASCII_BITS - 6)], set: Vec::new() }
    }
}

impl Reader {
    /// The grams of a message, in any order; one of them may come twice.
    pub(crate) fn of_message(&mut self, head: &str, body: &str) -> Vec<u32> {
        let mut grams = Vec::new();
        for (text, side) in [(head, Side::Head), (body, Side::Body)] {
            // No gram goes on behind the end of a line.
            for line in text.split('\n') {
                if line.is_ascii() {
                    self.meet(line.as_bytes());
                } else {
                    push(line, side, &mut grams);
                }
            }
            self.take(side, &mut grams);
        }
        grams
    }

    /// Most text is ASCII: whether three characters came before is known by themselves, and their number is made of them once.
    fn meet(&mut self, line: &[u8]) {
        let Some(([first, second], behind)) = line.split_first_chunk() else { return };
        let mut three = u32::from(*first) << ASCII_BITS | u32::from(*second);
        for third in behind {
            three = (three << ASCII_BITS | u32::from(*third)) & ((1 << (3 * ASCII_BITS)) - 1);
            let Some(place) = usize::try_from(three >> 6).ok().and_then(|place| self.met.get_mut(place)) else { continue };
            let bit = 1 << (three & 63);
            if *place & bit == 0 {
                *place |= bit;
                self.set.push(three);
            }
        }
    }

    fn take(&mut self, side: Side, grams: &mut Vec<u32>) {
        let character = |three: u32, place: u32| char::from_u32(three >> (place * ASCII_BITS) & 0x7f).unwrap_or_default();
        grams.reserve(self.set.len());
        for three in self.set.drain(..) {
            grams.push(number(character(three, 2), character(three, 1), character(three, 0), side));
            if let Some(place) = usize::try_from(three >> 6).ok().and_then(|place| self.met.get_mut(place)) {
                *place = 0;
            }
        }
    }
}

/// Appends the grams of a text; some of them may come again.
fn push(text: &str, side: Side, grams: &mut Vec<u32>) {
    let mut seen = Seen::for_octets(text.len());
    let mut add = |gram: u32| {
        if seen.is_new(gram) {
            grams.push(gram);
        }
    };
    let (mut first, mut second) = ('\n', '\n');
    for third in text.chars() {
        if second != '\n' && third != '\n' {
            if second >= WIDE_FROM || third >= WIDE_FROM {
                add(number(second, third, '\0', side));
            } else if first != '\n' && first < WIDE_FROM {
                add(number(first, second, third, side));
            }
        }
        (first, second) = (second, third);
    }
}

/// What came of late: a text has each of its grams several times, and sorting them all takes longer than all else. What has
/// the place of another may come twice.
struct Seen(Vec<u32>);

impl Seen {
    fn for_octets(octets: usize) -> Self {
        // No gram has this number.
        Self(vec![u32::MAX; octets.next_power_of_two().min(SEEN_MAX)])
    }

    fn is_new(&mut self, gram: u32) -> bool {
        let places = self.0.len();
        // The places are a power of two.
        let place = usize::try_from(gram).unwrap_or_default() & (places - 1);
        self.0.get_mut(place).is_none_or(|there| std::mem::replace(there, gram) != gram)
    }
}

/// Some of the grams of what is looked for, from all over it; none if it is too short to have one.
pub(crate) fn looked_up(text: &str, side: Side) -> Vec<u32> {
    let all = of(text, side);
    // Their order is that of a hash: any of them are from all over the text.
    let step = all.len().div_ceil(LOOKED_UP_MAX).max(1);
    all.into_iter().step_by(step).collect()
}

/// The shard of a segment in which a gram's messages are listed.
pub(crate) fn shard(gram: u32) -> u32 {
    gram >> (GRAM_BITS - 8)
}

fn number(first: char, second: char, third: char, side: Side) -> u32 {
    // Characters have 21 bits.
    let side = match side {
        Side::Head => 1 << 63,
        Side::Body => 0,
    };
    let characters = u64::from(u32::from(first)) | u64::from(u32::from(second)) << 21 | u64::from(u32::from(third)) << 42 | side;
    // Fibonacci hashing: the upper bits depend on all of them.
    let mixed = characters.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from(mixed >> (64 - GRAM_BITS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The grams of a message, in order, each once.
    fn of_message(head: &str, body: &str) -> Vec<u32> {
        let mut grams = of(head, Side::Head);
        grams.extend(of(body, Side::Body));
        grams.sort_unstable();
        grams.dedup();
        grams
    }

    #[test]
    fn a_long_text_has_each_gram_once() {
        let words: Vec<String> = (0..60_000_u32).map(|number| format!("{} {number:x} ", number % 97)).collect();
        let text = words.concat();
        let letters: Vec<char> = text.chars().collect();
        let all: std::collections::BTreeSet<u32> =
            letters.windows(3).map(|three| number(three[0], three[1], three[2], Side::Body)).collect();
        assert_eq!(of(&text, Side::Body), all.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_text_has_the_grams_of_what_it_contains() {
        let text =
            "\nsubject: gru\u{308}sse aus mu\u{308}nchen\n\u{4f1a}\u{8bae}\u{8bb0}\u{5f55} abc \u{645}\u{631}\u{62d}\u{628}\u{627}\n";
        let all = of(text, Side::Body);
        for piece in ["gru\u{308}s", "\u{4f1a}\u{8bae}", "\u{8bb0}\u{5f55} a", "\u{631}\u{62d}\u{628}", "c \u{645}", "aus m"] {
            assert!(text.contains(piece));
            assert!(!looked_up(piece, Side::Body).is_empty(), "{piece}");
            assert!(of(piece, Side::Body).iter().all(|gram| all.binary_search(gram).is_ok()), "{piece}");
        }
        assert!(of("xyz", Side::Body).iter().any(|gram| all.binary_search(gram).is_err()));
        assert_eq!((of("ab", Side::Head), of("\u{4f1a}", Side::Head), of("", Side::Head)), (vec![], vec![], vec![]));
        assert!((4..=LOOKED_UP_MAX).contains(&looked_up(&"a quick brown fox jumps over the lazy dog".repeat(9), Side::Head).len()));
    }

    proptest::proptest! {
        #[test]
        fn many_messages_are_read_as_each_alone(messages in proptest::collection::vec(("[a-c\n 中é\u{301}]{0,40}", "[a-c\n 中é本]{0,60}"), 1..5)) {
            let mut reader = Reader::default();
            for (head, body) in &messages {
                let mut grams = reader.of_message(head, body);
                grams.sort_unstable();
                grams.dedup();
                proptest::prop_assert_eq!(grams, of_message(head, body));
            }
        }
    }

    #[test]
    fn grams_say_where_they_stand() {
        let message = of_message("\nsubject: gardens\n", "bridges, \u{4f1a}\u{8bae}\n");
        let has = |text: &str, side| of(text, side).iter().all(|gram| message.binary_search(gram).is_ok());
        assert!(has("gardens", Side::Head) && has("bridges", Side::Body) && has("\u{4f1a}\u{8bae}", Side::Body));
        assert!(!has("gardens", Side::Body) && !has("bridges", Side::Head) && !has("\u{4f1a}\u{8bae}", Side::Head));
    }
}
