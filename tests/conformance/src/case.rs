//! What a case is, and how a run of them goes.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::lab::{Lab, Peers};
use crate::target::Target;
use crate::trace::Trace;

/// How the peer that we play behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stance {
    Honest,
    Hostile,
}

/// What a case cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The server's command line.
    Command,
    /// Records for subdomains of the first peer in the DNS that the server asks.
    Records,
    /// A server that tries a retrieval or confirmation again while we watch.
    RetrieveAgain,
    /// A server that tries a notice again while we watch.
    NoticeAgain,
    /// To come last: it looks at all the others.
    Everything,
}

/// One statement of the protocol, and how to see whether it holds.
pub(crate) struct Case {
    pub(crate) id: &'static str,
    /// Of `protocol.md`, with the part of it.
    pub(crate) section: &'static str,
    pub(crate) title: &'static str,
    pub(crate) stance: Stance,
    pub(crate) needs: &'static [Need],
    pub(crate) run: fn(&Lab<'_>) -> Result<()>,
}

impl Case {
    /// A case in which we keep to the protocol.
    pub(crate) const fn honest(id: &'static str, section: &'static str, title: &'static str, run: fn(&Lab<'_>) -> Result<()>) -> Self {
        Self { id, section, title, stance: Stance::Honest, needs: &[], run }
    }

    /// A case in which we do not.
    pub(crate) const fn hostile(id: &'static str, section: &'static str, title: &'static str, run: fn(&Lab<'_>) -> Result<()>) -> Self {
        Self { id, section, title, stance: Stance::Hostile, needs: &[], run }
    }

    /// The same, only where all of these can be had.
    pub(crate) const fn needing(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// Whether it waits for the server's own schedule, for a minute or more.
    fn is_slow(&self) -> bool {
        self.needs.contains(&Need::RetrieveAgain) || self.needs.contains(&Need::NoticeAgain)
    }
}

/// A case cannot be run here; that is not the server's fault.
#[derive(Debug)]
pub(crate) struct Skip(pub(crate) String);

impl std::fmt::Display for Skip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Skip {}

/// How a case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
}

/// A case that was run.
pub(crate) struct Outcome {
    pub(crate) case: &'static Case,
    pub(crate) verdict: Verdict,
    pub(crate) trace: Trace,
    pub(crate) took: Duration,
}

/// Runs these cases; `tell` hears of each as it ends. Cases that wait for the server's schedule run beside the others.
pub(crate) fn run(cases: &[&'static Case], target: &Target, peers: &Peers, tell: &mut dyn FnMut(&Outcome)) -> Result<Vec<Outcome>> {
    let in_turn = |case: &&&'static Case| !case.is_slow() && !case.needs.contains(&Need::Everything);
    let mut outcomes = Vec::new();
    thread::scope(|scope| {
        let slow = cases.iter().filter(|case| case.is_slow()).map(|case| scope.spawn(|| run_one(case, target, peers))).collect::<Vec<_>>();
        for case in cases.iter().filter(in_turn) {
            outcomes.push(run_one(case, target, peers));
            outcomes.last().into_iter().for_each(&mut *tell);
        }
        for handle in slow {
            outcomes.push(handle.join().map_err(|_panic| anyhow::anyhow!("a case of ours panicked"))?);
            outcomes.last().into_iter().for_each(&mut *tell);
        }
        for case in cases.iter().filter(|case| case.needs.contains(&Need::Everything)) {
            outcomes.push(run_one(case, target, peers));
            outcomes.last().into_iter().for_each(&mut *tell);
        }
        Ok(outcomes)
    })
}

fn run_one(case: &'static Case, target: &Target, peers: &Peers) -> Outcome {
    let trace = Trace::default();
    let started = Instant::now();
    let verdict = match missing(case, target) {
        Some(what) => Verdict::Skipped(what.to_owned()),
        None => match Lab::new(target, peers, &trace).and_then(|lab| (case.run)(&lab)) {
            Ok(()) => Verdict::Passed,
            Err(error) => match error.downcast_ref::<Skip>() {
                Some(skip) => Verdict::Skipped(skip.to_string()),
                None => Verdict::Failed(format!("{error:#}")),
            },
        },
    };
    Outcome { case, verdict, trace, took: started.elapsed() }
}

fn missing(case: &Case, target: &Target) -> Option<&'static str> {
    case.needs.iter().find_map(|need| match need {
        Need::Command => target.command.is_none().then_some("needs --command"),
        Need::Records => (!target.has_records).then_some("needs --records"),
        Need::RetrieveAgain => target.bounds.retrieve_again.is_none().then_some("needs --retrieve-again"),
        Need::NoticeAgain => target.bounds.notice_again.is_none().then_some("needs --notice-again"),
        Need::Everything => None,
    })
}
