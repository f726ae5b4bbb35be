//! Every source file: its size, its first line, its names, and words that have no business in it.

use super::{assert_none, files, root};
use std::path::PathBuf;

/// Lines in a file, tests included. Aim for 200.
const LINES_MAX: usize = 500;

/// Words that say nothing in the name of a type.
const EMPTY_WORDS: &[&str] = &["Manager", "Handler", "Helper", "Helpers", "Util", "Utils", "Info", "Common"];

/// Beginnings that say nothing in the name of a function.
const EMPTY_BEGINNINGS: &[&str] = &["do_", "process_", "get_"];

/// Names that a trait of others demands.
const DEMANDED: &[&str] = &["get_opts"];

/// What is never in a file, and what to write in its place.
const NEVER: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it, or say in the changelog that it is missing"),
    (concat!("FIX", "ME"), "do it, or say in the changelog that it is missing"),
    (concat!("to", "do!("), "write it"),
    (concat!("unimplemented", "!("), "write it"),
    (concat!("dbg", "!("), "tracing"),
    (concat!("#[ig", "nore]"), "#[ignore = \"why\"]"),
    (concat!("/ro", "ot/"), "a path that everybody has"),
    (concat!("/ho", "me/"), "a path that everybody has"),
];

/// Lints that keep input from making us panic; only tests may lift them.
const PANIC_LINTS: &[&str] = &["unwrap_used", "expect_used", "indexing_slicing", "string_slice", "clippy::panic", "unreachable"];

fn sources() -> Vec<(PathBuf, String)> {
    let sources = files(root(), ".rs");
    assert!(sources.len() > 10, "found no sources below {}", root().display());
    sources
}

fn faults_by_line(found: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            faults.extend(found(line).map(|fault| format!("{}:{}: {fault}", path.display(), number + 1)));
        }
    }
    faults
}

/// The name that `line` declares with one of `keywords`.
fn declared<'a>(line: &'a str, keywords: &[&str]) -> Option<&'a str> {
    let code = line.split("//").next()?;
    let (keyword, rest) = keywords.iter().find_map(|keyword| Some((keyword, code.split_once(&format!("{keyword} "))?)))?;
    let (before, name) = rest;
    let starts_word =
        before.chars().next_back().is_none_or(|character| !character.is_alphanumeric() && character != '_' && character != '"');
    let end = name.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(name.len());
    (starts_word && !keyword.is_empty() && end > 0).then(|| &name[..end])
}

/// `HTTPTable` is one word to us; `HttpTable` two.
fn words(camel: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = camel.char_indices().filter(|(_, character)| character.is_uppercase()).map(|(at, _)| at).collect();
    starts.push(camel.len());
    starts.windows(2).map(|pair| &camel[pair[0]..pair[1]]).collect()
}

#[test]
fn no_file_is_too_long_to_read_at_once() {
    let long = sources().into_iter().map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > LINES_MAX);
    assert_none(&long.map(|(path, lines)| format!("{}: {lines} lines, more than {LINES_MAX}", path.display())).collect::<Vec<_>>());
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    let silent = sources().into_iter().filter(|(_, text)| !text.starts_with("//! "));
    assert_none(&silent.map(|(path, _)| format!("{}:1: expected a `//!` sentence", path.display())).collect::<Vec<_>>());
}

#[test]
fn types_are_named_by_words_that_say_something() {
    assert_none(&faults_by_line(|line| {
        let name = declared(line, &["struct", "enum", "trait", "type", "union"])?;
        let empty = words(name).into_iter().find(|word| EMPTY_WORDS.contains(word))?;
        Some(format!("{empty:?} in {name} says nothing"))
    }));
}

#[test]
fn functions_are_named_by_verbs_that_say_something() {
    assert_none(&faults_by_line(|line| {
        let name = declared(line, &["fn"])?;
        let empty = EMPTY_BEGINNINGS.iter().find(|beginning| name.starts_with(**beginning) && !DEMANDED.contains(&name))?;
        Some(format!("{empty:?} in {name} says nothing"))
    }));
}

#[test]
fn nothing_is_left_for_later_or_tied_to_one_machine() {
    let mut faults = Vec::new();
    for ending in [".rs", ".toml", ".md", ".service", ".py", ".sh", "check", "run"] {
        for (path, text) in files(root(), ending) {
            for (number, line) in text.lines().enumerate() {
                let found = NEVER.iter().filter(|(word, _)| line.contains(word));
                faults.extend(found.map(|(word, instead)| format!("{}:{}: {word}: {instead}", path.display(), number + 1)));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn only_tests_may_panic() {
    let mut faults = Vec::new();
    for (path, text) in
        sources().into_iter().filter(|(path, _)| path.starts_with("crates") && path.components().any(|part| part.as_os_str() == "src"))
    {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let lifts = (line.contains("allow(") || line.contains("expect(clippy")) && PANIC_LINTS.iter().any(|lint| line.contains(lint));
            let around = &lines[at.saturating_sub(2)..(at + 3).min(lines.len())];
            let on_tests = path.ends_with("tests.rs") || around.iter().any(|near| near.contains("mod tests") || near.contains("cfg(test)"));
            if lifts && !on_tests {
                faults.push(format!("{}:{}: a lint against panics lifted outside tests", path.display(), at + 1));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn declared_names_are_found_where_they_stand() {
    assert_eq!(declared("    pub(crate) struct ContactAttempt {", &["struct"]), Some("ContactAttempt"));
    assert_eq!(declared("pub const fn keep<T>(", &["fn"]), Some("keep"));
    assert_eq!(declared("// fn keep", &["fn"]), None);
    assert_eq!(words("ContactAttempt"), ["Contact", "Attempt"]);
}
