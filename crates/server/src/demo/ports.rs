//! Ports of the demo: easy to remember where they are free, any others where not.

use std::net::{IpAddr, TcpListener};

/// One server's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Submission with STARTTLS.
    pub submission: u16,
    /// Submission with TLS from the start.
    pub submissions: u16,
    /// Other servers.
    pub exchange: u16,
    /// The retrieval service.
    pub retrieval: u16,
    /// Mailboxes, with STARTTLS.
    pub imap: u16,
    /// Mailboxes, with TLS from the start.
    pub imaps: u16,
}

/// Which ports are wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Those that are easy to remember, where they are free.
    Memorable,
    /// Any that are free.
    Any,
}

/// Free ports of an address.
pub fn choose(address: IpAddr, wish: Wish) -> Ports {
    let mut taken = Vec::new();
    let mut free = |wanted: u16| {
        let first = if wish == Wish::Memorable { wanted } else { 0 };
        let bound = TcpListener::bind((address, first)).or_else(|_in_use| TcpListener::bind((address, 0)));
        // All stay bound until all are chosen: none is given twice.
        bound.and_then(|listener| listener.local_addr().inspect(|_| taken.push(listener))).map_or(wanted, |bound| bound.port())
    };
    Ports {
        submission: free(2587),
        submissions: free(2465),
        exchange: free(2525),
        retrieval: free(2626),
        imap: free(2143),
        imaps: free(2993),
    }
}
