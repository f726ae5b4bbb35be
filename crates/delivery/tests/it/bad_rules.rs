//! Plays `tests/bad-input/rules.txt`: rules, Sieve scripts and absence replies, each refused with what is said of it.

use delivery::absence::Absence;
use delivery::rules::RuleSet;
use delivery::rules::sieve;

/// What is said of it; nothing, if it is taken.
fn said(kind: &str, text: &str) -> Option<String> {
    match kind {
        "J" => match serde_json::from_str::<RuleSet>(text) {
            Ok(rules) => rules.checked().err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        },
        "S" => sieve::read(&text.replace("\\n", "\n").replace("\\0", "\0")).err().map(|error| error.to_string()),
        "A" => match serde_json::from_str::<Absence>(text) {
            Ok(absence) => absence.checked().err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        },
        other => panic!("a line of kind {other:?}"),
    }
}

/// `«n*x»` becomes x, n times.
fn expanded(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once('«') {
        let (part, behind) = behind.split_once('»').unwrap_or_else(|| panic!("{text}"));
        let (times, part) = part.split_once('*').unwrap_or_else(|| panic!("{text}"));
        out.push_str(before);
        out.push_str(&part.repeat(times.parse().unwrap()));
        rest = behind;
    }
    out + rest
}

#[test]
fn what_can_be_no_rules_is_refused_and_told_why() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/bad-input/rules.txt");
    let file = std::fs::read_to_string(path).unwrap();
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line}"))).collect();
    assert!(lines.len() > 100 && lines.len().is_multiple_of(2), "{}", lines.len());
    let mut wrong = Vec::new();
    for pair in lines.chunks_exact(2) {
        let [(kind, bad), ("!", expected)] = pair else { panic!("expected a pair, found {pair:?}") };
        let said = said(kind, &expanded(bad)).unwrap_or_else(|| "nothing: it is taken".to_owned());
        let expected = expanded(expected);
        let is_said = match expected.split_once('\u{2026}') {
            Some((front, rest)) => said.starts_with(front) && said.ends_with(rest),
            None => said == expected,
        };
        if !is_said {
            wrong.push(format!("{bad}\nexpected: {expected}\nsaid: {said}\n"));
        }
    }
    assert_eq!(wrong.join("\n"), "");
}
