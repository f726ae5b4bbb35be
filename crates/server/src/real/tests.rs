//! Over loopback: dialling, deadlines, TLS in place, panics contained.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::config;
use crate::tls::self_signed_paths;
use tokio::net::TcpListener;

fn world(extra_ca: Option<std::path::PathBuf>, directory: &std::path::Path, outbound: &[&str]) -> (Arc<dyn World>, Tls) {
    let tls = Tls::load(&config::Tls { identity: None, extra_ca }, &"mx.a.test".parse().unwrap(), directory).unwrap();
    let dns = config::Dns { servers: vec!["127.0.0.1:9".parse().unwrap()], trust_anchor: None };
    let outbound = outbound.iter().map(|address| address.parse().unwrap()).collect();
    (Arc::new(RealWorld::new(Machine::new(), Resolver::new(&dns).unwrap(), tls.clone(), outbound)), tls)
}

fn soon(world: &Arc<dyn World>) -> Timestamp {
    world.now() + Duration::from_secs(20)
}

/// Both ends of a connection, the near one dialled.
async fn pair(world: &Arc<dyn World>, tls: &Tls) -> (Box<dyn Wire>, TcpWire) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = world.dial(listener.local_addr().unwrap(), soon(world)).await.unwrap_or_else(|error| panic!("{error}"));
    let (stream, peer) = listener.accept().await.unwrap();
    (near, TcpWire::new(stream, peer, tls.clone(), Machine::new()))
}

#[tokio::test]
async fn a_connection_is_dialled_from_the_outbound_address_and_turned_into_tls_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let _made = world(None, directory.path(), &[]);
    let (world, tls) = world(Some(self_signed_paths(directory.path()).0), directory.path(), &["127.0.0.2"]);
    let (mut near, mut far) = pair(&world, &tls).await;
    assert_eq!(far.peer().ip().to_string(), "127.0.0.2");

    near.write_all(b"STARTTLS\r\n", soon(&world)).await.unwrap();
    let mut buffer = [0; 64];
    let octets = far.read(&mut buffer, soon(&world)).await.unwrap();
    assert_eq!(&buffer[..octets], b"STARTTLS\r\n");

    let deadline = soon(&world);
    let (theirs, ours) =
        futures_util::future::join(far.start_tls_as_server(deadline), near.start_tls_as_client("mx.a.test", deadline)).await;
    let (theirs, ours) = (theirs.unwrap(), ours.unwrap());
    assert_eq!(ours.unverified, None);
    assert_eq!(ours.exporter, theirs.exporter);

    // More than the sockets hold: both ends must move.
    let large = vec![b'x'; 3_000_000];
    let reading = async {
        let mut received = Vec::new();
        let mut buffer = vec![0; 65_536];
        while let octets @ 1.. = far.read(&mut buffer, deadline).await.unwrap() {
            received.extend_from_slice(&buffer[..octets]);
        }
        far.close().await;
        received
    };
    let writing = async {
        near.write_all(&large, deadline).await.unwrap();
        near.close().await;
    };
    let (received, ()) = futures_util::future::join(reading, writing).await;
    assert!(received == large);
}

#[tokio::test]
async fn a_silent_peer_meets_the_deadline_and_a_missing_one_is_unreachable() {
    let directory = tempfile::tempdir().unwrap();
    let (world, tls) = world(None, directory.path(), &["127.0.0.1"]);
    let (mut near, _far) = pair(&world, &tls).await;
    let deadline = world.now() + Duration::from_millis(20);
    assert_eq!(near.read(&mut [0; 8], deadline).await, Err(WireError::TimedOut));
    let refused = world.dial("127.0.0.1:1".parse().unwrap(), soon(&world)).await.err().unwrap();
    assert!(matches!(refused, WireError::Unreachable(_)), "{refused}");
    let other_family = world.dial("[::1]:1".parse().unwrap(), soon(&world)).await.err().unwrap();
    assert!(other_family.to_string().contains("outbound_address"), "{other_family}");
}

#[tokio::test]
async fn plaintext_in_place_of_a_handshake_ends_the_connection() {
    let directory = tempfile::tempdir().unwrap();
    let (world, tls) = world(None, directory.path(), &[]);
    let (mut near, mut far) = pair(&world, &tls).await;
    near.write_all(b"MAIL FROM:<mallory@c.test>\r\n", soon(&world)).await.unwrap();
    let deadline = soon(&world);
    assert!(matches!(far.start_tls_as_server(deadline).await, Err(WireError::Tls(_))));
    assert!(matches!(far.write_all(b"250 OK\r\n", deadline).await, Err(WireError::Lost(_))));
}

#[tokio::test]
async fn a_connection_lost_amid_a_handshake_says_nothing_of_tls() {
    let directory = tempfile::tempdir().unwrap();
    let (world, tls) = world(None, directory.path(), &[]);
    for (answer, is_of_tls) in [(&b""[..], false), (b"500 what?\r\n", true)] {
        let (mut near, mut far) = pair(&world, &tls).await;
        let deadline = soon(&world);
        let answering = async {
            far.read(&mut [0; 4096], deadline).await.unwrap();
            far.write_all(answer, deadline).await.unwrap();
            far.close().await;
        };
        let (shaken, ()) = futures_util::future::join(near.start_tls_as_client("mx.a.test", deadline), answering).await;
        let error = shaken.unwrap_err();
        assert_eq!(matches!(error, WireError::Tls(_)), is_of_tls, "{error}");
        assert_eq!(matches!(error, WireError::Lost(_)), !is_of_tls, "{error}");
    }
}

#[tokio::test]
async fn a_panic_ends_its_task_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let (world, _) = world(None, directory.path(), &[]);
    let (done, waiting) = tokio::sync::oneshot::channel();
    world.spawn("panics", Box::pin(async { panic!("contained") }));
    world.spawn("goes on", Box::pin(async move { done.send(7).unwrap() }));
    assert_eq!(waiting.await.unwrap(), 7);
    let (done, waiting) = tokio::sync::oneshot::channel();
    world.compute(Box::new(move || done.send(8).unwrap())).await;
    assert_eq!(waiting.await.unwrap(), 8);
    world.sleep_until(world.now() + Duration::from_millis(5)).await;
}
