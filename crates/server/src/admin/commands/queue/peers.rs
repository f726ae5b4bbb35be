//! Which peers a thing on its way needs, and whether they are left alone for a while.

use std::net::SocketAddr;

use delivery::discovery::{self, Addresses, Route};
use delivery::peer::Peer;
use mail::address::Domain;
use mail::time::Timestamp;
use serde::Serialize;

use crate::admin::Desk;

use super::Item;

/// A peer that is left alone.
#[derive(Serialize)]
pub(super) struct Resting {
    /// A domain, or a service at an address.
    pub(super) peer: String,
    pub(super) until: Timestamp,
}

/// All of them, as many as that, longest first.
pub(super) fn all_resting(desk: &Desk, limit: usize) -> Vec<Resting> {
    let Some(budgets) = &desk.budgets else { return Vec::new() };
    let resting = budgets.all_resting(desk.means.now(), limit);
    resting.into_iter().map(|(peer, until)| Resting { peer: peer.to_string(), until }).collect()
}

/// Those of them that this needs.
pub(super) async fn resting(desk: &Desk, item: &Item) -> Vec<Resting> {
    let (Some(budgets), now) = (&desk.budgets, desk.means.now()) else { return Vec::new() };
    if budgets.all_resting(now, 1).is_empty() {
        return Vec::new();
    }
    let peers = peers_of(desk, item.domain(), matches!(item, Item::Outgoing(_))).await;
    let resting = peers.into_iter().filter_map(|peer| Some(Resting { until: budgets.resting_until(&peer, now)?, peer: peer.to_string() }));
    resting.collect()
}

/// Has the peers that serve a domain dialled again, whatever they did. Returns those that rested.
pub(super) async fn wake(desk: &Desk, domain: &Domain) -> Vec<String> {
    let (Some(budgets), now) = (&desk.budgets, desk.means.now()) else { return Vec::new() };
    let mut woken = Vec::new();
    if budgets.is_empty() {
        return woken;
    }
    for is_outgoing in [true, false] {
        for peer in peers_of(desk, domain, is_outgoing).await {
            if budgets.resting_until(&peer, now).is_some() {
                woken.push(peer.to_string());
            }
            budgets.succeeded(&peer);
        }
    }
    woken
}

/// The domain itself, and the services that DNS names for it now. Where DNS says nothing, what is known until then.
async fn peers_of(desk: &Desk, domain: &Domain, is_outgoing: bool) -> Vec<Peer> {
    let mut peers = vec![Peer::Origin(domain.clone())];
    let dialling = &desk.config.dialling;
    let route = if is_outgoing {
        desk.decide(discovery::exchange_hosts(domain, dialling, 0)).await
    } else {
        desk.decide(discovery::retrieval_service(domain, dialling, 0)).await
    };
    let Route::Targets(targets) = route else { return peers };
    for target in targets {
        match desk.decide(discovery::addresses_of(&target.host, dialling)).await {
            Addresses::Usable { addresses, .. } => {
                let services = addresses.into_iter().map(|address| Peer::Service(SocketAddr::new(address, target.port), target.tls));
                peers.extend(services);
            }
            Addresses::Forbidden(_) | Addresses::None => {}
            // A resolver that does not answer is not asked seven times more.
            Addresses::Temporary(_) => break,
        }
    }
    peers
}
