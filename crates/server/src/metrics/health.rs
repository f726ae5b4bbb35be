//! Whether a server can do its work now, and what keeps it from that; `/readyz`, and `twoway health` that asks for it.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use mail::time::Timestamp;
use nix::sys::statvfs::statvfs;
use store::StoreError;

use super::http::Watched;
use crate::world::{First, first};

/// How long the store may take to answer.
const STORE_PATIENCE: Duration = Duration::from_secs(2);
/// Less room than this on the disk: a message of the largest size might not fit, and SQLite needs some for its journal.
const DISK_FREE_OCTETS_MIN: u64 = 256 << 20;
/// How long `twoway health` waits for the server: longer than the server for its store.
const PATIENCE: Duration = Duration::from_secs(5);
/// Octets of an answer that are read.
const ANSWER_OCTETS_MAX: u64 = 16 * 1024;

/// The file system of the data.
pub(super) struct Disk {
    pub(super) free_octets: u64,
    pub(super) size_octets: u64,
}

impl Disk {
    pub(super) fn of(directory: &Path) -> Option<Self> {
        let found = statvfs(directory).ok()?;
        let octets = |blocks: u64| blocks.saturating_mul(found.fragment_size());
        Some(Self { free_octets: octets(found.blocks_available()), size_octets: octets(found.blocks()) })
    }
}

/// What keeps this server from its work; nothing, if it is ready.
pub(super) async fn troubles(watched: &Watched) -> Vec<String> {
    let node = &watched.node;
    let mut troubles = Vec::new();
    if node.stop.is_raised() {
        troubles.push("stopping".to_owned());
    }
    if let Err(reason) = in_time(watched, node.store.last_seen()).await {
        troubles.push(format!("store: {reason}"));
    }
    if let Some(error) = node.store.write_trouble() {
        troubles.push(format!("store: nothing can be recorded: {error}"));
    }
    let listening = node.metrics.ports_listening.get();
    if listening < watched.ports {
        troubles.push(format!("ports: {listening} of {} take connections", watched.ports));
    }
    match Disk::of(&watched.data_dir) {
        Some(disk) if disk.free_octets < DISK_FREE_OCTETS_MIN => {
            troubles.push(format!("disk: {} MiB free in {}", disk.free_octets >> 20, watched.data_dir.display()));
        }
        Some(_) => {}
        None => troubles.push(format!("disk: nothing is known of {}", watched.data_dir.display())),
    }
    let leased_until = Timestamp::from_millis(node.metrics.lease_until.get());
    if watched.does_jobs && leased_until < node.world.now() {
        troubles.push("lease: the jobs of this server are not its own now".to_owned());
    }
    troubles
}

/// What the store answers, if it does so in time.
pub(super) async fn in_time<T>(watched: &Watched, asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, String> {
    let world = &watched.node.world;
    match first(asked, world.sleep_until(world.after(STORE_PATIENCE))).await {
        First::Left(answer) => answer.map_err(|error| error.to_string()),
        First::Right(()) => Err(format!("no answer within {} s", STORE_PATIENCE.as_secs())),
    }
}

/// What a server says of itself.
pub enum Health {
    /// It does its work.
    Ready,
    /// It lives, and cannot; why, one reason a line.
    Unready(String),
    /// Nobody answers.
    Unreachable(String),
}

/// Asks the server that answers there.
pub fn ask(address: SocketAddr) -> Health {
    let asked = || {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(ANSWER_OCTETS_MAX).read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    match asked() {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => Health::Ready,
        Ok(answer) if answer.starts_with("HTTP/1.1 503 ") => {
            Health::Unready(answer.split_once("\r\n\r\n").map_or("", |(_, reasons)| reasons).trim().to_owned())
        }
        Ok(_) => Health::Unreachable(format!("{address}: what answers there is no server of this kind")),
        Err(error) => Health::Unreachable(format!("{address}: {error}")),
    }
}
