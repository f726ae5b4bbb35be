//! Sets of numbers of messages, kept as ranges: a million messages in a row cost as much as one.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

/// A set of numbers from 1 on; UIDs or sequence numbers. Its ranges are in order, and none touches the next.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Numbers {
    ranges: Vec<(u32, u32)>,
}

impl Numbers {
    /// The numbers of some ranges, in whatever order; a range that is turned round is the same range.
    pub fn of_ranges(ranges: impl IntoIterator<Item = (NonZeroU32, NonZeroU32)>) -> Self {
        Self::joined(ranges.into_iter().map(|(a, b)| (a.min(b).get(), a.max(b).get())).collect())
    }

    fn joined(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match joined.last_mut() {
                Some((_, last)) if from <= last.saturating_add(1) => *last = to.max(*last),
                _ => joined.push((from, to)),
            }
        }
        Self { ranges: joined }
    }

    /// Adds a number; quick where it is larger than all that are here.
    pub fn insert(&mut self, number: NonZeroU32) {
        let number = number.get();
        match self.ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            Some((_, last)) if number <= *last => self.insert_inside(number),
            _ => self.ranges.push((number, number)),
        }
    }

    fn insert_inside(&mut self, number: u32) {
        let at = self.ranges.partition_point(|(_, to)| *to < number);
        if self.ranges.get(at).is_some_and(|(from, _)| *from <= number) {
            return;
        }
        self.ranges.insert(at, (number, number));
        *self = Self::joined(std::mem::take(&mut self.ranges));
    }

    /// Its numbers and those of another set.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        Self::joined([self.ranges.as_slice(), &others.ranges].concat())
    }

    /// Those of its numbers that another set has not.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len());
        let mut others = others.ranges.iter().peekable();
        for (from, to) in &self.ranges {
            let mut rest = Some(*from);
            while let (Some(begin), Some((first, last))) = (rest, others.peek().filter(|(first, _)| first <= to)) {
                if *first > begin {
                    ranges.push((begin, first - 1));
                }
                if *last >= begin {
                    rest = last.checked_add(1).filter(|next| next <= to);
                }
                if last > to {
                    break; // it may reach into the next range as well
                }
                others.next();
            }
            ranges.extend(rest.map(|begin| (begin, *to)));
        }
        Self { ranges }
    }

    /// Whether it has a number.
    pub fn contains(&self, number: u32) -> bool {
        let at = self.ranges.partition_point(|(_, to)| *to < number);
        self.ranges.get(at).is_some_and(|(from, _)| *from <= number)
    }

    /// Those of its numbers that lie within a range.
    #[must_use]
    pub fn within(&self, range: &RangeInclusive<u32>) -> Self {
        let cut = |(from, to): &(u32, u32)| ((*from).max(*range.start()), (*to).min(*range.end()));
        Self { ranges: self.ranges.iter().map(cut).filter(|(from, to)| from <= to).collect() }
    }

    /// Its ranges, in order.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = RangeInclusive<u32>> + '_ {
        self.ranges.iter().map(|(from, to)| *from..=*to)
    }

    /// Its numbers, in order. There may be four thousand million: go through [`Self::within`] first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.ranges().flatten()
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|(from, to)| u64::from(to - from) + 1).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The smallest.
    pub fn first(&self) -> Option<u32> {
        self.ranges.first().map(|(from, _)| *from)
    }

    /// The largest.
    pub fn last(&self) -> Option<u32> {
        self.ranges.last().map(|(_, to)| *to)
    }
}

impl FromIterator<NonZeroU32> for Numbers {
    fn from_iter<T: IntoIterator<Item = NonZeroU32>>(numbers: T) -> Self {
        Self::of_ranges(numbers.into_iter().map(|number| (number, number)))
    }
}

/// Ranges as a `sequence-set` has them: `1,3:5`.
pub(super) fn write_ranges<T: fmt::Display + PartialEq>(f: &mut fmt::Formatter<'_>, ranges: impl Iterator<Item = (T, T)>) -> fmt::Result {
    for (index, (from, to)) in ranges.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        if from == to {
            write!(f, "{comma}{from}")?;
        } else {
            write!(f, "{comma}{from}:{to}")?;
        }
    }
    Ok(())
}

/// As `sequence-set` without `*`; nothing for the empty set, which that grammar can't say.
impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ranges(f, self.ranges.iter().map(|(from, to)| (from, to)))
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn numbers(ranges: &[(u32, u32)]) -> Numbers {
        let nonzero = |number: u32| NonZeroU32::new(number).unwrap();
        Numbers::of_ranges(ranges.iter().map(|(from, to)| (nonzero(*from), nonzero(*to))))
    }

    fn of<'a>(numbers: impl IntoIterator<Item = &'a u32>) -> Numbers {
        numbers.into_iter().map(|number| NonZeroU32::new(*number).unwrap()).collect()
    }

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(numbers(&[(4, 5), (1, 2), (3, 3), (9, 7), (8, 12)]).to_string(), "1:5,7:12");
        assert_eq!(numbers(&[(u32::MAX, 1), (5, 6)]).to_string(), "1:4294967295");
        assert_eq!(numbers(&[(1, u32::MAX)]).count(), 4_294_967_295);
        assert_eq!(numbers(&[(1, u32::MAX)]).within(&(7..=9)).iter().collect::<Vec<_>>(), [7, 8, 9]);
    }

    proptest::proptest! {
        #[test]
        fn a_set_has_what_was_put_in(
            put in proptest::collection::vec(1_u32..40, 0..60),
            others in proptest::collection::btree_set(1_u32..40, 0..60),
            cut in 1_u32..40,
        ) {
            let model: BTreeSet<u32> = put.iter().copied().collect();
            let mut one_by_one = Numbers::default();
            for number in &put {
                one_by_one.insert(NonZeroU32::new(*number).unwrap());
            }
            let at_once = of(&put);
            proptest::prop_assert_eq!(&one_by_one, &at_once);
            proptest::prop_assert_eq!(at_once.iter().collect::<BTreeSet<_>>(), model.clone());
            proptest::prop_assert_eq!(at_once.count(), u64::try_from(model.len()).unwrap());
            proptest::prop_assert_eq!((at_once.first(), at_once.last()), (model.first().copied(), model.last().copied()));
            proptest::prop_assert!((1..41).all(|number| at_once.contains(number) == model.contains(&number)));
            proptest::prop_assert!(at_once.within(&(cut..=30)).iter().eq(model.iter().copied().filter(|number| (cut..=30).contains(number))));
            let set = of(&others);
            proptest::prop_assert_eq!(at_once.with(&set), of(model.union(&others)));
            proptest::prop_assert_eq!(at_once.without(&set), of(model.difference(&others)));
        }
    }
}
