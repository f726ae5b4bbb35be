//! The arrows between the crates, and what the three pure ones leave to others.

use super::{assert_none, files, root};
use std::fs;

/// Each crate, and which others it may know.
const ARROWS: &[(&str, &[&str])] = &[
    ("mail", &[]),
    ("proto", &["mail"]),
    ("delivery", &["mail"]),
    ("store", &["mail", "delivery", "faultdisk"]),
    ("server", &["mail", "proto", "delivery", "store"]),
    ("sim", &["mail", "proto", "delivery", "store", "server", "faultdisk", "heap"]),
    ("scale", &["mail", "proto", "delivery"]),
    // Of what is not a test, only sim may know these.
    ("faultdisk", &["heap"]),
    ("heap", &[]),
];

/// Crates that decide and translate, and never act.
const PURE: &[&str] = &["mail", "proto", "delivery"];

/// Packages that would give a pure crate a clock, randomness, a runtime, a socket or a disk.
const ACTING_PACKAGES: &[&str] =
    &["tokio", "async-trait", "futures", "futures-util", "rustls", "rand", "getrandom", "hickory-", "rusqlite", "postgres"];

/// What in the source would do the same through the standard library; and maps whose order depends on chance.
const ACTING_CODE: &[&str] = &[
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "ToSocketAddrs",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "async fn",
    ".await",
    "HashMap",
    "HashSet",
    "RandomState",
    "now_v7",
    "new_v4",
    "static mut",
    "thread_local!",
];

fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    sections.iter().filter_map(|section| manifest.get(*section)?.as_table()).flat_map(|table| table.keys().cloned()).collect()
}

fn manifest(package: &str) -> toml::Table {
    fs::read_to_string(root().join("crates").join(package).join("Cargo.toml")).unwrap().parse().unwrap()
}

fn packages() -> Vec<String> {
    let directories = fs::read_dir(root().join("crates")).unwrap();
    directories.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let mut faults = Vec::new();
    for package in packages() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package) else {
            faults.push(format!("crates/{package} has no place among the arrows"));
            continue;
        };
        let ours = ARROWS.iter().map(|(name, _)| *name).chain(["twoway-tests", "conformance", "bench"]);
        let ours: Vec<&str> = ours.collect();
        let known = dependencies(&manifest(&package)).into_iter().filter(|name| ours.contains(&name.as_str()));
        faults.extend(known.filter(|name| !allowed.contains(&name.as_str())).map(|name| format!("{package} must not depend on {name}")));
    }
    assert_none(&faults);
}

#[test]
fn the_disk_that_forgets_and_the_heap_that_counts_are_for_tests_only() {
    for package in packages().iter().filter(|package| *package != "sim" && *package != "faultdisk") {
        let manifest = manifest(package);
        let production = manifest.get("dependencies").and_then(toml::Value::as_table);
        for tool in ["faultdisk", "heap"] {
            assert!(production.is_none_or(|names| !names.contains_key(tool)), "{package} must not depend on {tool} but in its tests");
        }
    }
}

#[test]
fn pure_crates_have_no_clock_randomness_sockets_or_runtime() {
    let mut faults = Vec::new();
    for package in PURE {
        let acting =
            |name: &String| ACTING_PACKAGES.iter().any(|acting| name == acting || acting.ends_with('-') && name.starts_with(acting));
        faults.extend(
            dependencies(&manifest(package)).iter().filter(|name| acting(name)).map(|name| format!("{package} must not depend on {name}")),
        );
        for (path, text) in files(&root().join("crates").join(package).join("src"), ".rs") {
            // The switch of faults put in on purpose is in the simulation's own build alone.
            let is_switch = path.ends_with("delivery/src/mutant.rs");
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap();
                let found = ACTING_CODE.iter().filter(|word| code.contains(**word) && !is_switch);
                faults.extend(found.map(|word| format!("{}:{}: {word} in a pure crate", path.display(), number + 1)));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    let mut faults = Vec::new();
    for (path, text) in files(root(), "Cargo.toml") {
        let manifest: toml::Table = text.parse().unwrap();
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool) == Some(true);
        // These two may use unsafe code; fuzz is a workspace of its own.
        let may_differ = ["crates/faultdisk", "crates/heap", "fuzz"].iter().any(|folder| path.starts_with(folder));
        if manifest.contains_key("package") && !inherits && !may_differ {
            faults.push(format!("{}: expected [lints] workspace = true", path.display()));
        }
    }
    assert_none(&faults);
}
