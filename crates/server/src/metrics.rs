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

/// The number a field begins as.
macro_rules! beginning {
    ($kind:ty) => {
        <$kind>::default()
    };
    ($kind:ty, $number:expr) => {
        $number
    };
}

/// Each number in one line: its name, its kind, where it begins, what it says.
macro_rules! numbers {
    ($($name:ident: $kind:ty $(= $number:expr)?, $says:literal;)*) => {
        /// All numbers of one server. Cheap to clone; cheap to count with.
        #[derive(Debug, Clone)]
        pub struct Metrics {
            $($name: $kind,)*
            /// For readiness, and shown to nobody.
            lease_until: Gauge<i64, AtomicI64>,
        }

        impl Default for Metrics {
            fn default() -> Self {
                Self { $($name: beginning!($kind $(, $number)?),)* lease_until: Gauge::default() }
            }
        }

        impl Metrics {
            fn register(&self, registry: &mut Registry) {
                $(registry.register(stringify!($name), $says, self.$name.clone());)*
            }
        }
    };
}

numbers! {
    connections: Family<One, Counter>, "Connections taken";
    connections_open: Family<One, Gauge>, "Connections that are open";
    connections_refused: Family<One, Counter>, "Connections that found no place";
    commands: Family<One, Counter>, "Commands of sessions that ended";
    commands_refused: Family<One, Counter>, "Of these, refused by the session itself";
    auth_failures: Family<One, Counter>, "Failed logins, of sessions that ended";
    unknown_recipients: Family<One, Counter>, "Recipients refused for good, of sessions that ended";
    tls_failures: Counter, "Clients whose TLS did not come about";
    events: Family<Two, Counter>, "What happened to messages, as in the log";
    peer_sessions: Family<One, Counter>, "Sessions with other servers that were tried";
    peer_connections_open: Gauge, "Connections open to other servers";
    dns_seconds: Histogram = Histogram::new(SECONDS), "How long DNS took to answer";
    dns_failures: Counter, "Questions that DNS did not answer";
    store_batch_seconds: Family<One, Histogram> = Family::new_with_constructor(|| Histogram::new(SECONDS)),
        "How long transactions took, their sync included";
    store_batch_operations: Family<One, Histogram> = Family::new_with_constructor(|| Histogram::new(OPERATIONS)),
        "How many operations shared one";
    store_waiting: Family<One, Gauge>, "Operations that wait for the store";
    transfers: Family<One, Gauge>, "Messages on their way from here, by state";
    transfers_oldest_seconds: Family<One, Seconds>, "How long the first of them is in it";
    arrivals: Family<One, Gauge>, "Messages on their way to here, by state";
    arrivals_oldest_seconds: Family<One, Seconds>, "How long ago the first of them was noted";
    ports_listening: Gauge, "Ports that take connections";
    loop_lag_seconds: Seconds, "How much later than asked for a task last ran";
    disk_free_bytes: Gauge, "Room in data_dir";
    disk_size_bytes: Gauge, "Size of its file system";
    certificate_expires_seconds: Gauge, "When the certificate ends, in seconds of 1970";
    ready: Gauge, "1 if the server is ready, as /readyz says";
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
        let role = match role {
            Role::Submission => "submission",
            Role::Exchange => "exchange",
            Role::Retrieval => "retrieval",
        };
        let Counts { commands, errors, auth_failures, unknown_recipients, .. } = counts;
        self.count(role, commands, errors, auth_failures);
        Self::count_in(&self.unknown_recipients, role, unknown_recipients);
    }

    /// A session with a mail program ended that had counted this.
    pub fn imap_session_ended(&self, counts: proto::imap::server::Counts) {
        self.count("imap", counts.commands, counts.errors, counts.auth_failures);
    }

    fn count(&self, role: &'static str, commands: u32, refused: u32, auth_failures: u32) {
        for (family, count) in [(&self.commands, commands), (&self.commands_refused, refused), (&self.auth_failures, auth_failures)] {
            Self::count_in(family, role, count);
        }
    }

    fn count_in(family: &Family<One, Counter>, role: &'static str, count: u32) {
        if count > 0 {
            family.get_or_create(&[("role", role)]).inc_by(u64::from(count));
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
}

#[cfg(test)]
mod tests;
