//! Which peers a thing on its way needs, and whether they are left alone for a while.

use std::net::SocketAddr;

use delivery::dialling::Dialling;
use delivery::discovery::{self, Addresses, Route};
use delivery::peer::Peer;
use delivery::relay::{Host, NextHop, NoticePolicy};
use delivery::transfer::{NoticeLine, Transfer};
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
    let peers = peers_of(desk, item.domain(), Need::of(desk, item)).await;
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
    for need in Need::ALL {
        for peer in peers_of(desk, domain, need).await {
            if budgets.resting_until(&peer, now).is_some() {
                woken.push(peer.to_string());
            }
            budgets.succeeded(&peer);
        }
    }
    woken
}

/// What a peer is needed for.
#[derive(Debug, Clone, Copy)]
enum Need {
    Notice,
    Ordinary,
    Retrieval,
}

impl Need {
    const ALL: [Self; 3] = [Self::Notice, Self::Ordinary, Self::Retrieval];

    /// What the next attempt is.
    fn of(desk: &Desk, item: &Item) -> Self {
        match item {
            Item::Incoming(_) => Self::Retrieval,
            Item::Outgoing(record) => match record.transfer {
                Transfer::Relaying { .. } => Self::Ordinary,
                Transfer::Notifying { line: NoticeLine::Unsent, .. } => {
                    let route = desk.config.routes.of(item.domain());
                    if route.is_some_and(|route| route.notices == NoticePolicy::Never) { Self::Ordinary } else { Self::Notice }
                }
                Transfer::Notifying { line: NoticeLine::MayHaveLeft { .. }, .. }
                | Transfer::Waiting { .. }
                | Transfer::Served { .. }
                | Transfer::Uncertain { .. }
                | Transfer::Ended { .. } => Self::Notice,
            },
        }
    }
}

/// The server of a route; else the domain itself, and the services that DNS names for it now. Where DNS says nothing, what is
/// known until then.
async fn peers_of(desk: &Desk, domain: &Domain, need: Need) -> Vec<Peer> {
    let dialling = &desk.config.dialling;
    let found = match (need, desk.config.routes.of(domain)) {
        (Need::Ordinary, Some(hop)) => return peers_by_route(desk, hop).await,
        (Need::Notice | Need::Ordinary, _) => desk.decide(discovery::exchange_hosts(domain, dialling, 0)).await,
        (Need::Retrieval, _) => desk.decide(discovery::retrieval_service(domain, dialling, 0)).await,
    };
    let mut peers = vec![Peer::Origin(domain.clone())];
    let Route::Targets(targets) = found else { return peers };
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

async fn peers_by_route(desk: &Desk, hop: &NextHop) -> Vec<Peer> {
    let addresses = match &hop.host {
        Host::Literal(address) => vec![*address],
        Host::Named(host) => match desk.decide(discovery::addresses_of(host, &Dialling::anywhere())).await {
            Addresses::Usable { addresses, .. } => addresses,
            Addresses::Forbidden(_) | Addresses::None | Addresses::Temporary(_) => Vec::new(),
        },
    };
    addresses.into_iter().map(|address| Peer::Service(SocketAddr::new(address, hop.port), hop.tls.begins())).collect()
}
