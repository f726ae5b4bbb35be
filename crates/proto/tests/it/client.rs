//! A client's session with a server whose every octet is written here.

use proto::limits::Limits;
use proto::smtp::client::{Event, Misbehaved, Misuse, Session, Step};
use proto::smtp::command::{self, ChunkPlace, Command, Mail};
use proto::smtp::content::BareLineEnd;

struct Dialogue {
    session: Session,
}

impl Dialogue {
    fn new() -> Self {
        Self { session: Session::new("mx.a.test".parse().unwrap(), Limits::default()) }
    }

    /// Past a greeting that offers this.
    fn greeted(offers: &str) -> Self {
        let mut dialogue = Self::new();
        dialogue.server("220 mx.b.test\r\n");
        assert_eq!(dialogue.next(), Ok(Step::NeedInput));
        dialogue.client("EHLO mx.a.test\r\n");
        dialogue.server(&format!("250-mx.b.test\r\n250 {offers}\r\n"));
        assert_eq!(dialogue.next(), Ok(Step::Event(Event::Ready)));
        dialogue
    }

    fn server(&mut self, octets: &str) {
        self.session.receive(octets.as_bytes()).unwrap();
    }

    fn client(&mut self, octets: &str) {
        assert_eq!(String::from_utf8(self.session.take_output()).unwrap(), octets);
    }

    fn next(&mut self) -> Result<Step, Misbehaved> {
        self.session.next()
    }

    fn send(&mut self, line: &str) -> Result<(), Misuse> {
        self.session.send(&command::parse(line.as_bytes()).unwrap())
    }

    /// The next event is a reply with this code.
    fn reply(&mut self, code: u16) {
        match self.next() {
            Ok(Step::Event(Event::Reply(reply))) => assert_eq!(reply.code, code),
            other => panic!("no reply: {other:?}"),
        }
    }
}

#[test]
fn replies_come_in_the_order_of_the_commands() {
    let mut dialogue = Dialogue::greeted("PIPELINING");
    assert!(dialogue.session.capabilities().has("PIPELINING"));
    dialogue.session.send(&Command::Mail(Mail::new("alice@a.test".parse().unwrap()))).unwrap();
    dialogue.send("RCPT TO:<bob@b.test>").unwrap();
    dialogue.send("DATA").unwrap();
    assert_eq!(dialogue.send("NOOP"), Err(Misuse::NotNow), "nothing follows DATA");
    dialogue.client("MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\n");
    dialogue.server("250 2.1.0 ok\r\n550-5.1.1 no\r\n");
    dialogue.reply(250);
    assert_eq!(dialogue.next(), Ok(Step::NeedInput));
    dialogue.server("550 5.1.1 never\r\n503 5.5.1 no recipient\r\n");
    dialogue.reply(550);
    dialogue.reply(503);
    assert_eq!(dialogue.session.write_content(b"x"), Err(Misuse::NotNow));
    assert_eq!(dialogue.session.replies_due(), 0);
}

#[test]
fn content_is_sent_with_dots_doubled_or_in_chunks() {
    let mut dialogue = Dialogue::greeted("CHUNKING");
    dialogue.send("DATA").unwrap();
    dialogue.server("354 go on\r\n");
    dialogue.reply(354);
    assert_eq!(dialogue.send("NOOP"), Err(Misuse::NotNow), "content is due");
    dialogue.session.write_content(b"a\r\n.b\r\n").unwrap();
    dialogue.session.write_content(b".").unwrap();
    dialogue.session.end_content().unwrap();
    dialogue.client("DATA\r\na\r\n..b\r\n..\r\n.\r\n");
    dialogue.server("250 kept\r\n");
    dialogue.reply(250);
    dialogue.session.send_chunk(b"a\n", ChunkPlace::Middle).unwrap();
    dialogue.session.send_chunk(b"", ChunkPlace::Last).unwrap();
    dialogue.client("BDAT 2\r\na\nBDAT 0 LAST\r\n");
}

#[test]
fn content_that_data_cannot_carry_is_not_sent() {
    let mut dialogue = Dialogue::greeted("SIZE");
    dialogue.send("DATA").unwrap();
    dialogue.server("354 go on\r\n");
    dialogue.reply(354);
    assert_eq!(dialogue.session.write_content(b"a\n.\r\n"), Err(Misuse::LineEnd(BareLineEnd::Lf)));
}

#[test]
fn octets_that_were_announced_come_as_they_are() {
    let mut dialogue = Dialogue::greeted("PIPELINING");
    dialogue.send("RETRIEVE ID=0123456789abcdefghijkl TO:<bob@b.test>").unwrap();
    dialogue.send("CONFIRM ID=0123456789abcdefghijkl TO:<bob@b.test>").unwrap();
    dialogue.server("250 2.0.0 announced\r\n220 \n.\r");
    dialogue.reply(250);
    assert_eq!(dialogue.next(), Ok(Step::NeedInput), "nobody has said yet what the reply announces");
    dialogue.session.expect_octets(9).unwrap();
    assert_eq!(dialogue.next(), Ok(Step::Event(Event::Octets(b"220 \n.\r".to_vec()))));
    assert_eq!(dialogue.next(), Ok(Step::NeedInput));
    dialogue.server("\nx250 2.0.0 known\r\n");
    assert_eq!(dialogue.next(), Ok(Step::Event(Event::Octets(b"\nx".to_vec()))));
    assert_eq!(dialogue.next(), Ok(Step::Event(Event::OctetsEnd)));
    dialogue.reply(250);
}

#[test]
fn no_octets_are_expected_behind_a_refusal() {
    let mut dialogue = Dialogue::greeted("PIPELINING");
    dialogue.send("RETRIEVE ID=0123456789abcdefghijkl TO:<bob@b.test>").unwrap();
    dialogue.server("550 5.7.1 no\r\n");
    dialogue.reply(550);
    assert_eq!(dialogue.session.expect_octets(1), Err(Misuse::NotNow));
    dialogue.send("RETRIEVE ID=0123456789abcdefghijkl TO:<bob@b.test> OFFSET=3").unwrap();
    dialogue.server("250 2.0.0 all of it is known\r\n");
    dialogue.reply(250);
    dialogue.session.expect_octets(0).unwrap();
    assert_eq!(dialogue.next(), Ok(Step::Event(Event::OctetsEnd)));
}

#[test]
fn what_was_said_before_tls_is_forgotten() {
    let mut dialogue = Dialogue::greeted("STARTTLS");
    assert!(dialogue.session.capabilities().starttls());
    dialogue.send("STARTTLS").unwrap();
    assert_eq!(dialogue.send("NOOP"), Err(Misuse::NotNow));
    dialogue.client("STARTTLS\r\n");
    dialogue.server("220 go on\r\n250-evil.test\r\n250 XTWOWAY 1 SIZE=1 NOTICEMAX=1 KEEPMAX=1\r\n");
    assert_eq!(dialogue.next(), Ok(Step::Event(Event::StartTls)));
    dialogue.server("250 more of this\r\n");
    dialogue.session.tls_started().unwrap();
    dialogue.client("EHLO mx.a.test\r\n");
    assert_eq!(dialogue.next(), Ok(Step::NeedInput));
    assert!(!dialogue.session.capabilities().starttls());
    dialogue.server("250-mx.b.test\r\n250 XTWOWAY 1 SIZE=52428800 NOTICEMAX=500 KEEPMAX=2592000\r\n");
    assert_eq!(dialogue.next(), Ok(Step::Event(Event::Ready)));
    assert_eq!(dialogue.session.capabilities().twoway().unwrap().as_ref().unwrap().notices_max, 500);
}

#[test]
fn a_server_without_ehlo_is_greeted_by_helo() {
    let mut dialogue = Dialogue::new();
    dialogue.server("220-mx.b.test\r\n220 old\r\n");
    assert_eq!(dialogue.next(), Ok(Step::NeedInput));
    dialogue.client("EHLO mx.a.test\r\n");
    dialogue.server("502 what\r\n");
    assert_eq!(dialogue.next(), Ok(Step::NeedInput));
    dialogue.client("HELO mx.a.test\r\n");
    dialogue.server("250-mx.b.test\r\n250 PIPELINING\r\n");
    assert_eq!(dialogue.next(), Ok(Step::Event(Event::Ready)));
    assert!(!dialogue.session.capabilities().has("PIPELINING"), "HELO offers nothing");
}

#[test]
fn a_server_may_refuse_to_talk_and_may_go_away() {
    let mut dialogue = Dialogue::new();
    dialogue.server("554 5.3.2 not now\r\n");
    assert!(matches!(dialogue.next(), Ok(Step::Event(Event::Refused(reply))) if reply.code == 554));
    assert_eq!(dialogue.send("NOOP"), Err(Misuse::NotNow));

    let mut dialogue = Dialogue::greeted("STARTTLS");
    dialogue.send("STARTTLS").unwrap();
    dialogue.server("454 4.7.0 no certificate\r\n421 4.3.2 going down\r\n");
    assert!(matches!(dialogue.next(), Ok(Step::Event(Event::Refused(reply))) if reply.code == 454));
    assert!(matches!(dialogue.next(), Ok(Step::Event(Event::Closing(reply))) if reply.code == 421));
}

#[test]
fn what_no_server_does_ends_the_session() {
    for octets in
        ["hello\r\n", "220 a\n", "220 a\rb\r\n", "220-a\r\n221 b\r\n", &format!("220 {}\r\n", "x".repeat(3000)), &"220-a\r\n".repeat(300)]
    {
        let mut dialogue = Dialogue::new();
        dialogue.server(octets);
        assert!(dialogue.next().is_err(), "{octets:?}");
    }
    let mut dialogue = Dialogue::greeted("SIZE");
    dialogue.server("250 nobody asked\r\n");
    assert!(matches!(dialogue.next(), Err(Misbehaved::Unasked(_))));
    assert_eq!(dialogue.session.receive(&vec![b'x'; 300_000]), Err(Misbehaved::TooMuchInput));
}

proptest::proptest! {
    #[test]
    fn no_octets_make_a_session_panic(octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000), replies in "(220 a\r\n|250-STARTTLS\r\n|250 b\r\n|354 c\r\n){0,9}") {
        let mut dialogue = Dialogue::new();
        dialogue.server(&replies);
        dialogue.session.receive(&octets).unwrap();
        for command in ["DATA", "NOOP", "STARTTLS", "NOOP"] {
            while let Ok(Step::Event(_)) = dialogue.next() {}
            // Whether it can be sent depends on the replies; that nothing panics is what is asked.
            proptest::prop_assert!(dialogue.send(command).is_ok() || dialogue.session.replies_due() < 1000);
        }
    }
}
