//! The report as a whole: it follows from its seed, and the one that is committed is this code's.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use scale::params::Params;
use scale::report::{Page, pages, parameters};
use scale::study::study;

fn report(params: &Params) -> Vec<Page> {
    study(params, &|| 1).map_or_else(Vec::new, |study| pages(&study))
}

/// A section of a report, up to the next of its kind.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, from) = text.split_once(&format!("\n{heading}\n")).unwrap();
    from.split_once("\n## ").map_or(from, |(section, _)| section)
}

#[test]
fn one_seed_gives_one_report() {
    let params = Params { sample_users: 10, users: 40, flood_senders: 50, ..Params::small() };
    let pages = report(&params);
    assert_eq!(pages, report(&params));
    let page = &pages[0];
    assert_eq!(page.path, "scale.md");
    assert!(page.text.contains(&parameters(&params)));
    for plot in &pages[1..] {
        assert!(page.text.contains(&format!("]({})", plot.path)), "{}", plot.path);
        assert!(plot.text.starts_with("<svg") && plot.text.ends_with("</svg>\n") && !plot.text.contains("NaN"), "{}", plot.text);
    }
}

#[test]
fn the_committed_report_was_made_with_the_parameters_of_the_code() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let committed = fs::read_to_string(docs.join("scale.md")).unwrap();
    assert!(committed.contains(&parameters(&Params::default())), "run: cargo run --release -p scale");
    let made = report(&Params { sample_users: 5, users: 20, flooded_mailboxes: 0, ..Params::small() });
    let headings = |text: &str| text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(headings(&committed), headings(&made[0].text), "run: cargo run --release -p scale");
    // What is arithmetic, or does not depend on how many users are simulated, is the same to the last digit.
    for heading in ["## Outages", "## A newsletter to a giant", "## What is not in the model"] {
        assert_eq!(section(&committed, heading), section(&made[0].text, heading), "run: cargo run --release -p scale");
    }
    for plot in &made[1..] {
        assert!(committed.contains(&plot.path) && docs.join(&plot.path).exists(), "{}", plot.path);
    }
}
