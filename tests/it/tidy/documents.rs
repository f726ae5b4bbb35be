//! What is written for people: links that lead somewhere, a code map of code that exists.

use super::{assert_none, files, root};
use std::fs;

fn documents() -> Vec<(std::path::PathBuf, String)> {
    files(root(), ".md")
}

/// The text without fenced code blocks.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

#[test]
fn every_link_leads_to_a_file() {
    let mut faults = Vec::new();
    for (path, text) in documents() {
        for target in prose(&text).split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            let file = target.split('#').next().unwrap_or(target);
            let elsewhere = target.contains("://") || target.starts_with("mailto:") || file.is_empty();
            if !elsewhere && !root().join(&path).parent().unwrap().join(file).exists() {
                faults.push(format!("{}: {target} is not there", path.display()));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn everything_that_can_be_run_is_in_check() {
    let check = fs::read_to_string(root().join("check")).unwrap();
    let directories = fs::read_dir(root().join("tests")).unwrap().map(|entry| entry.unwrap().path());
    let runs: Vec<String> = directories
        .filter(|directory| directory.join("run").exists())
        .map(|directory| format!("tests/{}/run", directory.file_name().unwrap().to_string_lossy()))
        .collect();
    assert!(!runs.is_empty());
    assert_none(&runs.into_iter().chain(["fuzz/run".to_owned()]).filter(|run| !check.contains(run.as_str())).collect::<Vec<_>>());
}

#[test]
fn every_decision_is_listed() {
    let list = fs::read_to_string(root().join("docs/decisions/README.md")).unwrap();
    let names = documents().into_iter().map(|(path, _)| path).filter(|path| path.starts_with("docs/decisions"));
    let names = names.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).filter(|name| name != "README.md");
    assert_none(&names.filter(|name| !list.contains(&format!("({name})"))).collect::<Vec<_>>());
}

#[test]
fn every_decision_is_titled_by_what_was_decided_and_not_when() {
    let mut faults = Vec::new();
    for (path, text) in documents().into_iter().filter(|(path, _)| path.starts_with("docs/decisions")) {
        let title = text.lines().next().unwrap_or_default();
        let dated =
            |text: &str| text.split(|character: char| !character.is_ascii_digit()).any(|run| run.len() == 4 && run.starts_with("20"));
        if !title.starts_with("# ") || dated(title) || dated(&path.to_string_lossy()) {
            faults.push(format!("{}: expected `# ` and a title without a date", path.display()));
        }
    }
    assert_none(&faults);
}

#[test]
fn the_architecture_names_every_crate_and_only_files_that_exist() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut faults = Vec::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !text.contains(&format!("crates/{name}")) {
            faults.push(format!("crates/{name} is not in the code map"));
        }
    }
    let quoted = text.split('`').skip(1).step_by(2).filter(|quoted| quoted.contains('/') && !quoted.contains([' ', '*', '<', '{', '\n']));
    for path in quoted.filter(|path| ["crates/", "tests/", "docs/", "bench/", "spec/", "fuzz/"].iter().any(|start| path.starts_with(start)))
    {
        if !root().join(path).exists() {
            faults.push(format!("ARCHITECTURE.md names {path}, which is not there"));
        }
    }
    assert_none(&faults);
}

/// Of `enum NAME {` in the file at `path`: its variants, in order.
fn variants(path: &str, name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let (_, body) = text.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let own_lines = body.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with(char::is_uppercase));
    own_lines.map(|line| line.split([' ', ',', '(']).next().unwrap().to_owned()).collect()
}

/// The cells of the rows of the first table in `text`, whose lines may begin with `lead`.
fn table<'a>(text: &'a str, lead: &str) -> Vec<Vec<&'a str>> {
    let lines = text.lines().map(|line| line.strip_prefix(lead).unwrap_or(line));
    let rows = lines.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The first table of ARCHITECTURE.md below a heading.
fn table_below(heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, section) = text.split_once(&format!("# {heading}\n")).unwrap();
    table(section, "").into_iter().map(|row| row.into_iter().map(str::to_owned).collect()).collect()
}

#[test]
fn the_state_tables_have_the_states_of_the_code() {
    for (heading, path, name) in [("Transfer", "transfer", "Transfer"), ("Arrival", "arrival", "Stage")] {
        let mut states: Vec<String> = table_below(heading).iter().map(|row| row[0].split([' ', ',']).next().unwrap().to_owned()).collect();
        states.dedup();
        assert_eq!(states, variants(&format!("crates/delivery/src/{path}.rs"), name));
    }
}

#[test]
fn the_state_tables_say_of_a_crash_what_the_code_says() {
    for (heading, path) in [("Transfer", "transfer"), ("Arrival", "arrival")] {
        let source = fs::read_to_string(root().join(format!("crates/delivery/src/{path}.rs"))).unwrap();
        let told: Vec<_> = table_below(heading).into_iter().map(|row| vec![row[0].clone(), row[2].clone(), row[3].clone()]).collect();
        assert_eq!(told, table(&source, "//! "), "{path}.rs");
    }
}

#[test]
fn every_hop_of_the_walk_is_a_function_that_exists() {
    let walk = table_below("The walk of one message");
    assert!(walk.len() > 5, "{walk:?}");
    let mut faults = Vec::new();
    for hop in walk {
        let names: Vec<&str> = hop[2].split('`').skip(1).step_by(2).collect();
        let [file, function] = names[..] else { panic!("expected `file` and `function` in {hop:?}") };
        let source = fs::read_to_string(root().join(format!("crates/server/src/{file}.rs"))).unwrap_or_default();
        if !source.contains(&format!("fn {function}(")) {
            faults.push(format!("crates/server/src/{file}.rs has no function {function}"));
        }
    }
    assert_none(&faults);
}
