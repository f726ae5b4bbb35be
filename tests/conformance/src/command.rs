//! The server's command line, where the checker may use it: what cannot be seen on any wire.

use std::io::{self, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

/// How to call the program: these words, then the command, then these.
#[derive(Debug, Clone)]
pub(crate) struct CommandLine {
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
}

impl CommandLine {
    /// `twoway --config F`
    pub(crate) fn from_words(words: &str) -> Self {
        Self { before: words.split_whitespace().map(str::to_owned).collect(), after: Vec::new() }
    }

    /// Runs a command to its end and gives what it printed; fails if it says anything but 0.
    pub(crate) fn run(&self, words: &[&str], within: Duration) -> Result<Vec<u8>> {
        self.run_with(words, b"", within)
    }

    /// The same with this, which is short, on standard input.
    pub(crate) fn run_with(&self, words: &[&str], input: &[u8], within: Duration) -> Result<Vec<u8>> {
        let shown = words.join(" ");
        let (program, first) = self.before.split_first().context("an empty --command")?;
        let mut child = Command::new(program)
            .args(first)
            .args(words)
            .args(&self.after)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {program}"))?;
        child.stdin.take().context("no stdin")?.write_all(input).or_else(already_ended)?;
        let (mut stdout, mut stderr) = (child.stdout.take().context("no stdout")?, child.stderr.take().context("no stderr")?);
        let (done, ended) = mpsc::channel();
        let complaints = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text).unwrap_or_default()
        });
        thread::spawn(move || {
            let mut octets = Vec::new();
            let result = stdout.read_to_end(&mut octets).map(|_| octets);
            done.send(result).unwrap_or_default();
        });
        let Ok(output) = ended.recv_timeout(within) else {
            child.kill()?;
            bail!("{shown}: not done after {within:?}");
        };
        let status = child.wait()?;
        if !status.success() {
            let complaints = complaints.join().map_err(|_panic| anyhow!("reading stderr"))?;
            bail!("{shown}: {status}: {}", complaints.trim());
        }
        Ok(output?)
    }

    /// Runs a command with `--json` and reads the one document it prints.
    pub(crate) fn json(&self, words: &[&str], within: Duration) -> Result<Value> {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let output = self.run(&words, within)?;
        serde_json::from_slice(&output).with_context(|| format!("{}: not JSON: {}", words.join(" "), String::from_utf8_lossy(&output)))
    }
}

/// A program that does not read its standard input says more by what it prints.
fn already_ended(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(20);

    #[test]
    fn a_command_is_run_between_its_fixed_words() {
        let echo = CommandLine { before: vec!["echo".into(), "[1,".into()], after: vec!["]".into()] };
        assert_eq!(echo.run(&["2"], BOUND).unwrap(), b"[1, 2 ]\n");
        assert!(echo.json(&["2"], BOUND).is_err());
    }

    #[test]
    fn a_refusal_shows_what_the_program_complained_of() {
        let failing = CommandLine { before: vec!["sh".into(), "-c".into()], after: Vec::new() };
        let error = failing.run(&["echo no such account >&2; exit 1"], BOUND).unwrap_err().to_string();
        assert!(error.contains("no such account"), "{error}");
        let slow = CommandLine::from_words("sleep 30").run(&[], Duration::from_millis(50)).unwrap_err().to_string();
        assert!(slow.contains("not done"), "{slow}");
    }
}
