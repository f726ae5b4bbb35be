//! How often each peer has failed of late, and whether it may be dialled (protocol section 2).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delivery::peer::{Budget, Peer};
use delivery::schedule::Timers;
use mail::time::Timestamp;

/// Peers remembered. Beyond it one that is not resting is forgotten: it has little to lose.
const PEERS_MAX: usize = 50_000;

/// The budgets of all peers; those in good standing are not among them.
#[derive(Clone, Default)]
pub struct Budgets(Arc<Mutex<BTreeMap<Peer, Budget>>>);

impl Budgets {
    /// Until when a peer rests, if it does.
    pub fn resting_until(&self, peer: &Peer, now: Timestamp) -> Option<Timestamp> {
        let budget = self.budgets().get(peer).copied().unwrap_or_default();
        (!budget.may_dial(now)).then(|| budget.dial_at(now))
    }

    /// Peers that rest, as many as that, and until when: those that rest longest.
    pub fn all_resting(&self, now: Timestamp, limit: usize) -> Vec<(Peer, Timestamp)> {
        let budgets = self.budgets();
        let resting = budgets.iter().filter(|(_, budget)| !budget.may_dial(now));
        let mut resting: Vec<_> = resting.map(|(peer, budget)| (peer.clone(), budget.dial_at(now))).collect();
        drop(budgets);
        resting.sort_by(|(one, until), (other, later)| later.cmp(until).then_with(|| one.cmp(other)));
        resting.truncate(limit);
        resting
    }

    /// Whether nobody has failed.
    pub fn is_empty(&self) -> bool {
        self.budgets().is_empty()
    }

    /// Forgets what everybody did. Returns those that rested.
    pub fn wake_all(&self, now: Timestamp) -> Vec<Peer> {
        let budgets = std::mem::take(&mut *self.budgets());
        budgets.into_iter().filter(|(_, budget)| !budget.may_dial(now)).map(|(peer, _)| peer).collect()
    }

    /// A dial failed.
    pub fn failed(&self, peer: Peer, now: Timestamp, timers: &Timers) {
        let mut budgets = self.budgets();
        if budgets.len() >= PEERS_MAX && !budgets.contains_key(&peer) {
            let least = budgets.iter().find(|(_, budget)| budget.may_dial(now)).or(budgets.iter().next()).map(|(peer, _)| peer.clone());
            least.and_then(|least| budgets.remove(&least));
        }
        let budget = budgets.get(&peer).copied().unwrap_or_default().on_failure(now, timers);
        budgets.insert(peer, budget);
    }

    /// A dial succeeded.
    pub fn succeeded(&self, peer: &Peer) {
        self.budgets().remove(peer);
    }

    fn budgets(&self) -> MutexGuard<'_, BTreeMap<Peer, Budget>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
