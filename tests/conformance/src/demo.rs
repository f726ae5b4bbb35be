//! The whole run in one command: certificates, the demonstration with our domains published, the cases, and the end of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::arguments::{Shown, check};
use crate::certificates::{self, PeerFile, planned_peer};
use crate::crypto::fresh_word;
use crate::lab::{ORDINARY, Peers};
use crate::target::{self, Bounds, Target};

/// How long the demonstration may take to be ready.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long it may take to stop when asked.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Honest, other, hostile, forger, ordinary: see the README.
const PEERS: [&str; 5] = ["c.test,127.0.0.4", "d.test,127.0.0.5", "e.test,127.0.0.6", "f.test,127.0.0.7", "g.test,127.0.0.10"];
/// What subdomains of the first peer publish, each at the first peer's address.
pub(crate) const RECORDS: [(&str, &str); 7] = [
    ("enforce", "v=TWM1; mode=enforce"),
    ("testing", "v=TWM1; mode=testing"),
    ("none", "v=TWM1; mode=none"),
    ("silent", "v=TWM1; send=none"),
    ("broken", "v=TWM1; mode=perhaps"),
    ("newer", "v=TWM1; colour=red; send=pigeon:7 spf"),
    ("foreign", "v=TWM9; send=none; mode=enforce"),
];
const STRANGER: [u8; 4] = [127, 0, 0, 9];

/// The peers and the records, as the demonstration's `--peer` wants them.
pub(crate) fn published(peers: &[PeerFile], directory: &Path) -> Vec<String> {
    let peer = |(number, file): (usize, &PeerFile)| {
        // A domain of ordinary mail has no retrieval service.
        let retrieval_port = if number == ORDINARY { 0 } else { file.retrieval_port };
        let ca = directory.join(&file.ca);
        format!("{},{},{},{retrieval_port},{}", file.domain, file.address, file.exchange_port, ca.display())
    };
    let record = |file: &PeerFile, (label, record): (&str, &str)| {
        format!("{label}.{},{},{},{},,{record}", file.domain, file.address, file.exchange_port, file.retrieval_port)
    };
    let records = peers.first().into_iter().flat_map(|file| RECORDS.map(|pair| record(file, pair)));
    peers.iter().enumerate().map(peer).chain(records).collect()
}

/// Starts `program demo`, checks one of its domains, and stops it.
pub(crate) fn run(program: &Path, domain: &str, shown: &Shown, bounds: Bounds) -> Result<ExitCode> {
    let directory = Scratch::new()?;
    let files = PEERS.iter().map(|peer| planned_peer(peer)).collect::<Result<Vec<_>>>()?;
    certificates::write(&directory.0, &files)?;
    let peers = Peers::start(&files, &directory.0, STRANGER.into())?;
    let describe = directory.0.join("describe.json");
    let log = fs::File::create(directory.0.join("demo.log"))?;
    let mut command = Command::new(program);
    command.args(["demo", "--quiet", "--describe"]).arg(&describe);
    for peer in published(&files, &directory.0) {
        command.arg("--peer").arg(peer);
    }
    let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
    let mut running = Running(child.with_context(|| format!("starting {}", program.display()))?);
    running.wait_for(&describe, &directory.0.join("demo.log"))?;
    let target = Target { has_records: true, ..target::from_describe(&describe, domain, program.to_str(), bounds)? };
    check(&target, &peers, shown)
}

/// A demonstration that ends with us.
struct Running(Child);

impl Running {
    fn wait_for(&mut self, describe: &Path, log: &Path) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while !describe.exists() {
            if let Some(status) = self.0.try_wait()? {
                bail!("the demonstration ended with {status}: {}", fs::read_to_string(log)?);
            }
            if Instant::now() > deadline {
                bail!("the demonstration was not ready after {READY_WITHIN:?}: {}", fs::read_to_string(log)?);
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }
}

impl Drop for Running {
    /// Asks first, as Ctrl-C does, so that the demonstration can clear up.
    fn drop(&mut self) {
        let asked = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().is_ok_and(|status| status.success());
        let deadline = Instant::now() + STOPPED_WITHIN;
        while asked && Instant::now() < deadline {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(LOOK_AGAIN);
        }
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("conformance: the demonstration could not be stopped: {error}");
        }
    }
}

/// A directory that ends with us.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("conformance-{}", fresh_word()?));
        fs::create_dir(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("conformance: {} could not be removed: {error}", self.0.display());
        }
    }
}
