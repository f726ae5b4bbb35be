//! Clients that take too much, too long, or their time.

use std::time::Duration;

use crate::imap::fixture::{self, PASSWORD, Server};

#[test]
fn ten_thousand_commands_at_once_are_answered_in_their_order() {
    fixture::run(async |server: &Server| {
        let mut client = server.alice().await;
        let commands = (0..10_000).map(|number| format!("n{number} NOOP\r\n")).collect::<Vec<_>>().concat();
        let heard = client.exchange(commands.as_bytes(), "n9999 ").await;
        let answered = heard.lines().filter_map(|line| line.split_once(" OK ")).map(|(tag, _)| tag.to_owned());
        assert!(answered.eq((0..10_000).map(|number| format!("n{number}"))));
    });
}

#[test]
fn a_client_that_never_reads_is_left_behind() {
    fixture::run(async |server: &Server| {
        let mut client = server.alice().await;
        let commands = (0..2_000).map(|number| format!("n{number} LIST \"\" *\r\n")).collect::<Vec<_>>().concat();
        client.send(commands.as_bytes()).await;
        let mut other = server.alice().await;
        for _ in 0..60 {
            // Nobody else waits for it.
            other.ask("NOOP").await;
            server.wait(Duration::from_mins(1)).await;
            other.ask("NOOP").await;
        }
        let (mut answers, mut line) = (0, client.line().await);
        while !line.is_empty() {
            answers += usize::from(line.starts_with('n'));
            line = client.line().await;
        }
        assert!((1..2_000).contains(&answers), "{answers} commands were answered");
    });
}

#[test]
fn half_a_message_ends_with_the_patience_for_it_and_leaves_nothing() {
    fixture::run(async |server: &Server| {
        let mut client = server.alice().await;
        client.send(b"a APPEND INBOX {100000+}\r\nSubject: half\r\n\r\n").await;
        let mut other = server.alice().await;
        other.ask("NOOP").await;
        server.wait(Duration::from_mins(4)).await;
        assert!(client.line().await.starts_with("* BYE "));
        assert_eq!(client.line().await, "");
        let status = other.ask("STATUS INBOX (MESSAGES UIDNEXT)").await;
        assert_eq!(status[0], "* STATUS INBOX (MESSAGES 0 UIDNEXT 1)");
    });
}

#[test]
fn who_guesses_passwords_is_turned_away() {
    fixture::run(async |server: &Server| {
        let mut guesses = 0;
        let refused = 'guessing: loop {
            let mut client = server.connect().await;
            for _ in 0..4 {
                let answer = client.say("LOGIN alice@a.test wrong").await;
                if answer.iter().any(|line| line.contains("too many wrong passwords")) {
                    break 'guessing answer;
                }
                if answer.iter().any(|line| line.starts_with("* BYE")) || answer == [""] {
                    break;
                }
                guesses += 1;
            }
            assert!(guesses < 500, "nobody counts");
        };
        assert!(refused[0].starts_with("* BYE "), "{refused:?}");
        assert!(guesses >= 90, "{guesses} were all that it took");
        // Nor may somebody at that address who knows the password.
        let mut client = server.connect().await;
        assert!(client.say(&format!("LOGIN alice@a.test {PASSWORD}")).await[0].starts_with("* BYE "));
    });
}

#[test]
fn an_account_that_is_deleted_ends_its_sessions() {
    fixture::run(async |server: &Server| {
        let mut client = server.alice().await;
        client.ask("SELECT INBOX").await;
        client.send(b"a IDLE\r\n").await;
        assert_eq!(client.line().await, "+ idling");
        let account = server.node.store.account(&"alice@a.test".parse().unwrap()).await.unwrap().unwrap().id;
        server.node.store.delete_account(account, server.node.world.now()).await.unwrap();
        assert!(client.line().await.starts_with("* BYE "));
    });
}
