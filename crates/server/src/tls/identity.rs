//! Who we are: the certificate and key from PEM files, or self-signed ones made at first start.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail::address::Domain;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::verify::AnyClient;
use super::{ClientCertificates, TlsError, VERSIONS};
use crate::config::Identity;

/// A certificate with its chain, and its key, as read from their files.
pub struct Pem {
    files: Identity,
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Pem {
    /// Reads both files.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn read(files: &Identity) -> Result<Self, TlsError> {
        let read = |file: &Path| fs::read(file).map_err(|error| TlsError::file(file, &error));
        Ok(Self { cert: read(&files.cert)?, key: read(&files.key)?, files: files.clone() })
    }

    pub(super) fn into_files(self) -> Identity {
        self.files
    }

    /// The certificate, then its chain.
    pub(super) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.cert).collect();
        let chain = chain.map_err(|error| TlsError::file(&self.files.cert, &error))?;
        if chain.is_empty() {
            return Err(TlsError::file(&self.files.cert, &"no certificate in it; expected PEM, BEGIN CERTIFICATE"));
        }
        Ok(chain)
    }
}

/// The server's side, with this certificate and key.
pub(super) fn server_config(pem: &Pem, provider: Arc<CryptoProvider>, clients: ClientCertificates) -> Result<ServerConfig, TlsError> {
    let (files, chain) = (&pem.files, pem.chain()?);
    let unfit = |error: String| TlsError::Identity { cert: files.cert.clone(), key: files.key.clone(), error };
    let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|error| TlsError::file(&files.key, &error))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&VERSIONS);
    let builder = builder.map_err(|error| unfit(error.to_string()))?;
    let builder = match clients {
        ClientCertificates::NotAsked => builder.with_no_client_auth(),
        ClientCertificates::Asked => builder.with_client_cert_verifier(Arc::new(AnyClient::new(provider))),
    };
    builder.with_single_cert(chain, key).map_err(|error| unfit(error.to_string()))
}

/// Where the self-signed certificate and its key are.
pub fn self_signed_paths(data_dir: &Path) -> (PathBuf, PathBuf) {
    let directory = data_dir.join("tls");
    (directory.join("self-signed.pem"), directory.join("self-signed.key"))
}

/// The self-signed certificate of this server; made, if this is its first start or its name has changed.
pub(super) fn self_signed(hostname: &Domain, data_dir: &Path) -> Result<Identity, TlsError> {
    let (cert, key) = self_signed_paths(data_dir);
    let named = data_dir.join("tls").join("self-signed.name");
    let is_ours = fs::read_to_string(&named).is_ok_and(|name| name == hostname.as_str());
    if !(is_ours && cert.exists() && key.exists()) {
        let unfit = |error: rcgen::Error| TlsError::Identity { cert: cert.clone(), key: key.clone(), error: error.to_string() };
        let pair = rcgen::KeyPair::generate().map_err(unfit)?;
        let params = rcgen::CertificateParams::new(vec![hostname.as_str().to_owned()]).map_err(unfit)?;
        let certificate = params.self_signed(&pair).map_err(unfit)?;
        let directory = data_dir.join("tls");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(|error| TlsError::file(&directory, &error))?;
        // The name last: a start that was interrupted before it makes all three again.
        if named.exists() {
            fs::remove_file(&named).map_err(|error| TlsError::file(&named, &error))?;
        }
        for (path, text) in [(&key, pair.serialize_pem()), (&cert, certificate.pem()), (&named, hostname.as_str().to_owned())] {
            write_private(path, &text).map_err(|error| TlsError::file(path, &error))?;
        }
    }
    Ok(Identity { cert, key })
}

/// A file for nobody else's eyes, durable and whole, or not there.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    if beside.exists() {
        fs::remove_file(&beside)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
