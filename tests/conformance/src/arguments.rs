//! The command line: `make-ca`, `run`, `demo`, `list`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};

use crate::case::{self, Case, Verdict};
use crate::certificates::{self, PeerFile, planned_peer};
use crate::command::CommandLine;
use crate::crypto::read_file;
use crate::lab::Peers;
use crate::target::{self, Bounds, Target};
use crate::{cases, demo, report};

/// Checks a Two-Way Mail server from outside, as the servers of other domains would meet it.
#[derive(Parser)]
#[command(name = "conformance", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a certificate authority, a certificate for every peer, and peers.json.
    MakeCa {
        /// Directory to write to.
        #[arg(long)]
        out: PathBuf,
        /// A domain to play: `DOMAIN,IP[,EXCHANGE_PORT,RETRIEVAL_PORT]`. The first is honest, the second another domain, the third
        /// hostile, the fourth forges its certificate, the fifth does not know the extension.
        #[arg(long = "peer", required = true)]
        peers: Vec<String>,
    },
    /// Run the cases against a server whose DNS knows the peers.
    Run(Box<Run>),
    /// Start the demonstration of `twoway`, run the cases against it, and stop it.
    Demo {
        /// The program.
        #[arg(long)]
        program: PathBuf,
        /// The domain to check.
        #[arg(long, default_value = "b.test")]
        domain: String,
        #[command(flatten)]
        shown: Shown,
        #[command(flatten)]
        waits: Waits,
    },
    /// List the cases.
    List,
}

#[derive(Args)]
struct Run {
    /// peers.json, as make-ca writes it.
    #[arg(long)]
    peers: PathBuf,
    /// An address of this machine that no domain publishes.
    #[arg(long, default_value = "127.0.0.9")]
    stranger: IpAddr,
    /// What a demonstration wrote about itself, instead of the --server options.
    #[arg(long, conflicts_with = "server", requires = "domain")]
    describe: Option<PathBuf>,
    /// The domain of --describe to check.
    #[arg(long)]
    domain: Option<String>,
    /// The program that --describe's server runs, for cases that need its command line.
    #[arg(long)]
    program: Option<String>,
    /// Exchange port of the server under test.
    #[arg(long, requires_all = ["server_retrieval", "server_name", "server_ca", "server_domain", "submission", "account"])]
    server: Option<SocketAddr>,
    /// Its retrieval port.
    #[arg(long)]
    server_retrieval: Option<SocketAddr>,
    /// Its host name, as its certificate has it.
    #[arg(long)]
    server_name: Option<String>,
    /// Who vouches for its certificate, as PEM.
    #[arg(long)]
    server_ca: Option<PathBuf>,
    /// The domain it serves.
    #[arg(long)]
    server_domain: Option<String>,
    /// Its submission port, with STARTTLS.
    #[arg(long)]
    submission: Option<SocketAddr>,
    /// Its accounts: screened=ADDRESS:PASSWORD,open=ADDRESS:PASSWORD.
    #[arg(long)]
    account: Option<String>,
    /// How to call its command line, for cases that need it: 'twoway --config FILE'.
    #[arg(long)]
    command: Option<String>,
    /// The server's DNS has the records of subdomains that the README names.
    #[arg(long)]
    records: bool,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    waits: Waits,
}

/// Which cases, and how they are shown.
#[derive(Args)]
pub(crate) struct Shown {
    /// Only cases whose id contains this.
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// Show every dialogue, not only those of failures.
    #[arg(long)]
    pub(crate) trace: bool,
    /// Print the dialogues as a document.
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// How long to wait.
#[derive(Args)]
pub(crate) struct Waits {
    /// Seconds to wait for a reply or a first attempt.
    #[arg(long, default_value_t = 10)]
    patience: u64,
    /// Seconds to watch for what must not happen.
    #[arg(long, default_value_t = 2)]
    quiet: u64,
    /// Seconds within which the server retries a retrieval or confirmation; 0 skips the cases that need it.
    #[arg(long, default_value_t = 90)]
    retrieve_again: u64,
    /// Seconds within which the server retries a notice; 0 skips the cases that need it.
    #[arg(long, default_value_t = 0)]
    notice_again: u64,
}

/// Runs the program. 0: every case that ran passed; 1: some failed; 2: it could not run, or nothing was checked.
pub fn main() -> ExitCode {
    match carry_out(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("conformance: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn carry_out(command: Command) -> Result<ExitCode> {
    match command {
        Command::MakeCa { out, peers } => {
            let peers = peers.iter().map(|peer| planned_peer(peer)).collect::<Result<Vec<_>>>()?;
            certificates::write(&out, &peers)?;
            for peer in demo::published(&peers, &out) {
                println!("--peer '{peer}'");
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Run(options) => {
            let target = options.target()?;
            let files: Vec<PeerFile> = serde_json::from_slice(&read_file(&options.peers)?)
                .with_context(|| format!("{} is no peers file", options.peers.display()))?;
            let directory = options.peers.parent().map(PathBuf::from).unwrap_or_default();
            let peers = Peers::start(&files, &directory, options.stranger)?;
            check(&target, &peers, &options.shown)
        }
        Command::Demo { program, domain, shown, waits } => demo::run(&program, &domain, &shown, waits.bounds()),
        Command::List => {
            for case in cases::all() {
                println!("{}", report::listed(case));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs the cases and says how they went.
pub(crate) fn check(target: &Target, peers: &Peers, shown: &Shown) -> Result<ExitCode> {
    let wanted = |case: &&'static Case| shown.only.as_ref().is_none_or(|only| case.id.contains(only.as_str()));
    let chosen: Vec<&'static Case> = cases::all().filter(wanted).collect();
    if let (Some(only), true) = (&shown.only, chosen.is_empty()) {
        bail!("--only {only}: no case has that in its id; `conformance list` shows them");
    }
    let mut tell = |outcome: &case::Outcome| {
        if shown.markdown {
            println!("{}", report::markdown(outcome));
        } else {
            println!("{}", report::line(outcome, shown.trace));
        }
    };
    let outcomes = case::run(&chosen, target, peers, &mut tell)?;
    println!("{}", report::summary(&outcomes));
    let failed = outcomes.iter().any(|outcome| matches!(outcome.verdict, Verdict::Failed(_)));
    if outcomes.iter().all(|outcome| matches!(outcome.verdict, Verdict::Skipped(_))) {
        bail!("every case was skipped: nothing was checked");
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Run {
    fn target(&self) -> Result<Target> {
        let bounds = self.waits.bounds();
        if let (Some(describe), Some(domain)) = (&self.describe, &self.domain) {
            let target = target::from_describe(describe, domain, self.program.as_deref(), bounds)?;
            return Ok(Target { has_records: self.records, ..target });
        }
        let missing = "--describe, or --server with all that it needs";
        Ok(Target {
            domain: self.server_domain.clone().context(missing)?,
            name: self.server_name.clone().context(missing)?,
            exchange: self.server.context(missing)?,
            retrieval: self.server_retrieval.context(missing)?,
            submission: self.submission.context(missing)?,
            ca_pem: read_file(self.server_ca.as_ref().context(missing)?)?,
            accounts: target::accounts(self.account.as_ref().context(missing)?)?,
            command: self.command.as_deref().map(CommandLine::from_words),
            has_records: self.records,
            bounds,
        })
    }
}

impl Waits {
    fn bounds(&self) -> Bounds {
        let some = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
        Bounds {
            patience: Duration::from_secs(self.patience),
            quiet: Duration::from_secs(self.quiet),
            retrieve_again: some(self.retrieve_again),
            notice_again: some(self.notice_again),
        }
    }
}
