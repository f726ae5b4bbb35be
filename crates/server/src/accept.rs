//! Ports: takes connections, a bounded number in all and from one address, and hands each to its session.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Connections;
use crate::listen::{self, Service};
use crate::node::Node;
use crate::real::{Machine, TcpWire, counted_as};
use crate::tls::Tls;
use crate::world::{First, Wire as _, first};

/// How long a connection that is turned away may take to read why.
const TURNING_AWAY: Duration = Duration::from_secs(5);
/// Connections being turned away at one time; more are closed without a word.
const TURNED_AWAY_MAX: usize = 100;

/// The places of one server, shared by its ports.
#[derive(Clone)]
pub struct Places {
    all: Arc<Semaphore>,
    submission: Arc<Semaphore>,
    exchange: Arc<Semaphore>,
    imap: Arc<Semaphore>,
    per_address_max: usize,
    by_address: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    turned_away: Arc<Semaphore>,
}

/// One connection's place; free again when it is dropped.
struct Place {
    address: IpAddr,
    by_address: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Places {
    /// As many as the configuration says.
    pub fn new(connections: Connections) -> Self {
        Self {
            all: Arc::new(Semaphore::new(connections.all_max)),
            submission: Arc::new(Semaphore::new(connections.submission_max)),
            exchange: Arc::new(Semaphore::new(connections.exchange_max)),
            imap: Arc::new(Semaphore::new(connections.imap_max)),
            per_address_max: connections.per_address_max,
            by_address: Arc::default(),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_MAX)),
        }
    }

    /// A place for a connection to this service from this address, if there is one.
    fn take(&self, service: Service, peer: IpAddr) -> Option<Place> {
        let of_service = match service {
            Service::Submission | Service::Submissions => &self.submission,
            Service::Exchange | Service::Retrieval => &self.exchange,
            Service::Imap | Service::Imaps => &self.imap,
        };
        let permit = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        let permits = [permit(&self.all)?, permit(of_service)?];
        let address = counted_as(peer);
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_default();
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        Some(Place { address, by_address: Arc::clone(&self.by_address), _permits: permits })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// What every port needs to take connections.
#[derive(Clone)]
pub struct Doorway {
    /// The server.
    pub node: Arc<Node>,
    /// Its places.
    pub places: Places,
    /// Its certificate.
    pub tls: Tls,
    /// Its clock.
    pub machine: Machine,
}

/// Takes connections until the server stops.
pub async fn serve_port(doorway: Doorway, service: Service, listener: std::net::TcpListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, service = service.as_str(), "cannot take connections"),
    };
    let _listening = doorway.node.metrics.listening();
    loop {
        let accepted = match first(doorway.node.stop.raised(), listener.accept()).await {
            First::Left(()) => return,
            First::Right(accepted) => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(&doorway, service, stream, peer),
            Err(error) => wait_out(&doorway, service, &error).await,
        }
    }
}

fn admit(doorway: &Doorway, service: Service, stream: TcpStream, peer: SocketAddr) {
    let wire = TcpWire::new(stream, peer, doorway.tls.clone(), doorway.machine.clone());
    let node = Arc::clone(&doorway.node);
    if let Some(place) = doorway.places.take(service, peer.ip()) {
        let counted = node.metrics.connected(service);
        let session = async move {
            listen::serve(node, service, Box::new(wire)).await;
            drop((place, counted));
        };
        doorway.node.world.spawn("session", Box::pin(session));
        return;
    }
    node.metrics.turned_away(service);
    tracing::info!(%peer, service = service.as_str(), "too many connections");
    if let Ok(permit) = Arc::clone(&doorway.places.turned_away).try_acquire_owned()
        && let Some(line) = turning_away(&node, service)
    {
        let refusal = async move {
            turn_away(&node, wire, &line).await;
            drop(permit);
        };
        doorway.node.world.spawn("refusal", Box::pin(refusal));
    }
}

/// What is said in place of a greeting, where that is not a handshake.
fn turning_away(node: &Node, service: Service) -> Option<String> {
    match service {
        // RFC 5321 section 3.8.
        Service::Submission | Service::Exchange => {
            Some(format!("421 4.7.0 {} too many connections, come back later\r\n", node.settings.hostname))
        }
        // RFC 9051 section 7.1.5.
        Service::Imap => Some("* BYE [UNAVAILABLE] too many connections, come back later\r\n".to_owned()),
        Service::Submissions | Service::Retrieval | Service::Imaps => None,
    }
}

async fn turn_away(node: &Node, mut wire: TcpWire, line: &str) {
    let deadline = node.world.now() + TURNING_AWAY;
    if let Err(error) = wire.write_all(line.as_bytes(), deadline).await {
        tracing::debug!(%error, "a peer that was turned away did not wait to hear it");
    }
    wire.close().await;
}

/// A connection that was gone before it was taken is no reason to wait; too few descriptors are.
async fn wait_out(doorway: &Doorway, service: Service, error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tracing::warn!(%error, service = service.as_str(), "cannot take connections");
        doorway.node.world.sleep_until(doorway.node.world.now() + Duration::from_millis(200)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_bounded_in_all_and_for_each_address_and_become_free_again() {
        let places = Places::new(Connections { all_max: 3, per_address_max: 2, ..Connections::default() });
        let take = |address: &str| places.take(Service::Exchange, address.parse().unwrap());
        let (one, two) = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(one.is_some() && two.is_some());
        assert!(take("192.0.2.1").is_none(), "a third from one address");
        let three = take("2001:db8::1");
        assert!(three.is_some());
        assert!(take("192.0.2.2").is_none(), "a fourth in all");
        drop(one);
        assert!(take("192.0.2.1").is_some());
        drop((two, three));
        let (first, second) = (take("2001:db8::1"), take("2001:db8::2"));
        assert!(first.is_some() && second.is_some());
        assert!(take("2001:db8::3").is_none(), "one customer has a whole /64");
        assert!(take("2001:db8:0:1::1").is_some());
        assert_eq!(places.by_address.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn other_servers_cannot_take_the_places_of_users_nor_users_theirs() {
        let places = Places::new(Connections { all_max: 10, per_address_max: 10, submission_max: 1, exchange_max: 2, imap_max: 1 });
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let held = [Service::Exchange, Service::Retrieval].map(|service| places.take(service, address));
        assert!(held.iter().all(Option::is_some));
        assert!(places.take(Service::Exchange, address).is_none(), "a third of a kind");
        let user = places.take(Service::Submission, address);
        assert!(user.is_some());
        assert!(places.take(Service::Submissions, address).is_none());
        let reader = places.take(Service::Imaps, address);
        assert!(reader.is_some() && places.take(Service::Imap, address).is_none());
    }
}
