//! The demo's own certificate authority: both servers trust it, and nobody else does.

use std::fs;
use std::path::{Path, PathBuf};

use mail::address::Domain;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::demo::{DemoError, Peer};

/// The authority.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// The authority of this folder; made, if there is none.
    ///
    /// # Errors
    /// Its files can't be read or written.
    pub fn load(folder: &Path) -> Result<Self, DemoError> {
        let (ca, key) = (folder.join("ca.pem"), folder.join("ca.key"));
        if !ca.exists() {
            let pair = KeyPair::generate().map_err(|error| DemoError::file(&key, &error))?;
            let certificate = params()?.self_signed(&pair).map_err(|error| DemoError::file(&ca, &error))?;
            // The certificate last: with it both are there.
            fs::write(&key, pair.serialize_pem()).map_err(|error| DemoError::file(&key, &error))?;
            fs::write(&ca, certificate.pem()).map_err(|error| DemoError::file(&ca, &error))?;
        }
        let pem = fs::read_to_string(&ca).map_err(|error| DemoError::file(&ca, &error))?;
        let text = fs::read_to_string(&key).map_err(|error| DemoError::file(&key, &error))?;
        let pair = KeyPair::from_pem(&text).map_err(|error| DemoError::file(&key, &error))?;
        Ok(Self { pem, issuer: Issuer::new(params()?, pair) })
    }

    /// A certificate for a host, and its key, in the host's folder.
    ///
    /// # Errors
    /// They can't be made or written.
    pub fn issue(&self, host: &Domain, folder: &Path) -> Result<(), DemoError> {
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        if cert.exists() && key.exists() {
            return Ok(());
        }
        let pair = KeyPair::generate().map_err(|error| DemoError::file(&key, &error))?;
        let params = CertificateParams::new(vec![host.to_string()]).map_err(|error| DemoError::file(&cert, &error))?;
        let certificate = params.signed_by(&pair, &self.issuer).map_err(|error| DemoError::file(&cert, &error))?;
        fs::write(&key, pair.serialize_pem()).map_err(|error| DemoError::file(&key, &error))?;
        fs::write(&cert, certificate.pem()).map_err(|error| DemoError::file(&cert, &error))
    }

    /// A file with this authority and those of the peers, for a server to trust.
    ///
    /// # Errors
    /// A peer's can't be read, or ours not written.
    pub fn trusted_with(&self, peers: &[Peer], folder: &Path) -> Result<PathBuf, DemoError> {
        let mut trusted = self.pem.clone();
        for file in peers.iter().filter_map(|peer| peer.ca_pem.as_ref()) {
            trusted.push('\n');
            trusted.push_str(&fs::read_to_string(file).map_err(|error| DemoError::file(file, &error))?);
        }
        let file = folder.join("ca.pem");
        fs::write(&file, trusted).map_err(|error| DemoError::file(&file, &error))?;
        Ok(file)
    }
}

fn params() -> Result<CertificateParams, DemoError> {
    let mut params = CertificateParams::new(vec![]).map_err(|error| DemoError::Tls(error.to_string()))?;
    params.distinguished_name.push(DnType::CommonName, "Twoway demo");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}
