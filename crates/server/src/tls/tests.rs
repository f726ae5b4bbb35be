//! Certificates that verify, that do not, and that cannot be used at all.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use std::os::unix::fs::PermissionsExt as _;

fn domain(text: &str) -> Domain {
    text.parse().unwrap()
}

/// A handshake in memory: what the client and the server know of it.
pub(crate) fn handshake(client: &Tls, server: &Tls, host: &str) -> (TlsFacts, TlsFacts) {
    handshake_of(&client.client_side(host).unwrap(), server)
}

fn handshake_of(side: &ClientSide, server: &Tls) -> (TlsFacts, TlsFacts) {
    let mut near = ClientConnection::new(side.config.clone(), side.name.clone()).unwrap();
    let mut far = ServerConnection::new(server.server_config()).unwrap();
    while near.is_handshaking() || far.is_handshaking() {
        let mut octets = Vec::new();
        near.write_tls(&mut octets).unwrap();
        far.read_tls(&mut octets.as_slice()).unwrap();
        far.process_new_packets().unwrap();
        octets.clear();
        far.write_tls(&mut octets).unwrap();
        near.read_tls(&mut octets.as_slice()).unwrap();
        near.process_new_packets().unwrap();
    }
    (side.facts(&near).unwrap(), server_facts(&far).unwrap())
}

#[test]
fn a_certificate_of_a_trusted_authority_verifies_for_its_host_alone() {
    let directory = tempfile::tempdir().unwrap();
    let server = Tls::load(&config::Tls::default(), &domain("mx.a.test"), directory.path()).unwrap();
    let (cert, _) = self_signed_paths(directory.path());
    let trusting = config::Tls { extra_ca: Some(cert), ..config::Tls::default() };
    let client = Tls::load(&trusting, &domain("mx.b.test"), tempfile::tempdir().unwrap().path()).unwrap();

    let (near, far) = handshake(&client, &server, "mx.a.test");
    assert_eq!(near.unverified, None);
    assert_eq!((near.version, far.version), (TlsVersion::V1_3, TlsVersion::V1_3));
    assert!(near.exporter.is_some() && near.exporter == far.exporter, "both ends know the same secret");
    assert_eq!(far.sni.as_deref(), Some("mx.a.test"));
    assert!(near.peer_certificate.is_some() && far.peer_certificate.is_none());

    let (near, _) = handshake(&client, &server, "mx.c.test");
    assert!(near.unverified.unwrap().contains("not valid for the host"));
}

#[test]
fn an_unknown_certificate_is_recorded_and_the_connection_stands() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Tls::load(&config::Tls::default(), &domain("mx.a.test"), one.path()).unwrap();
    let client = Tls::load(&config::Tls::default(), &domain("mx.b.test"), other.path()).unwrap();
    let (near, _) = handshake(&client, &server, "mx.a.test");
    assert!(near.unverified.is_some());
    assert!(near.exporter.is_some());
}

#[test]
fn the_self_signed_certificate_is_made_once_for_a_name_and_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let read = || std::fs::read_to_string(self_signed_paths(directory.path()).0).unwrap();
    Tls::load(&config::Tls::default(), &domain("mx.a.test"), directory.path()).unwrap();
    let first = read();
    Tls::load(&config::Tls::default(), &domain("mx.a.test"), directory.path()).unwrap();
    assert_eq!(read(), first);
    let key = std::fs::metadata(self_signed_paths(directory.path()).1).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    Tls::load(&config::Tls::default(), &domain("mx.new.test"), directory.path()).unwrap();
    assert_ne!(read(), first);
}

#[test]
fn files_that_are_no_certificate_or_no_pair_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (directory.path().join("one"), directory.path().join("other"));
    for path in [&one, &other] {
        Tls::load(&config::Tls::default(), &domain("mx.a.test"), path).unwrap();
    }
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let ((cert, key), (_, stranger)) = (self_signed_paths(&one), self_signed_paths(&other));
    let load = |cert: &Path, key: &Path| {
        let identity = Some(config::Identity { cert: cert.to_owned(), key: key.to_owned() });
        let loaded = Tls::load(&config::Tls { identity, extra_ca: None }, &domain("mx.a.test"), &one);
        loaded.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(load(&cert, &key), Ok(()));
    assert!(load(&cert, &stranger).unwrap_err().contains(stranger.to_str().unwrap()));
    assert!(load(&empty, &key).unwrap_err().contains("empty.pem"));
    assert!(load(&cert, &directory.path().join("absent.key")).unwrap_err().contains("absent.key"));
}

#[test]
fn a_server_that_calls_may_show_a_certificate_and_a_user_is_not_asked_for_one() {
    let directory = tempfile::tempdir().unwrap();
    let server = Tls::load(&config::Tls::default(), &domain("mx.a.test"), directory.path()).unwrap();
    let (cert, key) = self_signed_paths(directory.path());
    let shown = |tls: &Tls| {
        let side = server.client_side("mx.a.test").unwrap();
        let chain = vec![CertificateDer::from_pem_file(&cert).unwrap()];
        let key = rustls::pki_types::PrivateKeyDer::from_pem_file(&key).unwrap();
        let recording = Recording::new(&server.roots, &server.provider, Arc::default());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&server.provider)).with_protocol_versions(&VERSIONS).unwrap();
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(recording));
        let config = builder.with_client_auth_cert(chain, key).unwrap();
        let side = ClientSide { config: Arc::new(config), ..side };
        handshake_of(&side, tls).1.peer_certificate.map(|certificate| names(&certificate))
    };
    assert_eq!(shown(&server), None);
    assert_eq!(shown(&server.asking_clients()), Some(vec![domain("mx.a.test")]));
    let (_, without) = handshake(&server, &server.asking_clients(), "mx.a.test");
    assert_eq!(without.peer_certificate, None, "none is needed");
}

#[test]
fn a_certificate_that_was_renewed_is_shown_from_the_next_connection_on() {
    let directory = tempfile::tempdir().unwrap();
    let [old, new] = ["mx.old.test", "mx.new.test"].map(|name| {
        let folder = directory.path().join(name);
        Tls::load(&config::Tls::default(), &domain(name), &folder).unwrap();
        self_signed_paths(&folder)
    });
    let (cert, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    let install = |(from_cert, from_key): &(PathBuf, PathBuf)| {
        std::fs::copy(from_cert, &cert).unwrap();
        std::fs::copy(from_key, &key).unwrap();
    };
    install(&old);
    let config = config::Tls { identity: Some(config::Identity { cert: cert.clone(), key: key.clone() }), extra_ca: None };
    let server = Tls::load(&config, &domain("mx.old.test"), directory.path()).unwrap();
    let exchange = server.asking_clients();
    let shown = |tls: &Tls| names(&handshake(&server, tls, "mx.a.test").0.peer_certificate.unwrap());
    assert_eq!(shown(&exchange), [domain("mx.old.test")]);
    assert!(server.expires().is_some());
    install(&new);
    assert_eq!(shown(&exchange), [domain("mx.old.test")], "not before it is said");
    server.reload().unwrap();
    assert_eq!((shown(&exchange), shown(&server)), (vec![domain("mx.new.test")], vec![domain("mx.new.test")]));
    std::fs::write(&cert, "").unwrap();
    assert!(server.reload().is_err());
    assert_eq!(shown(&server), [domain("mx.new.test")], "a file that is no certificate changes nothing");
}
