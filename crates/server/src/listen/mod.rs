//! The ports: one file for each sort of session, and what all sessions share.

pub mod conversation;
pub mod exchange;
pub mod imap;
pub mod incoming;
pub mod login;
pub mod notices;
pub mod reception;
pub mod retrievals;
pub mod submission;

use std::sync::Arc;

use delivery::mutant::Mutant;
use proto::limits::Limits;
use proto::smtp::server::{Channel, Config, Role};
use tracing::Instrument as _;

use crate::listen::conversation::Conversation;
use crate::node::Node;
use crate::world::{TlsFacts, Wire, WireError};

/// Received, Date and Message-ID, with the longest names there are.
const ADDED_OCTETS_MAX: u64 = 1024;

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Port 587: users hand in their mail; STARTTLS.
    Submission,
    /// Port 465: the same, TLS from the start.
    Submissions,
    /// Port 25: other servers; STARTTLS.
    Exchange,
    /// The retrieval service: other servers; TLS from the start.
    Retrieval,
    /// Port 143: users read their mail; STARTTLS.
    Imap,
    /// Port 993: the same, TLS from the start.
    Imaps,
}

impl Service {
    /// For logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Exchange => "exchange",
            Self::Retrieval => "retrieval",
            Self::Imap => "imap",
            Self::Imaps => "imaps",
        }
    }

    const fn is_tls_from_the_start(self) -> bool {
        matches!(self, Self::Submissions | Self::Retrieval | Self::Imaps)
    }
}

/// What an SMTP session of this role grants. A submitted message leaves with our fields in front, and must not be too large
/// for a server that takes as much as we do.
fn limits(role: Role, limits: &Limits) -> Limits {
    let added = if role == Role::Submission { ADDED_OCTETS_MAX } else { 0 };
    Limits { message_octets_max: limits.message_octets_max.saturating_sub(added), ..*limits }
}

/// Holds one session, from the greeting to the end of the connection.
pub async fn serve(node: Arc<Node>, service: Service, wire: Box<dyn Wire>) {
    let session = data_encoding::HEXLOWER.encode(&node.world.random::<6>());
    let span = tracing::info_span!("session", id = session, port = service.as_str(), peer = %wire.peer());
    let held = async {
        let metrics = node.metrics.clone();
        if Mutant::SessionLeavesTask.is_in() {
            node.world.spawn("left", Box::pin(std::future::pending()));
        }
        if Mutant::SessionLeavesMemory.is_in() {
            std::mem::forget(std::hint::black_box(vec![0_u8; 16 * 1024]));
        }
        let held = hold(node, service, wire).await;
        if matches!(held, Err(WireError::Tls(_))) {
            metrics.tls_failed();
        }
        match held {
            Ok(()) => tracing::debug!("session ended"),
            Err(error) => tracing::debug!(%error, "session broke"),
        }
    };
    held.instrument(span).await;
}

async fn hold(node: Arc<Node>, service: Service, mut wire: Box<dyn Wire>) -> Result<(), WireError> {
    let handshake_max = node.settings.limits.timeouts.handshake;
    let (channel, tls) = if service.is_tls_from_the_start() {
        let facts = wire.start_tls_as_server(node.world.after(handshake_max)).await?;
        conversation::record(&facts);
        (Channel::Tls, Some(facts))
    } else {
        (Channel::Upgradable, None)
    };
    // Each in a box of its own: a connection that waits holds no room for the other kinds.
    match service {
        Service::Submission | Service::Submissions => Box::pin(submission::serve(smtp(node, Role::Submission, wire, tls, channel))).await,
        Service::Exchange => Box::pin(exchange::serve(smtp(node, Role::Exchange, wire, tls, channel))).await,
        Service::Retrieval => Box::pin(exchange::serve(smtp(node, Role::Retrieval, wire, tls, channel))).await,
        Service::Imap | Service::Imaps => Box::pin(imap::serve(node, wire, channel)).await,
    }
}

fn smtp(node: Arc<Node>, role: Role, wire: Box<dyn Wire>, tls: Option<TlsFacts>, channel: Channel) -> Conversation {
    let config = Config {
        role,
        hostname: node.settings.hostname.clone(),
        postmaster_domain: node.settings.domains.first().unwrap_or(&node.settings.hostname).clone(),
        limits: limits(role, &node.settings.limits),
    };
    Conversation::new(node, wire, tls, Arc::new(config), channel)
}
