//! What the service manager sends and wants to hear: signals, READY=1 and WATCHDOG=1 (`sd_notify(3)`).

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::Running;
use crate::node::Signal;
use crate::tls::Tls;
use crate::world::{First, World as _, first};

/// Raises `stop` at the first SIGTERM or SIGINT.
#[expect(clippy::disallowed_methods, reason = "signals come to the process, from outside every World")]
pub(super) fn raise_on_signals(stop: &Signal) {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        match signal(kind) {
            Ok(mut signals) => {
                let stop = stop.clone();
                tokio::spawn(async move {
                    signals.recv().await;
                    stop.raise();
                });
            }
            Err(error) => tracing::warn!(%error, ?kind, "a signal cannot be waited for"),
        }
    }
}

/// Reads the certificate again at each SIGHUP. The configuration is read at start only.
#[expect(clippy::disallowed_methods, reason = "signals come to the process, from outside every World")]
pub(super) fn reload_on_signal(tls: Tls) {
    match signal(SignalKind::hangup()) {
        Ok(mut signals) => drop(tokio::spawn(async move {
            while signals.recv().await.is_some() {
                notify("RELOADING=1");
                match tls.reload() {
                    Ok(()) => tracing::info!("the certificate was read again"),
                    Err(error) => tracing::error!(%error, "the certificate was not read again; the old one stays"),
                }
                notify("READY=1");
            }
        })),
        Err(error) => tracing::warn!(%error, "SIGHUP cannot be waited for"),
    }
}

/// Tells the service manager that this server lives, twice in the time it was given to say so (`WatchdogSec`): its tasks
/// run, and its store answers. One that does not is ended and started again.
pub(super) fn keep_watchdog(running: &Running) {
    let microseconds = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok()).filter(|number| *number > 0);
    let is_for_us = std::env::var("WATCHDOG_PID").ok().is_none_or(|pid| pid == std::process::id().to_string());
    let Some(patience) = microseconds.map(Duration::from_micros).filter(|_| is_for_us) else { return };
    let node = Arc::clone(&running.node);
    running.world.spawn(
        "watchdog",
        Box::pin(async move {
            while !node.stop.is_raised() {
                // An error is an answer: a database that is away does not come back because we start again.
                if let First::Left(_) = first(node.store.last_seen(), node.world.sleep_until(node.world.after(patience / 2))).await {
                    notify("WATCHDOG=1");
                }
                first(node.world.sleep_until(node.world.after(patience / 3)), node.stop.raised()).await;
            }
        }),
    );
}

/// Tells the service manager, if there is one.
pub(super) fn notify(state: &str) {
    if let Some(path) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send(path.as_bytes(), state)
    {
        tracing::warn!(%error, "the service manager was not told {state}");
    }
}

fn send(path: &[u8], state: &str) -> io::Result<()> {
    let address = match path {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_manager_hears_of_us_at_a_path_and_at_an_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let listening = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str().as_bytes(), "READY=1").unwrap();
        let mut buffer = [0; 16];
        let octets = listening.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..octets], b"READY=1");

        let name = format!("twoway-test-{}", std::process::id());
        let listening = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(format!("@{name}").as_bytes(), "STOPPING=1").unwrap();
        let octets = listening.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..octets], b"STOPPING=1");
    }
}
