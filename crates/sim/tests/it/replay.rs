//! The same seed is the same run.

use std::time::Duration;

use crate::soak::run;

#[test]
fn a_seed_makes_the_same_journal_twice() {
    for seed in [3, 14, 15] {
        let (first, second) = (run(seed), run(seed));
        assert!(first.len() > 50, "{} lines", first.len());
        for (number, (one, other)) in first.iter().zip(&second).enumerate() {
            assert_eq!(one, other, "seed {seed}, line {number}");
        }
        assert_eq!(first.len(), second.len());
    }
}

#[test]
fn another_seed_makes_another_run() {
    assert_ne!(run(1), run(2));
}

#[test]
fn the_clock_moves_by_itself() {
    let mut sim = sim::Sim::seeded(1);
    let [_alice] = sim.accounts(["alice@a.test"]);
    sim.run_for(Duration::from_mins(10));
}
