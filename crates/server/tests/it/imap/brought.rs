//! A contact request that a program brings by APPEND is decided about if it can be kept, and only then.

use delivery::consent::EntryList;
use store::quota::Limit;

use crate::imap::fixture::{self, Client, Server};

/// Whom alice has let in.
async fn allowed(server: &Server) -> Vec<String> {
    let entries = server.node.store.entries(server.account().await.id, EntryList::Allow).await.unwrap();
    entries.iter().map(|entry| entry.who.to_string()).collect()
}

/// How the server answers to these messages in one APPEND to INBOX.
async fn bring(client: &mut Client, messages: &[&str]) -> String {
    let literals: Vec<_> = messages.iter().map(|message| format!(" {{{}+}}\r\n{message}", message.len())).collect();
    let heard = client.exchange(format!("x APPEND INBOX{}\r\n", literals.concat()).as_bytes(), "x ").await;
    heard.lines().find(|line| line.starts_with("x ")).unwrap().to_owned()
}

#[test]
fn a_request_for_which_there_is_no_room_lets_nobody_in() {
    fixture::run(async |server: &Server| {
        server.knock("bob@b.test").await;
        let mut alice = server.alice().await;
        alice.ask("SELECT \"Contact Requests\"").await;
        let told = alice.exchange(b"x UID FETCH 1 BODY.PEEK[]\r\n", "x OK").await;
        let (_before, request) = told.split_once("}\r\n").unwrap();
        let (request, _behind) = request.rsplit_once(")\r\nx OK").unwrap();
        assert!(request.contains("Subject: Contact request: bob@b.test\r\n"), "{request}");
        let account = server.account().await.id;
        assert!(server.node.store.set_quota(account, None, Some(Limit::Of(1))).await.unwrap());
        // Each fits alone: what is wrong is seen when both are here.
        let answer = bring(&mut alice, &[request, "Subject: another\r\n\r\n"]).await;
        assert!(answer.starts_with("x NO [OVERQUOTA]"), "{answer}");
        assert!(allowed(server).await.is_empty());
        assert!(alice.ask("STATUS \"Contact Requests\" (MESSAGES)").await[0].ends_with("(MESSAGES 1)"));
        let answer = bring(&mut alice, &[request]).await;
        assert!(answer.starts_with("x OK [APPENDUID"), "{answer}");
        assert_eq!(allowed(server).await, ["bob@b.test"]);
    });
}
