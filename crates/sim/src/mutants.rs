//! `sim --mutants`: the product with one fault put in, one after the other. Each must be found within so many seeds, by the
//! checker that it is for, in a network in which nothing is found without it.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use delivery::mutant::{Mutant, put_in};
use sim::net::run_towards;
use sim::net::steer::Steer;

/// How a fault is looked for.
struct Hunt {
    mutant: Mutant,
    steer: Steer,
    /// Words of the finding that it is for.
    words: &'static str,
    /// Seeds from 0 on, within which it is found.
    within: u64,
}

const fn hunt(mutant: Mutant, steer: Steer, words: &'static str, within: u64) -> Hunt {
    Hunt { mutant, steer, words, within }
}

const HUNTS: [Hunt; 18] = [
    hunt(Mutant::ConfirmBeforeStore, Steer::Deaths, "[Delivered], and lies there 0 times", 4),
    hunt(Mutant::DeleteWhenSent, Steer::RegretOfWhatWasServed, "[Delivered], and lies there 0 times", 4),
    hunt(Mutant::StoreNotKeyed, Steer::OldBackups, "and lies there 2 times", 4),
    hunt(Mutant::ServedRecordedLate, Steer::RegretOfWhatWasServed, "[Withdrawn], and lies there 1 times", 4),
    hunt(Mutant::ServedTakenBack, Steer::RegretOfWhatWasServed, "[Withdrawn], and lies there 1 times", 4),
    hunt(Mutant::MessageTakenUnkept, Steer::FailedSyncs, "and its server knows []", 4),
    hunt(Mutant::EverybodyLetIn, Steer::Nowhere, "its author was never let in", 4),
    hunt(Mutant::NoAuthority, Steer::Forgers, "of a forger is answered", 8),
    hunt(Mutant::DigestIgnored, Steer::AlteredOctets, "copies are not to the octet", 4),
    hunt(Mutant::AllowReleasesNothing, Steer::Nowhere, "it waits, and its author is let in", 4),
    hunt(Mutant::KeptAsideNowhere, Steer::Nowhere, "pushed are shown to", 4),
    hunt(Mutant::NoticeNotRepeated, Steer::Nowhere, "nobody has heard of it, and nothing is in its way", 4),
    hunt(Mutant::OneLostHandshakeIsEnough, Steer::LostHandshakes, "it was relayed to a server with the extension", 4),
    hunt(Mutant::RelayPutOffIsTaken, Steer::Nowhere, "[Relayed], and it is there 0 times", 8),
    hunt(Mutant::ConfirmationReportedAgain, Steer::Nowhere, "of \"delivered\", owed", 8),
    hunt(Mutant::ScreeningTimed, Steer::Nowhere, "can be told from a stranger", 4),
    hunt(Mutant::SessionLeavesTask, Steer::Nowhere, "when it began", 4),
    hunt(Mutant::SessionLeavesMemory, Steer::Nowhere, "octets of memory at rest", 4),
];

/// Looks for each, and prints a table. A failure if one is not found.
pub(crate) fn run(jobs: usize) -> ExitCode {
    let (next, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let out = Mutex::new(std::io::stdout());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(hunt) = HUNTS.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let found = find(hunt);
                    missed.fetch_add(usize::from(found.is_none()), Ordering::SeqCst);
                    let seen = found.map_or_else(|| "not found".to_owned(), |(seed, what)| format!("at seed {seed}: {what}"));
                    let line = format!("| {:?} | {:?} | {} | {seen} |", hunt.mutant, hunt.steer, hunt.within);
                    // Nobody listens to what we print.
                    drop(out.lock().map(|mut out| writeln!(out, "{line}")));
                }
            });
        }
    });
    if missed.into_inner() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first seed that shows it, and what it shows.
fn find(hunt: &Hunt) -> Option<(u64, String)> {
    (0..hunt.within).find_map(|seed| {
        put_in(Some(hunt.mutant));
        let findings = run_towards(seed, hunt.steer).findings;
        put_in(None);
        let finding = findings.into_iter().find(|finding| finding.what.contains(hunt.words))?;
        run_towards(seed, hunt.steer).findings.is_empty().then_some((seed, finding.what))
    })
}
