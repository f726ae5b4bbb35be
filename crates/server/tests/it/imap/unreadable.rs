//! Large messages whose objects are gone or cannot be read: what does not need them goes on.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use server::work::index;
use store::StoreError;

use crate::imap::fixture::{self, Client, Server};

/// An object, and what was in it.
struct Object {
    path: Path,
    octets: PutPayload,
}

impl Object {
    async fn paths(server: &Server) -> Vec<Path> {
        server.objects.list(None).map_ok(|object| object.location).try_collect().await.unwrap()
    }

    /// Appends a message that is too large for a row.
    async fn append(server: &Server, client: &mut Client, mailbox: &str, subject: &str) -> Self {
        let before = Self::paths(server).await;
        append(client, mailbox, &format!("Subject: {subject}\r\n\r\n{}", "some words\r\n".repeat(20_000))).await;
        let path = Self::paths(server).await.into_iter().find(|path| !before.contains(path)).unwrap();
        let octets = server.objects.get(&path).await.unwrap().bytes().await.unwrap();
        Self { path, octets: octets.into() }
    }

    async fn is_missing(&self, server: &Server) {
        server.objects.delete(&self.path).await.unwrap();
    }

    /// Its file cannot be opened, for a reason that says nothing of the object.
    fn is_unavailable(&self, server: &Server) {
        let file = server.file_of(&self.path);
        if file.exists() {
            std::fs::remove_file(&file).unwrap();
        }
        std::os::unix::fs::symlink(&file, &file).unwrap();
    }

    async fn is_back(&self, server: &Server) {
        server.objects.put(&self.path, self.octets.clone()).await.unwrap();
    }
}

async fn append(client: &mut Client, mailbox: &str, message: &str) {
    let answer = client.exchange(format!("x APPEND {mailbox} {{{}+}}\r\n{message}\r\n", message.len()).as_bytes(), "x ").await;
    assert!(answer.contains("x OK"), "{answer}");
}

/// All that is answered, whatever it holds.
async fn ask(client: &mut Client, command: &str) -> String {
    client.exchange(format!("y {command}\r\n").as_bytes(), "y ").await
}

#[test]
fn a_message_that_cannot_be_read_is_left_out_and_the_others_are_told() {
    fixture::run(async |server: &Server| {
        let mut alice = server.alice().await;
        append(&mut alice, "INBOX", "Subject: before\r\n\r\n").await;
        let object = Object::append(server, &mut alice, "INBOX", "gone").await;
        append(&mut alice, "INBOX", "Subject: behind\r\n\r\n").await;
        alice.ask("SELECT INBOX").await;
        let fetches = [
            "BODY.PEEK[]",
            "RFC822.HEADER",
            "(FLAGS BODY.PEEK[1] BINARY.SIZE[1])",
            "ENVELOPE",
            "(FLAGS INTERNALDATE BODYSTRUCTURE BODY.PEEK[TEXT]<0.10>)",
            "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
        ];
        for (code, word) in [("CORRUPTION", "missing"), ("UNAVAILABLE", "unavailable")] {
            if word == "missing" {
                object.is_missing(server).await;
            } else {
                object.is_unavailable(server);
            }
            for fetch in fetches {
                let answer = ask(&mut alice, &format!("FETCH 1:* {fetch}")).await;
                assert!(answer.contains(&format!("\ny NO [{code}] ")), "{fetch}, {word}: {answer}");
                let told = answer.lines().filter(|line| line.contains(" FETCH ("));
                let told: Vec<&str> = told.map(|line| line.split(' ').nth(1).unwrap()).collect();
                assert_eq!(told, ["1", "3"], "{fetch}, {word}");
            }
            // What does not need its content is told of it as well.
            assert_eq!(alice.ask("FETCH 2 (UID RFC822.SIZE)").await.len(), 2);
        }
        // Cut off behind what is read first, it is left out where its end is asked for.
        let whole: Vec<u8> = object.octets.iter().flat_map(|octets| octets.to_vec()).collect();
        server.objects.put(&object.path, PutPayload::from(whole[..100_000].to_vec())).await.unwrap();
        assert!(ask(&mut alice, "FETCH 2 BODY.PEEK[]").await.starts_with("y NO [CORRUPTION]"));
        assert!(ask(&mut alice, "FETCH 2 BODY.PEEK[]<0.10>").await.starts_with("* 2 FETCH (BODY[]<0> {10}\r\n"));
        object.is_missing(server).await;
        // Who reads it, marks it so; that it could not be read does not hide that.
        let answer = ask(&mut alice, "UID FETCH 2 BODY[]").await;
        assert!(answer.starts_with("* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))\r\ny NO [CORRUPTION] "), "{answer}");
        object.is_back(server).await;
        assert!(ask(&mut alice, "FETCH 2 BODY[]").await.ends_with("some words\r\n)\r\ny OK fetched\r\n"));
    });
}

#[test]
fn what_cannot_be_read_keeps_nothing_else_out_of_the_index() {
    fixture::run(async |server: &Server| {
        let mut alice = server.alice().await;
        append(&mut alice, "INBOX", "Subject: before\r\n\r\n").await;
        let missing = Object::append(server, &mut alice, "INBOX", "missing").await;
        append(&mut alice, "INBOX", "Subject: behind\r\n\r\n").await;
        let unavailable = Object::append(server, &mut alice, "Drafts", "unavailable").await;
        // Whatever the order is, some of these come after one of those.
        for mailbox in ["Archive", "Junk", "Sent", "Trash"] {
            append(&mut alice, mailbox, "Subject: elsewhere\r\n\r\n").await;
        }
        missing.is_missing(server).await;
        unavailable.is_unavailable(server);

        let (account, store, now) = (server.account().await.id, &server.node.store, server.node.world.now());
        let lease = store.lease(&server.node.owner(), now, now + Duration::from_hours(1)).await.unwrap();
        let indexed = index::run(std::sync::Arc::clone(&server.node), lease.clone()).await;
        assert!(matches!(indexed, Err(StoreError::Unavailable(_))), "{indexed:?}");
        // What may be there later is tried again, and nothing else is.
        assert_eq!(store.index_status(account).await.unwrap().indexed, 6);
        assert_eq!(store.index_behind(&lease, 10).await.unwrap().len(), 1);

        unavailable.is_back(server).await;
        index::run(std::sync::Arc::clone(&server.node), lease.clone()).await.unwrap();
        assert_eq!(store.index_status(account).await.unwrap().indexed, 7);
        assert_eq!(store.index_behind(&lease, 10).await.unwrap(), []);

        // Once it is there again, it can be had anew.
        missing.is_back(server).await;
        store.index_anew(account).await.unwrap();
        index::run(std::sync::Arc::clone(&server.node), lease).await.unwrap();
        assert_eq!(store.index_status(account).await.unwrap().indexed, 8);
    });
}
