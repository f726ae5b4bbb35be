//! What the service manager sends and wants to hear: signals, and READY=1 (`sd_notify(3)`).

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tokio::signal::unix::{SignalKind, signal};

use crate::node::Signal;

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
