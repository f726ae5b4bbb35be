//! The network of a seed: servers, people with habits, spammers, forgers, peers of every kind, and what goes wrong; run,
//! and judged by what was seen from outside.
//!
//! [`run`] makes everything from the seed, so that a seed that fails can be run again, and shown.

pub mod campaign;
pub mod regressions;

mod acts;
mod book;
mod bounds;
mod cast;
mod forger;
mod hostile;
mod judge;
mod life;
mod list;
mod oracle;
pub mod steer;
mod trace;
mod trouble;
mod utter;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::Sim;
use life::Life;
use steer::Steer;

/// What came of one seed.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Messages that were handed in or pushed.
    pub messages: u64,
    /// How often which fault has struck.
    pub struck: BTreeMap<&'static str, u64>,
    /// How long it lasted, in its own time.
    pub lasted: Duration,
    /// SHA-256 of everything that happened, in order.
    pub digest: String,
    /// The same, line by line.
    pub journal: Vec<String>,
}

/// Something wrong.
#[derive(Debug, Clone)]
pub struct Finding {
    /// In a sentence.
    pub what: String,
    /// What happened to the messages concerned.
    pub trace: Vec<String>,
}

/// Runs the network of a seed.
pub fn run(seed: u64) -> Outcome {
    run_on(seed, false, Steer::Nowhere)
}

/// The same with disks that say that they have synced, and have not: that mail is lost must be seen.
pub fn run_on_lying_disks(seed: u64) -> Outcome {
    run_on(seed, true, Steer::Nowhere)
}

/// The same, led to where something would go wrong if it could.
pub fn run_towards(seed: u64, steer: Steer) -> Outcome {
    run_on(seed, false, steer)
}

fn run_on(seed: u64, disks_lie: bool, steer: Steer) -> Outcome {
    let sim = Sim::seeded(seed);
    sim.0.disks_lie.set(disks_lie);
    sim.0.is_judged.set(true);
    let inner = std::rc::Rc::clone(&sim.0);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut life = Life::begin(sim, seed);
        life.pass(steer);
        life.judge()
    }));
    let (messages, findings) = match lived {
        Ok(found) => found,
        Err(panic) => {
            let what = format!("it panicked: {}", words(&*panic));
            (0, vec![Finding { what, trace: inner.journal.tail(trace::LINES_MAX).lines().map(str::to_owned).collect() }])
        }
    };
    let mut findings = findings;
    findings.extend(oracle::compare(seed));
    let journal = inner.journal.read();
    let digest = HEXLOWER.encode(&Sha256::digest(journal.join("\n")));
    let lasted = inner.executor.now().since(crate::sim::start());
    let (struck, network) = (inner.network.struck(), std::sync::Arc::downgrade(&inner.network));
    drop(inner);
    if network.strong_count() > 0 {
        findings.push(Finding {
            what: "something still holds the network when all is over: memory that is lost".to_owned(),
            trace: Vec::new(),
        });
    }
    Outcome { findings, messages, struck, lasted, digest, journal }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
