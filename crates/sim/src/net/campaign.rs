//! Many seeds, on a few threads, and what they came to.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Finding, Outcome, run};

/// After so many seeds with findings nothing new is learnt.
const FAILED_MAX: usize = 20;

/// What all seeds came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: u64,
    /// Messages that were handed in or pushed.
    pub messages: u64,
    /// How often which fault has struck.
    pub struck: BTreeMap<&'static str, u64>,
    /// In the networks' own time.
    pub lasted: Duration,
    /// What is wrong, by seed.
    pub findings: BTreeMap<u64, Vec<Finding>>,
}

impl Summary {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        self.messages += outcome.messages;
        self.lasted += outcome.lasted;
        for (fault, times) in outcome.struck {
            *self.struck.entry(fault).or_default() += times;
        }
        if !outcome.findings.is_empty() {
            self.findings.insert(seed, outcome.findings);
        }
    }
}

/// Runs these seeds on so many threads, until `is_over` says so or too many have failed. `prepare` is called on each
/// thread; `told` after each seed.
pub fn sweep(
    seeds: Range<u64>,
    jobs: usize,
    prepare: impl Fn() + Sync,
    is_over: impl Fn() -> bool + Sync,
    told: impl Fn(&Summary) + Sync,
) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let is_enough = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                prepare();
                while !is_enough.load(Ordering::SeqCst) && !is_over() {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds.end {
                        break;
                    }
                    let outcome = run(seed);
                    let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                    summary.add(seed, outcome);
                    is_enough.fetch_or(summary.findings.len() >= FAILED_MAX, Ordering::SeqCst);
                    told(&summary);
                }
            });
        }
    });
    summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}
