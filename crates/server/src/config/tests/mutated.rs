//! Files that were typed badly: thousands of mutants of one that says everything, from a fixed seed.

use super::*;

const MUTANTS: u32 = 6_000;

/// What people put in the wrong place.
const SCRAPS: &[&str] = &[
    "\"",
    "[",
    "]",
    "=",
    "\n",
    "\\",
    "#",
    "-1",
    "0",
    "18446744073709551616",
    "\"5 min\"",
    "{}",
    "[]",
    "true",
    "\u{202e}",
    "\u{0}",
    "[limits]\n",
];

/// Steele and Vigna's splitmix64, which is enough here.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

fn mutant(text: &str, chance: &mut Chance) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=chance.below(3) {
        let at = chance.below(characters.len());
        let end = (at + 1 + chance.below(24)).min(characters.len());
        match chance.below(4) {
            0 => drop(characters.drain(at..end)),
            1 => {
                let copy = characters[at..end].to_vec();
                drop(characters.splice(at..at, copy));
            }
            2 => characters[at] = char::from_u32(u32::try_from(32 + chance.below(95)).unwrap()).unwrap(),
            _ => drop(characters.splice(at..at, SCRAPS[chance.below(SCRAPS.len())].chars())),
        }
    }
    characters.into_iter().collect()
}

#[test]
fn whatever_is_typed_is_a_configuration_or_is_told_what_is_wrong_and_where() {
    let mut chance = Chance(1);
    let (mut fit, mut unfit) = (0, 0);
    for _ in 0..MUTANTS {
        let text = mutant(&everything(), &mut chance);
        match parse(&text) {
            Ok(_) => fit += 1,
            Err(faults) => {
                unfit += 1;
                assert!(!faults.is_empty(), "refused without a word: {text}");
                for fault in faults {
                    let line = fault.to_string();
                    assert!(line.starts_with("etc/twoway.toml:"), "{line}\n{text}");
                    assert!(!line.chars().any(|character| character.is_control() || character == '\u{202e}'), "{line:?}");
                }
            }
        }
    }
    assert!(fit > 100 && unfit > 1000, "{fit} fit, {unfit} unfit: the mutants show nothing");
}
