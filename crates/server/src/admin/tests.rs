//! Every command against a store in a directory of its own: what programs read of it, and how it is refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::config::Config;
use crate::serve::open::{self, Opened};
use mail::envelope::{Body, Recipient, ReportWish};
use mail::id::{MessageId, Partition};
use mail::notice::{Kind, Notice};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use store::content::{ContentWriter, StoredContent};
use store::{Evidence, Keep, NewArrival, NewTransfer};

fn config(directory: &Path) -> Config {
    let text = "hostname = \"mx.a.test\"\ndomains = [\"a.test\", \"other.test\"]\ndata_dir = \"data\"\n";
    Config::parse(&directory.join("twoway.toml"), text).unwrap()
}

struct Office {
    desk: Desk,
    opened: Opened,
    directory: tempfile::TempDir,
}

impl Office {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (config, machine) = (config(directory.path()), Machine::new());
        let opened = open::open(&config, &machine).await.unwrap();
        let desk = Desk::alone(opened.store.clone(), &config, machine);
        Self { desk, opened, directory }
    }

    /// With an account alice@a.test.
    async fn with_alice() -> Self {
        let office = Self::open().await;
        office.ask(json!({ "command": "account-add", "address": "alice@a.test", "password": "secret" })).await.unwrap();
        office
    }

    async fn ask(&self, request: Value) -> Result<Value, AdminError> {
        let request: Request = serde_json::from_value(request).unwrap();
        commands::run(&self.desk, request).await.map(|response| response.document)
    }

    async fn refusal(&self, request: Value) -> (Fault, String) {
        let error = self.ask(request.clone()).await.err().unwrap_or_else(|| panic!("{request} was not refused"));
        (error.fault, error.code)
    }

    async fn alice(&self) -> Account {
        self.desk.account(&"alice@a.test".parse().unwrap()).await.unwrap()
    }

    async fn content(&self, octets: &[u8]) -> StoredContent {
        let mut writer = ContentWriter::new(&self.desk.store, self.alice().await.id);
        writer.write(octets).await.unwrap();
        writer.finish().await.unwrap()
    }

    /// Alice sends a message to these; returns its id.
    async fn submit(&self, recipients: &[&str]) -> MessageId {
        let alice = self.alice().await;
        let message = MessageId::new(self.desk.means.now(), self.desk.random());
        let transfers = recipients.iter().map(|recipient| NewTransfer {
            id: NoticeId::new(Partition::of(alice.id), self.desk.random()),
            recipient: Recipient { mailbox: recipient.parse().unwrap(), report: ReportWish::Unsaid, original: None },
        });
        let keep = Keep {
            account: alice.id,
            message,
            kept: self.desk.means.now(),
            from: alice.address.clone(),
            reverse_path: "alice@a.test".parse().unwrap(),
            envelope_id: None,
            returns: None,
            body: Body::SevenBit,
            smtputf8: false,
            way: mail::envelope::Way::default(),
            subject: "Hello".to_owned(),
            kind: Kind::Mail,
            reference: None,
            list: None,
            header: b"Subject: Hello\r\n\r\n".to_vec(),
            content: self.content(b"Subject: Hello\r\n\r\nHi\r\n").await,
            transfers: transfers.collect(),
            replied_to: Vec::new(),
            jitter: Jitter::NONE,
        };
        self.desk.store.keep(keep).await.unwrap();
        message
    }

    /// A notice from this address for Alice, and the decision about it.
    async fn notice(&self, from: &str) {
        let alice = self.alice().await;
        let now = self.desk.means.now();
        let notice = Notice {
            from: from.parse().unwrap(),
            to: alice.address.clone(),
            id: NoticeId::new(Partition::of(alice.id), self.desk.random()),
            size_octets: 1_000,
            date: now,
            expires: now + Duration::from_hours(24),
            body: Body::SevenBit,
            smtputf8: false,
            require_tls: false,
            name: None,
            subject: None,
            kind: Kind::Mail,
            reference: None,
            list: None,
        };
        let evidence = Evidence { rule: "ip".to_owned(), detail: "192.0.2.1 passes SPF".to_owned(), address: None };
        let arrival = NewArrival { account: alice.id, notice, evidence, decide_at: now, now };
        self.desk.store.record_notices(vec![arrival]).await.unwrap();
        let lease = self.desk.store.lease("test", now, now + Duration::from_mins(1)).await.unwrap();
        for arrival in self.desk.store.due(&lease, now, 10).await.unwrap().arrivals.unwrap() {
            self.desk.store.decide(&arrival.key, &lease, now, Jitter::NONE).await.unwrap();
        }
    }

    async fn close(self) {
        let checked = self.ask(json!({ "command": "check" })).await.unwrap();
        assert_eq!(checked, json!({ "ok": true, "violations": [] }));
        drop(self.desk);
        self.opened.close().await;
        self.directory.close().unwrap();
    }
}

fn keys(document: &Value) -> Vec<&str> {
    document.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn accounts_are_added_listed_given_aliases_and_deleted() {
    let office = Office::open().await;
    let add = |address: &str| json!({ "command": "account-add", "address": address, "password": "secret", "screening": "on" });
    let added = office.ask(add("alice@a.test")).await.unwrap();
    assert_eq!(keys(&added), ["address", "aliases", "legacy", "made", "screening"]);
    assert_eq!((added["screening"].as_str(), added["legacy"].as_str()), (Some("on"), Some("keep")));
    assert!(added["made"].as_str().unwrap().ends_with('Z'));
    assert_eq!(office.refusal(add("Alice@A.test")).await, (Fault::Refused, "taken".to_owned()));
    assert_eq!(office.refusal(add("alice@b.test")).await, (Fault::Refused, "not-our-domain".to_owned()));
    let empty = json!({ "command": "account-add", "address": "bob@a.test", "password": "" });
    assert_eq!(office.refusal(empty).await, (Fault::Usage, "password".to_owned()));

    let alias = |alias: &str| json!({ "command": "account-alias", "address": "alice@a.test", "alias": alias });
    office.ask(alias("sales@a.test")).await.unwrap();
    let aliased = office.ask(alias("*@other.test")).await.unwrap();
    assert_eq!(aliased["aliases"], json!(["*@other.test", "sales@a.test"]));
    office.ask(add("bob@a.test")).await.unwrap();
    assert_eq!(office.refusal(alias("bob@a.test")).await.1, "taken");
    assert_eq!(office.refusal(alias("nobody")).await, (Fault::Usage, "alias".to_owned()));

    let credentials = office.desk.store.credentials(&"sales@a.test".parse().unwrap()).await.unwrap().unwrap();
    assert!(credentials.password_hash.starts_with("$argon2id$"));
    assert!(credentials.scram.iterations >= 10_000);

    let listed = office.ask(json!({ "command": "account-list" })).await.unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    office.ask(json!({ "command": "account-delete", "address": "bob@a.test" })).await.unwrap();
    let gone = json!({ "command": "account-delete", "address": "bob@a.test" });
    assert_eq!(office.refusal(gone).await, (Fault::Refused, "no-such-account".to_owned()));
    assert_eq!(office.refusal(json!({ "command": "account-delete", "address": "sales@a.test" })).await.1, "is-an-alias");
    office.close().await;
}

#[tokio::test]
async fn app_passwords_are_shown_once_listed_and_removed() {
    let office = Office::with_alice().await;
    let list = json!({ "command": "app-password-list", "address": "alice@a.test" });
    assert_eq!(office.ask(list.clone()).await.unwrap(), json!([]));
    let add = |name: &str| json!({ "command": "app-password-add", "address": "alice@a.test", "name": name, "scopes": ["imap"] });
    let made = office.ask(add("phone")).await.unwrap();
    assert_eq!(keys(&made), ["address", "made", "name", "password", "scopes", "used"]);
    let password = proto::sasl::Secret::new(made["password"].as_str().unwrap()).unwrap();
    let found = office.desk.store.app_credentials(&"alice@a.test".parse().unwrap(), "phone").await.unwrap().unwrap();
    assert_eq!(crate::passwords::app_password(&password).unwrap().id, found.password.id);
    assert_eq!(crate::passwords::verifier(&password, found.scram.salt.clone().try_into().unwrap()), found.scram);

    assert_eq!(office.refusal(add("phone")).await, (Fault::Refused, "taken".to_owned()));
    for wrong in ["", "my phone", "a/b", "an-app-password-with-a-very-long-name"] {
        assert_eq!(office.refusal(add(wrong)).await, (Fault::Usage, "name".to_owned()), "{wrong}");
    }
    let both = json!({ "command": "app-password-add", "address": "alice@a.test", "name": "laptop" });
    assert_eq!(office.ask(both).await.unwrap()["scopes"], json!(["imap", "submission"]));
    let listed = office.ask(list).await.unwrap();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|row| (row["name"].as_str().unwrap(), row["used"].is_null())).collect();
    assert_eq!(names, [("phone", true), ("laptop", true)]);

    let remove = json!({ "command": "app-password-remove", "address": "alice@a.test", "name": "phone" });
    assert_eq!(office.ask(remove.clone()).await.unwrap()["changed"], json!(true));
    assert_eq!(office.ask(remove).await.unwrap()["changed"], json!(false));
    office.close().await;
}

#[tokio::test]
async fn modes_are_told_and_changed() {
    let office = Office::with_alice().await;
    let mode = office.ask(json!({ "command": "mode", "address": "alice@a.test" })).await.unwrap();
    assert_eq!(mode, json!({ "address": "alice@a.test", "screening": "off", "legacy": "deliver", "claims": "hidden" }));
    let mode = json!({ "command": "mode", "address": "alice@a.test", "screening": "observe", "legacy": "refuse", "claims": "shown" });
    let mode = office.ask(mode).await.unwrap();
    assert_eq!(mode, json!({ "address": "alice@a.test", "screening": "observe", "legacy": "refuse", "claims": "shown" }));
    let history = office.ask(json!({ "command": "history-list", "address": "alice@a.test" })).await.unwrap();
    let change = history.as_array().unwrap().iter().find(|item| item["change"] == "claims shown").unwrap();
    let undo = json!({ "command": "history-undo", "address": "alice@a.test", "change": change["id"] });
    office.ask(undo.clone()).await.unwrap();
    assert_eq!(office.refusal(undo).await, (Fault::Refused, "not-undoable".to_owned()));
    let mode = office.ask(json!({ "command": "mode", "address": "alice@a.test" })).await.unwrap();
    assert_eq!(mode, json!({ "address": "alice@a.test", "screening": "observe", "legacy": "refuse", "claims": "hidden" }));
    office.close().await;
}

#[tokio::test]
async fn lists_are_kept_and_their_changes_taken_back() {
    let office = Office::with_alice().await;
    let act = |command: &str, list: &str, who: &str| json!({ "command": command, "address": "alice@a.test", "list": list, "who": who });
    let list = |list: &str| json!({ "command": "entry-list", "address": "alice@a.test", "list": list });
    let added = office.ask(act("entry-add", "allow", "bob@b.test")).await.unwrap();
    assert_eq!(added, json!({ "who": "bob@b.test", "changed": true, "released": 0, "warnings": [] }));
    let cautious = office.ask(act("entry-add", "allow", "@gmail.com")).await.unwrap();
    assert_eq!(cautious["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(office.refusal(act("entry-add", "allow", "@.co.uk")).await, (Fault::Refused, "public-suffix".to_owned()));
    office.ask(act("entry-add", "block", "@.co.uk")).await.unwrap();
    assert_eq!(office.refusal(act("entry-remove", "allow", "eve@b.test")).await, (Fault::Refused, "no-such-entry".to_owned()));

    let allowed = office.ask(list("allow")).await.unwrap();
    assert_eq!(allowed.as_array().unwrap().len(), 2);
    assert_eq!(keys(&allowed[0]), ["count", "made", "proof", "reason", "through", "until", "who"]);

    let history = office.ask(json!({ "command": "history-list", "address": "alice@a.test" })).await.unwrap();
    assert_eq!(keys(&history[0]), ["at", "change", "id", "through", "undone"]);
    let undo = json!({ "command": "history-undo", "address": "alice@a.test", "change": history[0]["id"] });
    office.ask(undo.clone()).await.unwrap();
    assert_eq!(office.ask(list("block")).await.unwrap(), json!([]));
    assert_eq!(office.refusal(undo).await, (Fault::Refused, "not-undoable".to_owned()));

    // Nobody blocks themselves; what a catch-all catches may be anybody's.
    for alias in ["sales@a.test", "*@other.test"] {
        office.ask(json!({ "command": "account-alias", "address": "alice@a.test", "alias": alias })).await.unwrap();
    }
    for own in ["Alice@a.test", "alice+notes@a.test", "sales@a.test"] {
        assert_eq!(office.refusal(act("entry-add", "block", own)).await, (Fault::Refused, "own-address".to_owned()), "{own}");
    }
    office.ask(act("entry-add", "allow", "alice@a.test")).await.unwrap();
    office.ask(act("entry-remove", "allow", "alice@a.test")).await.unwrap();
    office.ask(act("entry-add", "block", "shop@other.test")).await.unwrap();
    office.ask(act("entry-remove", "block", "shop@other.test")).await.unwrap();
    office.close().await;
}

#[tokio::test]
async fn expected_entries_have_a_time_and_a_count() {
    let office = Office::with_alice().await;
    let expect = |until: Value, count: Value| json!({ "command": "expected-add", "address": "alice@a.test", "who": "@shop.test", "until": until, "count": count });
    office.ask(expect(json!("2 h"), json!(5))).await.unwrap();
    let listed = json!({ "command": "entry-list", "address": "alice@a.test", "list": "expected" });
    let listed = office.ask(listed).await.unwrap();
    assert_eq!(listed[0]["count"], json!(5));
    let until: Timestamp = listed[0]["until"].as_str().unwrap().parse().unwrap();
    let left = until.since(office.desk.means.now()).as_secs();
    assert!((7_000..=7_200).contains(&left), "{left}");
    for (until, count, code) in
        [(json!("soon"), json!(1), "until"), (json!("2020-01-01T00:00:00Z"), json!(1), "until"), (json!("1h"), json!(0), "count")]
    {
        assert_eq!(office.refusal(expect(until, count)).await, (Fault::Usage, code.to_owned()));
    }
    office.close().await;
}

#[tokio::test]
async fn allowing_a_contact_releases_what_waits_and_says_so() {
    let office = Office::with_alice().await;
    office.ask(json!({ "command": "mode", "address": "alice@a.test", "screening": "on" })).await.unwrap();
    for from in ["bob@b.test", "bob@b.test", "eve@c.test"] {
        office.notice(from).await;
    }
    let contacts = json!({ "command": "contact-list", "address": "alice@a.test" });
    let listed = office.ask(contacts.clone()).await.unwrap();
    let bob = listed.as_array().unwrap().iter().find(|row| row["sender"] == "bob@b.test").unwrap();
    assert_eq!(keys(bob), ["count", "evidence", "expires", "first", "kind", "last", "sender", "size_octets"]);
    assert_eq!((bob["count"].as_u64(), bob["kind"].as_str()), (Some(2), Some("notice")));
    assert!(bob["size_octets"].is_u64());

    let allow = json!({ "command": "entry-add", "address": "alice@a.test", "list": "allow", "who": "bob@b.test" });
    let allowed = office.ask(allow).await.unwrap();
    assert_eq!(allowed["released"], json!(2));
    assert!(office.desk.due.is_raised(), "workers are told");
    let entries = office.ask(json!({ "command": "entry-list", "address": "alice@a.test", "list": "allow" })).await.unwrap();
    assert_eq!(entries[0]["proof"], "ip");

    let dismiss = json!({ "command": "contact-dismiss", "address": "alice@a.test", "who": "eve@c.test" });
    assert_eq!(office.ask(dismiss.clone()).await.unwrap(), json!({ "who": "eve@c.test", "dismissed": 1 }));
    assert_eq!(office.refusal(dismiss).await, (Fault::Refused, "no-such-contact".to_owned()));
    assert_eq!(office.ask(contacts).await.unwrap(), json!([]));
    office.close().await;
}

#[tokio::test]
async fn what_was_sent_is_listed_and_taken_back_unless_it_is_being_collected() {
    let mut office = Office::with_alice().await;
    let message = office.submit(&["bob@b.test", "carol@c.test"]).await;
    let listed = office.ask(json!({ "command": "sent-list", "address": "alice@a.test" })).await.unwrap();
    let rows = listed.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(keys(&rows[0]), ["detail", "message", "recipient", "since", "status", "transfer"]);
    assert!(rows.iter().all(|row| row["status"] == "kept" && row["message"] == message.to_string()));

    let withdraw = |id: &str| json!({ "command": "sent-withdraw", "address": "alice@a.test", "id": id });
    office.desk.is_being_retrieved = Arc::new(|_| true);
    let id = rows[0]["transfer"].as_str().unwrap();
    assert_eq!(office.refusal(withdraw(id)).await, (Fault::Refused, "not-withdrawable".to_owned()));
    office.desk.is_being_retrieved = Arc::new(|_| false);
    assert_eq!(office.ask(withdraw(id)).await.unwrap(), json!({ "withdrawn": [id], "refused": [] }));
    let all = office.ask(withdraw(&message.to_string())).await.unwrap();
    assert_eq!(all["withdrawn"].as_array().unwrap().len(), 2, "one was taken back before, and stays so");
    assert_eq!(office.refusal(withdraw(&"x".repeat(22))).await, (Fault::Refused, "no-such-transfer".to_owned()));

    office.ask(json!({ "command": "account-add", "address": "bob@a.test", "password": "secret" })).await.unwrap();
    let strangers = json!({ "command": "sent-withdraw", "address": "bob@a.test", "id": id });
    assert_eq!(office.refusal(strangers).await.1, "no-such-transfer", "another account's transfer does not exist");
    office.close().await;
}

#[tokio::test]
async fn an_empty_mailbox_and_a_message_that_is_not_there() {
    let office = Office::with_alice().await;
    assert_eq!(office.ask(json!({ "command": "mail-list", "address": "alice@a.test" })).await.unwrap(), json!([]));
    let show = json!({ "command": "mail-show", "address": "alice@a.test", "id": office.desk.new_mail_id(), "form": "raw" });
    assert_eq!(office.refusal(show).await, (Fault::Refused, "no-such-message".to_owned()));
    office.close().await;
}

#[tokio::test]
async fn the_store_is_open_in_one_process_at_a_time() {
    let office = Office::open().await;
    let config = config(office.directory.path());
    let second = open::open(&config, &Machine::new()).await.err().unwrap();
    assert_eq!(second.fault(), Fault::Temporary, "{second}");
    let directory = office.directory.path().to_owned();
    drop(office.desk);
    office.opened.close().await;
    open::open(&config, &Machine::new()).await.unwrap_or_else(|error| panic!("{}: {error}", directory.display())).close().await;
}

mod operator;
mod wishes;

#[tokio::test]
async fn a_content_that_nobody_knows_of_is_put_aside_by_a_repair() {
    let office = Office::with_alice().await;
    let data_dir = &office.desk.config.data_dir;
    std::fs::create_dir_all(data_dir.join("content/0001")).unwrap();
    std::fs::write(data_dir.join("content/0001/stray"), "x").unwrap();
    let violation = "an object is there, and nobody knows of it: 0001/stray";
    let mended = office.ask(json!({ "command": "check-repair" })).await.unwrap();
    assert_eq!(mended, json!({ "ok": true, "violations": [], "repaired": [violation], "unrepaired": [] }));
    assert_eq!(std::fs::read(data_dir.join("lost+found/0001/stray")).unwrap(), b"x");
    assert_eq!(text::render(&Request::CheckRepair, &mended), format!("Repaired: {violation}\nok\n"));
    let unlike = json!({ "ok": false, "violations": ["v"], "repaired": [], "unrepaired": [{ "violation": "v", "why": "w" }] });
    assert_eq!(text::render(&Request::CheckRepair, &unlike), "Not repaired: v (w)\n");
    office.close().await;
}
