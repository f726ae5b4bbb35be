//! The index changes no answer: the same searches before it has seen anything, when it has seen all, and in between.

use std::time::Duration;

use mail::address::Mailbox;
use mail::digest::ContentDigest;
use mail::flag::Flags;
use mail::id::MailboxId;
use server::work::index;
use store::content::{Place, StoredContent};
use store::items::NewItem;

use crate::imap::fixture::{self, Server};

/// More than a segment has, so that some are in one and some wait.
const MESSAGES: usize = 2_100;

const SEARCHES: [&str; 16] = [
    "SEARCH TEXT fizz",
    "SEARCH BODY \"fizz buzz\"",
    "SEARCH TEXT nowhere",
    "SEARCH TEXT number-1234x",
    "SEARCH NOT TEXT fizz SUBJECT \"number-7\"",
    "SEARCH OR FROM author11 BODY number-99",
    "SEARCH TEXT fi",
    "SEARCH CHARSET UTF-8 BODY \"\u{4f1a}\u{8bae}\"",
    "SEARCH CHARSET UTF-8 BODY \"\u{8bae}\"",
    "SEARCH CHARSET UTF-8 TEXT STRASSE SMALLER 400",
    "SEARCH CHARSET UTF-8 BODY \"\u{41f}\u{420}\u{418}\u{412}\u{415}\u{422}\" 1:500",
    "SEARCH HEADER Message-ID <77@a.test>",
    "SEARCH HEADER DKIM-Signature zz9",
    "SEARCH SENTON 3-Feb-2026 BODY buzz",
    "SORT (REVERSE SUBJECT FROM REVERSE DATE) UTF-8 TEXT number-1",
    "THREAD REFERENCES UTF-8 BODY fizz",
];

fn message(number: usize) -> Vec<u8> {
    let word = |every: usize, word: &'static str| if number.is_multiple_of(every) { word } else { "" };
    let head = format!(
        "From: author{}@a.test\r\nSubject: number-{}\r\nDate: {:02} Feb 2026 10:00:00 +0000\r\nMessage-ID: <{number}@a.test>\r\n\
         References: <{}@a.test>\r\nDKIM-Signature: v=1; b=zz{}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
        number % 17,
        number % 100,
        number % 28 + 1,
        number / 2,
        number % 11
    );
    let words = [
        word(3, "fizz"),
        word(5, "buzz"),
        word(7, "\u{4f1a}\u{8bae}\u{8bb0}"),
        word(11, "Stra\u{df}e"),
        word(13, "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}"),
    ];
    // Some are long: theirs is text that the index does not keep.
    let more = if number % 9 == 4 { "and  so ON, \u{fc}ber and over\r\n".repeat(100) } else { String::new() };
    format!("{head}{} number-{number}x\r\n{more}", words.join(" ")).into_bytes()
}

async fn put(server: &Server, numbers: impl Iterator<Item = usize>) {
    let account = server.node.store.account(&"alice@a.test".parse::<Mailbox>().unwrap()).await.unwrap().unwrap().id;
    let item = |number: usize| {
        let octets = message(number);
        NewItem {
            mail: server.node.new_mail_id(),
            flags: Flags::default(),
            received: server.node.world.now(),
            zone: mail::time::Zone::UTC,
            from: "author@a.test".to_owned(),
            subject: "x".to_owned(),
            internet_id: None,
            content: StoredContent { size_octets: octets.len() as u64, digest: ContentDigest::of(&octets), place: Place::Row(octets) },
        }
    };
    let items: Vec<NewItem> = numbers.map(item).collect();
    for some in items.chunks(200) {
        server.node.store.append_messages(account, MailboxId::inbox_of(account), some.to_vec(), server.node.world.now()).await.unwrap();
    }
}

async fn answers(server: &Server) -> Vec<Vec<String>> {
    let mut client = server.alice().await;
    client.ask("SELECT INBOX").await;
    let mut all = Vec::new();
    for search in SEARCHES {
        let mut lines = client.ask(search).await;
        lines.pop();
        all.push(lines);
    }
    all
}

#[test]
fn searches_say_the_same_with_the_index_and_without() {
    fixture::run(async |server: &Server| {
        put(server, 1..=MESSAGES).await;
        let without = answers(server).await;
        // Each finds something, but for the one that must not.
        for (search, lines) in SEARCHES.iter().zip(&without) {
            let found = lines.concat().contains(|character: char| character.is_ascii_digit());
            assert_eq!(found, *search != "SEARCH TEXT nowhere", "{search}: {lines:?}");
        }
        let now = server.node.world.now();
        let lease = server.node.store.lease(&server.node.owner(), now, now + Duration::from_hours(1)).await.unwrap();
        index::run(std::sync::Arc::clone(&server.node), lease.clone()).await.unwrap();
        let account = server.node.store.account(&"alice@a.test".parse::<Mailbox>().unwrap()).await.unwrap().unwrap().id;
        let status = server.node.store.index_status(account).await.unwrap();
        assert_eq!((status.indexed, status.in_segments, status.segments), (2_100, 2_048, 1));
        assert_eq!(answers(server).await, without);
        // Some in a segment, some waiting for one, some not seen.
        put(server, MESSAGES + 1..=MESSAGES + 50).await;
        let with_new = answers(server).await;
        index::run(std::sync::Arc::clone(&server.node), lease).await.unwrap();
        assert_eq!(answers(server).await, with_new);
        assert_ne!(with_new, without);
    });
}
