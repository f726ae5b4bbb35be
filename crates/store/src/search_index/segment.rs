//! A segment: for a thousand or two of an account's messages, which gram is in which of them.
//!
//! It is written once, in 256 shards by the first octet of a gram, so that a search reads a few of them.

use std::collections::BTreeMap;

use super::grams;

/// Messages of one segment.
pub(crate) const MESSAGES_MAX: usize = 2048;
/// Pairs of a gram and a message: about one and a half octets each, so that a segment is written in one transaction.
pub(crate) const PAIRS_MAX: usize = 1_000_000;
/// Grams of one message. One with more, which is hardly written by a person, is in no segment, and always read.
pub(crate) const GRAMS_MAX: usize = 20_000;

/// Which gram is in which message.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    /// For each shard, pairs of what a gram has behind its first octet, and a message.
    shards: Vec<Vec<u32>>,
    pairs: usize,
    messages: u16,
}

impl Default for SegmentWriter {
    fn default() -> Self {
        Self { shards: vec![Vec::new(); grams::SHARDS], pairs: 0, messages: 0 }
    }
}

impl SegmentWriter {
    /// Adds a message, with its grams in any order; `false` if there is no room for it.
    pub(crate) fn add(&mut self, grams: &[u32]) -> bool {
        if usize::from(self.messages) >= MESSAGES_MAX || self.pairs + grams.len() > PAIRS_MAX {
            return false;
        }
        for gram in grams {
            if let Some(shard) = usize::try_from(grams::shard(*gram)).ok().and_then(|shard| self.shards.get_mut(shard)) {
                // The first octet, which is the shard's, falls off.
                shard.push(gram << 16 | u32::from(self.messages));
            }
        }
        self.pairs += grams.len();
        self.messages += 1;
        true
    }

    /// The shards that have anything.
    ///
    /// ```abnf
    /// shard = *( gram count 1*message )        ; each number the difference to the one before, 7 bits to an octet
    /// ```
    pub(crate) fn shards(self) -> BTreeMap<u32, Vec<u8>> {
        let written = |(shard, mut pairs): (u32, Vec<u32>)| {
            pairs.sort_unstable();
            pairs.dedup();
            (!pairs.is_empty()).then(|| (shard, write(shard, &pairs)))
        };
        (0..).zip(self.shards).filter_map(written).collect()
    }
}

fn write(shard: u32, pairs: &[u32]) -> Vec<u8> {
    let (mut out, mut last) = (Vec::new(), 0);
    for of_gram in pairs.chunk_by(|one, other| one >> 16 == other >> 16) {
        let Some(first) = of_gram.first() else { continue };
        let gram = shard << 16 | first >> 16;
        put(&mut out, gram - last);
        last = gram;
        put(&mut out, u32::try_from(of_gram.len()).unwrap_or(u32::MAX));
        let mut before = 0;
        for pair in of_gram {
            let message = pair & 0xffff;
            put(&mut out, message - before);
            before = message;
        }
    }
    out
}

/// The messages that have a gram, by the octets of its shard.
pub(crate) fn messages_with(shard: &[u8], gram: u32) -> Vec<u16> {
    let mut numbers = Numbers(shard);
    let mut at = 0_u32;
    while let (Some(step), Some(count)) = (numbers.next(), numbers.next()) {
        at = at.saturating_add(step);
        if at > gram {
            break;
        }
        let mut message = 0_u32;
        let found = numbers.by_ref().take(usize::try_from(count).unwrap_or(usize::MAX)).map(|step| {
            message = message.saturating_add(step);
            u16::try_from(message).unwrap_or(u16::MAX)
        });
        if at == gram {
            return found.collect();
        }
        found.for_each(drop);
    }
    Vec::new()
}

fn put(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

struct Numbers<'a>(&'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (mut number, mut shift) = (0_u32, 0_u32);
        loop {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u32::from(first & 0x7f).checked_shl(shift)?;
            if first & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_found() {
        let messages = [vec![1, 2, 70_000, 0xff_ffff], vec![2, 0xff_ffff], vec![], vec![1, 65_536]];
        let mut writer = SegmentWriter::default();
        assert!(messages.iter().all(|grams| writer.add(grams)));
        let shards = writer.shards();
        let find = |gram: u32| shards.get(&grams::shard(gram)).map(|shard| messages_with(shard, gram)).unwrap_or_default();
        for (gram, expected) in [
            (1, vec![0, 3]),
            (2, vec![0, 1]),
            (3, vec![]),
            (65_536, vec![3]),
            (70_000, vec![0]),
            (0xff_ffff, vec![0, 1]),
            (0x80_0000, vec![]),
        ] {
            assert_eq!(find(gram), expected, "{gram}");
        }
    }

    #[test]
    fn a_segment_is_bounded() {
        let mut writer = SegmentWriter::default();
        let many: Vec<u32> = (0..20_000).collect();
        assert_eq!((0..1000).take_while(|_| writer.add(&many)).count(), PAIRS_MAX / 20_000);
        let mut small = SegmentWriter::default();
        assert_eq!((0..5000).take_while(|_| small.add(&[1])).count(), MESSAGES_MAX);
        assert_eq!(messages_with(&small.shards()[&0], 1).len(), MESSAGES_MAX);
    }

    #[test]
    fn damaged_octets_end() {
        assert_eq!(messages_with(&[0xff; 100], 5), Vec::<u16>::new());
        assert_eq!(messages_with(&[5, 200], 5), Vec::<u16>::new());
    }
}
