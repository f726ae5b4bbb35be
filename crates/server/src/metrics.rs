//! Numbers for whoever watches the server, in Prometheus' text form. Never labelled by what a peer can choose: no address,
//! no domain, so that nobody can make them grow.

mod gather;
pub mod health;
mod http;
mod system;

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use mail::time::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use proto::smtp::server::{Counts, Role};

use crate::events::Event;
use crate::listen::Service;

pub use http::{Watched, reachable, serve};

/// Labels: each is one of a few words of ours.
type One = [(&'static str, &'static str); 1];
type Two = [(&'static str, &'static str); 2];
type Seconds = Gauge<f64, AtomicU64>;

/// Bounds of what takes from a tenth of a millisecond to ten seconds.
const SECONDS: [f64; 12] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];
/// Bounds of how many operations share a transaction.
const OPERATIONS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// All numbers of one server. Cheap to clone; cheap to count with.
#[derive(Debug, Clone)]
pub struct Metrics {
    connections: Family<One, Counter>,
    connections_open: Family<One, Gauge>,
    connections_refused: Family<One, Counter>,
    commands: Family<One, Counter>,
    commands_refused: Family<One, Counter>,
    auth_failures: Family<One, Counter>,
    unknown_recipients: Family<One, Counter>,
    tls_failures: Counter,
    events: Family<Two, Counter>,
    peer_sessions: Family<One, Counter>,
    dns_seconds: Histogram,
    dns_failures: Counter,
    store_batch_seconds: Family<One, Histogram>,
    store_batch_operations: Family<One, Histogram>,
    // Read when somebody asks.
    store_waiting: Family<One, Gauge>,
    transfers: Family<One, Gauge>,
    transfers_oldest: Family<One, Seconds>,
    arrivals: Family<One, Gauge>,
    arrivals_oldest: Family<One, Seconds>,
    peer_connections_open: Gauge,
    ports_listening: Gauge,
    lease_until: Gauge<i64, AtomicI64>,
    loop_lag: Seconds,
    disk_free: Gauge,
    disk_size: Gauge,
    certificate_expires: Gauge,
    ready: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            connections: Family::default(),
            connections_open: Family::default(),
            connections_refused: Family::default(),
            commands: Family::default(),
            commands_refused: Family::default(),
            auth_failures: Family::default(),
            unknown_recipients: Family::default(),
            tls_failures: Counter::default(),
            events: Family::default(),
            peer_sessions: Family::default(),
            dns_seconds: Histogram::new(SECONDS),
            dns_failures: Counter::default(),
            store_batch_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            store_batch_operations: Family::new_with_constructor(|| Histogram::new(OPERATIONS)),
            store_waiting: Family::default(),
            transfers: Family::default(),
            transfers_oldest: Family::default(),
            arrivals: Family::default(),
            arrivals_oldest: Family::default(),
            peer_connections_open: Gauge::default(),
            ports_listening: Gauge::default(),
            lease_until: Gauge::default(),
            loop_lag: Seconds::default(),
            disk_free: Gauge::default(),
            disk_size: Gauge::default(),
            certificate_expires: Gauge::default(),
            ready: Gauge::default(),
        }
    }
}

/// A connection that is counted as open until it is dropped.
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// A connection was taken.
    pub fn connected(&self, service: Service) -> OpenConnection {
        let label = [("service", service.as_str())];
        self.connections.get_or_create(&label).inc();
        let open = self.connections_open.get_or_create(&label).clone();
        open.inc();
        OpenConnection(open)
    }

    /// A connection found no place.
    pub fn turned_away(&self, service: Service) {
        self.connections_refused.get_or_create(&[("service", service.as_str())]).inc();
    }

    /// A port takes connections, as long as this lives.
    pub fn listening(&self) -> OpenConnection {
        self.ports_listening.inc();
        OpenConnection(self.ports_listening.clone())
    }

    /// A session ended that had counted this.
    pub fn session_ended(&self, role: Role, counts: Counts) {
        let label = [(
            "role",
            match role {
                Role::Submission => "submission",
                Role::Exchange => "exchange",
                Role::Retrieval => "retrieval",
            },
        )];
        let families = [
            (&self.commands, counts.commands),
            (&self.commands_refused, counts.errors),
            (&self.auth_failures, counts.auth_failures),
            (&self.unknown_recipients, counts.unknown_recipients),
        ];
        for (family, count) in families.into_iter().filter(|(_, count)| *count > 0) {
            family.get_or_create(&label).inc_by(u64::from(count));
        }
    }

    /// A client's TLS did not come about.
    pub fn tls_failed(&self) {
        self.tls_failures.inc();
    }

    /// Something happened to a message.
    pub fn happened(&self, event: &Event) {
        let (event, how) = event.what();
        self.events.get_or_create(&[("event", event), ("how", how)]).inc();
    }

    /// We tried to reach another server.
    pub fn dialled(&self, outcome: &'static str) {
        self.peer_sessions.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// DNS was asked.
    pub fn asked(&self, took: Duration, is_answered: bool) {
        self.dns_seconds.observe(took.as_secs_f64());
        if !is_answered {
            self.dns_failures.inc();
        }
    }

    /// The store carried out operations in one transaction.
    pub fn stored(&self, access: &'static str, operations: usize, took: Duration) {
        let label = [("access", access)];
        self.store_batch_seconds.get_or_create(&label).observe(took.as_secs_f64());
        // Not more than one batch holds.
        self.store_batch_operations.get_or_create(&label).observe(f64::from(u32::try_from(operations).unwrap_or(u32::MAX)));
    }

    /// The jobs of the partitions are this node's until then.
    pub fn leased(&self, until: Timestamp) {
        self.lease_until.set(until.as_millis());
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("connections", "Connections taken", self.connections.clone());
        registry.register("connections_open", "Connections that are open", self.connections_open.clone());
        registry.register("connections_refused", "Connections that found no place", self.connections_refused.clone());
        registry.register("commands", "Commands of sessions that ended", self.commands.clone());
        registry.register("commands_refused", "Of these, refused by the session itself", self.commands_refused.clone());
        registry.register("auth_failures", "Failed logins, of sessions that ended", self.auth_failures.clone());
        registry.register("unknown_recipients", "Recipients refused for good, of sessions that ended", self.unknown_recipients.clone());
        registry.register("tls_failures", "Clients whose TLS did not come about", self.tls_failures.clone());
        registry.register("events", "What happened to messages, as in the log", self.events.clone());
        registry.register("peer_sessions", "Sessions with other servers that were tried", self.peer_sessions.clone());
        registry.register("peer_connections_open", "Connections open to other servers", self.peer_connections_open.clone());
        registry.register("dns_seconds", "How long DNS took to answer", self.dns_seconds.clone());
        registry.register("dns_failures", "Questions that DNS did not answer", self.dns_failures.clone());
        registry.register("store_batch_seconds", "How long transactions took, their sync included", self.store_batch_seconds.clone());
        registry.register("store_batch_operations", "How many operations shared one", self.store_batch_operations.clone());
        registry.register("store_waiting", "Operations that wait for the store", self.store_waiting.clone());
        registry.register("transfers", "Messages on their way from here, by state", self.transfers.clone());
        registry.register("transfers_oldest_seconds", "How long the first of them is in it", self.transfers_oldest.clone());
        registry.register("arrivals", "Messages on their way to here, by state", self.arrivals.clone());
        registry.register("arrivals_oldest_seconds", "How long ago the first of them was noted", self.arrivals_oldest.clone());
        registry.register("ports_listening", "Ports that take connections", self.ports_listening.clone());
        registry.register("loop_lag_seconds", "How much later than asked for a task last ran", self.loop_lag.clone());
        registry.register("disk_free_bytes", "Room in data_dir", self.disk_free.clone());
        registry.register("disk_size_bytes", "Size of its file system", self.disk_size.clone());
        registry.register("certificate_expires_seconds", "When the certificate ends, in seconds of 1970", self.certificate_expires.clone());
        registry.register("ready", "1 if the server is ready, as /readyz says", self.ready.clone());
    }
}

#[cfg(test)]
mod tests;
