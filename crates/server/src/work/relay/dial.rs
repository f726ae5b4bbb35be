//! Opens a session with the next server: by the MX records of a domain, or by a route that the administrator named.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use data_encoding::BASE64;
use delivery::dialling::Dialling;
use delivery::discovery::{self, Addresses};
use delivery::relay::{Host, Login, MxRoute, NextHop, RouteTls, by_mx};
use mail::address::Domain;
use mail::status::Status;
use proto::smtp::command::{Base64, Command};

use crate::inquiry::Inquirer;
use crate::node::Node;
use crate::outgoing::{Destination, Link};
use crate::peer::{PeerError, PeerSession, TlsUse};

/// One server to try.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    host: Host,
    port: u16,
    tls: RouteTls,
    login: Option<Login>,
    /// Whether the administrator named it.
    is_named: bool,
}

/// Where to go.
pub(super) enum Way {
    /// To these, in this order.
    Hops(Vec<Hop>),
    /// Nowhere, for good.
    Nowhere { status: Status, text: String },
    /// It can't be told now.
    Temporary(String),
}

/// Why no session came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// As with every peer.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// It is not what the route asks for.
    #[error("{host}: {reason}")]
    Unfit {
        /// Which.
        host: Host,
        /// Why.
        reason: String,
    },
}

impl DialError {
    /// Whether the server was left alone, and not dialled.
    pub(super) fn is_rest(&self) -> bool {
        match self {
            Self::Peer(error) => error.is_rest(),
            Self::Unfit { .. } => false,
        }
    }

    /// Whether we have as many sessions with it as we may: no attempt at all.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Peer(PeerError::Busy { .. }))
    }
}

/// The servers to try for a destination.
pub(super) async fn find(node: &Arc<Node>, inquirer: &mut Inquirer, destination: &Destination) -> Way {
    let domain = match destination {
        Destination::Route(hop) => return Way::Hops(vec![Hop::named(hop)]),
        Destination::Mx(domain) => domain,
    };
    let chance = u64::from_be_bytes(node.world.random());
    let found = inquirer.decide(&*node.world, discovery::exchange_hosts(domain, &node.settings.dialling, chance)).await;
    match by_mx(domain, found, &node.settings.hostname) {
        MxRoute::Hosts(targets) => Way::Hops(
            targets
                .into_iter()
                .map(|target| Hop {
                    host: Host::Named(target.host),
                    port: target.port,
                    tls: RouteTls::Opportunistic,
                    login: None,
                    is_named: false,
                })
                .collect(),
        ),
        MxRoute::Nowhere { status, text } => Way::Nowhere { status, text },
        MxRoute::Temporary(reason) => Way::Temporary(reason),
    }
}

impl Hop {
    fn named(hop: &NextHop) -> Self {
        Self { host: hop.host.clone(), port: hop.port, tls: hop.tls, login: hop.login.clone(), is_named: true }
    }

    /// Opens a session at the first of its addresses that answers.
    pub(super) async fn open(&self, node: &Arc<Node>, inquirer: &mut Inquirer) -> Result<Link, DialError> {
        let mut last = DialError::Unfit { host: self.host.clone(), reason: "it has no address".to_owned() };
        for address in self.addresses(node, inquirer).await? {
            match self.open_at(node, address).await {
                Ok(link) => return self.log_in(link).await,
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn addresses(&self, node: &Arc<Node>, inquirer: &mut Inquirer) -> Result<Vec<IpAddr>, DialError> {
        let domain = match &self.host {
            Host::Literal(address) => return Ok(vec![*address]),
            Host::Named(domain) => domain,
        };
        let anywhere = Dialling::anywhere();
        let dialling = if self.is_named { &anywhere } else { &node.settings.dialling };
        let unfit = |reason: String| DialError::Unfit { host: self.host.clone(), reason };
        match inquirer.decide(&*node.world, discovery::addresses_of(domain, dialling)).await {
            Addresses::Usable { addresses, .. } => Ok(addresses),
            Addresses::Forbidden(addresses) => Err(unfit(format!("its addresses may not be dialled: {addresses:?}"))),
            Addresses::None => Err(unfit("it has no address".to_owned())),
            Addresses::Temporary(reason) => Err(unfit(reason)),
        }
    }

    async fn open_at(&self, node: &Arc<Node>, address: IpAddr) -> Result<Link, DialError> {
        let (to, name) = (SocketAddr::new(address, self.port), self.host.to_string());
        let begin = self.tls.begins();
        let peer = match PeerSession::open_at(node, &name, to, begin, TlsUse::IfOffered).await {
            // RFC 7435: better in the clear than not at all, where nobody asked for more. Messages that did are asked again
            // when their turn comes.
            Err(PeerError::NoTls { reason, .. }) if self.tls == RouteTls::Opportunistic => {
                tracing::info!(host = %self.host, reason, "TLS does not come about; mail goes there in the clear");
                PeerSession::open_at(node, &name, to, begin, TlsUse::NotAgain).await?
            }
            opened => opened?,
        };
        if self.tls != RouteTls::Opportunistic
            && let Some(reason) = peer.unverified()
        {
            return Err(DialError::Unfit { host: self.host.clone(), reason: format!("the route asks for verified TLS: {reason}") });
        }
        Ok(Link { peer, remote: self.remote() })
    }

    fn remote(&self) -> Option<Domain> {
        match &self.host {
            Host::Named(domain) => Some(domain.clone()),
            Host::Literal(_) => None,
        }
    }

    /// AUTH PLAIN (RFC 4616), where the route has a user.
    async fn log_in(&self, mut link: Link) -> Result<Link, DialError> {
        let Some(Login { user, password }) = &self.login else { return Ok(link) };
        let unfit = |reason: String| DialError::Unfit { host: self.host.clone(), reason };
        // The configuration allows no user without verified TLS; here it is only made sure.
        if let Some(reason) = link.peer.unverified() {
            return Err(unfit(format!("the password is not told: {reason}")));
        }
        if !link.peer.capabilities().authenticates_by("PLAIN") {
            return Err(unfit("it does not offer AUTH PLAIN".to_owned()));
        }
        let initial = Some(Base64(BASE64.encode(format!("\0{user}\0{password}").as_bytes())));
        link.peer.send_smtp(&Command::Auth { mechanism: "PLAIN".to_owned(), initial })?;
        let reply = link.peer.reply().await?;
        if reply.is_success() { Ok(link) } else { Err(unfit(format!("it does not let us in: {reply}"))) }
    }
}
