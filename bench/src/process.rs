//! Another process: started, looked at from outside, stopped.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Ticks of `/proc` in a second, on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// A server in a process of its own; ended when it is dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Starts it, and waits until `socket` is there.
    pub(crate) fn start(program: &Path, arguments: &[&str], socket: &Path) -> anyhow::Result<Self> {
        let child = Command::new(program).args(arguments).spawn().with_context(|| format!("starting {}", program.display()))?;
        let mut server = Self(child);
        let begun = now();
        while !socket.exists() {
            if let Some(status) = server.0.try_wait()? {
                bail!("the server ended: {status}");
            }
            if begun.elapsed() > Duration::from_secs(30) {
                bail!("the server did not start within 30 s");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Seconds of processor it has used.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // proc(5): utime and stime are fields 14 and 15; the name, in parentheses, may hold spaces.
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).context("reading /proc");
        Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait().map(|_| ())) {
            eprintln!("the server could not be ended: {error}");
        }
    }
}

/// The clock of a measurement.
pub(crate) fn now() -> Instant {
    Instant::now()
}
