//! TLS settings for both of our roles, random ids, digests.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use data_encoding::BASE64URL_NOPAD;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

/// Trusts exactly the certificates of `ca_pem`.
pub(crate) fn client_config(ca_pem: &[u8]) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem) {
        roots.add(certificate.context("the CA file of the server under test")?)?;
    }
    anyhow::ensure!(!roots.is_empty(), "the CA file of the server under test holds no certificate");
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// Shows the certificates of `cert_pem`.
pub(crate) fn server_config(cert_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_slice_iter(cert_pem).collect::<Result<Vec<_>, _>>().context("certificate of a peer")?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).context("key of a peer")?;
    Ok(Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?))
}

/// Reads a file, naming it when that fails.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}

/// `id = 22*64b64u`, here of 192 random bits.
pub(crate) fn fresh_id() -> Result<String> {
    let mut bits = [0_u8; 24];
    getrandom::fill(&mut bits).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(BASE64URL_NOPAD.encode(&bits))
}

/// A short random word for addresses and subjects: lowercase letters and digits.
pub(crate) fn fresh_word() -> Result<String> {
    let mut bits = [0_u8; 5];
    getrandom::fill(&mut bits).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(data_encoding::HEXLOWER.encode(&bits))
}

/// `sha-256:<43b64u>` of these octets.
pub(crate) fn digest(octets: &[u8]) -> String {
    format!("sha-256:{}", BASE64URL_NOPAD.encode(&Sha256::digest(octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_well_known_one() {
        assert_eq!(digest(b""), "sha-256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    }

    #[test]
    fn ids_are_long_enough_and_differ() {
        let (one, other) = (fresh_id().unwrap(), fresh_id().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
