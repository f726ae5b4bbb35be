//! Rules: what a condition asks, what an action does, and that no message is lost.

use mail::address::{Mailbox, ReversePath};
use mail::message::HeaderSection;
use proptest::prelude::*;

use super::*;

/// What rules are tried on: from ann@a.test by a list, to bob+shop@b.test.
const MESSAGE: &str = "Return-Path: <list-bounces@lists.test>\r\n\
    Received: by mx.b.test with XTWOWAY id 1; Sun, 22 Nov 2026 12:00:00 +0000\r\n\
    From: \"Ann A.\" <ann@a.test>\r\nTo: dev@lists.test\r\nCc: Bob <bob@b.test>\r\n\
    List-Id: Developers <dev.lists.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= to all\r\nX-Spam: yes\r\nX-Spam: no\r\n\r\n";

fn rules(json: &str) -> RuleSet {
    let set: RuleSet = serde_json::from_str(&format!("{{\"version\": 1, \"rules\": {json}}}")).unwrap();
    set.checked().unwrap()
}

fn filed(json: &str, message: &str) -> Filing {
    let header = HeaderSection::read(message.as_bytes());
    let (recipient, owner): (Mailbox, Mailbox) = ("bob+shop@b.test".parse().unwrap(), "bob@b.test".parse().unwrap());
    let reverse_path = return_path(&header);
    let facts = MessageFacts {
        header: &header,
        reverse_path: &reverse_path,
        recipient: &recipient,
        owner: &owner,
        size_octets: 5000,
        allowed_by: Allowance::List,
    };
    file(&rules(json), &facts)
}

/// Where the message lies then: `INBOX` by rule, `-` unsaid.
fn places(filing: &Filing) -> String {
    let named = filing.copies.iter().map(|copy| {
        let target = match &copy.target {
            Target::Unsaid => "-",
            Target::Mailbox(name) => name,
            Target::Trash => "trash",
        };
        let flags: Vec<&str> = copy.flags.iter().map(Flag::as_str).collect();
        if flags.is_empty() { target.to_owned() } else { format!("{target}({})", flags.join(" ")) }
    });
    let forwards = filing.forwards.iter().map(|to| format!(">{to}"));
    named.chain(forwards).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_condition_holds_of_what_it_asks_for() {
    for (condition, holds) in [
        (r#""always""#, true),
        (r#"{"not": "always"}"#, false),
        (r#"{"from": {"is": "ANN@a.test"}}"#, true),
        (r#"{"from": {"contains": "Ann A."}}"#, false),
        (r#"{"from": {"is": ["x@y.test", "ann@a.test"]}}"#, true),
        (r#"{"to": {"is": "dev@lists.test"}}"#, true),
        (r#"{"to": {"is": "bob@b.test"}}"#, true),
        (r#"{"to": {"is": "bob+shop@b.test"}}"#, true),
        (r#"{"to": {"contains": "ann@"}}"#, false),
        (r#"{"list": {"is": "dev.lists.test"}}"#, true),
        (r#"{"list": {"contains": "lists"}}"#, true),
        (r#"{"list": {"contains": "Developers"}}"#, false),
        (r#"{"list": {"matches": "*.lists.test"}}"#, true),
        (r#"{"subject": {"contains": "Grüße"}}"#, true),
        (r#"{"subject": {"is": "Grüße to all"}}"#, true),
        (r#"{"header": {"name": "x-spam", "value": {"is": "no"}}}"#, true),
        (r#"{"header": {"name": ["x-none", "X-SPAM"], "value": {"matches": "y?s"}}}"#, true),
        (r#"{"header": {"name": "x-none", "value": {"contains": ""}}}"#, false),
        (r#"{"address": {"name": "cc", "part": "local-part", "value": {"is": "bob"}}}"#, true),
        (r#"{"address": {"name": "from", "part": "domain", "value": {"is": "a.test"}}}"#, true),
        (r#"{"envelope": {"path": "from", "value": {"is": "list-bounces@lists.test"}}}"#, true),
        (r#"{"envelope": {"path": "to", "part": "local-part", "value": {"is": "bob+shop"}}}"#, true),
        (r#"{"exists": ["subject", "List-Id"]}"#, true),
        (r#"{"exists": ["subject", "x-none"]}"#, false),
        (r#"{"size": {"over": 4999}}"#, true),
        (r#"{"size": {"over": 5000}}"#, false),
        (r#"{"size": {"under": 5001}}"#, true),
        (r#"{"allowed-by": "list"}"#, true),
        (r#"{"allowed-by": ["address", "legacy"]}"#, false),
        (r#"{"all": ["always", {"not": {"exists": "x-none"}}]}"#, true),
        (r#"{"any": [{"exists": "x-none"}, {"size": {"over": 1}}]}"#, true),
        (r#"{"all": []}"#, true),
        (r#"{"any": []}"#, false),
    ] {
        let filing = filed(&format!(r#"[{{"if": {condition}, "then": [{{"file-into": "X"}}]}}]"#), MESSAGE);
        assert_eq!(places(&filing), if holds { "X" } else { "-" }, "{condition}");
    }
}

#[test]
fn actions_do_what_the_same_do_in_sieve() {
    for (actions, expected) in [
        (r#""keep""#, "-"),
        (r#"{"file-into": "A"}, {"file-into": "B"}, {"file-into": "A"}"#, "A, B"),
        (r#"{"copy-into": "A"}"#, "A, -"),
        (r#"{"file-into": "inbox"}"#, "INBOX"),
        (r#"{"flag": "\\seen"}"#, "-(\\Seen)"),
        (r#"{"flag": ["$work", "\\Flagged"]}, {"file-into": "A"}, {"unflag": "$WORK"}, "keep""#, "A($work \\Flagged), -(\\Flagged)"),
        (r#"{"flag": "a"}, {"set-flags": "b"}, "keep""#, "-(b)"),
        (r#"{"file-into": "A"}, {"flag": "\\Seen"}"#, "A"),
        (r#""discard""#, "trash"),
        (r#""discard", {"file-into": "A"}"#, "A"),
        (r#"{"file-into": "A"}, "discard""#, "A"),
        (r#"{"forward": {"to": "c@c.test", "keep": true}}"#, "-, >c@c.test"),
        (r#"{"forward": {"to": "c@c.test", "keep": false}}"#, ">c@c.test"),
        (r#"{"forward": {"to": "c@c.test", "keep": false}}, {"forward": {"to": "C@c.test", "keep": true}}"#, ">c@c.test"),
        (r#"{"forward": {"to": "c@c.test", "keep": false}}, "keep""#, "-, >c@c.test"),
        (r#""stop", {"file-into": "A"}"#, "-"),
    ] {
        let filing = filed(&format!(r#"[{{"if": "always", "then": [{actions}]}}]"#), MESSAGE);
        assert_eq!(places(&filing), expected, "{actions}");
    }
}

#[test]
fn all_rules_are_looked_at_up_to_a_stop() {
    let rule = |condition: &str, actions: &str| format!(r#"{{"if": {condition}, "then": [{actions}]}}"#);
    let of = |rules: &[String]| places(&filed(&format!("[{}]", rules.join(", ")), MESSAGE));
    let (yes, no) = ("\"always\"", r#"{"exists": "x-none"}"#);
    let into = |name: &str| format!(r#"{{"file-into": "{name}"}}"#);
    assert_eq!(of(&[]), "-");
    assert_eq!(of(&[rule(yes, &into("A")), rule(no, &into("B")), rule(yes, &into("C"))]), "A, C");
    assert_eq!(of(&[rule(yes, &format!(r#"{}, "stop""#, into("A"))), rule(yes, &into("C"))]), "A");
    assert_eq!(of(&[rule(no, "\"stop\""), rule(yes, &into("C"))]), "C");
    assert_eq!(of(&[rule(yes, r#"{"flag": "x"}"#), rule(yes, &into("C"))]), "C(x)");
}

#[test]
fn what_was_sent_on_from_here_is_not_sent_on_again() {
    let forward = r#"[{"if": "always", "then": [{"forward": {"to": "c@c.test", "keep": false}}]}]"#;
    let hops = "Received: by x with SMTP id 1; now\r\n".repeat(FORWARDED_HOPS_MAX);
    for (message, unforwarded) in [
        (MESSAGE.to_owned(), None),
        (format!("{}Delivered-To: carol@c.test\r\n\r\n", MESSAGE.trim_end()), None),
        (format!("{}\r\nDelivered-To: BOB@b.test\r\n\r\n", MESSAGE.trim_end()), Some(Unforwarded::Circle)),
        (format!("{}\r\nDelivered-To: <bob+x@b.test>\r\n\r\n", MESSAGE.trim_end()), Some(Unforwarded::Circle)),
        (MESSAGE.replace("<list-bounces@lists.test>", "<>"), Some(Unforwarded::Report)),
        (format!("{}\r\n{hops}\r\n", MESSAGE.trim_end()), Some(Unforwarded::Hops)),
    ] {
        let filing = filed(forward, &message);
        assert_eq!(filing.unforwarded, unforwarded, "{message}");
        assert_eq!(places(&filing), if unforwarded.is_some() { "-" } else { ">c@c.test" }, "{message}");
    }
    let many: Vec<String> = (0..=FORWARDS_MAX).map(|n| format!(r#"{{"forward": {{"to": "c{n}@c.test", "keep": false}}}}"#)).collect();
    let filing = filed(&format!(r#"[{{"if": "always", "then": [{}]}}]"#, many.join(", ")), MESSAGE);
    assert_eq!((filing.forwards.len(), filing.unforwarded), (FORWARDS_MAX, Some(Unforwarded::TooMany)));
}

#[test]
fn what_costs_too_much_to_look_at_stays_in_the_inbox() {
    let long = format!("X: {}\r\n", "a".repeat(8000)).repeat(30);
    let message = format!("{}\r\n{long}\r\n", MESSAGE.trim_end());
    let costly = format!(r#"{{"header": {{"name": "x", "value": {{"matches": "*{}b"}}}}}}"#, "a".repeat(100));
    let rules = format!(r#"[{{"if": "always", "then": ["discard"]}}, {{"if": {costly}, "then": [{{"file-into": "A"}}]}}]"#);
    assert_eq!(places(&filed(&rules, &message)), "-");
}

#[test]
fn too_many_mailboxes_end_in_the_inbox() {
    let copies: Vec<String> = (0..20).map(|n| format!(r#"{{"if": "always", "then": [{{"file-into": "M{n}"}}]}}"#)).collect();
    let filing = filed(&format!("[{}]", copies.join(", ")), MESSAGE);
    assert_eq!(filing.copies.len(), COPIES_MAX);
    assert_eq!(filing.copies.last().unwrap().target, Target::Mailbox("INBOX".to_owned()));
}

#[test]
fn rules_that_can_not_be_carried_out_are_refused() {
    let set = |json: &str| -> Result<RuleSet, String> {
        let set: RuleSet = serde_json::from_str(json).map_err(|error| error.to_string())?;
        set.checked().map_err(|error| error.to_string())
    };
    let rule =
        |condition: &str, action: &str| format!(r#"{{"version": 1, "rules": [{{"name": "N", "if": {condition}, "then": [{action}]}}]}}"#);
    let deep = format!("{}\"always\"{}", "{\"not\": ".repeat(20), "}".repeat(20));
    for (json, said) in [
        (r#"{"version": 2, "rules": []}"#.to_owned(), "version 2 of rules is not known here; expected version 1"),
        (r#"{"version": 1}"#.to_owned(), "missing field `rules`"),
        (rule("\"never\"", "\"keep\""), "unknown variant `never`"),
        (rule("\"always\"", ""), "rule 1 (N): it has 0 actions; expected 1 to 20"),
        (rule("\"always\"", "\"reject\""), "unknown variant `reject`"),
        (rule("\"always\"", r#"{"file-into": "a//b"}"#), "\"a//b\" can't be the name of a mailbox"),
        (rule("\"always\"", r#"{"file-into": "a*"}"#), "can't be the name of a mailbox"),
        (rule("\"always\"", r#"{"flag": "\\Recent"}"#), "not a flag: \"\\\\Recent\""),
        (rule("\"always\"", r#"{"flag": []}"#), "a flag action names no flag"),
        (rule("\"always\"", r#"{"forward": {"to": "nobody", "keep": true}}"#), "not an address"),
        (rule("\"always\"", r#"{"forward": {"to": "a@b.test"}}"#), "missing field `keep`"),
        (rule(r#"{"subject": {"is": []}}"#, "\"keep\""), "compares with no text"),
        (rule(r#"{"subject": {"like": "x"}}"#, "\"keep\""), "unknown variant `like`"),
        (rule(r#"{"header": {"name": "a b", "value": {"is": "x"}}}"#, "\"keep\""), "not the name of a header field: \"a b\""),
        (rule(&format!(r#"{{"subject": {{"is": "{}"}}}}"#, "x".repeat(300)), "\"keep\""), "longer than 256 octets"),
        (rule(&deep, "\"keep\""), "nested deeper than 16"),
        (rule(&format!("{{\"all\": [{}]}}", ["\"always\""; 101].join(",")), "\"keep\""), "more than 100 conditions"),
        (rule("\"always\"", r#""keep"], "else": ["stop""#), "unknown field `else`"),
    ] {
        let error = set(&json).unwrap_err();
        assert!(error.contains(said), "{json}: {error}");
    }
}

#[test]
fn a_reverse_path_is_the_one_that_this_server_wrote() {
    let of = |header: &str| return_path(&HeaderSection::read(header.as_bytes()));
    assert_eq!(of("Return-Path: <a@b.test>\r\nReturn-Path: <x@y.test>\r\n\r\n"), "a@b.test".parse::<ReversePath>().unwrap());
    assert_eq!(of("Return-Path: <>\r\n\r\n"), ReversePath::Null);
    assert_eq!(of("Subject: x\r\n\r\n"), ReversePath::Null);
}

/// Any rules, as they are kept.
pub(super) fn any_rules() -> impl Strategy<Value = RuleSet> {
    let key = "[ -~éß]{0,8}";
    let keys = || prop::collection::vec(key, 1..3).prop_map(Many);
    let text = || prop_oneof![keys().prop_map(Text::Is), keys().prop_map(Text::Contains), keys().prop_map(Text::Matches)];
    let name = || "[a-z][a-z-]{0,8}".prop_map(|name| name.parse::<FieldName>().unwrap());
    let some_names = ["from", "subject", "list-id"].map(|name| name.parse::<FieldName>().unwrap());
    let names = move || {
        let known = prop::sample::select(some_names.to_vec()).prop_map(Many::one);
        prop_oneof![known, prop::collection::vec(name(), 1..3).prop_map(Many)]
    };
    let part = || prop::sample::select(vec![Part::All, Part::LocalPart, Part::Domain]);
    let path = prop::sample::select(vec![Path::From, Path::To]);
    let recipients = Many(condition::RECIPIENT_FIELDS.iter().map(|name| name.parse().unwrap()).collect());
    let to = text().prop_map(move |value| {
        let envelope = Condition::Envelope { path: Path::To, part: Part::All, value: value.clone() };
        Condition::Any(vec![Condition::Address { name: recipients.clone(), part: Part::All, value }, envelope])
    });
    let leaf = prop_oneof![
        Just(Condition::Always),
        text().prop_map(Condition::From),
        text().prop_map(Condition::To),
        text().prop_map(Condition::List),
        text().prop_map(Condition::Subject),
        to,
        (names.clone()(), text()).prop_map(|(name, value)| Condition::Header { name, value }),
        (names.clone()(), part(), text()).prop_map(|(name, part, value)| Condition::Address { name, part, value }),
        (path, part(), text()).prop_map(|(path, part, value)| Condition::Envelope { path, part, value }),
        names().prop_map(Condition::Exists),
        any::<u64>().prop_map(|octets| Condition::Size(SizeTest::Over(octets))),
        any::<u64>().prop_map(|octets| Condition::Size(SizeTest::Under(octets))),
    ];
    let condition = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Condition::Any),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    });
    let flag = prop_oneof![Just("\\Seen"), Just("\\flagged"), Just("$work"), Just("x")];
    let flags = || prop::collection::btree_set(flag.clone().prop_map(|flag| flag.parse::<Flag>().unwrap()), 1..3);
    let flags = move || flags().prop_map(|flags| Many(flags.into_iter().collect::<Vec<_>>()));
    let keeping = prop::sample::select(vec![Keeping::Copy, Keeping::Nothing]);
    let mailbox = || "[a-zA-Zü\"\\\\][a-z .]{0,5}(/[a-z]{1,5})?|inbox";
    let action = prop_oneof![
        mailbox().prop_map(Action::FileInto),
        mailbox().prop_map(Action::CopyInto),
        Just(Action::Keep),
        Just(Action::Discard),
        Just(Action::Stop),
        flags().prop_map(Action::Flag),
        flags().prop_map(Action::SetFlags),
        flags().prop_map(Action::Unflag),
        ("[a-z\" ]{1,5}", keeping).prop_map(|(local, keep)| {
            let to = Mailbox::new(&local, "c.test".parse().unwrap()).unwrap();
            Action::Forward(Forward { to, keep })
        }),
    ];
    let rule = ("[ -~é]{0,8}", condition, prop::collection::vec(action, 1..4)).prop_map(|(name, condition, actions)| Rule {
        name,
        condition,
        actions,
    });
    prop::collection::vec(rule, 0..4).prop_map(|rules| RuleSet { version: VERSION, rules }.checked().unwrap())
}

proptest! {
    #[test]
    fn rules_read_back_from_json_as_they_were_written(set in any_rules()) {
        let json = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<RuleSet>(&json).unwrap(), set.clone());
        prop_assert_eq!(set.clone().checked().unwrap(), set);
    }

    #[test]
    fn no_rules_lose_a_message(set in any_rules(), message in "[ -~\r\n]{0,300}") {
        let message = format!("Return-Path: <a@b.test>\r\n{message}");
        let header = HeaderSection::read(message.as_bytes());
        let mailbox: Mailbox = "bob@b.test".parse().unwrap();
        let reverse_path = return_path(&header);
        let facts = MessageFacts {
            header: &header,
            reverse_path: &reverse_path,
            recipient: &mailbox,
            owner: &mailbox,
            size_octets: 1,
            allowed_by: Allowance::Open,
        };
        let filing = file(&set, &facts);
        prop_assert!(!filing.copies.is_empty() || !filing.forwards.is_empty());
        prop_assert!(filing.copies.len() <= COPIES_MAX + 1 && filing.forwards.len() <= FORWARDS_MAX);
    }
}
