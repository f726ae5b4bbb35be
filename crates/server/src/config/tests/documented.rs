//! The pages for administrators say of every limit what the code says.

use super::*;
use std::collections::BTreeSet;
use std::fs;

/// The cells of every table row of a page of docs/admin.
fn rows(page: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/admin").join(page)).unwrap();
    let rows = text.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The keys, with their defaults, of the tables headed by `heading`.
fn keys(page: &str, heading: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut is_wanted = false;
    for row in rows(page) {
        let code = |cell: &str| cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).map(str::to_owned);
        match code(&row[0]) {
            Some(key) if is_wanted => found.push((key, code(&row[1]).unwrap())),
            Some(_) => {}
            None if row[0].starts_with("---") => {}
            None => is_wanted = row[0] == heading,
        }
    }
    found
}

/// What the reader of a section knows, as it tells whoever names something else.
fn known(section: &str) -> BTreeSet<String> {
    let faults = parse(&format!("{LEAST}[{section}]\nsomething_that_is_in_no_section = 1\n")).unwrap_err();
    let (_, list) = faults[0].expected.split_once("one of ").unwrap();
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_limit_is_on_the_page_with_its_default() {
    for section in ["limits", "limits.timeouts"] {
        let keys = keys("limits.md", &format!("key in `[{section}]`"));
        let documented: BTreeSet<String> = keys.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(documented.len(), keys.len(), "a key of {section} twice");
        let mut known = known(section);
        known.remove("timeouts");
        assert_eq!(documented, known, "{section}");
        for (key, default) in keys {
            let config = parse(&format!("{LEAST}[{section}]\n{key} = {default}\n")).unwrap_or_else(|faults| panic!("{key}: {faults:?}"));
            let found = (config.limits, config.connections, config.quota);
            assert_eq!(found, (Limits::default(), Connections::default(), Quota::default()), "{key} = {default}");
        }
    }
}

/// Of `impl Default for NAME` in a source file: fields and what they are set to.
fn defaults(file: &str, name: &str) -> Vec<(String, String)> {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)).unwrap();
    let (_, body) = source.split_once(&format!("impl Default for {name} {{")).unwrap();
    let (_, body) = body.split_once("        Self {\n").unwrap();
    let (body, _) = body.split_once("\n        }").unwrap();
    let pairs = body.lines().map(|line| line.trim().trim_end_matches(',').split_once(": ").unwrap());
    pairs.map(|(field, value)| (field.to_owned(), value.to_owned())).collect()
}

#[test]
fn every_limit_of_imap_is_on_the_page_with_its_default() {
    assert_eq!(keys("limits.md", "limit of IMAP"), defaults("crates/proto/src/imap/limits.rs", "Limits"));
}

#[test]
fn every_constant_of_imap_is_on_the_page() {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/src/imap/limits.rs")).unwrap();
    let constants = source.lines().filter_map(|line| line.strip_prefix("pub const ")).filter_map(|line| line.split(':').next());
    let missing: Vec<&str> = constants.filter(|name| !rows("limits.md").iter().any(|row| row[0] == format!("`{name}`"))).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_fixed_limits_on_the_page_are_those_of_the_code() {
    let mut fixed = 0;
    for row in rows("limits.md") {
        let [constant, value, file, _] = &row.iter().map(|cell| cell.trim_matches('`')).collect::<Vec<_>>()[..] else { continue };
        if !file.starts_with("crates/") {
            continue;
        }
        fixed += 1;
        let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)).unwrap();
        let line =
            source.lines().find(|line| line.contains(&format!("const {constant}:"))).unwrap_or_else(|| panic!("{constant} in {file}"));
        assert!(line.ends_with(&format!(" = {value};")), "{constant} in {file}: {line}");
    }
    assert!(fixed > 5);
}
