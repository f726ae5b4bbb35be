//! The queue, domains and accounts, as an administrator asks for them.

use super::*;
use delivery::peer::Peer;
use delivery::schedule::Timers;
use delivery::transfer::TransferEvent;
use store::{Settle, Writer};

use crate::budgets::Budgets;

impl Office {
    async fn happen(&self, id: &str, events: &[TransferEvent]) {
        for event in events {
            let settle = Settle {
                id: id.parse().unwrap(),
                event: event.clone(),
                detail: Some("mx.c.test does not answer".to_owned()),
                attempt: None,
                report: self.desk.new_mail_id(),
                now: self.desk.means.now(),
                jitter: Jitter::NONE,
                writer: Writer::Session,
            };
            self.desk.store.settle(settle).await.unwrap().unwrap();
        }
    }

    async fn queue(&self, filter: Value) -> Vec<Value> {
        let mut request = filter;
        request["command"] = json!("queue-list");
        self.ask(request).await.unwrap().as_array().unwrap().clone()
    }

    async fn why(&self, id: &Value) -> Value {
        self.ask(json!({ "command": "queue-why", "id": id })).await.unwrap()
    }

    async fn text(&self, request: Value) -> String {
        let document = self.ask(request.clone()).await.unwrap();
        text::render(&serde_json::from_value(request).unwrap(), &document)
    }
}

fn of<'a>(rows: &'a [Value], recipient: &str) -> &'a Value {
    rows.iter().find(|row| row["recipient"] == recipient).unwrap_or_else(|| panic!("{recipient} in {rows:?}"))
}

#[tokio::test]
async fn the_queue_holds_what_is_still_to_be_done_in_both_directions() {
    let office = Office::with_alice().await;
    assert_eq!(office.queue(json!({})).await, Vec::<Value>::new());
    assert_eq!(office.text(json!({ "command": "queue-list" })).await, "Nothing is on its way.\n");
    assert_eq!(office.text(json!({ "command": "queue-summary" })).await, "Nothing is on its way.\n");
    office.submit(&["bob@b.test", "carol@c.test", "dave@c.test"]).await;
    // Screening is off: it is due.
    office.notice("eve@c.test").await;
    let all = office.queue(json!({})).await;
    assert_eq!(all.len(), 4, "{all:?}");
    let expected = [
        "attempts",
        "detail",
        "direction",
        "domain",
        "gives_up",
        "id",
        "next_attempt",
        "recipient",
        "sender",
        "since",
        "size_octets",
        "state",
    ];
    assert!(all.iter().all(|row| keys(row) == expected));
    let incoming = of(&all, "alice@a.test");
    assert_eq!((incoming["direction"].as_str(), incoming["state"].as_str()), (Some("incoming"), Some("due")));
    assert_eq!((incoming["domain"].as_str(), incoming["sender"].as_str()), (Some("c.test"), Some("eve@c.test")));

    assert_eq!(office.queue(json!({ "domain": "c.test" })).await.len(), 3);
    assert_eq!(office.queue(json!({ "state": "notifying" })).await.len(), 3);
    assert_eq!(office.queue(json!({ "state": "due" })).await.len(), 1);
    assert_eq!(office.queue(json!({ "sender": "Alice@a.test" })).await.len(), 3);
    assert_eq!(office.queue(json!({ "domain": "d.test" })).await.len(), 0);
    let request: Request = serde_json::from_value(json!({ "command": "queue-list", "limit": 3 })).unwrap();
    let cut_off = commands::run(&office.desk, request).await.unwrap();
    assert_eq!((cut_off.document.as_array().unwrap().len(), cut_off.warnings.len()), (3, 1), "{:?}", cut_off.warnings);
    for limit in [0, 10_001] {
        assert_eq!(office.refusal(json!({ "command": "queue-list", "limit": limit })).await, (Fault::Usage, "limit".to_owned()));
    }

    let summary = office.ask(json!({ "command": "queue-summary" })).await.unwrap();
    assert_eq!((summary["total"].as_u64(), summary["outgoing"].as_u64(), summary["complete"].as_bool()), (Some(4), Some(3), Some(true)));
    assert_eq!(summary["by_domain"][0], json!({ "domain": "c.test", "outgoing": 2, "incoming": 1 }));
    assert_eq!(summary["by_state"][0], json!({ "direction": "incoming", "state": "due", "count": 1 }));
    let text = office.text(json!({ "command": "queue-summary" })).await;
    assert!(text.starts_with("3 to go out, 1 to come in.\n") && text.contains("c.test"), "{text}");
    office.close().await;
}

#[tokio::test]
async fn why_tells_the_whole_story_and_retry_makes_it_due_and_wakes_whom_it_needs() {
    let mut office = Office::with_alice().await;
    office.submit(&["bob@b.test"]).await;
    let id = of(&office.queue(json!({})).await, "bob@b.test")["id"].clone();
    office
        .happen(id.as_str().unwrap(), &[TransferEvent::NoticeSending, TransferEvent::NoticeDeferred, TransferEvent::NoticeDeferred])
        .await;
    let (budgets, timers) = (Budgets::default(), Timers::default());
    let resting = Peer::Origin("b.test".parse().unwrap());
    for _ in 0..delivery::peer::FAILURES_MAX {
        budgets.failed(resting.clone(), office.desk.means.now(), &timers);
    }
    office.desk.budgets = Some(budgets.clone());

    let story = office.why(&id).await;
    assert_eq!((story["state"].as_str(), story["attempts"].as_u64(), story["open"].as_bool()), (Some("notifying"), Some(2), Some(true)));
    assert_eq!(story["detail"], "mx.c.test does not answer");
    assert_eq!((story["resting"][0]["peer"].as_str(), &story["pinned_until"]), (Some("b.test"), &Value::Null));
    let next: Timestamp = story["next_attempt"].as_str().unwrap().parse().unwrap();
    assert!(office.desk.means.now() < next);
    let text = office.text(json!({ "command": "queue-why", "id": id })).await;
    for words in ["Last word: mx.c.test does not answer", "not dialled before", "queue give-up", "ordinary SMTP is out of the question"] {
        assert!(text.contains(words), "{words:?} in {text}");
    }

    let retried = office.ask(json!({ "command": "queue-retry", "what": "one", "id": id })).await.unwrap();
    assert_eq!((retried["retried"].as_u64(), &retried["woken"]), (Some(1), &json!(["b.test"])));
    assert!(office.desk.due.is_raised(), "workers are told");
    assert_eq!(budgets.resting_until(&resting, office.desk.means.now()), None);
    let next: Timestamp = office.why(&id).await["next_attempt"].as_str().unwrap().parse().unwrap();
    assert!(next <= office.desk.means.now());
    let unknown = json!({ "command": "queue-why", "id": "x".repeat(24) });
    assert_eq!(office.refusal(unknown).await, (Fault::Refused, "no-such-item".to_owned()));
    office.close().await;
}

#[tokio::test]
async fn a_domain_or_everything_is_retried_at_once() {
    let office = Office::with_alice().await;
    office.submit(&["bob@b.test", "carol@c.test", "dave@c.test"]).await;
    for row in office.queue(json!({})).await {
        office.happen(row["id"].as_str().unwrap(), &[TransferEvent::NoticeDeferred]).await;
    }
    let waits = async |domain: &str| {
        let rows = office.queue(json!({ "domain": domain })).await;
        let now = office.desk.means.now();
        rows.iter().filter(|row| now < row["next_attempt"].as_str().unwrap().parse::<Timestamp>().unwrap()).count()
    };
    assert_eq!((waits("b.test").await, waits("c.test").await), (1, 2));
    let domain = json!({ "command": "queue-retry", "what": "domain", "domain": "c.test" });
    assert_eq!(office.ask(domain).await.unwrap(), json!({ "retried": 2, "woken": [], "complete": true }));
    assert_eq!((waits("b.test").await, waits("c.test").await), (1, 0));
    let all = json!({ "command": "queue-retry", "what": "all" });
    assert_eq!(office.text(all).await, "Due now: 3 messages.\n");
    assert_eq!(waits("b.test").await, 0);
    office.close().await;
}

#[tokio::test]
async fn what_is_given_up_is_reported_as_what_it_is() {
    let mut office = Office::with_alice().await;
    office.submit(&["bob@b.test", "carol@c.test"]).await;
    office.notice("eve@c.test").await;
    let rows = office.queue(json!({})).await;
    let id = |recipient: &str| of(&rows, recipient)["id"].as_str().unwrap().to_owned();
    let served = [TransferEvent::NoticeSending, TransferEvent::NoticeAccepted, TransferEvent::AboutToServeLastOctet];
    office.happen(&id("carol@c.test"), &served).await;
    let give_up = |id: &str| json!({ "command": "queue-give-up", "id": id });

    office.desk.is_being_retrieved = Arc::new(|_| true);
    assert_eq!(office.refusal(give_up(&id("bob@b.test"))).await, (Fault::Temporary, "being-collected".to_owned()));
    office.desk.is_being_retrieved = Arc::new(|_| false);
    let failed = json!({ "id": id("bob@b.test"), "direction": "outgoing", "status": "failed", "reported": true });
    assert_eq!(office.ask(give_up(&id("bob@b.test"))).await.unwrap(), json!({ "given_up": [failed] }));
    let again = office.ask(give_up(&id("bob@b.test"))).await.unwrap();
    assert_eq!((again["given_up"][0]["status"].as_str(), again["given_up"][0]["reported"].as_bool()), (Some("failed"), Some(false)));
    let closed = office.ask(give_up(&id("carol@c.test"))).await.unwrap();
    assert_eq!(closed["given_up"][0]["status"], "handed-over", "it may have arrived");
    let put_away = office.ask(give_up(&id("alice@a.test"))).await.unwrap();
    assert_eq!(
        (put_away["given_up"][0]["direction"].as_str(), put_away["given_up"][0]["status"].as_str()),
        (Some("incoming"), Some("dropped"))
    );
    assert_eq!(office.queue(json!({})).await, Vec::<Value>::new());

    let mail = office.ask(json!({ "command": "mail-list", "address": "alice@a.test", "limit": 1 })).await.unwrap();
    assert_eq!(mail.as_array().unwrap().len(), 1);
    let elsewhere = json!({ "command": "mail-list", "address": "alice@a.test", "mailbox": "Elsewhere" });
    assert_eq!(office.ask(elsewhere).await.unwrap(), json!([]));
    let mail = office.ask(json!({ "command": "mail-list", "address": "alice@a.test", "mailbox": "inbox" })).await.unwrap();
    let mut reports = Vec::new();
    for row in mail.as_array().unwrap() {
        let show = json!({ "command": "mail-show", "address": "alice@a.test", "id": row["id"], "form": "readable" });
        reports.push(office.ask(show).await.unwrap()["text"].as_str().unwrap().to_owned());
    }
    assert_eq!(reports.len(), 2);
    assert!(
        reports.iter().any(|report| report.contains("Status: 5.0.0") && report.contains("given up by the administrator")),
        "{reports:?}"
    );
    let retry = json!({ "command": "queue-retry", "what": "one", "id": id("bob@b.test") });
    assert_eq!(office.refusal(retry).await, (Fault::Refused, "not-queued".to_owned()));
    let over = office.why(&json!(id("bob@b.test"))).await;
    assert_eq!((over["state"].as_str(), over["open"].as_bool()), (Some("ended"), Some(false)));
    office.close().await;
}

#[tokio::test]
async fn what_has_no_end_in_the_queue_is_not_given_up() {
    let office = Office::with_alice().await;
    office.ask(json!({ "command": "mode", "address": "alice@a.test", "screening": "on" })).await.unwrap();
    office.notice("eve@c.test").await;
    assert_eq!(office.queue(json!({})).await, Vec::<Value>::new(), "a contact attempt is the recipient's business");
    office.close().await;
}

#[tokio::test]
async fn aliases_are_taken_back_passwords_changed_and_a_mailbox_shown() {
    let office = Office::with_alice().await;
    office.ask(json!({ "command": "account-add", "address": "bob@a.test", "password": "secret" })).await.unwrap();
    for alias in ["sales@a.test", "*@other.test"] {
        office.ask(json!({ "command": "account-alias", "address": "alice@a.test", "alias": alias })).await.unwrap();
    }
    let domains = office.ask(json!({ "command": "domain-list" })).await.unwrap();
    let expected = json!([
        { "domain": "a.test", "accounts": 2, "aliases": 1, "catch_all": null },
        { "domain": "other.test", "accounts": 0, "aliases": 0, "catch_all": "alice@a.test" },
    ]);
    assert_eq!(domains, expected);
    let shown = office.ask(json!({ "command": "account-show", "address": "sales@a.test" })).await.unwrap();
    assert_eq!(keys(&shown), ["address", "aliases", "legacy", "made", "mail", "screening", "uncollected", "unsent"]);
    assert_eq!((&shown["address"], &shown["aliases"]), (&json!("alice@a.test"), &json!(["*@other.test", "sales@a.test"])));

    let unalias = |address: &str, alias: &str| json!({ "command": "account-unalias", "address": address, "alias": alias });
    assert_eq!(office.refusal(unalias("bob@a.test", "sales@a.test")).await, (Fault::Refused, "not-its-alias".to_owned()));
    assert_eq!(office.refusal(unalias("bob@a.test", "bob@a.test")).await, (Fault::Refused, "own-address".to_owned()));
    assert_eq!(office.refusal(unalias("bob@a.test", "nonsense")).await, (Fault::Usage, "alias".to_owned()));
    for changed in [true, false] {
        let done = office.ask(unalias("alice@a.test", "sales@a.test")).await.unwrap();
        assert_eq!((&done["changed"], &done["aliases"]), (&json!(changed), &json!(["*@other.test"])));
    }
    let taken = json!({ "command": "account-alias", "address": "bob@a.test", "alias": "sales@a.test" });
    office.ask(taken).await.unwrap();

    let long = format!("{}@a.test", "b".repeat(65));
    let add = json!({ "command": "account-add", "address": long, "password": "secret" });
    let alias = json!({ "command": "account-alias", "address": "bob@a.test", "alias": long });
    for command in [add, alias] {
        assert_eq!(office.refusal(command).await, (Fault::Refused, "too-long".to_owned()));
    }

    let before = office.desk.store.credentials(&"bob@a.test".parse().unwrap()).await.unwrap().unwrap();
    let password = |password: &str| json!({ "command": "account-password", "address": "bob@a.test", "password": password });
    office.ask(password("another")).await.unwrap();
    let after = office.desk.store.credentials(&"bob@a.test".parse().unwrap()).await.unwrap().unwrap();
    assert!(before.password_hash != after.password_hash && before.scram != after.scram);
    assert_eq!(office.refusal(password("")).await, (Fault::Usage, "password".to_owned()));
    office.close().await;
}

#[tokio::test]
async fn deleting_an_account_says_what_becomes_of_what_was_on_its_way() {
    let office = Office::with_alice().await;
    office.submit(&["bob@b.test", "carol@c.test"]).await;
    office.notice("eve@c.test").await;
    let text = office.text(json!({ "command": "account-delete", "address": "alice@a.test" })).await;
    assert!(text.starts_with("alice@a.test is deleted, with 0 messages.\n"), "{text}");
    assert!(text.contains("nobody is told: 2 messages.") && text.contains("not collected: 1 message."), "{text}");
    office.close().await;
}

#[tokio::test]
async fn records_are_those_of_this_servers_domains_alone() {
    let office = Office::open().await;
    let records = office.ask(json!({ "command": "domain-records", "domain": "a.test" })).await.unwrap();
    assert_eq!(keys(&records[0]), ["line", "name", "purpose", "type", "value"]);
    let text = office.text(json!({ "command": "domain-records", "domain": "a.test" })).await;
    assert!(text.lines().any(|line| line == "_twoway._tcp.a.test. SRV 0 10 2626 mx.a.test."), "{text}");
    for command in ["domain-records", "domain-check"] {
        assert_eq!(office.refusal(json!({ "command": command, "domain": "b.test" })).await, (Fault::Refused, "not-our-domain".to_owned()));
    }
    office.close().await;
}

#[test]
fn every_row_of_a_table_is_one_line_however_long() {
    let long = format!("{}@{}.test", "a".repeat(64), "b".repeat(63));
    let rows = json!([{ "address": long, "aliases": [long, long], "screening": "on", "legacy": "keep" }]);
    let text = text::render(&Request::AccountList, &rows);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.lines().nth(1).unwrap().contains(&format!("{long}, {long}")));
    assert!(text::render(&Request::AccountList, &json!([])).contains("account add"), "an empty list says so in a sentence");
}

#[tokio::test]
async fn why_and_retry_know_the_server_of_the_route() {
    let mut office = Office::with_alice().await;
    let hop = delivery::relay::NextHop {
        host: delivery::relay::Host::Literal("192.0.2.7".parse().unwrap()),
        port: 465,
        tls: delivery::relay::RouteTls::Implicit,
        login: None,
        notices: delivery::relay::NoticePolicy::First,
    };
    Arc::make_mut(&mut office.desk.config).routes.smarthost = Some(hop);
    office.submit(&["bob@b.test"]).await;
    let id = of(&office.queue(json!({})).await, "bob@b.test")["id"].clone();
    let (budgets, timers) = (Budgets::default(), Timers::default());
    let smarthost = Peer::Service("192.0.2.7:465".parse().unwrap(), delivery::discovery::Tls::Implicit);
    for _ in 0..delivery::peer::FAILURES_MAX {
        budgets.failed(smarthost.clone(), office.desk.means.now(), &timers);
    }
    office.desk.budgets = Some(budgets.clone());

    assert_eq!(office.why(&id).await["resting"], json!([]), "the notice goes where DNS says");
    office.happen(id.as_str().unwrap(), &[TransferEvent::ExtensionAbsent]).await;
    assert_eq!(office.why(&id).await["resting"][0]["peer"], smarthost.to_string());
    let retried = office.ask(json!({ "command": "queue-retry", "what": "one", "id": id })).await.unwrap();
    assert_eq!(retried["woken"], json!([smarthost.to_string()]));
    assert_eq!(budgets.resting_until(&smarthost, office.desk.means.now()), None);
    office.close().await;
}

#[tokio::test]
async fn what_a_server_may_have_taken_is_neither_taken_back_nor_called_failed() {
    let office = Office::with_alice().await;
    office.submit(&["bob@b.test"]).await;
    let id = of(&office.queue(json!({})).await, "bob@b.test")["id"].as_str().unwrap().to_owned();
    office.happen(&id, &[TransferEvent::ExtensionAbsent, TransferEvent::RelayEnding]).await;
    let withdraw = json!({ "command": "sent-withdraw", "address": "alice@a.test", "id": id });
    assert_eq!(office.refusal(withdraw).await, (Fault::Refused, "not-withdrawable".to_owned()));
    let given_up = office.ask(json!({ "command": "queue-give-up", "id": id })).await.unwrap();
    assert_eq!(
        (given_up["given_up"][0]["status"].as_str(), given_up["given_up"][0]["reported"].as_bool()),
        (Some("handed-over"), Some(true))
    );
    office.close().await;
}
