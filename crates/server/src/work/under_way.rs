//! Which jobs are being done at this moment, and over how many connections to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::address::Domain;
use mail::id::{MessageId, NoticeId};
use store::ArrivalKey;

use crate::node::{Node, Signal};
use crate::outgoing::Destination;

/// Connections to one peer at a time (protocol section 4).
const CONNECTIONS_PER_PEER: usize = 4;

/// Connections to all peers at a time, of each sort: each may hold a large message's buffers, and origins that let us wait
/// must not keep our own notices here.
const CONNECTIONS_MAX: usize = 256;

/// What is under way in this node.
#[derive(Clone, Default)]
pub struct UnderWay(Arc<Mutex<Jobs>>);

#[derive(Default)]
struct Jobs {
    transfers: BTreeSet<NoticeId>,
    arrivals: BTreeSet<ArrivalKey>,
    errands: BTreeSet<MessageId>,
    /// Of these, what has ended since the round began: what the round read may be older than their end.
    ended_transfers: Vec<NoticeId>,
    ended_arrivals: Vec<ArrivalKey>,
    ended_errands: Vec<MessageId>,
    connections: BTreeMap<Peer, usize>,
}

/// Notices go to a domain's exchange, retrievals to its retrieval service, ordinary mail to its destination.
///
/// Each is counted apart, though all may be one host: what waits at the end of a slow transaction must not keep notices from
/// it, nor the word that a message goes by ordinary SMTP from its author.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Peer {
    Exchange(Domain),
    Retrieval(Domain),
    Ordinary(Destination),
}

impl Peer {
    fn is_of_the_sort(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// A batch of jobs of one peer. Whatever ends it, the jobs are free again.
pub struct Claim {
    under_way: UnderWay,
    peer: Peer,
    transfers: Vec<NoticeId>,
    arrivals: Vec<ArrivalKey>,
    due: Signal,
}

/// A batch of errands. Whatever ends it, they are free again.
pub struct ErrandClaim {
    under_way: UnderWay,
    errands: Vec<MessageId>,
    due: Signal,
}

impl UnderWay {
    /// What ended before now is seen as it then was, by whoever reads the table from now on.
    pub fn begin_round(&self) {
        let jobs = &mut *self.jobs();
        for id in jobs.ended_transfers.drain(..) {
            jobs.transfers.remove(&id);
        }
        for key in jobs.ended_arrivals.drain(..) {
            jobs.arrivals.remove(&key);
        }
        for message in jobs.ended_errands.drain(..) {
            jobs.errands.remove(&message);
        }
    }

    /// How many transfers are under way.
    pub fn transfers(&self) -> usize {
        let jobs = self.jobs();
        jobs.transfers.len() - jobs.ended_transfers.len()
    }

    /// How many arrivals are under way.
    pub fn arrivals(&self) -> usize {
        let jobs = self.jobs();
        jobs.arrivals.len() - jobs.ended_arrivals.len()
    }

    /// How many errands are under way.
    pub fn errands(&self) -> usize {
        let jobs = self.jobs();
        jobs.errands.len() - jobs.ended_errands.len()
    }

    /// Whether this errand is under way, or was in this round.
    pub fn has_errand(&self, message: MessageId) -> bool {
        self.jobs().errands.contains(&message)
    }

    /// Takes errands.
    pub fn claim_errands(&self, node: &Node, messages: impl Iterator<Item = MessageId>) -> ErrandClaim {
        let errands: Vec<_> = messages.collect();
        self.jobs().errands.extend(errands.iter().copied());
        ErrandClaim { under_way: self.clone(), errands, due: node.due.clone() }
    }

    /// Whether this transfer is under way, or was in this round.
    pub fn has_transfer(&self, id: &NoticeId) -> bool {
        self.jobs().transfers.contains(id)
    }

    /// Whether this arrival is under way, or was in this round.
    pub fn has_arrival(&self, key: &ArrivalKey) -> bool {
        self.jobs().arrivals.contains(key)
    }

    /// Takes transfers to one domain, if one more connection to it is allowed.
    pub fn claim_transfers(&self, node: &Node, domain: &Domain, ids: impl Iterator<Item = NoticeId>) -> Option<Claim> {
        self.claim(node, Peer::Exchange(domain.clone()), ids.collect(), vec![])
    }

    /// Takes transfers to one destination of ordinary mail, if one more connection to it is allowed.
    pub fn claim_relays(&self, node: &Node, destination: &Destination, ids: impl Iterator<Item = NoticeId>) -> Option<Claim> {
        self.claim(node, Peer::Ordinary(destination.clone()), ids.collect(), vec![])
    }

    /// Takes arrivals from one domain, if one more connection to it is allowed.
    pub fn claim_arrivals(&self, node: &Node, origin: &Domain, keys: impl Iterator<Item = ArrivalKey>) -> Option<Claim> {
        self.claim(node, Peer::Retrieval(origin.clone()), vec![], keys.collect())
    }

    fn claim(&self, node: &Node, peer: Peer, transfers: Vec<NoticeId>, arrivals: Vec<ArrivalKey>) -> Option<Claim> {
        let mut jobs = self.jobs();
        let open = jobs.connections.get(&peer).copied().unwrap_or(0);
        let of_the_sort = jobs.connections.iter().filter(|(other, _)| other.is_of_the_sort(&peer));
        if open >= CONNECTIONS_PER_PEER || of_the_sort.map(|(_, open)| open).sum::<usize>() >= CONNECTIONS_MAX {
            return None;
        }
        jobs.connections.insert(peer.clone(), open + 1);
        jobs.transfers.extend(transfers.iter().cloned());
        jobs.arrivals.extend(arrivals.iter().cloned());
        Some(Claim { under_way: self.clone(), peer, transfers, arrivals, due: node.due.clone() })
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut jobs = self.under_way.jobs();
        jobs.ended_transfers.append(&mut self.transfers);
        jobs.ended_arrivals.append(&mut self.arrivals);
        let open = jobs.connections.get(&self.peer).copied().unwrap_or(0);
        if open > 1 {
            jobs.connections.insert(self.peer.clone(), open - 1);
        } else {
            jobs.connections.remove(&self.peer);
        }
        drop(jobs);
        // What waited for a free connection, or failed and is due at once.
        self.due.raise();
    }
}

impl Drop for ErrandClaim {
    fn drop(&mut self) {
        self.under_way.jobs().ended_errands.append(&mut self.errands);
        self.due.raise();
    }
}
