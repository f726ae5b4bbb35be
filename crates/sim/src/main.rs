//! `sim`: runs networks of many seeds, and says what is wrong with them.

#[cfg(feature = "mutants")]
mod mutants;

use std::cell::RefCell;
use std::io::Write as _;
use std::ops::Range;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use sim::net::campaign::{Summary, sweep};
use sim::net::{Finding, Outcome};

/// Seeds of a run that is told neither which nor how long.
const SEEDS: u64 = 200;

/// Runs whole networks under virtual time, each from one seed, with faults; and checks what came of every message.
#[derive(Parser)]
#[command(name = "sim")]
struct Arguments {
    /// One seed, with everything that happened to the messages concerned.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// The seeds from A up to B, B not included.
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<Range<u64>>,
    /// Begins no more networks after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Networks at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// With --seed: everything that happened.
    #[arg(long)]
    journal: bool,
    /// Puts one fault after the other in on purpose, and says at which seed each is found.
    #[cfg(feature = "mutants")]
    #[arg(long)]
    mutants: bool,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("expected A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    let (from, to) = (number(from)?, number(to)?);
    if from < to { Ok(from..to) } else { Err("A must be less than B".to_owned()) }
}

thread_local! {
    /// Where the last panic of this thread was.
    static PANICKED_AT: RefCell<String> = const { RefCell::new(String::new()) };
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A panic is a finding, and is shown as one.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        PANICKED_AT.with(|last| *last.borrow_mut() = place);
    }));
    #[cfg(feature = "mutants")]
    if arguments.mutants {
        return mutants::run(arguments.jobs);
    }
    let printed = match arguments.seed {
        Some(seed) => one(seed, arguments.journal),
        None => many(&arguments),
    };
    match printed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody listens to what we print.
            drop(writeln!(std::io::stderr(), "{error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs one seed, and shows it.
fn one(seed: u64, wants_journal: bool) -> std::io::Result<bool> {
    let Outcome { findings, messages, struck, lasted, digest, journal } = sim::net::run(seed);
    let mut out = std::io::stdout().lock();
    if wants_journal {
        for line in &journal {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out, "seed {seed}: {messages} messages in {} s of its own time, journal {digest}", lasted.as_secs())?;
    for (fault, times) in &struck {
        writeln!(out, "{times:>8}  {fault}")?;
    }
    print_findings(&mut out, seed, &findings)?;
    let place = PANICKED_AT.with(|last| last.borrow().clone());
    if !place.is_empty() {
        writeln!(out, "  panicked at {place}")?;
    }
    Ok(findings.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "how long it runs is no part of what it simulates")]
fn many(arguments: &Arguments) -> std::io::Result<bool> {
    let begun = Instant::now();
    let limit = arguments.minutes.map(|minutes| Duration::from_secs(minutes * 60));
    let seeds = arguments.seeds.clone().unwrap_or(0..if limit.is_some() { u64::MAX } else { SEEDS });
    let bar = ProgressBar::new(seeds.end - seeds.start);
    let template = "{bar:30} {pos} of {len} seeds, {elapsed_precise}, {msg}";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_invalid| ProgressStyle::default_bar()));
    let told = |summary: &Summary| {
        bar.set_position(summary.seeds);
        bar.set_message(format!("{} messages, {} seeds with findings", summary.messages, summary.findings.len()));
    };
    let is_over = || limit.is_some_and(|limit| begun.elapsed() >= limit);
    let summary = sweep(seeds, arguments.jobs, || {}, is_over, told);
    bar.finish_and_clear();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} seeds, {} messages, {} h of virtual time, in {} s",
        summary.seeds,
        summary.messages,
        summary.lasted.as_secs() / 3600,
        begun.elapsed().as_secs()
    )?;
    for (fault, times) in &summary.struck {
        writeln!(out, "{times:>8}  {fault}")?;
    }
    for (seed, findings) in &summary.findings {
        print_findings(&mut out, *seed, findings)?;
    }
    writeln!(out, "{} seeds with findings", summary.findings.len())?;
    Ok(summary.findings.is_empty())
}

fn print_findings(out: &mut impl std::io::Write, seed: u64, findings: &[Finding]) -> std::io::Result<()> {
    for finding in findings {
        writeln!(out, "seed {seed}: {}", finding.what)?;
        for line in &finding.trace {
            writeln!(out, "    {line}")?;
        }
    }
    if !findings.is_empty() {
        writeln!(out, "  again: cargo run -p sim -- --seed {seed}")?;
    }
    Ok(())
}
