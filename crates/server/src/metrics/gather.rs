//! Numbers that are read when somebody asks: what lies in the store, on the disk, in the certificate.

use std::sync::PoisonError;
use std::time::Duration;

use mail::time::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use store::{Census, InState};

use super::health::{self, Disk};
use super::http::Watched;
use super::{One, Seconds};

/// How long a count of all messages is good for: it walks two tables.
const CENSUS_AGE_MAX: Duration = Duration::from_mins(1);

/// The names that states may have as a label, so that states left empty are told as 0.
const TRANSFER_STATES: [&str; 5] = ["notifying", "waiting", "served", "uncertain", "relaying"];
const ARRIVAL_STATES: [&str; 6] = ["noted", "listed", "dropped", "due", "stored", "declining"];

/// Everything, as text.
pub(super) async fn text(watched: &Watched) -> String {
    let (node, metrics) = (&watched.node, &watched.node.metrics);
    let now = node.world.now();
    let is_ready = health::troubles(watched).await.is_empty();
    metrics.ready.set(i64::from(is_ready));
    if let Some(census) = census(watched, now).await {
        set(&metrics.transfers, &metrics.transfers_oldest_seconds, &TRANSFER_STATES, &census.transfers, now);
        set(&metrics.arrivals, &metrics.arrivals_oldest_seconds, &ARRIVAL_STATES, &census.arrivals, now);
    }
    let waiting: usize = node.store.writes().iter().map(|queue| queue.len()).sum();
    metrics.store_waiting.get_or_create(&[("access", "write")]).set(number(waiting));
    metrics.store_waiting.get_or_create(&[("access", "read")]).set(number(node.store.reads().len()));
    metrics.peer_connections_open.set(number(node.dialled.open()));
    if let Some(Disk { free_octets, size_octets }) = Disk::of(&watched.data_dir) {
        metrics.disk_free_bytes.set(i64::try_from(free_octets).unwrap_or(i64::MAX));
        metrics.disk_size_bytes.set(i64::try_from(size_octets).unwrap_or(i64::MAX));
    }
    if let Some(expires) = watched.tls.expires() {
        metrics.certificate_expires_seconds.set(expires.as_millis() / 1000);
    }
    let mut text = String::new();
    if let Err(error) = encode(&mut text, &watched.registry) {
        tracing::error!(%error, "the metrics cannot be written");
    }
    text
}

/// The last count, or a new one if it is old. None while the store does not answer.
async fn census(watched: &Watched, now: Timestamp) -> Option<Census> {
    let counted = watched.census.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((at, census)) = counted.filter(|(at, _)| now.since(*at) < CENSUS_AGE_MAX && *at <= now) {
        tracing::trace!(%at, "a count that is young enough");
        return Some(census);
    }
    match health::in_time(watched, watched.node.store.census()).await {
        Ok(census) => {
            *watched.census.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, census.clone()));
            Some(census)
        }
        Err(reason) => {
            tracing::warn!(reason, "messages were not counted");
            None
        }
    }
}

fn set(counts: &Family<One, Gauge>, oldest: &Family<One, Seconds>, states: &[&'static str], found: &[InState], now: Timestamp) {
    for state in states {
        let label = [("state", *state)];
        let of_state = found.iter().find(|group| group.state == *state);
        counts.get_or_create(&label).set(of_state.map_or(0, |group| i64::try_from(group.count).unwrap_or(i64::MAX)));
        oldest.get_or_create(&label).set(of_state.map_or(0.0, |group| now.since(group.since).as_secs_f64()));
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
