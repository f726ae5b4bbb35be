//! Networks of fixed seeds, with everything that goes wrong in them; and seeds that once showed a fault.
//!
//! `cargo run -p sim -- --seeds A..B` runs others, and `--seed N` shows one.

use sim::net::{Outcome, regressions, run};

fn assert_fine(seed: u64, why: &str) -> Outcome {
    let outcome = run(seed);
    assert!(outcome.findings.is_empty(), "seed {seed} {why}: {:#?}\nagain: cargo run -p sim -- --seed {seed}", outcome.findings);
    outcome
}

/// Every fourth of the fixed seeds: four tests run beside each other.
fn quarter(number: u64) {
    for seed in (0..SEEDS).filter(|seed| seed % 4 == number) {
        assert_fine(seed, "");
    }
}

/// As many as a minute of processor has time for.
const SEEDS: u64 = 100;

#[test]
fn networks_lose_nothing_double_nothing_and_tell_no_lie() {
    quarter(0);
}

#[test]
fn networks_of_a_second_quarter_of_the_seeds() {
    quarter(1);
}

#[test]
fn networks_of_a_third_quarter_of_the_seeds() {
    quarter(2);
}

#[test]
fn networks_of_the_last_quarter_of_the_seeds() {
    quarter(3);
}

#[test]
fn seeds_that_once_showed_a_fault_show_none() {
    for regression in regressions::all().unwrap() {
        assert_fine(regression.seed, regression.what);
    }
}

/// After so many seeds at the latest.
const SEEDS_OF_LYING_DISKS: u64 = 20;

#[test]
fn disks_that_only_say_that_they_have_synced_are_seen_losing_mail() {
    let lost = (0..SEEDS_OF_LYING_DISKS).find(|seed| !sim::net::run_on_lying_disks(*seed).findings.is_empty());
    println!("seen at seed {lost:?}");
    assert!(lost.is_some());
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for seed in [1, 2, 3] {
        let (first, second) = (run(seed), run(seed));
        assert!(first.journal.len() > 50, "{} lines", first.journal.len());
        assert_eq!(first.digest, second.digest, "seed {seed}");
    }
    assert_ne!(run(4).digest, run(5).digest);
}
