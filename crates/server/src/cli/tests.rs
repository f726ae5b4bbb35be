//! What is typed becomes the request it stands for.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn typed(line: &str) -> Result<Request, AdminError> {
    let words = std::iter::once("twoway").chain(line.split(' '));
    let parsed = Arguments::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
    request(parsed.command)
}

#[test]
fn every_command_of_the_interface_is_understood() {
    let table = [
        ("account list --config f --json", "account-list"),
        ("--config f account alias a@a.test b@a.test", "account-alias"),
        ("account alias a@a.test *@a.test", "account-alias"),
        ("account unalias a@a.test *@a.test", "account-unalias"),
        ("account show a@a.test", "account-show"),
        ("account delete a@a.test", "account-delete"),
        ("account quota a@a.test", "account-quota"),
        ("account quota a@a.test --octets 1000 --messages none", "account-quota"),
        ("account app-password a@a.test add phone", "app-password-add"),
        ("account app-password a@a.test add phone --for imap,submission", "app-password-add"),
        ("account app-password a@a.test list", "app-password-list"),
        ("account app-password a@a.test remove phone", "app-password-remove"),
        ("mode a@a.test", "mode"),
        ("mode a@a.test --screening on --legacy refuse", "mode"),
        ("allow a@a.test add b@b.test", "entry-add"),
        ("allow a@a.test add @b.test", "entry-add"),
        ("allow a@a.test remove @.b.test", "entry-remove"),
        ("allow a@a.test list", "entry-list"),
        ("block a@a.test add list:news.b.test", "entry-add"),
        ("expected a@a.test add @b.test --until 1h --count 3", "expected-add"),
        ("expected a@a.test add @b.test --until 2030-01-01T12:00:00Z", "expected-add"),
        ("rules a@a.test list", "rules-list"),
        ("rules a@a.test show", "rules-show"),
        ("rules a@a.test export-sieve", "rules-export"),
        ("absence a@a.test show", "absence-show"),
        ("absence a@a.test off", "absence-set"),
        ("index status", "index-status"),
        ("index status a@a.test --json", "index-status"),
        ("index rebuild", "index-rebuild"),
        ("index rebuild a@a.test", "index-rebuild"),
        ("contacts a@a.test list", "contact-list"),
        ("contacts a@a.test allow b@b.test", "entry-add"),
        ("contacts a@a.test block b@b.test", "entry-add"),
        ("contacts a@a.test dismiss b@b.test", "contact-dismiss"),
        ("sent a@a.test list", "sent-list"),
        ("sent a@a.test withdraw 0123456789abcdefghijkl", "sent-withdraw"),
        ("mail a@a.test list", "mail-list"),
        ("mail a@a.test show 019abcde-0000-7000-8000-000000000000 --raw", "mail-show"),
        ("history a@a.test list", "history-list"),
        ("history a@a.test undo 019abcde-0000-7000-8000-000000000000", "history-undo"),
        ("mail a@a.test list --mailbox INBOX --limit 10", "mail-list"),
        ("queue list", "queue-list"),
        ("queue list --domain b.test --state notifying --sender a@a.test --limit 10", "queue-list"),
        ("queue summary", "queue-summary"),
        ("queue why 0123456789abcdefghijkl --json", "queue-why"),
        ("queue why -123456789abcdefghijkl", "queue-why"),
        ("queue retry 0123456789abcdefghijkl", "queue-retry"),
        ("queue retry -- -123456789abcdefghijkl", "queue-retry"),
        ("queue retry --domain b.test", "queue-retry"),
        ("queue retry --all --json", "queue-retry"),
        ("queue give-up 0123456789abcdefghijkl", "queue-give-up"),
        ("domain list", "domain-list"),
        ("domain records a.test", "domain-records"),
        ("domain check a.test --json", "domain-check"),
        ("check", "check"),
    ];
    for (line, name) in table {
        let request = typed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let sent = serde_json::to_value(&request).unwrap();
        assert_eq!(sent.get("command").and_then(serde_json::Value::as_str), Some(name), "{line}");
        assert_eq!(serde_json::from_value::<Request>(sent).unwrap(), request, "{line}");
    }
}

#[test]
fn what_is_no_address_or_command_is_a_usage_error() {
    for line in [
        "queue retry",
        "queue retry --all --domain b.test",
        "queue list --state lost",
        "domain check b_test@",
        "completions cmd",
        "allow bob add a@a.test",
        "allow a@a.test add bob",
        "mode a@a.test --screening maybe",
        "frobnicate",
        "index",
        "index status bob",
        "index rebuild --all",
        "index rebuild a@a.test b@b.test",
        "index optimise",
        "mail a@a.test show 7",
    ] {
        let words = std::iter::once("twoway").chain(line.split(' '));
        assert_eq!(Arguments::try_parse_from(words).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn a_peer_of_the_demo_is_written_with_commas() {
    let peer: Peer = "c.test,127.0.0.4,2525,2626,/tmp/ca.pem".parse().unwrap();
    assert_eq!((peer.exchange_port, peer.retrieval_port), (2525, 2626));
    assert_eq!(peer.ca_pem.as_deref(), Some(Path::new("/tmp/ca.pem")));
    assert_eq!("c.test,127.0.0.4,2525,2626".parse::<Peer>().unwrap().ca_pem, None);
    let strict: Peer = "c.test,127.0.0.4,2525,0,,v=TWM1; mode=enforce; x=1,2".parse().unwrap();
    assert_eq!((strict.ca_pem, strict.record.as_deref()), (None, Some("v=TWM1; mode=enforce; x=1,2")));
    for wrong in ["", "c.test", "c.test,127.0.0.4,2525", "c.test,localhost,1,2", "c.test,127.0.0.4,25,99999", "-,127.0.0.4,1,2"] {
        assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
    }
}

/// Every command that stands alone, with the words that lead to it.
fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
    let below: Vec<_> = command.get_subcommands().filter(|below| below.get_name() != "help").collect();
    for below in &below {
        leaves(below, format!("{path} {}", below.get_name()).trim_start(), found);
    }
    if below.is_empty() {
        found.push((path.to_owned(), command.clone()));
    }
}

#[test]
fn every_command_and_every_argument_says_what_it_is() {
    let mut found = Vec::new();
    leaves(&manual::program(), "", &mut found);
    assert!(found.len() > 30, "{}", found.len());
    for (path, command) in found {
        assert!(command.get_about().is_some(), "{path} has no help");
        let silent = command.get_arguments().find(|argument| argument.get_help().is_none() && argument.get_id() != "help");
        assert_eq!(silent.map(clap::Arg::get_id), None, "an argument of {path} has no help");
    }
    manual::program().debug_assert();
}

#[test]
fn every_command_has_a_page_of_the_manual_with_something_on_it() {
    let directory = tempfile::tempdir().unwrap();
    manual::pages(Some(directory.path())).unwrap();
    let mut found = Vec::new();
    leaves(&manual::program(), "twoway", &mut found);
    for (path, command) in found {
        let page = directory.path().join(format!("{}.1", path.replace(' ', "-")));
        let text = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        assert!(text.starts_with(".ie") && text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{path}: {text}");
        let about = command.get_about().unwrap().to_string();
        assert!(about.split(' ').next().is_some_and(|word| text.contains(word.trim_end_matches('.'))), "{path}: {text}");
    }
}

#[test]
fn rules_and_absence_replies_are_read_from_files_and_refused_with_their_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let good = file("good.json", r#"{"version": 1, "rules": [{"if": "always", "then": ["keep"]}]}"#);
    assert!(matches!(typed(&format!("rules a@a.test set {good}")), Ok(Request::RulesSet { absence: None, .. })));
    let script = file("good.sieve", "require \"vacation\"; vacation \"Away\"; if true { stop; }");
    let Ok(Request::RulesSet { rules, absence: Some(absence), .. }) = typed(&format!("rules a@a.test import-sieve {script}")) else {
        panic!()
    };
    assert_eq!((rules.rules.len(), absence.text.as_str()), (1, "Away"));
    let message = file("message", "From: b@b.test\r\nSubject: x\r\n\r\nHi\r\n");
    assert!(matches!(typed(&format!("rules a@a.test test {message}")), Ok(Request::RulesTest { size_octets: 34, .. })));
    let text = file("away.txt", "I am away.\n");
    assert!(typed(&format!("absence a@a.test set --text-file {text} --days 3 --until 2030-01-01T12:00:00Z")).is_ok());
    for (line, said) in [
        (format!("rules a@a.test set {script}"), "good.sieve: expected value at line 1 column 1"),
        (format!("rules a@a.test set {}", file("bad.json", r#"{"version": 3, "rules": []}"#)), "bad.json: version 3 of rules"),
        (format!("rules a@a.test import-sieve {good}"), "good.json: line 1, column 1: expected"),
        (format!("rules a@a.test import-sieve {}", file("bad.sieve", "keep;\nreject \"x\";")), "bad.sieve: line 2, column 1: no rule can"),
        (format!("rules a@a.test set {}/none", directory.path().display()), "none: No such file"),
        (format!("absence a@a.test set --text-file {text} --days 31"), "31 days; expected 1 to 30"),
        (format!("absence a@a.test set --text-file {}", file("empty", "")), "expected a text of 1 to"),
    ] {
        let error = typed(&line).unwrap_err();
        assert!(error.message.contains(said), "{line}: {}", error.message);
    }
}
