//! The listening sockets: opened in one place, before privileges are given up.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::StartError;
use crate::config::Config;
use crate::listen::Service;
use crate::roles::Role;

/// Connections that wait to be taken, of each port; the system may hold fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 1024;

/// A socket that listens, for one service.
pub struct Port {
    /// Which.
    pub service: Service,
    /// Not blocking.
    pub listener: TcpListener,
    /// As bound.
    pub address: SocketAddr,
}

/// All sockets of a server.
pub struct Ports {
    /// Where sessions begin.
    pub services: Vec<Port>,
    /// Where numbers and health are asked for.
    pub metrics: Vec<TcpListener>,
}

/// Opens every port of the roles of this process.
///
/// # Errors
/// One of them cannot be had.
pub fn bind(config: &Config) -> Result<Ports, StartError> {
    let listen = &config.listen;
    let services = [
        (Role::Submission, Service::Submission, &listen.submission),
        (Role::Submission, Service::Submissions, &listen.submissions),
        (Role::Exchange, Service::Exchange, &listen.exchange),
        (Role::Exchange, Service::Retrieval, &listen.retrieval),
        (Role::Imap, Service::Imap, &listen.imap),
        (Role::Imap, Service::Imaps, &listen.imaps),
    ];
    let mut ports = Vec::new();
    for (_, service, wanted) in services.into_iter().filter(|(role, ..)| config.roles.contains(role)) {
        for address in wanted {
            let (listener, address) = listen_at(service.as_str(), *address)?;
            ports.push(Port { service, listener, address });
        }
    }
    if !listen.web.is_empty() {
        tracing::warn!("listen.web is set, and not served by this version");
    }
    let metrics = listen.metrics.iter().map(|address| Ok(listen_at("metrics", *address)?.0));
    Ok(Ports { services: ports, metrics: metrics.collect::<Result<_, StartError>>()? })
}

fn listen_at(service: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listening = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restart must not wait for connections of the process before it to be forgotten.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    listening().map_err(|error| StartError::Listen { service, address, error })
}
