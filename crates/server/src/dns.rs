//! Asking DNS: hickory's resolver behind our questions and answers. Trouble is never an absence.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use delivery::dns::{Answer, Kind, Mx, Name, Proof, Question, Record, Srv, Tlsa};
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ServerOrderingStrategy};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::{Proof as Validation, TrustAnchors};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name as WireName, RData, RecordType};
use hickory_resolver::{TokioResolver, system_conf};

use crate::config;

/// One query, and how often it is sent.
const TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPTS: usize = 2;
/// All it takes to answer one question, TCP and DNSSEC's own questions included.
const PATIENCE: Duration = Duration::from_secs(15);
/// An absence is believed for an hour at most: who publishes a record wants to be found.
const ABSENCE_MAX: Duration = Duration::from_hours(1);
const PRESENCE_MAX: Duration = Duration::from_hours(24);
/// Answers kept, at a few hundred octets each.
const CACHE_ENTRIES: u64 = 10_000;

/// Asks the configured servers, or the system's. Neither the hosts file nor search domains take part.
#[derive(Clone)]
pub struct Resolver {
    resolver: TokioResolver,
    validates: bool,
}

/// Why names cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// No servers were configured, and the system's cannot be read.
    #[error("the system's resolvers cannot be read ({0}); set dns.servers")]
    System(String),
    /// The file of trust anchors is not one.
    #[error("{}: {error}; expected DNSKEY records", file.display())]
    TrustAnchor {
        /// Which.
        file: PathBuf,
        /// Why.
        error: String,
    },
    /// The resolver cannot be built.
    #[error("DNS: {0}")]
    Other(String),
}

impl Resolver {
    /// With these servers and trust anchors. To be called on a tokio runtime.
    ///
    /// # Errors
    /// There are no servers, or the file of trust anchors is none.
    pub fn new(config: &config::Dns) -> Result<Self, ResolverError> {
        let servers = if config.servers.is_empty() {
            let (system, _options) = system_conf::read_system_conf().map_err(|error| ResolverError::System(error.to_string()))?;
            system.name_servers().to_vec()
        } else {
            config.servers.iter().map(|address| server(*address)).collect()
        };
        let servers = ResolverConfig::from_parts(None, Vec::new(), servers);
        let mut builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.ndots = 0;
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        options.edns0 = true;
        options.use_hosts_file = ResolveHosts::Never;
        options.negative_max_ttl = Some(ABSENCE_MAX);
        options.positive_max_ttl = Some(PRESENCE_MAX);
        options.cache_size = CACHE_ENTRIES;
        options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
        options.try_tcp_on_error = true;
        if let Some(file) = &config.trust_anchor {
            options.validate = true;
            builder = builder.with_trust_anchor(Arc::new(trust_anchors(file)?));
        }
        let resolver = builder.build().map_err(|error| ResolverError::Other(error.to_string()))?;
        Ok(Self { resolver, validates: config.trust_anchor.is_some() })
    }

    /// The answer to a question.
    pub async fn ask(&self, question: Question) -> Answer {
        let Some(name) = to_wire(&question.name) else {
            return Answer::Temporary(format!("{question}: the name cannot be asked for"));
        };
        let lookup = self.resolver.lookup(name, record_type(question.kind));
        let answer = match patiently(lookup).await {
            Some(Ok(lookup)) => self.records(question.kind, &lookup),
            Some(Err(error)) => absence(&error),
            None => Answer::Temporary("timed out".to_owned()),
        };
        if let Answer::Temporary(why) = &answer {
            tracing::debug!(%question, why, "DNS does not know now");
        }
        answer
    }

    fn records(&self, kind: Kind, lookup: &Lookup) -> Answer {
        // Aliases on the way count too: a chain is as good as its weakest link.
        let proofs = || lookup.answers().iter().filter(|record| record.record_type() != RecordType::RRSIG).map(|record| record.proof);
        if self.validates && proofs().any(|proof| matches!(proof, Validation::Bogus | Validation::Indeterminate)) {
            return Answer::Temporary("the answer is bogus by DNSSEC".to_owned());
        }
        let is_secure = self.validates && proofs().all(|proof| proof == Validation::Secure);
        let proof = if is_secure { Proof::Secure } else { Proof::Insecure };
        let of_kind = || lookup.answers().iter().filter(|record| record.record_type() == record_type(kind));
        if of_kind().next().is_some() {
            return Answer::Records { records: of_kind().filter_map(|record| from_wire(&record.data)).collect(), proof };
        }
        match lookup.message().metadata.response_code {
            ResponseCode::NXDomain => Answer::NoSuchName(Proof::Insecure),
            _ => Answer::NoData(Proof::Insecure),
        }
    }
}

fn server(address: SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

fn trust_anchors(file: &Path) -> Result<TrustAnchors, ResolverError> {
    let unfit = |error: String| ResolverError::TrustAnchor { file: file.to_owned(), error };
    let anchors = TrustAnchors::from_file(file).map_err(|error| unfit(error.to_string()))?;
    if anchors.is_empty() { Err(unfit("no key in it".to_owned())) } else { Ok(anchors) }
}

#[expect(clippy::disallowed_methods, reason = "part of World: this is where DNS has its deadline")]
async fn patiently<T>(lookup: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, lookup).await.ok()
}

/// What an answer without records says: that there are none, or that nobody knows.
fn absence(error: &NetError) -> Answer {
    let absent = |code: ResponseCode, proof: Proof| match code {
        ResponseCode::NXDomain => Answer::NoSuchName(proof),
        ResponseCode::NoError => Answer::NoData(proof),
        other => Answer::Temporary(other.to_string()),
    };
    match error {
        NetError::Dns(DnsError::NoRecordsFound(found)) => absent(found.response_code, Proof::Insecure),
        NetError::Dns(DnsError::Nsec { response, proof, .. }) => match proof {
            Validation::Secure => absent(response.metadata.response_code, Proof::Secure),
            Validation::Insecure => absent(response.metadata.response_code, Proof::Insecure),
            Validation::Bogus | Validation::Indeterminate => Answer::Temporary("the absence is bogus by DNSSEC".to_owned()),
        },
        other => Answer::Temporary(other.to_string()),
    }
}

fn record_type(kind: Kind) -> RecordType {
    match kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Mx => RecordType::MX,
        Kind::Txt => RecordType::TXT,
        Kind::Srv => RecordType::SRV,
        Kind::Ptr => RecordType::PTR,
        Kind::Tlsa => RecordType::TLSA,
    }
}

/// The name as DNS carries it: complete, so that no search domain is tried.
pub(crate) fn to_wire(name: &Name) -> Option<WireName> {
    let mut wire = WireName::from_labels(name.labels().map(str::as_bytes)).ok()?;
    wire.set_fqdn(true);
    Some(wire)
}

/// `None` for the root.
fn host(name: &WireName) -> Result<Option<Name>, ()> {
    if name.is_root() {
        return Ok(None);
    }
    let labels: Result<Vec<&str>, _> = name.iter().map(std::str::from_utf8).collect();
    // A dot inside a label would turn it into two.
    let labels = labels.ok().filter(|labels| labels.iter().all(|label| !label.contains('.'))).ok_or(())?;
    Name::new(&labels.join(".")).map(Some).ok_or(())
}

/// The record as decisions know it; `None` for one whose names nobody could ask for.
fn from_wire(data: &RData) -> Option<Record> {
    Some(match data {
        RData::A(address) => Record::A(address.0),
        RData::AAAA(address) => Record::Aaaa(address.0),
        RData::MX(mx) => Record::Mx(Mx { preference: mx.preference, exchange: host(&mx.exchange).ok()? }),
        RData::TXT(text) => Record::Txt(text.txt_data.concat()),
        RData::SRV(srv) => Record::Srv(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, target: host(&srv.target).ok()? }),
        RData::PTR(name) => Record::Ptr(host(&name.0).ok()??),
        RData::TLSA(tlsa) => Record::Tlsa(Tlsa {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            data: tlsa.cert_data.clone(),
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
