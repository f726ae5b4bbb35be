//! What is counted, all in whole numbers, so that sums do not depend on their order.

use std::ops::AddAssign;

/// A number of messages and their octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mass {
    /// Messages.
    pub count: u64,
    /// Octets of their content.
    pub octets: u64,
}

impl Mass {
    /// One more.
    pub fn add(&mut self, octets: u64) {
        self.count += 1;
        self.octets += octets;
    }
}

impl AddAssign for Mass {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.octets += other.octets;
    }
}

/// One day of wanted mail, counted from the day on which a user switches screening on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Day {
    /// Wanted messages by notice.
    pub wanted: u64,
    /// Those that were let in as they came.
    pub at_once: u64,
    /// Contact attempts of senders the user does not know yet and wants.
    pub wanted_attempts: u64,
    /// Contact attempts of spammers.
    pub spam_attempts: u64,
}

/// One server (a domain with users, or a bulk sender's).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Server {
    /// Notices it was given.
    pub notices_in: u64,
    /// Retrievals it made.
    pub retrievals_out: u64,
    /// Pushed messages it was offered in this world.
    pub pushes_in: u64,
    /// Messages it would be offered if all were pushed.
    pub all_pushed_in: u64,
    /// Notices it gave.
    pub notices_out: u64,
    /// Octets times hours that it kept for others to collect.
    pub kept_octet_hours: u64,
    /// (Sender's domain, hour) pairs of each [`About`]: what a cache that forgets after an hour has to ask for.
    pub asked: [u64; 4],
}

/// Buckets of the time a wanted message waits, in hours; the last is "never came".
pub const WAITS: [u64; 6] = [0, 1, 6, 24, 72, 168];

/// Everything counted in a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// User-days.
    pub user_days: u64,
    /// Wanted messages between servers, however they went; and within one, which need no network.
    pub wanted: Mass,
    /// Within one server.
    pub local: Mass,
    /// Wanted: retrieved at once or after the recipient allowed the sender.
    pub retrieved: Mass,
    /// Wanted: never collected.
    pub expired: Mass,
    /// Wanted: pushed and delivered; kept aside; refused.
    pub pushed: [Mass; 3],
    /// Spam, however it went.
    pub spam: Mass,
    /// Spam that was noticed; of it, what was retrieved because its sender was allowed.
    pub spam_noticed: Mass,
    /// Retrieved: somebody allowed writes spam, or screening is off.
    pub spam_retrieved: Mass,
    /// Spam: pushed and delivered; kept aside; refused.
    pub spam_pushed: [Mass; 3],
    /// Notices of wanted mail, repeats included; of spam, once each.
    pub notices: [u64; 2],
    /// Octets times hours that content of wanted mail, and of spam, waited at its origin.
    pub octet_hours: [u64; 2],
    /// How long wanted mail by notice waited: buckets of [`WAITS`], and never.
    pub waits: [u64; 7],
    /// By day since the start.
    pub days: Vec<Day>,
    /// By domain.
    pub servers: Vec<Server>,
}

impl Ledger {
    /// An empty one.
    pub fn new(days: u64, servers: usize) -> Self {
        let days = usize::try_from(days).unwrap_or(0);
        Self { days: vec![Day::default(); days], servers: vec![Server::default(); servers], ..Self::default() }
    }

    /// The counts of one day.
    pub fn day(&mut self, hour: u64, count: impl FnOnce(&mut Day)) {
        if let Some(day) = usize::try_from(hour / 24).ok().and_then(|day| self.days.get_mut(day)) {
            count(day);
        }
    }

    /// The counts of one server.
    pub fn server(&mut self, source: usize, count: impl FnOnce(&mut Server)) {
        if let Some(server) = self.servers.get_mut(source) {
            count(server);
        }
    }

    /// A wanted message waited so long.
    pub fn waited(&mut self, hours: Option<u64>) {
        let bucket = hours.map_or(WAITS.len(), |hours| WAITS.partition_point(|limit| *limit < hours).min(WAITS.len() - 1));
        if let Some(count) = self.waits.get_mut(bucket) {
            *count += 1;
        }
    }
}

/// Which (sender's domain, hour) pairs one server has seen: its resolver's cache, if answers live for one slot.
#[derive(Debug)]
pub struct Seen {
    slots: usize,
    bits: [Vec<u64>; 4],
    touched: Vec<u32>,
}

/// Of which kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A notice.
    Notice,
    /// A retrieval.
    Retrieval,
    /// Any message, if all were pushed.
    AllPushed,
    /// A message that was pushed.
    Pushed,
}

impl Seen {
    /// For so many sender domains and slots of time.
    pub fn new(sources: usize, slots: u64) -> Self {
        let slots = usize::try_from(slots).unwrap_or(0).div_ceil(64);
        let plane = || vec![0; sources * slots];
        Self { slots, bits: [plane(), plane(), plane(), plane()], touched: vec![] }
    }

    /// Whether this is the first of its slot.
    pub fn is_first(&mut self, about: About, source: usize, slot: u64) -> bool {
        let slot = usize::try_from(slot).unwrap_or(0);
        let at = source * self.slots + slot / 64;
        let plane = match about {
            About::Notice => 0,
            About::Retrieval => 1,
            About::AllPushed => 2,
            About::Pushed => 3,
        };
        let Some(word) = self.bits.get_mut(plane).and_then(|bits| bits.get_mut(at)) else { return false };
        let bit = 1 << (slot % 64);
        let is_first = *word & bit == 0;
        if *word == 0 {
            self.touched.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        *word |= bit;
        is_first
    }

    /// Forgets all, for the next server.
    pub fn clear(&mut self) {
        for at in self.touched.drain(..) {
            for plane in &mut self.bits {
                if let Some(word) = usize::try_from(at).ok().and_then(|at| plane.get_mut(at)) {
                    *word = 0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_asks_once_a_slot_for_each_sender_and_kind() {
        let mut seen = Seen::new(10, 100);
        assert!(seen.is_first(About::Notice, 3, 70));
        assert!(!seen.is_first(About::Notice, 3, 70));
        assert!(seen.is_first(About::AllPushed, 3, 70));
        assert!(seen.is_first(About::Notice, 3, 71));
        assert!(seen.is_first(About::Notice, 4, 70));
        seen.clear();
        assert!(seen.is_first(About::Notice, 3, 70));
        assert!(seen.is_first(About::AllPushed, 3, 70));
    }

    #[test]
    fn waiting_is_counted_by_the_first_limit_it_does_not_exceed() {
        let mut ledger = Ledger::new(1, 1);
        for hours in [Some(0), Some(1), Some(2), Some(24), Some(25), Some(300), None] {
            ledger.waited(hours);
        }
        assert_eq!(ledger.waits, [1, 1, 1, 1, 1, 1, 1]);
    }
}
