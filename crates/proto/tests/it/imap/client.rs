//! A client's session with a server whose every octet is written here.

mod behind;
mod proving;

use proto::imap::client::question::{Heard, Unanswered};
use proto::imap::client::twoway::{Change, Contacts, Entries, Modes};
use proto::imap::client::{Channel, Event, Misbehaved, Misuse, Session, Step};
use proto::imap::command::append::AppendNext;
use proto::imap::command::twoway::{Detail, EntryList, Page, Screening};
use proto::imap::command::{Command, Tagged, parse};
use proto::imap::limits::ClientLimits;
use proto::imap::mailbox_name::NameForm;
use proto::imap::response::fetch::FetchedValue;
use proto::imap::response::{Condition, Data};
use proto::sasl::Secret;

struct Dialogue {
    session: Session,
}

fn command(line: &str) -> Command {
    let Tagged { command, .. } = parse(format!("x {line}").as_bytes(), NameForm::Utf8).unwrap();
    command
}

fn pencil() -> Secret {
    Secret::new("pencil").unwrap()
}

impl Dialogue {
    fn with(limits: ClientLimits, channel: Channel) -> Self {
        Self { session: Session::new(limits, channel) }
    }

    fn new(channel: Channel) -> Self {
        Self::with(ClientLimits::default(), channel)
    }

    /// Past a greeting that offers this.
    fn greeted(offers: &str) -> Self {
        let mut dialogue = Self::new(Channel::Tls);
        dialogue.server(&format!("* OK [CAPABILITY IMAP4rev1 {offers}] hello\r\n"));
        dialogue.event(&Event::Ready);
        dialogue
    }

    fn server(&mut self, octets: &str) {
        self.session.receive(octets.as_bytes()).unwrap();
    }

    fn client(&mut self, octets: &str) {
        assert_eq!(String::from_utf8(self.session.take_output()).unwrap(), octets);
    }

    fn send(&mut self, line: &str) {
        self.session.send(command(line)).unwrap();
    }

    #[track_caller]
    fn next(&mut self) -> Event {
        match self.session.next() {
            Ok(Step::Event(event)) => event,
            other => panic!("no event: {other:?}"),
        }
    }

    #[track_caller]
    fn event(&mut self, event: &Event) {
        assert_eq!(&self.next(), event);
    }

    #[track_caller]
    fn quiet(&mut self) {
        assert_eq!(self.session.next(), Ok(Step::NeedInput));
    }

    #[track_caller]
    fn done(&mut self, condition: Condition) {
        match self.next() {
            Event::Done(status) => assert_eq!(status.condition, condition),
            other => panic!("not done: {other:?}"),
        }
    }
}

#[test]
fn what_is_offered_is_asked_again_where_it_may_have_changed() {
    let mut dialogue = Dialogue::new(Channel::Clear);
    dialogue.server("* OK hello\r\n");
    dialogue.quiet();
    dialogue.client("c1 CAPABILITY\r\n");
    dialogue.server("* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\nc1 OK these\r\n");
    dialogue.event(&Event::Ready);
    assert_eq!(dialogue.session.login("bob", &pencil()), Err(Misuse::InClear));
    assert_eq!(dialogue.session.send(command("LOGIN bob pencil")), Err(Misuse::InClear));
    dialogue.send("STARTTLS");
    dialogue.client("c2 STARTTLS\r\n");
    dialogue.server("c2 OK go on\r\n* CAPABILITY AUTH=EVIL\r\n");
    dialogue.event(&Event::StartTls);
    dialogue.quiet();
    dialogue.session.tls_started().unwrap();
    dialogue.quiet();
    dialogue.client("c3 CAPABILITY\r\n");
    assert!(!dialogue.session.offers("AUTH=EVIL"), "said in the clear, behind the answer");
    dialogue.server("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nc3 OK these\r\n");
    dialogue.event(&Event::Ready);
    dialogue.session.login("bob", &pencil()).unwrap();
    dialogue.client("c4 AUTHENTICATE PLAIN\r\n");
    dialogue.server("+ \r\n");
    dialogue.quiet();
    dialogue.client("AGJvYgBwZW5jaWw=\r\n");
    dialogue.server("c4 OK welcome\r\n");
    dialogue.quiet();
    dialogue.client("c5 CAPABILITY\r\n");
    dialogue.server("* CAPABILITY IMAP4rev1 IDLE\r\nc5 OK these\r\n");
    dialogue.done(Condition::Ok);
    assert!(dialogue.session.is_authenticated() && dialogue.session.offers("idle") && !dialogue.session.offers("AUTH=PLAIN"));
    assert_eq!(dialogue.session.login("bob", &pencil()), Err(Misuse::NotNow));
}

#[test]
fn a_login_takes_the_best_that_is_offered() {
    let mut dialogue = Dialogue::greeted("SASL-IR AUTH=PLAIN");
    dialogue.session.login("bob", &pencil()).unwrap();
    dialogue.client("c1 AUTHENTICATE PLAIN AGJvYgBwZW5jaWw=\r\n");
    dialogue.server("c1 NO [AUTHENTICATIONFAILED] no\r\n");
    dialogue.done(Condition::No);
    assert!(!dialogue.session.is_authenticated());
    dialogue.session.login("bob", &pencil()).unwrap();
    dialogue.client("c2 AUTHENTICATE PLAIN AGJvYgBwZW5jaWw=\r\n");
    dialogue.server("c2 OK [CAPABILITY IMAP4rev1 XTWOWAY] yes\r\n");
    dialogue.done(Condition::Ok);
    assert!(dialogue.session.offers("XTWOWAY"));

    let mut dialogue = Dialogue::greeted("");
    dialogue.session.login("bob", &Secret::new("p\"\u{e9}").unwrap()).unwrap();
    dialogue.client("c1 LOGIN bob {4}\r\n");
    dialogue.server("+ go on\r\n");
    dialogue.quiet();
    dialogue.client("p\"\u{e9}\r\n");
    dialogue.server("* CAPABILITY IMAP4rev1\r\nc1 OK yes\r\n");
    dialogue.event(&Event::Data(Data::Capability(vec!["IMAP4rev1".to_owned()])));
    dialogue.done(Condition::Ok);

    let mut dialogue = Dialogue::greeted("LOGINDISABLED");
    assert_eq!(dialogue.session.login("bob", &pencil()), Err(Misuse::NotOffered("a login by password")));
}

#[test]
fn a_mechanism_of_the_drivers_is_carried() {
    let mut dialogue = Dialogue::greeted("AUTH=X");
    dialogue.send("AUTHENTICATE X");
    dialogue.client("c1 AUTHENTICATE X\r\n");
    dialogue.server("+ YWI=\r\n");
    dialogue.event(&Event::Challenge(b"ab".to_vec()));
    dialogue.session.respond(Some(b"cd")).unwrap();
    dialogue.client("Y2Q=\r\n");
    dialogue.server("+ ZWY=\r\n");
    dialogue.event(&Event::Challenge(b"ef".to_vec()));
    dialogue.session.respond(None).unwrap();
    dialogue.client("*\r\n");
    dialogue.server("c1 BAD cancelled\r\n");
    dialogue.done(Condition::Bad);
    assert_eq!(dialogue.session.respond(None), Err(Misuse::NotNow));
}

#[test]
fn literals_wait_unless_the_server_does_not_ask_for_that() {
    let search = "SEARCH SUBJECT {2+}\r\n\u{e9} TEXT {2+}\r\n\u{e8}";
    let mut dialogue = Dialogue::greeted("");
    dialogue.send(search);
    assert_eq!(dialogue.session.send(Command::Noop), Err(Misuse::NotNow));
    dialogue.client("c1 SEARCH CHARSET UTF-8 SUBJECT {2}\r\n");
    dialogue.server("+\r\n");
    dialogue.quiet();
    dialogue.client("\u{e9} TEXT {2}\r\n");
    dialogue.server("c1 NO not today\r\n");
    dialogue.done(Condition::No);
    dialogue.send(search);
    dialogue.client("c2 SEARCH CHARSET UTF-8 SUBJECT {2}\r\n");

    let mut dialogue = Dialogue::greeted("LITERAL-");
    dialogue.send(search);
    dialogue.client("c1 SEARCH CHARSET UTF-8 SUBJECT {2+}\r\n\u{e9} TEXT {2+}\r\n\u{e8}\r\n");
    dialogue.server("c1 OK none\r\n");
    dialogue.done(Condition::Ok);
    dialogue.send(&format!("SEARCH SUBJECT \"{}\"", "x ".repeat(2500)));
    dialogue.client("c2 SEARCH SUBJECT {5000}\r\n");

    let mut dialogue = Dialogue::greeted("LITERAL+");
    dialogue.send(&format!("SEARCH SUBJECT \"{}\"", "x ".repeat(2500)));
    dialogue.client(&format!("c1 SEARCH SUBJECT {{5000+}}\r\n{}\r\n", "x ".repeat(2500)));
}

#[test]
fn messages_are_sent_when_they_are_wanted() {
    let mut dialogue = Dialogue::greeted("");
    dialogue.send("APPEND INBOX (\\Seen) {5+}\r\n");
    dialogue.client("c1 APPEND INBOX (\\Seen) {5}\r\n");
    dialogue.quiet();
    assert_eq!(dialogue.session.write_message(b"x"), Err(Misuse::NotNow));
    dialogue.server("+ go on\r\n");
    dialogue.event(&Event::SendMessage);
    assert_eq!(dialogue.session.write_message(b"hello!"), Err(Misuse::Octets));
    dialogue.session.write_message(b"hel").unwrap();
    assert_eq!(dialogue.session.end_message(AppendNext::default()), Err(Misuse::Octets));
    dialogue.session.write_message(b"lo").unwrap();
    let Command::Append(next) = command("APPEND x (\\Draft) {3}\r\n") else { panic!("no APPEND") };
    let next = AppendNext { messages: next.messages, ..AppendNext::default() };
    dialogue.session.end_message(next).unwrap();
    dialogue.client("hello (\\Draft) {3}\r\n");
    dialogue.server("+ go on\r\n");
    dialogue.event(&Event::SendMessage);
    dialogue.session.write_message(b"two").unwrap();
    dialogue.session.end_message(AppendNext::default()).unwrap();
    dialogue.client("two\r\n");
    dialogue.server("* 3 EXISTS\r\nc1 OK [APPENDUID 1 4:5] both\r\n");
    dialogue.event(&Event::Data(Data::Exists(3)));
    dialogue.done(Condition::Ok);

    dialogue.send("APPEND nowhere {5}\r\n");
    dialogue.client("c2 APPEND nowhere {5}\r\n");
    dialogue.server("c2 NO [TRYCREATE] there is none\r\n");
    dialogue.done(Condition::No);

    let mut dialogue = Dialogue::greeted("LITERAL+");
    dialogue.send("REPLACE 4 Drafts UTF8 (~{3}\r\n");
    dialogue.event(&Event::SendMessage);
    dialogue.server("c1 NO [OVERQUOTA] full\r\n");
    dialogue.quiet();
    dialogue.session.write_message(b"abc").unwrap();
    dialogue.session.end_message(AppendNext::default()).unwrap();
    dialogue.client("c1 REPLACE 4 Drafts UTF8 (~{3+}\r\nabc)\r\n");
    dialogue.done(Condition::No);
    dialogue.send("APPEND INBOX {5000+}\r\n");
    dialogue.client("c2 APPEND INBOX {5000}\r\n");
}

#[test]
fn idle_compression_and_the_end() {
    let mut dialogue = Dialogue::greeted("IDLE COMPRESS=DEFLATE");
    assert_eq!(dialogue.session.end_idle(), Err(Misuse::NotNow));
    dialogue.send("IDLE");
    dialogue.client("c1 IDLE\r\n");
    assert!(dialogue.session.timeout().is_some());
    dialogue.server("+ idling\r\n* 5 EXISTS\r\n* X-FROB\r\n");
    dialogue.event(&Event::Idling);
    assert_eq!(dialogue.session.timeout(), None);
    dialogue.event(&Event::Data(Data::Exists(5)));
    dialogue.event(&Event::Unknown("X-FROB".to_owned()));
    dialogue.session.end_idle().unwrap();
    dialogue.client("DONE\r\n");
    dialogue.server("c1 OK\r\n");
    dialogue.done(Condition::Ok);
    dialogue.send("COMPRESS DEFLATE");
    dialogue.server("c2 OK from here\r\n\u{1}compressed");
    dialogue.event(&Event::Compress);
    assert_eq!(dialogue.session.compressed(), Ok(b"\x01compressed".to_vec()));
    dialogue.send("LOGOUT");
    dialogue.client("c2 COMPRESS DEFLATE\r\nc3 LOGOUT\r\n");
    dialogue.server("* BYE goodbye\r\nc3 OK logged out\r\n");
    dialogue.done(Condition::Ok);
    dialogue.quiet();
    assert_eq!(dialogue.session.send(Command::Noop), Err(Misuse::NotNow));
    let mut dialogue = Dialogue::greeted("");
    assert_eq!(dialogue.session.send(Command::Compress), Err(Misuse::NotOffered("COMPRESS=DEFLATE")));
    dialogue.server("* BYE shutting down\r\n");
    assert!(matches!(dialogue.next(), Event::Closing(_)));
}

#[test]
fn content_too_large_to_be_held_comes_in_pieces() {
    let limits =
        ClientLimits { held_literal_octets_max: 5, content_chunk_octets_max: 4, response_octets_max: 200, ..ClientLimits::default() };
    let mut dialogue = Dialogue::with(limits, Channel::Tls);
    dialogue.server("* OK [CAPABILITY IMAP4rev1] hello {7}\r\n");
    dialogue.event(&Event::Ready);
    dialogue.server("* 3 FETCH (UID 7 BODY[1] {3}\r\nabc BODY[2]<9> {7}\r\nde");
    let Event::Data(Data::Fetch(front)) = dialogue.next() else { panic!("no FETCH") };
    assert_eq!((front.number.get(), front.values.len()), (3, 2));
    let Event::Content { number, octets, name, .. } = dialogue.next() else { panic!("no content") };
    assert_eq!((number.get(), octets, format!("{name:?}").contains("Some(9)")), (3, 7, true));
    dialogue.event(&Event::Octets(b"de".to_vec()));
    dialogue.quiet();
    dialogue.server("fghij ");
    dialogue.event(&Event::Octets(b"fghi".to_vec()));
    dialogue.event(&Event::Octets(b"j".to_vec()));
    dialogue.event(&Event::ContentEnd);
    dialogue.quiet();
    dialogue.server("FLAGS (\\Seen) BINARY[1] ~{6}\r\nklmnop)\r\n* 4 EXISTS\r\n");
    let Event::Data(Data::Fetch(middle)) = dialogue.next() else { panic!("no FETCH") };
    assert!(matches!(middle.values[..], [FetchedValue::Flags(_)]));
    assert!(matches!(dialogue.next(), Event::Content { octets: 6, .. }));
    dialogue.event(&Event::Octets(b"klmn".to_vec()));
    dialogue.event(&Event::Octets(b"op".to_vec()));
    dialogue.event(&Event::ContentEnd);
    dialogue.event(&Event::Data(Data::Exists(4)));
    // What is no content is held, if it is not too large for that either.
    dialogue.server("* LIST () NIL {9}\r\nlong name\r\n* 1 FETCH (ENVELOPE (NIL {8}\r\nsubjects NIL NIL NIL NIL NIL NIL NIL NIL))\r\n");
    assert!(matches!(dialogue.next(), Event::Data(Data::List(_))));
    assert!(matches!(dialogue.next(), Event::Data(Data::Fetch(_))));
    dialogue.server("* LIST () NIL {900}\r\n");
    assert_eq!(dialogue.session.next(), Err(Misbehaved::TooLong));
}

#[test]
fn names_are_utf8_once_that_is_enabled() {
    let mut dialogue = Dialogue::greeted("ENABLE UTF8=ACCEPT");
    dialogue.send("SELECT \"\u{e9}\"");
    dialogue.client("c1 SELECT &AOk-\r\n");
    dialogue.server("c1 NO none\r\n");
    dialogue.done(Condition::No);
    dialogue.send("ENABLE UTF8=ACCEPT");
    dialogue.server("* ENABLED UTF8=ACCEPT\r\nc2 OK yes\r\n");
    dialogue.event(&Event::Data(Data::Enabled(vec!["UTF8=ACCEPT".to_owned()])));
    dialogue.done(Condition::Ok);
    dialogue.send("SELECT \"\u{e9}\"");
    dialogue.client("c2 ENABLE UTF8=ACCEPT\r\nc3 SELECT \"\u{e9}\"\r\n");
}

#[test]
fn what_no_server_does_ends_the_session() {
    let greeted = "* OK [CAPABILITY IMAP4rev1] hello\r\n";
    for (octets, fault) in [
        ("hello\r\n".to_owned(), "can't be read"),
        ("* 1 EXISTS\r\n".to_owned(), "did not greet"),
        ("* X\r\n".to_owned(), "did not greet"),
        ("* NO hello\r\n".to_owned(), "did not greet"),
        ("c1 OK hello\r\n".to_owned(), "not asked"),
        ("* OK hello\n".to_owned(), "half a line end"),
        (format!("* OK {}\r\n", "x".repeat(300)), "too long"),
        (format!("{greeted}+ go on\r\n"), "not asked"),
        (format!("{greeted}c1 OK done\r\n"), "not asked"),
        (format!("{greeted}* LIST x\r\n"), "can't be read"),
    ] {
        let limits = ClientLimits { response_octets_max: 200, ..ClientLimits::default() };
        let mut dialogue = Dialogue::with(limits, Channel::Tls);
        dialogue.server(&octets);
        let error = loop {
            match dialogue.session.next() {
                Err(error) => break error.to_string(),
                Ok(Step::Event(Event::Ready)) => {}
                other => panic!("{octets:?}: {other:?}"),
            }
        };
        assert!(error.contains(fault), "{octets:?}: {error}");
        assert!(dialogue.session.receive(&vec![b'x'; 1_000_000]).is_err());
    }
    let mut dialogue = Dialogue::new(Channel::Clear);
    dialogue.server("* PREAUTH welcome\r\n");
    assert_eq!(dialogue.session.next(), Err(Misbehaved::PreAuthInClear));
    let mut dialogue = Dialogue::new(Channel::Tls);
    dialogue.server("* BYE not now\r\n");
    assert!(matches!(dialogue.next(), Event::Refused(_)));
    let mut dialogue = Dialogue::greeted("AUTH=X");
    dialogue.send("AUTHENTICATE X");
    dialogue.server("+ !\r\n");
    assert_eq!(dialogue.session.next(), Err(Misbehaved::Challenge));
    let mut dialogue = Dialogue::greeted("");
    dialogue.send("NOOP");
    dialogue.server("c2 OK done\r\n");
    assert_eq!(dialogue.session.next(), Err(Misbehaved::Unasked));
}

fn page(rows: u32, after: Option<&str>) -> Page {
    Page { rows_max: rows.try_into().unwrap(), after: after.map(str::to_owned) }
}

#[test]
fn a_page_of_contacts_is_asked_for_and_told() {
    let facts = "(COUNT 1 FIRST \"20-Nov-2026 10:00:00 +0000\" LAST \"20-Nov-2026 10:00:00 +0000\" SIZE 1 EXPIRES \"20-Nov-2026 10:00:00 +0000\" PROOF TLS RETRIEVED YES)";
    let mut dialogue = Dialogue::greeted("XTWOWAY");
    let mut asked = dialogue.session.ask(Contacts::new(page(2, None), Detail::Evidence)).unwrap();
    dialogue.client("c1 XTWOWAY CONTACTS PAGE 2 EVIDENCE\r\n");
    dialogue.server(&format!("* XTWOWAY CONTACT NOTICE a@a.test {facts}\r\n* 7 EXISTS\r\n* XTWOWAY CONTACT LEGACY b@b.test {facts}\r\n"));
    // Told as changes meanwhile.
    dialogue.server(&format!("* XTWOWAY CONTACT LEGACY b@b.test {facts}\r\n* XTWOWAY GONE CONTACT NOTICE a@a.test\r\n"));
    dialogue.server("c1 OK [XTWOWAY MORE \"b@b.test\"] a page\r\n");
    let mut beside = 0;
    let rows = loop {
        asked = match asked.hear(dialogue.next()) {
            Heard::Part(asked) => asked,
            Heard::Beside(asked, event) => {
                assert_eq!(event, Event::Data(Data::Exists(7)));
                beside += 1;
                asked
            }
            Heard::Answer(rows) => break rows,
            Heard::Unanswered(error) => panic!("{error}"),
        };
    };
    assert_eq!(beside, 1);
    assert_eq!(rows.rows.iter().map(|row| row.sender.as_str()).collect::<Vec<_>>(), ["b@b.test"]);
    assert!(rows.rows[0].evidence.as_ref().unwrap().retrieved_before);
    assert_eq!(rows.more.as_deref(), Some("b@b.test"));
    drop(dialogue.session.ask(Contacts::new(page(2, Some("b@b.test")), Detail::Brief)).unwrap());
    dialogue.client("c2 XTWOWAY CONTACTS PAGE 2 AFTER b@b.test\r\n");
}

#[test]
fn entries_modes_and_changes_are_asked_for_and_told() {
    let mut dialogue = Dialogue::greeted("XTWOWAY");
    let asked = dialogue.session.ask(Entries::new(vec![EntryList::Allow], page(50, None))).unwrap();
    dialogue.client("c1 XTWOWAY ENTRIES (ALLOW) PAGE 50\r\n");
    dialogue.server("* XTWOWAY ENTRY ALLOW a@a.test\r\n* XTWOWAY ENTRY BLOCK b@b.test\r\nc1 OK these\r\n");
    let Heard::Part(asked) = asked.hear(dialogue.next()) else { panic!("no part") };
    let Heard::Beside(asked, _) = asked.hear(dialogue.next()) else { panic!("not asked for") };
    let Heard::Answer(rows) = asked.hear(dialogue.next()) else { panic!("no answer") };
    assert_eq!((rows.rows.len(), rows.more), (1, None));
    let asked = dialogue.session.ask(Modes::default()).unwrap();
    dialogue.client("c2 XTWOWAY MODES\r\n");
    dialogue.server("* XTWOWAY MODES (SCREENING ON LEGACY KEEP)\r\nc2 OK these\r\n");
    let Heard::Part(asked) = asked.hear(dialogue.next()) else { panic!("no part") };
    let Heard::Answer(modes) = asked.hear(dialogue.next()) else { panic!("no answer") };
    assert_eq!(modes.screening, Some(Screening::On));
    let asked = dialogue.session.ask(Modes::default()).unwrap();
    dialogue.server("c3 OK nothing\r\n");
    assert!(matches!(asked.hear(dialogue.next()), Heard::Unanswered(Unanswered::NotTold)));
    let changes = [
        (Change::allow(vec!["a@a.test".to_owned()]), "XTWOWAY ALLOW (a@a.test)"),
        (Change::block(vec!["a@a.test".to_owned()]), "XTWOWAY BLOCK (a@a.test)"),
        (Change::dismiss(vec!["a@a.test".to_owned()]), "XTWOWAY DISMISS (a@a.test)"),
        (Change::remove(EntryList::Block, "@a.test"), "XTWOWAY REMOVE BLOCK @a.test"),
        (Change::watch(), "XTWOWAY WATCH"),
        (Change::unwatch(), "XTWOWAY UNWATCH"),
        (Change::undo(None), "XTWOWAY UNDO"),
        (Change::modes(modes), "XTWOWAY SETMODES (SCREENING ON LEGACY KEEP)"),
        (Change::add(rows.rows[0].clone()), "XTWOWAY ADD ALLOW a@a.test"),
    ];
    dialogue.session.take_output();
    for (number, (change, line)) in (4..).zip(changes) {
        let asked = dialogue.session.ask(change).unwrap();
        dialogue.client(&format!("c{number} {line}\r\n"));
        dialogue.server(&format!("c{number} OK done\r\n"));
        assert!(matches!(asked.hear(dialogue.next()), Heard::Answer(text) if text == "done"));
    }
    for (answer, refused) in [("c13 NO not you\r\n", true), ("c14 BAD what\r\n", false)] {
        let asked = dialogue.session.ask(Change::watch()).unwrap();
        dialogue.server(answer);
        let Heard::Unanswered(error) = asked.hear(dialogue.next()) else { panic!("an answer") };
        assert_eq!(matches!(error, Unanswered::Refused(_)), refused);
        assert_eq!(matches!(error, Unanswered::NotUnderstood(_)), !refused);
    }
    let mut asked = dialogue.session.ask(Entries::new(vec![], page(1, None))).unwrap();
    for number in 0..1001 {
        dialogue.server(&format!("* XTWOWAY ENTRY ALLOW a{number}@a.test\r\n"));
        asked = match asked.hear(dialogue.next()) {
            Heard::Part(asked) => asked,
            _ => panic!("no part"),
        };
    }
    dialogue.server("* XTWOWAY ENTRY ALLOW b@a.test\r\n");
    assert!(matches!(asked.hear(dialogue.next()), Heard::Unanswered(Unanswered::TooMuch)));
}

proptest::proptest! {
    #[test]
    fn no_octets_make_a_session_panic(octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000), told in "(\\* OK x\r\n|\\+ x\r\n|c[1-4] OK x\r\n|\\* 1 FETCH \\(BODY\\[\\] \\{9\\}\r\n|\\* LIST \\(\\) NIL \\{3\\}\r\nabc\r\n){0,12}") {
        let limits = ClientLimits { held_literal_octets_max: 2, response_octets_max: 300, ..ClientLimits::default() };
        let mut dialogue = Dialogue::with(limits, Channel::Tls);
        dialogue.server(&told);
        dialogue.session.receive(&octets).unwrap();
        for line in ["NOOP", "APPEND INBOX {5}\r\n", "IDLE", "LOGOUT"] {
            while let Ok(Step::Event(event)) = dialogue.session.next() {
                if let Event::Octets(octets) = event {
                    proptest::prop_assert!((1..=limits.content_chunk_octets_max).contains(&octets.len()));
                }
            }
            // Whether it can be sent depends on what was told; that nothing panics is what is asked.
            let sent = dialogue.session.send(command(line));
            proptest::prop_assert!(sent.is_ok() || sent == Err(Misuse::NotNow));
        }
    }
}
