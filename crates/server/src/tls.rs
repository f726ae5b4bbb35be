//! TLS both ways: our certificate, whom we trust, and what a session may know of its connection.

mod identity;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mail::address::Domain;
use mail::time::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

use crate::config;
use crate::world::{TlsFacts, TlsVersion, WireError};
use verify::{Recording, Verdict};
use x509_cert::der::Decode as _;

pub use identity::{Pem, self_signed_paths};

/// RFC 8996: nothing older.
const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// What both ends need of TLS. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    served: Arc<Served>,
    clients: ClientCertificates,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

/// What this server shows of itself. Replaced when the certificate's files have changed.
struct Served {
    files: config::Identity,
    shown: Mutex<Shown>,
}

/// One certificate, ready to be shown.
#[derive(Clone)]
struct Shown {
    server: Arc<ServerConfig>,
    /// The same, and clients are asked for a certificate.
    asking: Arc<ServerConfig>,
    expires: Option<Timestamp>,
}

impl Shown {
    fn of(pem: &Pem, provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let config = |clients| identity::server_config(pem, Arc::clone(provider), clients).map(Arc::new);
        Ok(Self {
            server: config(ClientCertificates::NotAsked)?,
            asking: config(ClientCertificates::Asked)?,
            expires: pem.chain()?.first().and_then(|certificate| expiry(certificate)),
        })
    }
}

/// Whether a client is asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientCertificates {
    NotAsked,
    Asked,
}

/// A client's side of a connection about to be made.
pub struct ClientSide {
    /// For the connector.
    pub config: Arc<ClientConfig>,
    /// The host that was asked for.
    pub name: ServerName<'static>,
    verdict: Verdict,
}

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        error: String,
    },
    /// No TLS of the versions that we take.
    #[error("TLS: {0}")]
    Versions(String),
    /// The certificate and key are not fit, alone or together.
    #[error("{} and {}: {error}", cert.display(), key.display())]
    Identity {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        error: String,
    },
}

impl TlsError {
    fn file(file: &Path, error: &dyn std::fmt::Display) -> Self {
        Self::File { file: file.to_owned(), error: format!("{error}") }
    }
}

/// Makes aws-lc-rs the provider of this process. May be called again.
pub fn install_provider() {
    // A second call finds the provider of the first.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

impl Tls {
    /// Reads the certificate and key (or makes them, self-signed, in `data_dir`) and the authorities to trust.
    ///
    /// # Errors
    /// A file is missing, or not what it should be.
    pub fn load(config: &config::Tls, hostname: &Domain, data_dir: &Path) -> Result<Self, TlsError> {
        let pem = match &config.identity {
            Some(identity) => Pem::read(identity)?,
            None => Pem::read(&identity::self_signed(hostname, data_dir)?)?,
        };
        Self::of(config, pem)
    }

    /// With a certificate and key that were read before: by root, perhaps.
    ///
    /// # Errors
    /// They, or the authorities to trust, are not what they should be.
    pub fn of(config: &config::Tls, pem: Pem) -> Result<Self, TlsError> {
        install_provider();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let shown = Mutex::new(Shown::of(&pem, &provider)?);
        let roots = Arc::new(trusted(config.extra_ca.as_deref())?);
        let served = Arc::new(Served { files: pem.into_files(), shown });
        Ok(Self { served, clients: ClientCertificates::NotAsked, roots, provider })
    }

    /// Reads the certificate and its key again. Connections that there are keep the one they have.
    ///
    /// # Errors
    /// They are not what they should be; the old ones stay.
    pub fn reload(&self) -> Result<(), TlsError> {
        let shown = Shown::of(&Pem::read(&self.served.files)?, &self.provider)?;
        *self.served.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        Ok(())
    }

    /// When our certificate ends.
    pub fn expires(&self) -> Option<Timestamp> {
        self.shown().expires
    }

    fn shown(&self) -> Shown {
        self.served.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, for ports where servers call: they are asked for a certificate, and may go without. Users are not
    /// asked: their programs would ask them which one to show.
    #[must_use]
    pub fn asking_clients(&self) -> Self {
        Self { clients: ClientCertificates::Asked, ..self.clone() }
    }

    /// For whoever accepts a connection.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let shown = self.shown();
        match self.clients {
            ClientCertificates::NotAsked => shown.server,
            ClientCertificates::Asked => shown.asking,
        }
    }

    /// For a connection to this host. Each connection has a configuration of its own: a session resumed from another
    /// connection would not show its certificate again.
    ///
    /// # Errors
    /// No certificate can be for such a host.
    pub fn client_side(&self, host: &str) -> Result<ClientSide, WireError> {
        let refused = |error: String| WireError::Tls(error);
        let name = ServerName::try_from(host.to_owned()).map_err(|error| refused(format!("{host}: {error}")))?;
        let verdict: Verdict = Arc::new(Mutex::new(None));
        let recording = Recording::new(&self.roots, &self.provider, Arc::clone(&verdict));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider)).with_protocol_versions(&VERSIONS);
        let builder = builder.map_err(|error| refused(error.to_string()))?;
        let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(recording)).with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Ok(ClientSide { config: Arc::new(config), name, verdict })
    }
}

impl ClientSide {
    /// What is known once the handshake is done.
    ///
    /// # Errors
    /// It is not done.
    pub fn facts(&self, connection: &ClientConnection) -> Result<TlsFacts, WireError> {
        let unverified = self.verdict.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(TlsFacts { unverified, ..facts(connection)? })
    }
}

/// What a server knows once the handshake is done.
///
/// # Errors
/// It is not done.
pub fn server_facts(connection: &ServerConnection) -> Result<TlsFacts, WireError> {
    Ok(TlsFacts { sni: connection.server_name().map(str::to_owned), ..facts(connection)? })
}

fn facts<Side>(connection: &ConnectionCommon<Side>) -> Result<TlsFacts, WireError> {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => TlsVersion::V1_3,
        Some(rustls::ProtocolVersion::TLSv1_2) => TlsVersion::V1_2,
        other => return Err(WireError::Tls(format!("unexpected version {other:?}"))),
    };
    let exporter = match version {
        // RFC 9266 section 2: this label, an empty context, 32 octets.
        TlsVersion::V1_3 => {
            let octets = connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
            Some(octets.map_err(|error| WireError::Tls(error.to_string()))?)
        }
        // RFC 9266 section 3: not unique with TLS 1.2 unless the extended master secret was negotiated.
        TlsVersion::V1_2 => None,
    };
    let peer_certificate = connection.peer_certificates().and_then(<[_]>::first).map(|certificate| certificate.to_vec());
    Ok(TlsFacts { version, exporter, peer_certificate, unverified: None, sni: None })
}

/// The hosts that a certificate names, as far as they are names of hosts; whether it is to be believed is another question.
pub fn names(certificate: &[u8]) -> Vec<Domain> {
    let certificate = CertificateDer::from(certificate);
    let Ok(parsed) = webpki::EndEntityCert::try_from(&certificate) else { return Vec::new() };
    parsed.valid_dns_names().filter_map(|name| name.parse().ok()).collect()
}

/// When a certificate ends; none if that cannot be read.
fn expiry(certificate: &[u8]) -> Option<Timestamp> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let seconds = certificate.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
    Some(Timestamp::from_millis(i64::try_from(seconds).ok()?.checked_mul(1000)?))
}

/// The system's authorities, and those of the file.
/// For a connection of the command line to a server that must be who it says it is.
///
/// # Errors
/// The authorities to trust are not what they should be.
pub fn verifying(extra_ca: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    install_provider();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&VERSIONS);
    let builder = builder.map_err(|error| TlsError::Versions(error.to_string()))?;
    Ok(Arc::new(builder.with_root_certificates(trusted(extra_ca)?).with_no_client_auth()))
}

fn trusted(extra: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "an authority of the system cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    let Some(file) = extra else { return Ok(roots) };
    let before = roots.len();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| TlsError::file(file, &error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| TlsError::file(file, &error))?;
        roots.add(certificate).map_err(|error| TlsError::file(file, &error))?;
    }
    if roots.len() == before {
        return Err(TlsError::file(file, &"no certificate in it; expected PEM, BEGIN CERTIFICATE"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;
