//! Consent by a mail program that knows nothing of it: what waits at another server is fetched.

use std::net::SocketAddr;
use std::time::Duration;

use mail::address::Mailbox;
use server::demo::program::{Login, hand_in};
use server::demo::stage::Stage;

use crate::imap::fixture::Client;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_mins(1);

const MESSAGE: &[u8] = b"From: Alice <alice@a.test>\r\nTo: <bob@b.test>\r\nMessage-ID: <one@a.test>\r\nSubject: Hello\r\n\r\nDear Bob\r\n";

/// Alice at a.test has written to bob at b.test, who only lets in whom he knows.
async fn stage(folder: &std::path::Path) -> Stage {
    server::tls::install_provider();
    let stage = Stage::open(folder, &[]).await.unwrap();
    let origin = &stage.origin;
    let (alice, bob): (Mailbox, Mailbox) = ("alice@a.test".parse().unwrap(), "bob@b.test".parse().unwrap());
    let password = origin.account("alice@a.test").unwrap().password.clone();
    let server = SocketAddr::new(origin.address, origin.port("submission"));
    let login = Login { server, host: origin.hostname.as_str(), user: &alice, password: &password };
    hand_in(&*origin.running.node.world, &login, &bob, MESSAGE).await.unwrap();
    stage
}

/// Bob's mail program.
async fn bob(stage: &Stage) -> Client {
    let mut client = Client::of(&stage.destination.running.node).await;
    let password = &stage.destination.account("bob@b.test").unwrap().password;
    client.ask(&format!("LOGIN bob@b.test {password}")).await;
    client
}

/// Waits until a mailbox holds one message.
async fn until_one_in(client: &mut Client, mailbox: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let told = client.ask(&format!("STATUS \"{mailbox}\" (MESSAGES)")).await;
        if told[0].ends_with("(MESSAGES 1)") {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "nothing came into {mailbox}: {told:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn what_waits_comes_after(commands: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path()).await;
    let mut bob = bob(&stage).await;
    until_one_in(&mut bob, "Contact Requests").await;
    assert!(bob.ask("STATUS INBOX (MESSAGES)").await[0].ends_with("(MESSAGES 0)"));
    bob.ask("SELECT \"Contact Requests\"").await;
    for command in commands {
        bob.ask(command).await;
    }
    until_one_in(&mut bob, "INBOX").await;
    assert!(bob.ask("STATUS \"Contact Requests\" (MESSAGES)").await[0].ends_with("(MESSAGES 0)"));
    let node = &stage.destination.running.node;
    let account = node.store.account(&"bob@b.test".parse().unwrap()).await.unwrap().unwrap();
    let mail = node.store.mail_list(account.id).await.unwrap();
    assert_eq!(mail.iter().map(|row| row.subject.as_str()).collect::<Vec<_>>(), ["Hello"]);
    let entries = node.store.entries(account.id, delivery::consent::EntryList::Allow).await.unwrap();
    let made: Vec<_> = entries.iter().map(|entry| (entry.who.to_string(), entry.through.as_str(), entry.proof.is_some())).collect();
    assert_eq!(made, [("alice@a.test".to_owned(), "imap", true)]);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_a_request_to_the_inbox_fetches_what_waits() {
    what_waits_comes_after(&["MOVE 1 INBOX"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copying_it_marking_it_and_expunging_fetches_it_once() {
    what_waits_comes_after(&["UID COPY 1 INBOX", "UID STORE 1 +FLAGS (\\Deleted)", "EXPUNGE"]).await;
}
