//! The ways a session's octets take: in the clear until STARTTLS, compressed; and how soon news is told.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use server::listen::Service;

use crate::imap::fixture::{self, PASSWORD, Server};

#[test]
fn nobody_logs_in_before_tls() {
    fixture::run(async |server: &Server| {
        let mut client = server.connect_to(Service::Imap).await;
        let offered = client.ask("CAPABILITY").await;
        assert!(offered[0].contains(" STARTTLS LOGINDISABLED") && !offered[0].contains("AUTH="), "{offered:?}");
        assert!(client.say(&format!("LOGIN alice@a.test {PASSWORD}")).await[0].starts_with("NO [PRIVACYREQUIRED] "));
        // What is sent behind STARTTLS in the clear is nobody's.
        client.send(b"a STARTTLS\r\nb LOGOUT\r\n").await;
        assert!(client.line().await.starts_with("a OK "));
        client.ask(&format!("LOGIN alice@a.test {PASSWORD}")).await;
        assert!(client.ask("CAPABILITY").await[0].contains(" UNSELECT "));
    });
}

/// From the answer to who has appended, which follows the commit, to the line in a session that listens.
#[test]
fn mail_is_told_to_a_client_that_listens_within_50_ms_of_the_commit() {
    fixture::run(async |server: &Server| {
        let (mut listener, mut other) = (server.alice().await, server.alice().await);
        listener.ask("SELECT INBOX").await;
        listener.send(b"i IDLE\r\n").await;
        assert_eq!(listener.line().await, "+ idling");
        let mut took = Vec::new();
        for number in 1..=21 {
            other.ask("APPEND INBOX {3+}\r\nx\r\n").await;
            let committed = Instant::now();
            assert_eq!(listener.line().await, format!("* {number} EXISTS"));
            took.push(committed.elapsed());
            assert_eq!(listener.line().await, format!("* {number} RECENT"));
        }
        took.sort_unstable();
        // Half of them: the machine of a test may stand still for a moment.
        assert!(took[10] < Duration::from_millis(50), "{took:?}");
    });
}

#[test]
fn a_session_can_be_compressed() {
    fixture::run(async |server: &Server| {
        let mut client = server.alice().await;
        client.ask("COMPRESS DEFLATE").await;
        let mut compressed = DeflateEncoder::new(Vec::new(), Compression::fast());
        compressed.write_all(b"a NOOP\r\nb LIST \"\" *\r\nc COMPRESS DEFLATE\r\nd LOGOUT\r\n").unwrap();
        compressed.flush().unwrap();
        client.send(compressed.get_ref()).await;
        let heard = client.rest().await;
        let mut text = String::new();
        // The server ends the connection, and not the stream.
        drop(DeflateDecoder::new(&heard[..]).read_to_string(&mut text));
        for expected in ["a OK ", "* LIST (\\HasNoChildren) \"/\" INBOX\r\n", "c NO [COMPRESSIONACTIVE] ", "* BYE ", "d OK "] {
            assert!(text.contains(expected), "{expected} is not in {text}");
        }
    });
}
