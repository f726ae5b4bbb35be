//! Two servers over one database, as two processes would be: what is done in a mailbox at one is heard at the other.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::imap::fixture::{self, Client, Server};

/// How often a second passes, at most, before what must come has come.
const SECONDS_MAX: u32 = 60;

/// What a client hears within some seconds: servers ask each second what others did.
async fn heard(server: &Server, client: &mut Client) -> String {
    for _ in 0..SECONDS_MAX {
        if let Ok(line) = tokio::time::timeout(Duration::from_millis(100), client.line()).await {
            // To whom a message is new is not agreed between servers.
            if line.ends_with(" RECENT") {
                continue;
            }
            return line.replace(" \\Recent", "");
        }
        server.wait(Duration::from_secs(1)).await;
    }
    panic!("nothing comes");
}

/// Appends messages; their UIDs.
async fn append(client: &mut Client, count: usize) -> Vec<u32> {
    let mut uids = Vec::new();
    for _ in 0..count {
        let answer = client.ask("APPEND INBOX {3+}\r\nx\r\n").await.pop().unwrap();
        let (_, uid) = answer.split_once(']').unwrap().0.rsplit_once(' ').unwrap();
        uids.push(uid.parse().unwrap());
    }
    uids
}

/// The UIDs that a client is told.
async fn uids(client: &mut Client) -> BTreeSet<u32> {
    let told = client.ask("UID SEARCH ALL").await;
    let found = told.iter().find_map(|line| line.strip_prefix("* SEARCH")).unwrap();
    found.split_whitespace().map(|uid| uid.parse().unwrap()).collect()
}

/// `./check` has a PostgreSQL for tests; where there is none, SQLite has one process only, and nothing to show.
#[test]
fn what_another_server_does_in_a_mailbox_is_heard_here() {
    let Some(url) = fixture::fresh_schema() else {
        eprintln!("TWOWAY_TEST_POSTGRES is not set");
        return;
    };
    fixture::run_two(&url, async |here, there| {
        let (mut listener, mut other) = (here.alice().await, there.alice().await);
        listener.ask("SELECT INBOX").await;
        other.ask("SELECT INBOX").await;
        listener.send(b"i IDLE\r\n").await;
        assert_eq!(listener.line().await, "+ idling");
        assert_eq!(append(&mut other, 1).await, [1]);
        assert_eq!(heard(here, &mut listener).await, "* 1 EXISTS");
        other.ask("STORE 1 +FLAGS.SILENT (\\Flagged \\Deleted)").await;
        assert_eq!(heard(here, &mut listener).await, "* 1 FETCH (FLAGS (\\Flagged \\Deleted))");
        other.ask("EXPUNGE").await;
        assert_eq!(heard(here, &mut listener).await, "* 1 EXPUNGE");
        // Both give UIDs at once.
        let mut third = here.alice().await;
        let (ours, theirs) = tokio::join!(append(&mut third, 10), append(&mut other, 10));
        let all: BTreeSet<u32> = ours.iter().chain(&theirs).copied().collect();
        assert_eq!(all, (2..=21).collect(), "{ours:?} and {theirs:?}");
        while heard(here, &mut listener).await != "* 20 EXISTS" {}
        listener.send(b"DONE\r\n").await;
        assert!(heard(here, &mut listener).await.starts_with("i OK "));
        for client in [&mut listener, &mut other] {
            for _ in 0..SECONDS_MAX {
                client.ask("NOOP").await;
                if uids(client).await == all {
                    break;
                }
                here.wait(Duration::from_secs(1)).await;
            }
            assert_eq!(uids(client).await, all);
        }
    });
}
