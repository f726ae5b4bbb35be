//! Configuration files with faults: each gets its error, from the loader and from `twoway config check`.
//!
//! The files are in `tests/bad-input/configurations`. Each begins with what is expected to be said of it, in lines that
//! start with `#:`: the line, the key, what is wrong, and what was expected. `…` at the end is whatever else is said: the list
//! of all keys grows.

use std::path::{Path, PathBuf};
use std::process::Command;

use server::config::Config;

/// The files, with what is to be said of each.
fn files() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bad-input/configurations");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let expected = |path: &PathBuf| {
        let octets = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&octets);
        let faults = text.lines().filter_map(|line| line.strip_prefix("#: ")).map(|fault| format!("{}:{fault}", path.display()));
        faults.collect::<Vec<_>>().join("\n")
    };
    paths.into_iter().map(|path| (path.clone(), expected(&path))).collect()
}

/// Whether this is what was expected, line for line.
fn is_said(said: &str, expected: &str) -> bool {
    let same = |(said, expected): (&str, &str)| match expected.strip_suffix('…') {
        Some(beginning) => said.starts_with(beginning),
        None => said == expected,
    };
    !expected.is_empty() && said.lines().count() == expected.lines().count() && said.lines().zip(expected.lines()).all(same)
}

#[test]
fn every_fault_of_a_file_is_told_with_its_line_its_key_and_what_was_expected() {
    let mut faults = Vec::new();
    for (path, expected) in files() {
        let said = Config::load(&path).map_or_else(|error| error.to_string(), |_config| "nothing".to_owned());
        if !is_said(&said, &expected) {
            faults.push(format!("{said}\nexpected\n{expected}\n"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(files().len() >= 60);
}

#[test]
fn the_command_line_says_the_same_to_people_and_to_programs() {
    for (path, expected) in files() {
        let check = |words: &[&str]| {
            let run = Command::new(env!("CARGO_BIN_EXE_twoway"))
                .args(["config", "check"])
                .args(words)
                .arg("--config")
                .arg(&path)
                .output()
                .unwrap();
            assert_eq!((run.status.code(), run.stdout), (Some(2), vec![]), "{}", path.display());
            String::from_utf8(run.stderr).unwrap()
        };
        let error: serde_json::Value = serde_json::from_str(&check(&["--json"])).unwrap();
        assert_eq!(error["error"]["code"], "configuration", "{}", path.display());
        let message = error["error"]["message"].as_str().unwrap();
        assert!(is_said(message, &expected), "{message}\nexpected\n{expected}");
        assert_eq!(check(&[]), format!("twoway: {message}\n"));
    }
}
