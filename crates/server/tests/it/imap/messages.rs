//! Messages that are fetched, changed and moved: large ones, many of them, malformed ones, and by two clients at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use data_encoding::BASE64_MIME;
use proptest::prelude::*;

use crate::imap::fixture::{self, Client, Server};

/// Everything up to the answer, which must be OK.
async fn octets(client: &mut Client, command: &str) -> String {
    client.exchange(format!("x {command}\r\n").as_bytes(), "x OK").await
}

/// The text of the literal that follows this name.
fn literal<'a>(heard: &'a str, name: &str) -> &'a str {
    let (_, behind) = heard.split_once(name).unwrap_or_else(|| panic!("no {name} in {heard:.300}"));
    let (length, octets) = behind.trim_start_matches([' ', '~']).strip_prefix('{').unwrap().split_once("}\r\n").unwrap();
    octets.get(..length.parse().unwrap()).unwrap()
}

async fn append_many(client: &mut Client, count: usize) {
    let mut command = "x APPEND INBOX".to_owned();
    for number in 0..count {
        let message = format!("Subject: {number}\r\n\r\ntext {number}\r\n");
        write!(command, " {{{}+}}\r\n{message}", message.len()).unwrap();
    }
    client.exchange(format!("{command}\r\n").as_bytes(), "x OK").await;
}

#[test]
fn a_large_message_is_told_octet_for_octet_in_all_its_parts() {
    let text = "A line of text, and then another one.\r\n".repeat(2_000);
    let binary: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0] % 127 + 1).collect();
    let encoded = BASE64_MIME.encode(&binary);
    let message = format!(
        "Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{text}\r\n--b\r\n\
         Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--b--\r\n"
    );
    fixture::run(async |server: &Server| {
        let mut client = server.alice().await;
        client.exchange(format!("x APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len()).as_bytes(), "x OK").await;
        client.ask("SELECT INBOX").await;
        assert!(literal(&octets(&mut client, "FETCH 1 BODY.PEEK[]").await, "BODY[]") == message, "the whole message");
        assert!(literal(&octets(&mut client, "FETCH 1 BODY.PEEK[1]").await, "BODY[1]") == text, "its first part");
        assert!(literal(&octets(&mut client, "FETCH 1 BODY.PEEK[2]").await, "BODY[2]") == encoded, "its second part");
        let decoded = octets(&mut client, "FETCH 1 (BINARY.SIZE[2] BINARY.PEEK[2] BINARY.PEEK[2]<150000.70>)").await;
        assert!(decoded.contains("BINARY.SIZE[2] 200000 "), "{decoded:.200}");
        assert!(literal(&decoded, "BINARY[2]").as_bytes() == binary, "decoded");
        assert_eq!(literal(&decoded, "BINARY[2]<150000>").as_bytes(), &binary[150_000..150_070]);
        let pieces = octets(&mut client, "FETCH 1 (BODY.PEEK[]<100000.50> BODY.PEEK[HEADER] BODY.PEEK[TEXT]<0.9> BODY.PEEK[2.MIME])").await;
        assert_eq!(literal(&pieces, "BODY[]<100000>"), message.get(100_000..100_050).unwrap());
        assert_eq!(literal(&pieces, "BODY[HEADER]"), "Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
        assert_eq!(literal(&pieces, "BODY[TEXT]<0>"), "--b\r\n\r\nA ");
        assert_eq!(literal(&pieces, "BODY[2.MIME]"), "Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        let structure = octets(&mut client, "FETCH 1 (RFC822.SIZE BODY PREVIEW)").await;
        assert!(structure.contains(&format!(
            "RFC822.SIZE {} BODY ((\"text\" \"plain\" NIL NIL NIL \"7bit\" {} 2000)",
            message.len(),
            text.len()
        )));
        let parts = "URL /INBOX/;UID=1/;SECTION=HEADER URL /INBOX/;UID=1/;SECTION=2/;PARTIAL=30000.150000 URL /INBOX/;UID=1";
        client.ask(&format!("APPEND INBOX CATENATE ({parts})")).await;
        let header = literal(&pieces, "BODY[HEADER]");
        let expected = [header, encoded.get(30_000..180_000).unwrap(), &message].concat();
        assert!(literal(&octets(&mut client, "FETCH 2 BODY.PEEK[]").await, "BODY[]") == expected, "a message of its parts");
        assert!(structure.contains("PREVIEW \"A line of text, and then another one. A line"), "{structure:.600}");
    });
}

#[test]
fn bombs_and_octets_that_are_no_text_are_told_in_bounds() {
    // No boundary begins like another: what is too deep to be opened would delimit what is around it.
    let level = |n: u32| format!("Content-Type: multipart/mixed; boundary=b{n}x\r\n\r\n--b{n}x\r\n");
    let deep = (0..300).map(level).collect::<Vec<_>>().concat();
    let wide = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\nx\r\n".repeat(3_000));
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(300);
    fixture::run(async |server: &Server| {
        let mut client = server.alice().await;
        for message in [&deep, &wide, &nested, "", "\0a\r\n\r\n\0b\r\n"] {
            client.exchange(format!("x APPEND INBOX (\\Seen) ~{{{}+}}\r\n{message}\r\n", message.len()).as_bytes(), "x ").await;
        }
        let heard = client.ask("SELECT INBOX").await;
        let count = heard.iter().find_map(|line| line.strip_suffix(" EXISTS")).unwrap().trim_start_matches("* ").to_owned();
        for _ in 0..2 {
            let told = octets(&mut client, "FETCH 1:3 (ENVELOPE BODYSTRUCTURE PREVIEW)").await;
            assert_eq!(told.matches("BODYSTRUCTURE").count(), 3);
            let depth = told.lines().next().unwrap().matches("(\"boundary\" ").count();
            assert!((40..=50).contains(&depth), "{depth} parts inside each other");
            assert_eq!(told.matches("\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 0 ").count(), 999);
        }
        let path = vec!["1"; 60].join(".");
        client.ask(&format!("FETCH 1:3 (BODY.PEEK[{path}] BODY.PEEK[3000] BINARY.SIZE[999])")).await;
        // A server that took NUL octets gives them to nobody but who asked for them; all others stay where they are.
        client.send(format!("y FETCH {count} (BODY.PEEK[] BINARY.PEEK[])\r\n").as_bytes()).await;
        for expected in ["BODY[] {10}", "\u{fffd}a", "", "\u{fffd}b", " BINARY[] ~{10}", "\0a", "", "\0b", ")", "y OK fetched"] {
            let line = client.line().await;
            assert!(line.ends_with(expected), "{line} where {expected} was expected");
        }
    });
}

#[test]
fn sets_of_a_hundred_thousand_elements_and_sets_that_name_nothing_are_answered() {
    fixture::run(async |server: &Server| {
        let mut client = server.alice().await;
        append_many(&mut client, 50).await;
        client.ask("SELECT INBOX").await;
        let set: Vec<String> = (0..100_000_u32).rev().map(|number| (number * 3 + 1).to_string()).collect();
        let told = octets(&mut client, &format!("UID FETCH {} (FLAGS)", set.join(","))).await;
        assert_eq!(told.matches(" FETCH (").count(), 17);
        let told = octets(&mut client, &format!("UID STORE {} +FLAGS.SILENT (\\Answered)", set.join(","))).await;
        assert!(told.starts_with("x OK"), "{told:.200}");
        let told = octets(&mut client, "UID FETCH 60:4294967295,1000:2000 (FLAGS BODY[])").await;
        assert!(told.starts_with("x OK"), "{told:.200}");
        for command in ["UID STORE 51:99 FLAGS (\\Seen)", "UID COPY 77 Archive", "UID MOVE 77:88 Archive", "UID EXPUNGE 99"] {
            assert_eq!(client.ask(command).await.len(), 1, "{command}");
        }
        assert!(client.say("FETCH 1:51 FLAGS").await[0].starts_with("BAD "));
    });
}

#[test]
fn many_messages_are_told_page_by_page_each_once() {
    const COUNT: usize = 1_200;
    fixture::run(async |server: &Server| {
        let mut client = server.alice().await;
        for _ in 0..COUNT / 100 {
            append_many(&mut client, 100).await;
        }
        client.ask("SELECT INBOX").await;
        for items in [
            "(UID FLAGS)",
            "(UID ENVELOPE)",
            "(UID ENVELOPE PREVIEW BODY)",
            "(INTERNALDATE RFC822.SIZE)",
            "(BODY.PEEK[HEADER.FIELDS (Subject)])",
            "(BODY.PEEK[HEADER.FIELDS (X-Other)])",
            "(BODY.PEEK[])",
            "(BODY[])",
            "(PREVIEW (LAZY))",
        ] {
            let told = octets(&mut client, &format!("FETCH 1:* {items}")).await;
            let numbers: Vec<usize> =
                told.lines().filter_map(|line| line.strip_prefix("* ")?.split_once(" FETCH (")?.0.parse().ok()).collect();
            assert!(numbers.iter().copied().eq(1..=COUNT), "{items}: {} messages", numbers.len());
        }
        let told = octets(&mut client, "UID FETCH 1:* (FLAGS) (PARTIAL -1:-600)").await;
        assert_eq!((told.matches(" FETCH (").count(), told.matches("\\Seen").count()), (600, 600));
        let told = octets(&mut client, "STORE 1:* -FLAGS (\\Seen)").await;
        assert_eq!(told.matches("FLAGS (\\Recent)").count(), COUNT);
    });
}

/// What one of two clients does.
#[derive(Debug, Clone)]
enum Act {
    Store(&'static str, &'static str, Vec<u32>),
    Copy(&'static str, Vec<u32>),
    Move(Vec<u32>),
    Expunge,
    ExpungeSome(Vec<u32>),
    Look,
}

/// Messages of INBOX by UID, and how many lie in Archive.
#[derive(Debug, Default)]
struct Model {
    inbox: BTreeMap<u32, BTreeSet<String>>,
    next: u32,
    archive: u32,
}

impl Model {
    fn append(&mut self, flags: BTreeSet<String>) {
        self.next += 1;
        self.inbox.insert(self.next, flags);
    }

    /// What an act does, for a client that knows of these messages.
    fn act(&mut self, act: &Act, known: &BTreeSet<u32>) {
        let there = |uids: &[u32]| -> BTreeSet<u32> { uids.iter().copied().filter(|uid| known.contains(uid)).collect() };
        match act {
            Act::Store(change, flag, uids) => {
                for uid in there(uids) {
                    let Some(flags) = self.inbox.get_mut(&uid) else { continue };
                    match *change {
                        "+FLAGS" => drop(flags.insert((*flag).to_owned())),
                        "-FLAGS" => drop(flags.remove(*flag)),
                        _ => *flags = BTreeSet::from([(*flag).to_owned()]),
                    }
                }
            }
            Act::Copy(to, uids) => {
                let copied: Vec<_> = there(uids).iter().filter_map(|uid| self.inbox.get(uid).cloned()).collect();
                for flags in copied {
                    if *to == "INBOX" { self.append(flags) } else { self.archive += 1 }
                }
            }
            Act::Move(uids) => there(uids).iter().for_each(|uid| self.archive += u32::from(self.inbox.remove(uid).is_some())),
            Act::Expunge => self.inbox.retain(|_, flags| !flags.contains("\\Deleted")),
            Act::ExpungeSome(uids) => {
                let some = there(uids);
                self.inbox.retain(|uid, flags| !(some.contains(uid) && flags.contains("\\Deleted")));
            }
            Act::Look => {}
        }
    }
}

/// A client that counts messages by what it is told.
struct Counting {
    client: Client,
    /// The UID of each number, where it is known.
    uids: Vec<Option<u32>>,
}

impl Counting {
    async fn act(&mut self, act: &Act) -> BTreeMap<u32, BTreeSet<String>> {
        let list = |uids: &[u32]| uids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let command = match act {
            Act::Store(change, flag, uids) => format!("UID STORE {} {change} ({flag})", list(uids)),
            Act::Copy(to, uids) => format!("UID COPY {} {to}", list(uids)),
            Act::Move(uids) => format!("UID MOVE {} Archive", list(uids)),
            Act::Expunge => "EXPUNGE".to_owned(),
            Act::ExpungeSome(uids) => format!("UID EXPUNGE {}", list(uids)),
            Act::Look => "UID FETCH 1:* (UID FLAGS)".to_owned(),
        };
        let lines = self.client.ask(&command).await;
        self.hear(&lines)
    }

    /// Believes what it is told, and returns the flags.
    fn hear(&mut self, lines: &[String]) -> BTreeMap<u32, BTreeSet<String>> {
        let mut told = BTreeMap::new();
        for line in lines.iter().filter_map(|line| line.strip_prefix("* ")) {
            let mut words = line.splitn(3, ' ');
            let (Some(Ok(number)), Some(what)) = (words.next().map(str::parse::<usize>), words.next()) else { continue };
            match what {
                "EXISTS" => {
                    assert!(number >= self.uids.len(), "{line}: it counts {}", self.uids.len());
                    self.uids.resize(number, None);
                }
                "EXPUNGE" => drop(self.uids.remove(number - 1)),
                "FETCH" => {
                    let values = words.next().unwrap();
                    let Some((uid, _)) = values.strip_prefix("(UID ").and_then(|uid| uid.split_once(' ')) else { continue };
                    let uid = uid.parse().unwrap();
                    assert_eq!(*self.uids[number - 1].get_or_insert(uid), uid, "{line}: the number is another message's");
                    let (_, flags) = values.split_once("FLAGS (").unwrap();
                    // A message is recent to one of them.
                    let flags = flags.split(')').next().unwrap().split_whitespace().filter(|flag| *flag != "\\Recent");
                    told.insert(uid, flags.map(str::to_owned).collect());
                }
                _ => {}
            }
        }
        told
    }
}

fn acts() -> impl Strategy<Value = Vec<(bool, Act)>> {
    let uids = || prop::collection::vec(1_u32..16, 1..5);
    let act = prop_oneof![
        4 => (prop::sample::select(vec!["+FLAGS", "-FLAGS", "FLAGS"]), prop::sample::select(vec!["\\Seen", "\\Deleted", "$Work"]), uids())
            .prop_map(|(change, flag, uids)| Act::Store(change, flag, uids)),
        2 => (prop::sample::select(vec!["INBOX", "Archive"]), uids()).prop_map(|(to, uids)| Act::Copy(to, uids)),
        1 => uids().prop_map(Act::Move),
        1 => Just(Act::Expunge),
        1 => uids().prop_map(Act::ExpungeSome),
        1 => Just(Act::Look),
    ];
    prop::collection::vec((any::<bool>(), act), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn two_clients_agree_with_each_other_and_with_a_model(acts in acts()) {
        fixture::run(async |server: &Server| {
            let mut model = Model::default();
            let mut first = server.alice().await;
            append_many(&mut first, 8).await;
            (0..8).for_each(|_| model.append(BTreeSet::new()));
            let mut clients = [Counting { client: first, uids: vec![] }, Counting { client: server.alice().await, uids: vec![] }];
            for counting in &mut clients {
                let lines = counting.client.ask("SELECT INBOX").await;
                counting.hear(&lines);
                counting.act(&Act::Look).await;
            }
            let all: BTreeSet<u32> = model.inbox.keys().copied().collect();
            let mut known = [all.clone(), all];
            for (second, act) in &acts {
                let which = usize::from(*second);
                clients[which].act(act).await;
                model.act(act, &known[which]);
                known[which] = model.inbox.keys().copied().collect();
            }
            for counting in &mut clients {
                let lines = counting.client.ask("NOOP").await;
                counting.hear(&lines);
                let told = counting.act(&Act::Look).await;
                assert_eq!(told, model.inbox, "after {acts:?}");
                assert_eq!(counting.uids.iter().copied().collect::<Option<Vec<_>>>(), Some(model.inbox.keys().copied().collect()));
            }
            let status = clients[0].client.ask("STATUS Archive (MESSAGES)").await;
            assert_eq!(status[0], format!("* STATUS Archive (MESSAGES {})", model.archive));
        });
    }
}
