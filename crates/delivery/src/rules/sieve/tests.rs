//! Scripts: read, refused with their place, and written so that they read back.

use proptest::prelude::*;

use super::*;
use crate::rules::tests::any_rules;
use crate::rules::{Action, Condition, Rule};

fn rules_of(script: &str) -> serde_json::Value {
    let script = read(script).unwrap_or_else(|error| panic!("{error}"));
    serde_json::to_value(script.rules.rules).unwrap()
}

#[test]
fn scripts_of_other_servers_become_rules() {
    for (script, rules) in [
        ("", "[]"),
        ("# nothing\r\n/* at\n all */", "[]"),
        ("keep;", r#"[{"if": "always", "then": ["keep"]}]"#),
        (
            "require \"fileinto\";\r\n# rule:[Lists]\r\nif header :is \"List-Id\" \"x\" { fileinto \"Lists\"; stop; }",
            r#"[{"name": "Lists", "if": {"header": {"name": "list-id", "value": {"is": "x"}}}, "then": [{"file-into": "Lists"}, "stop"]}]"#,
        ),
        (
            "require [\"fileinto\", \"imap4flags\"];\nif address :domain \"From\" [\"a.test\", \"b.test\"] { addflag \"\\\\Seen $x\"; fileinto \"A/B\"; }",
            r#"[{"if": {"address": {"name": "from", "part": "domain", "value": {"is": ["a.test", "b.test"]}}},
                "then": [{"flag": ["\\Seen", "$x"]}, {"file-into": "A/B"}]}]"#,
        ),
        (
            "require \"envelope\"; if anyof (envelope :localpart \"to\" \"x\", not size :over 1M) { discard; }",
            r#"[{"if": {"any": [{"envelope": {"path": "to", "part": "local-part", "value": {"is": "x"}}}, {"not": {"size": {"over": 1048576}}}]},
                "then": ["discard"]}]"#,
        ),
        (
            "require \"fileinto\"; if true { fileinto \"A\"; } elsif false { fileinto \"B\"; } else { fileinto \"C\"; } stop;",
            r#"[{"if": "always", "then": [{"file-into": "A"}]},
                {"if": {"all": [{"not": "always"}, {"not": "always"}]}, "then": [{"file-into": "B"}]},
                {"if": {"all": [{"not": "always"}, {"not": {"not": "always"}}]}, "then": [{"file-into": "C"}]},
                {"if": "always", "then": ["stop"]}]"#,
        ),
        (
            "if exists \"x\" { keep; if size :under 2K { redirect \"a@b.test\"; } }",
            r#"[{"if": {"exists": "x"}, "then": ["keep"]},
                {"if": {"all": [{"exists": "x"}, {"size": {"under": 2048}}]}, "then": [{"forward": {"to": "a@b.test", "keep": false}}]}]"#,
        ),
        (
            "require [\"fileinto\", \"imap4flags\", \"mailbox\", \"copy\"]; fileinto :create :copy :flags \"x\" \"A\";",
            r#"[{"if": "always", "then": [{"flag": "x"}, {"copy-into": "A"}, {"unflag": "x"}]}]"#,
        ),
        ("if header :contains :comparator \"i;ascii-casemap\" \"Subject\" text:\r\nfoo\r\n.\r\n{ keep; }", "refused"),
    ] {
        if rules == "refused" {
            // A text of several lines is no part of a field's value.
            assert!(read(script).is_err());
            continue;
        }
        assert_eq!(rules_of(script), serde_json::from_str::<serde_json::Value>(rules).unwrap(), "{script}");
    }
}

#[test]
fn the_absence_reply_of_a_script_is_taken_along() {
    let script = read(
        "require [\"vacation\"];\nvacation :days 3 :subject \"Away\" :addresses [\"a@b.test\"] text:\nI am away.\n..\n\nBye\n.\n;\nstop;",
    );
    let absence = script.unwrap().absence.unwrap();
    assert_eq!((absence.text.as_str(), absence.subject.as_deref(), absence.days), ("I am away.\n.\n\nBye", Some("Away"), 3));
    assert_eq!(absence.addresses, ["a@b.test".parse().unwrap()]);
}

#[test]
fn what_is_no_script_or_has_no_equivalent_is_refused_with_its_place() {
    for (script, said) in [
        ("keep", "line 1, column 5: expected `;` or `{` at the end of the command, found the end of the script"),
        ("keep;\n  $;", "line 2, column 3: expected a command, a test, a string or a number, found '$'"),
        ("if true { keep;", "line 1, column 16: expected `}` at the end of the block, found the end of the script"),
        ("if { keep; }", "line 1, column 1: expected one test behind `if`, found none, or several"),
        ("if allof { keep; }", "line 1, column 4: expected tests in parentheses behind it, found none"),
        (
            "if header :is \"a\" { keep; }",
            "line 1, column 4: expected names of header fields, and strings to compare with, found 1 lists of strings",
        ),
        ("if header \"a\" [\"b\" \"c\"] { keep; }", "line 1, column 20: expected `,` or `]` in the list of strings, found a string"),
        ("if header \"a b\" \"c\" { keep; }", "line 1, column 11: expected the name of a header field, found \"a b\""),
        ("if size 5 { keep; }", "line 1, column 9: expected `:over` or `:under` and a number behind `size`, found the number 5"),
        ("else { keep; }", "line 1, column 1: expected `if` before this, found `else`"),
        ("keep; require \"copy\";", "line 1, column 7: expected `require` before all other commands, found `require`"),
        ("redirect \"bob\";", "line 1, column 10: expected one address, found \"bob\""),
        ("stop 5;", "line 1, column 6: expected `;`, found the number 5"),
        ("keep { stop; }", "line 1, column 1: expected `;` at the end of `keep`, found a block"),
        ("/* ", "line 1, column 1: expected `*/` at the end of the comment, found the end of the script"),
        ("redirect \"bob", "line 1, column 10: expected `\"` at the end of the string, found the end of the script"),
        (
            "redirect text:\nbob\n",
            "line 1, column 10: expected a line with a single dot at the end of the text, found the end of the script",
        ),
        ("if size :over 99999999999G { keep; }", "line 1, column 15: expected a number below 2 to the 64th, found 99999999999"),
        ("fileinto \"A\";", "line 1, column 1: `fileinto` needs `require \"fileinto\";` at the beginning of the script"),
        (
            "if envelope \"to\" \"a\" { keep; }",
            "line 1, column 4: the test `envelope` needs `require \"envelope\";` at the beginning of the script",
        ),
        ("redirect :copy \"a@b.test\";", "line 1, column 10: `:copy` needs `require \"copy\";` at the beginning of the script"),
        ("require \"regex\";", "line 1, column 9: the extension \"regex\" is not known here"),
        ("reject \"no\";", "line 1, column 1: no rule can do what the command `reject` does"),
        ("if hasflag \"x\" { keep; }", "line 1, column 4: no rule can ask what the test `hasflag` asks"),
        ("if header :regex \"a\" \"b\" { keep; }", "line 1, column 11: no rule can compare as `:regex` does"),
        (
            "if header :comparator \"i;octet\" \"a\" \"b\" { keep; }",
            "line 1, column 11: rules compare as \"i;ascii-casemap\" does, and not as \"i;octet\"",
        ),
        (
            "require \"envelope\"; if envelope \"auth\" \"x\" { keep; }",
            "line 1, column 33: no rule can ask for \"auth\" of the envelope; \"from\" and \"to\" are known",
        ),
        (
            "require \"imap4flags\"; addflag \"x\"; keep :flags \"y\";",
            "line 1, column 36: no rule has flags for one action where others may be set before; use addflag and removeflag",
        ),
        ("require \"imap4flags\"; addflag \"\\\\Recent\";", "line 1, column 31: not a flag: \"\\\\Recent\""),
        (
            "require \"vacation\"; if true { vacation \"x\"; }",
            "line 1, column 31: the absence reply depends on no rule: `vacation` must stand outside of blocks, and before any `stop`",
        ),
        ("require \"vacation\"; vacation :days 90 \"x\";", "line 1, column 21: 90 days; expected 1 to 30"),
        (
            &format!("keep; if header \"a\" \"{}\" {{\n  keep; }}", "x".repeat(257)),
            "line 2, column 3: what begins here can't be a rule: a condition compares with a text that is longer than 256 octets",
        ),
        ("require \"vacation\"; vacation :mime \"x\";", "line 1, column 30: no absence reply can do what `:mime` asks"),
        ("require \"fileinto\"; fileinto \"a//b\";", "line 1, column 30: expected the name of a mailbox, found \"a//b\""),
    ] {
        let error = read(script).unwrap_err().to_string();
        assert!(error.starts_with(said), "{script}\n{error}\n{said}");
    }
    let deep = format!("{}keep;{}", "if true {".repeat(41), "}".repeat(41));
    assert!(read(&deep).unwrap_err().to_string().contains("nested deeper than 40"));
    let long = " ".repeat(crate::rules::SCRIPT_OCTETS_MAX + 1);
    assert!(read(&long).unwrap_err().to_string().contains("longer than"));
    let chain = format!("if false {{ keep; }} {}", "elsif false { keep; } ".repeat(3000));
    assert!(read(&chain).unwrap_err().to_string().contains("more than 100 conditions"));
    let empty = format!("if false {{}} {}", "elsif false {} ".repeat(3000));
    assert!(read(&empty).unwrap_err().to_string().contains("more than 100 tests"));
}

#[test]
fn what_no_script_can_say_is_not_written() {
    let rule = |condition| Rule { name: String::new(), condition, actions: vec![Action::Keep] };
    let by: Condition = serde_json::from_str(r#"{"all": ["always", {"allowed-by": "list"}]}"#).unwrap();
    let rules = RuleSet { rules: vec![rule(Condition::Always), rule(by)], ..RuleSet::default() };
    assert_eq!(export(&rules, None), Err(Unexportable::AllowedBy(2)));
    let absence: Absence = serde_json::from_str(r#"{"text": "x", "until": "2026-12-01T00:00:00Z"}"#).unwrap();
    assert_eq!(export(&RuleSet::default(), Some(&absence)), Err(Unexportable::Times));
}

#[test]
fn a_script_reads_as_people_write_it() {
    let rules: RuleSet = serde_json::from_str(
        r#"{"version": 1, "rules": [{"name": "Lists", "if": {"list": {"is": "dev.lists.test"}},
            "then": [{"flag": "\\Seen"}, {"file-into": "Lists/dev"}, "stop"]}]}"#,
    )
    .unwrap();
    assert_eq!(
        export(&rules, None).unwrap(),
        "require [\"fileinto\", \"imap4flags\"];\r\n\r\n# rule:[Lists]\r\nif header :matches \"list-id\" \"*<dev.lists.test>*\" {\r\n    \
         addflag \"\\\\Seen\";\r\n    fileinto \"Lists/dev\";\r\n    stop;\r\n}\r\n"
    );
}

proptest! {
    #[test]
    fn rules_come_back_from_the_script_they_were_written_to(rules in any_rules(), text in "[ -~é\n]{1,40}", days in 1_u8..=30) {
        let absence = Absence { text, subject: None, from: None, until: None, days, addresses: Vec::new() }.checked().ok();
        let script = export(&rules, absence.as_ref()).unwrap();
        let read = read(&script).unwrap_or_else(|error| panic!("{error}\n{script}"));
        prop_assert_eq!(read, Script { rules, absence }, "{}", script);
    }

    #[test]
    fn no_script_is_too_strange_to_read(
        words in prop::collection::vec("if|elsif|else|require|fileinto|\"fileinto\"|keep|stop|true|not|allof|header|size|:over|:is|5K|text:\n|\\.\n|[(){};,]|\\[|\\]|#|/\\*|\\PC", 0..40),
    ) {
        if let Err(error) = read(&words.join(" ")) {
            prop_assert!(error.at.line >= 1 && error.at.column >= 1);
        }
    }
}
