//! What happens to alice while her mail program is there: somebody knocks, and what she sent is confirmed.

use std::time::Duration;

use delivery::consent::Legacy;
use delivery::legacy::authorship;
use delivery::schedule::Jitter;
use delivery::transfer::TransferEvent;
use mail::digest::ContentDigest;
use mail::envelope::{Body, Recipient, ReportWish, Way};
use mail::id::{NoticeId, Partition};
use mail::notice::{Kind, Notice};
use store::content::{Place, StoredContent};
use store::{Evidence, Keep, NewArrival, NewTransfer, Pusher, Receive, Received, Settle, Writer};

use crate::imap::fixture::Server;

impl Server {
    /// A notice from this address for alice, and the decision about it.
    pub(crate) async fn knock(&self, from: &str) {
        let (alice, node) = (self.account().await, &self.node);
        let now = node.world.now();
        let notice = Notice {
            from: from.parse().unwrap(),
            to: alice.address.clone(),
            id: NoticeId::new(Partition::of_name(from), node.world.random()),
            size_octets: 1_000,
            date: now,
            expires: now + Duration::from_hours(14 * 24),
            body: Body::SevenBit,
            smtputf8: false,
            require_tls: false,
            name: Some("The Bank".to_owned()),
            subject: Some("Urgent".to_owned()),
            kind: Kind::Mail,
            reference: None,
            list: None,
        };
        let evidence = Evidence { rule: "tls".to_owned(), detail: "mx".to_owned(), address: "192.0.2.1".parse().ok() };
        let new = NewArrival { account: alice.id, notice, evidence, decide_at: now, now };
        node.store.record_notices(vec![new]).await.unwrap();
        let lease = node.store.lease("test", now, now + Duration::from_mins(1)).await.unwrap();
        for arrival in node.store.due(&lease, now, 10).await.unwrap().arrivals.unwrap() {
            node.store.decide(&arrival.key, &lease, now, Jitter::NONE).await.unwrap();
        }
    }

    /// Somebody pushes a message that says to be from this address; alice keeps such mail aside.
    pub(crate) async fn push(&self, from: &str) {
        let (alice, node) = (self.account().await, &self.node);
        node.store.set_mode(alice.id, None, Some(Legacy::Keep)).await.unwrap();
        let octets = format!("From: {from}\r\nSubject: Pushed\r\n\r\nHi\r\n").into_bytes();
        let receive = Receive {
            account: alice.id,
            mail: node.new_mail_id(),
            recipient: alice.address.clone(),
            reverse_path: from.parse().unwrap(),
            sender: from.parse().unwrap(),
            list_id: None,
            reference: None,
            authorship: authorship(None),
            answerable: None,
            returns: Vec::new(),
            pusher: Pusher { address: "192.0.2.7".parse().unwrap(), detail: "pushed by a test".to_owned() },
            head: b"Return-Path: <>\r\n".to_vec(),
            skip_octets: 0,
            subject: "Pushed".to_owned(),
            largest_octets: 100,
            content: StoredContent { size_octets: octets.len() as u64, digest: ContentDigest::of(&octets), place: Place::Row(octets) },
            now: node.world.now(),
        };
        assert_eq!(node.store.receive(receive).await.unwrap(), Received::Kept);
    }

    /// Alice sends a message to this address.
    pub(crate) async fn keep(&self, to: &str, internet_id: &str) {
        let (alice, node) = (self.account().await, &self.node);
        let octets = format!("From: alice@a.test\r\nMessage-ID: {internet_id}\r\nSubject: Hello\r\n\r\nHi\r\n").into_bytes();
        let recipient = Recipient { mailbox: to.parse().unwrap(), report: ReportWish::Unsaid, original: None };
        let keep = Keep {
            account: alice.id,
            message: node.new_message_id(),
            kept: node.world.now(),
            from: alice.address.clone(),
            reverse_path: "alice@a.test".parse().unwrap(),
            envelope_id: None,
            returns: None,
            body: Body::SevenBit,
            smtputf8: false,
            way: Way::default(),
            subject: "Hello".to_owned(),
            kind: Kind::Mail,
            reference: None,
            list: None,
            header: octets.clone(),
            content: StoredContent { size_octets: octets.len() as u64, digest: ContentDigest::of(&octets), place: Place::Row(octets) },
            transfers: vec![NewTransfer { id: node.new_notice_id(alice.id), recipient }],
            replied_to: Vec::new(),
            jitter: Jitter::NONE,
        };
        node.store.keep(keep).await.unwrap();
    }

    /// What alice sent to this address is confirmed.
    pub(crate) async fn confirm(&self, to: &str) {
        let (alice, node) = (self.account().await, &self.node);
        let sent = node.store.sent(alice.id).await.unwrap();
        let record = sent.iter().find(|record| record.recipient.mailbox.to_string() == to).unwrap();
        for event in [TransferEvent::AboutToServeLastOctet, TransferEvent::Confirmed] {
            let (id, report, now) = (record.id.clone(), node.new_mail_id(), node.world.now());
            let settle = Settle { id, event, detail: None, attempt: None, report, now, jitter: Jitter::NONE, writer: Writer::Session };
            node.store.settle(settle).await.unwrap();
        }
    }
}
