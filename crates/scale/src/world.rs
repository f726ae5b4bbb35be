//! Who is there: domains with users, a few of them giants; domains that send bulk mail; and who has adopted the extension.

use mail::address::{Domain, Mailbox};

use crate::chance::Chance;
use crate::params::Params;

/// A domain that mail comes from: those with users first, then those of bulk senders, then those of spammers.
pub type Source = usize;

/// Shares of the users at the largest domains, in thousandths.
const GIANTS: [u64; 5] = [250, 120, 60, 40, 30];

/// Domains and their sizes.
#[derive(Debug)]
pub struct World {
    /// Users of each domain.
    pub users: Vec<u64>,
    users_below: Vec<u64>,
    bulk_below: Vec<u64>,
    names: Vec<Option<Domain>>,
}

/// In which order domains take the extension up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By chance.
    Random,
    /// The largest first.
    GiantsFirst,
    /// The smallest first.
    SmallFirst,
}

/// Which sources speak the extension.
#[derive(Debug, Clone)]
pub struct Adopters {
    has: Vec<bool>,
    /// Users at domains that do, in thousandths.
    pub share: u64,
}

impl World {
    /// So many users in domains of the sizes that the parameters say.
    pub fn new(params: &Params, users: u64) -> Self {
        let mut weights: Vec<u64> = GIANTS.iter().map(|share| share * 1_000_000).collect();
        let tail = params.domains.saturating_sub(GIANTS.len() as u64);
        // The tail goes on where the giants end.
        let ranks = GIANTS.len() as u64 + 1..=GIANTS.len() as u64 + tail;
        let harmonic: u64 = ranks.clone().map(|rank| 1_000_000_000 / rank).sum();
        let giants: u64 = GIANTS.iter().sum();
        weights.extend(ranks.map(|rank| 1_000_000_000 / rank * (1000 - giants) / (harmonic / 1_000_000).max(1)));
        let bulk: Vec<u64> = (1..=params.bulk_domains).map(|rank| 1_000_000 / rank).collect();
        let counts = apportion(users, &weights);
        debug_assert!(counts.is_sorted_by(|a, b| a >= b));
        let spam = params.spam_domains + params.spam_domains_daily * params.days;
        let names = (0..params.domains + params.bulk_domains + spam).map(|number| format!("d{number}.test").parse().ok()).collect();
        Self { users_below: running(&counts), bulk_below: running(&bulk), users: counts, names }
    }

    /// How many sources there are, spammers' included.
    pub fn sources(&self) -> usize {
        self.names.len()
    }

    /// The first source of bulk mail.
    pub fn first_bulk(&self) -> Source {
        self.users.len()
    }

    /// The first domain of a spammer.
    pub fn first_spam(&self) -> Source {
        self.users.len() + self.bulk_below.len()
    }

    /// The domain of a person, a large one more often.
    pub fn draw_person(&self, chance: &mut Chance) -> Source {
        draw(&self.users_below, chance)
    }

    /// A sender of bulk mail, a large one more often.
    pub fn draw_bulk(&self, chance: &mut Chance) -> Source {
        self.first_bulk() + draw(&self.bulk_below, chance)
    }

    /// An address there.
    pub fn mailbox(&self, source: Source, number: u64) -> Option<Mailbox> {
        let domain = self.names.get(source)?.clone()?;
        Mailbox::new(&format!("u{number}"), domain).ok()
    }

    /// Domains that hold this share of the users, and bulk senders of this share of the bulk mail, have adopted. In order
    /// of size, the share is reached or passed; by chance, what would pass it is left out.
    pub fn adopters(&self, share_permille: u64, order: Order, chance: &mut Chance) -> Adopters {
        let users = adopt(&self.users, share_permille, order, chance);
        let adopted: u64 = self.users.iter().zip(&users).filter(|(_, has)| **has).map(|(users, _)| users).sum();
        let share = adopted * 1000 / self.users.iter().sum::<u64>().max(1);
        let mut before = 0;
        let bulk = self.bulk_below.iter().map(|below| below - std::mem::replace(&mut before, *below));
        let bulk = adopt(&bulk.collect::<Vec<_>>(), share_permille, order, chance);
        // Whether a spammer gives notices is the spammer's choice.
        let spam = std::iter::repeat_n(true, self.sources() - self.first_spam());
        Adopters { has: users.into_iter().chain(bulk).chain(spam).collect(), share }
    }
}

impl Adopters {
    /// Whether this source speaks the extension.
    pub fn has(&self, source: Source) -> bool {
        self.has.get(source).copied().unwrap_or(false)
    }
}

fn running(counts: &[u64]) -> Vec<u64> {
    let add = |sum: &mut u64, count: &u64| {
        *sum += count;
        Some(*sum)
    };
    counts.iter().scan(0, add).collect()
}

fn draw(below: &[u64], chance: &mut Chance) -> usize {
    let drawn = chance.below(below.last().copied().unwrap_or(0));
    below.partition_point(|below| *below <= drawn)
}

/// Shares `total` out by weight; at least one for each, while they last.
fn apportion(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum::<u128>().max(1);
    let mut left = total;
    let mut share = |weight: &u64| {
        let exact = u128::from(total) * u128::from(*weight) / sum;
        let count = u64::try_from(exact).unwrap_or(u64::MAX).max(1).min(left);
        left -= count;
        count
    };
    let mut counts: Vec<u64> = weights.iter().map(&mut share).collect();
    if let Some(first) = counts.first_mut() {
        *first += left;
    }
    counts
}

/// Takes domains in order while they fit into the share.
fn adopt(sizes: &[u64], share_permille: u64, order: Order, chance: &mut Chance) -> Vec<bool> {
    let target = u128::from(sizes.iter().sum::<u64>()) * u128::from(share_permille) / 1000;
    let mut ranked: Vec<(u64, usize)> = match order {
        Order::Random => (0..sizes.len()).map(|index| (chance.draw(), index)).collect(),
        Order::GiantsFirst => (0..sizes.len()).map(|index| (0, index)).collect(),
        Order::SmallFirst => (0..sizes.len()).rev().map(|index| (0, index)).collect(),
    };
    if order == Order::Random {
        ranked.sort_unstable();
    }
    let (mut adopted, mut taken) = (vec![false; sizes.len()], 0_u128);
    for (_, index) in ranked {
        let size = u128::from(sizes.get(index).copied().unwrap_or(0));
        // Half of a domain cannot adopt.
        let fits = if order == Order::Random { taken + size <= target } else { taken < target };
        if fits {
            taken += size;
            if let Some(has) = adopted.get_mut(index) {
                *has = true;
            }
        }
    }
    adopted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_domains_hold_half_of_the_users_and_every_domain_has_one() {
        let params = Params { domains: 1_000, ..Params::default() };
        let world = World::new(&params, 100_000);
        assert_eq!(world.users.iter().sum::<u64>(), 100_000);
        for (users, share) in world.users.iter().zip(GIANTS) {
            // What rounding leaves over goes to the first.
            assert!(users.abs_diff(share * 100) < 1_000, "{users}: {share}");
        }
        assert!(world.users.is_sorted_by(|a, b| a >= b));
        assert!(world.users.iter().all(|users| *users > 0));
    }

    #[test]
    fn adoption_is_a_share_of_users_in_every_order() {
        let params = Params { domains: 1_000, ..Params::default() };
        let world = World::new(&params, 100_000);
        for order in [Order::Random, Order::GiantsFirst, Order::SmallFirst] {
            let adopters = world.adopters(300, order, &mut Chance::new(7));
            let users: u64 = world.users.iter().enumerate().filter(|(index, _)| adopters.has(*index)).map(|(_, users)| users).sum();
            assert_eq!(users / 100, adopters.share, "{order:?}");
            let about = if order == Order::GiantsFirst { 360..=390 } else { 290..=310 };
            assert!(about.contains(&adopters.share), "{order:?}: {}", adopters.share);
        }
        assert!(world.adopters(300, Order::GiantsFirst, &mut Chance::new(7)).has(0));
        assert!(!world.adopters(300, Order::SmallFirst, &mut Chance::new(7)).has(0));
    }
}
