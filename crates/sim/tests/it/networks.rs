//! Networks of fixed seeds, with everything that goes wrong in them; and seeds that once showed a fault.
//!
//! `cargo run -p sim -- --seeds A..B` runs others, and `--seed N` shows one.

use sim::net::{Outcome, regressions, run};

fn assert_fine(seed: u64, why: &str) -> Outcome {
    let outcome = run(seed);
    assert!(outcome.findings.is_empty(), "seed {seed} {why}: {:#?}\nagain: cargo run -p sim -- --seed {seed}", outcome.findings);
    outcome
}

/// The fixed seeds, each in one of the tests, which run beside each other.
const SEEDS: u64 = 300;
const TESTS: u64 = 10;

macro_rules! share {
    ($($number:literal $name:ident),*) => {
        $(#[test]
        fn $name() {
            for seed in (0..SEEDS).filter(|seed| seed % TESTS == $number) {
                assert_fine(seed, "");
            }
        })*
    };
}

mod fixed_seeds {
    use super::*;

    share!(
        0 ending_in_0,
        1 ending_in_1,
        2 ending_in_2,
        3 ending_in_3,
        4 ending_in_4,
        5 ending_in_5,
        6 ending_in_6,
        7 ending_in_7,
        8 ending_in_8,
        9 ending_in_9
    );
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
