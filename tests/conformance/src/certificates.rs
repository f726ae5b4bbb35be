//! A certificate authority of our own, and a certificate for every peer.

use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde::{Deserialize, Serialize};

/// One domain that the checker runs servers for. Paths are relative to the peers file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PeerFile {
    pub(crate) domain: String,
    /// Name of its one server, in MX, SRV and certificate.
    pub(crate) host: String,
    /// We listen on it and dial from it; MX and SPF publish it.
    pub(crate) address: IpAddr,
    pub(crate) exchange_port: u16,
    pub(crate) retrieval_port: u16,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) ca: PathBuf,
}

/// What to write: `DOMAIN,IP[,EXCHANGE_PORT,RETRIEVAL_PORT]`; ports not given are chosen now.
pub(crate) fn planned_peer(text: &str) -> Result<PeerFile> {
    let parts: Vec<&str> = text.split(',').collect();
    let (domain, address, ports) = match parts.as_slice() {
        [domain, address] => (domain, address, None),
        [domain, address, exchange, retrieval] => (domain, address, Some((exchange.parse()?, retrieval.parse()?))),
        _ => bail!("expected DOMAIN,IP[,EXCHANGE_PORT,RETRIEVAL_PORT], not {text:?}"),
    };
    let address: IpAddr = address.parse().with_context(|| format!("address of {domain}"))?;
    let (exchange_port, retrieval_port) = match ports {
        Some(ports) => ports,
        None => free_ports(address)?,
    };
    let host = format!("mx.{domain}");
    let file = |end: &str| PathBuf::from(format!("{host}.{end}.pem"));
    let (cert, key) = (file("cert"), file("key"));
    Ok(PeerFile { domain: (*domain).to_owned(), host, address, exchange_port, retrieval_port, cert, key, ca: "ca.pem".into() })
}

/// Writes `ca.pem`, a certificate and key for every peer, and `peers.json`.
pub(crate) fn write(directory: &Path, peers: &[PeerFile]) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Two-Way Mail conformance");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate()?;
    let ca = params.self_signed(&ca_key)?;
    std::fs::write(directory.join("ca.pem"), ca.pem())?;
    let issuer = Issuer::new(params, ca_key);
    for peer in peers {
        let key = KeyPair::generate()?;
        let cert = host_params(&peer.host)?.signed_by(&key, &issuer)?;
        std::fs::write(directory.join(&peer.cert), cert.pem())?;
        std::fs::write(directory.join(&peer.key), key.serialize_pem())?;
    }
    std::fs::write(directory.join("peers.json"), serde_json::to_vec_pretty(peers)?)?;
    Ok(())
}

/// A certificate nobody vouches for, and its key, as PEM: what a forger would show.
pub(crate) fn forged(host: &str) -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    let cert = host_params(host)?.self_signed(&key)?;
    Ok((cert.pem(), key.serialize_pem()))
}

fn host_params(host: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![host.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, host);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// Two ports of `address` that nobody uses at this moment.
fn free_ports(address: IpAddr) -> Result<(u16, u16)> {
    let one = TcpListener::bind((address, 0)).with_context(|| format!("listening on {address}"))?;
    let other = TcpListener::bind((address, 0))?;
    Ok((one.local_addr()?.port(), other.local_addr()?.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_planned_from_one_line_with_or_without_ports() {
        let peer = planned_peer("c.test,127.0.0.1,2527,2528").unwrap();
        assert_eq!((peer.host.as_str(), peer.exchange_port, peer.retrieval_port), ("mx.c.test", 2527, 2528));
        let peer = planned_peer("c.test,127.0.0.1").unwrap();
        assert_ne!(peer.exchange_port, peer.retrieval_port);
        assert!(planned_peer("c.test").is_err());
        assert!(planned_peer("c.test,127.0.0.1,25").is_err());
    }
}
