//! What owners want done with what comes, and the index of what is there: as commands ask for them.

use super::*;

fn rules(rules: &Value) -> Value {
    json!({ "command": "rules-set", "address": "alice@a.test", "rules": { "version": 1, "rules": rules }, "absence": null })
}

fn absence(absence: &Value) -> Value {
    json!({ "command": "absence-set", "address": "alice@a.test", "absence": absence })
}

fn of(command: &str) -> Value {
    json!({ "command": command, "address": "alice@a.test" })
}

#[tokio::test]
async fn rules_are_set_shown_listed_tried_and_exported() {
    let office = Office::with_alice().await;
    assert_eq!(office.ask(of("rules-list")).await.unwrap(), json!([]));
    let two = json!([
        { "name": "Lists", "if": { "list": { "is": "dev.b.test" } }, "then": [{ "flag": "\\Seen" }, { "file-into": "Lists" }, "stop"] },
        { "if": "always", "then": [{ "forward": { "to": "carol@c.test", "keep": true } }] },
    ]);
    let set = office.ask(rules(&two)).await.unwrap();
    assert_eq!(set, json!({ "address": "alice@a.test", "rules": 2, "absence": false }));
    let listed = office.ask(of("rules-list")).await.unwrap();
    assert_eq!(keys(&listed[0]), ["if", "name", "number", "then"]);
    assert_eq!((&listed[0]["name"], &listed[1]["number"]), (&json!("Lists"), &json!(2)));
    let shown = office.ask(of("rules-show")).await.unwrap();
    assert_eq!((&shown["version"], shown["rules"].as_array().unwrap().len()), (&json!(1), 2));
    let tried = |header: &str, reverse_path: &str| {
        json!({
            "command": "rules-test", "address": "alice@a.test", "header": format!("Return-Path: <{reverse_path}>\r\n{header}\r\n"),
            "size_octets": 100, "to": null, "allowed_by": "open",
        })
    };
    let list = office.ask(tried("List-Id: <dev.b.test>", "b@b.test")).await.unwrap();
    assert_eq!(list, json!({ "copies": [{ "mailbox": "Lists", "flags": ["\\Seen"] }], "forwards": [], "unforwarded": null }));
    let person = office.ask(tried("From: b@b.test", "b@b.test")).await.unwrap();
    assert_eq!(person["forwards"], json!(["carol@c.test"]));
    let report = office.ask(tried("From: b@b.test", "")).await.unwrap();
    assert_eq!((&report["forwards"], report["unforwarded"].as_str().unwrap()), (&json!([]), "it has no reverse-path: it is a report"));
    let sieve = office.ask(of("rules-export")).await.unwrap();
    assert!(sieve["sieve"].as_str().unwrap().contains("redirect :copy \"carol@c.test\";"), "{sieve}");
    office.ask(rules(&json!([{ "if": { "allowed-by": "site" }, "then": ["discard"] }]))).await.unwrap();
    assert_eq!(office.refusal(of("rules-export")).await, (Fault::Refused, "no-equivalent".to_owned()));
    office.close().await;
}

#[tokio::test]
async fn rules_that_cannot_be_kept_change_nothing() {
    let office = Office::with_alice().await;
    office.ask(rules(&json!([{ "if": "always", "then": ["keep"] }]))).await.unwrap();
    let unfit = json!([{ "if": "always", "then": [{ "file-into": "a//b" }] }]);
    assert_eq!(office.refusal(rules(&unfit)).await, (Fault::Usage, "rules".to_owned()));
    for to in ["alice@a.test", "Alice+x@a.test"] {
        let circle = json!([{ "if": "always", "then": [{ "forward": { "to": to, "keep": true } }] }]);
        assert_eq!(office.refusal(rules(&circle)).await, (Fault::Refused, "forward-to-self".to_owned()), "{to}");
    }
    let both = json!({
        "command": "rules-set", "address": "alice@a.test", "rules": { "version": 1, "rules": [] }, "absence": { "text": "x", "days": 99 },
    });
    assert_eq!(office.refusal(both).await, (Fault::Usage, "absence".to_owned()));
    assert_eq!(office.ask(of("rules-show")).await.unwrap()["rules"].as_array().unwrap().len(), 1);
    for command in ["rules-list", "rules-show", "rules-export", "absence-show"] {
        let nobody = json!({ "command": command, "address": "nobody@a.test" });
        assert_eq!(office.refusal(nobody).await, (Fault::Refused, "no-such-account".to_owned()), "{command}");
    }
    assert!(serde_json::from_value::<Request>(rules(&json!([{ "if": "never", "then": ["keep"] }]))).is_err());
    office.close().await;
}

#[tokio::test]
async fn an_absence_reply_is_set_shown_and_taken_away() {
    let office = Office::with_alice().await;
    assert_eq!(office.ask(of("absence-show")).await.unwrap(), json!({ "absence": null, "on": false }));
    let set = office.ask(absence(&json!({ "text": "I am away.\r\n", "days": 3 }))).await.unwrap();
    assert_eq!(set, json!({ "absence": { "text": "I am away.", "days": 3 }, "on": true }));
    assert!(office.desk.store.addressee(&"alice@a.test".parse().unwrap(), "n".to_owned()).await.unwrap().unwrap().has_absence);
    let later = office.ask(absence(&json!({ "text": "I am away.", "from": "2100-01-01T00:00:00Z" }))).await.unwrap();
    assert_eq!((&later["on"], &later["absence"]["days"]), (&json!(false), &json!(7)));
    for wrong in [json!({ "text": " " }), json!({ "text": "x", "days": 0 }), json!({ "text": "x", "subject": "a\nb" })] {
        assert_eq!(office.refusal(absence(&wrong)).await, (Fault::Usage, "absence".to_owned()));
    }
    assert_eq!(office.ask(of("absence-show")).await.unwrap(), later, "what is refused changes nothing");
    assert_eq!(office.ask(absence(&Value::Null)).await.unwrap(), json!({ "absence": null, "on": false }));
    office.close().await;
}

#[tokio::test]
async fn the_index_is_told_of_and_made_anew() {
    let office = Office::with_alice().await;
    office.ask(json!({ "command": "account-add", "address": "bob@a.test", "password": "secret" })).await.unwrap();
    let all = json!({ "command": "index-status", "address": null });
    let rows = office.ask(all).await.unwrap();
    assert_eq!(keys(&rows[0]), ["address", "in_segments", "indexed", "messages", "segment_octets", "segments", "text_octets"]);
    assert_eq!(
        rows.as_array().unwrap().iter().map(|row| row["address"].as_str().unwrap()).collect::<Vec<_>>(),
        ["alice@a.test", "bob@a.test"]
    );
    let one = office.ask(of("index-status")).await.unwrap();
    assert_eq!((one.as_array().unwrap().len(), &one[0]["messages"], &one[0]["indexed"]), (1, &json!(0), &json!(0)));
    assert_eq!(office.ask(of("index-rebuild")).await.unwrap(), json!({ "rebuilding": ["alice@a.test"] }));
    assert!(office.desk.due.is_raised(), "the job is told");
    let everybody = office.ask(json!({ "command": "index-rebuild", "address": null })).await.unwrap();
    assert_eq!(everybody, json!({ "rebuilding": ["alice@a.test", "bob@a.test"] }));
    for command in ["index-status", "index-rebuild"] {
        let nobody = json!({ "command": command, "address": "nobody@a.test" });
        assert_eq!(office.refusal(nobody).await, (Fault::Refused, "no-such-account".to_owned()), "{command}");
    }
    office.close().await;
}
