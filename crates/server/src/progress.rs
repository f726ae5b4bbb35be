//! Progress bars, for people who wait: on standard error, if it is a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two pictures of what shows only that it goes on.
const TICK: Duration = Duration::from_millis(100);

/// Whether work shows how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// To a person, if one is there.
    ToPeople,
    /// To nobody: a program reads.
    ToNobody,
}

/// How far some work is.
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins: `what` is done to so many.
    pub fn begin(shown: Shown, what: &'static str, of: u64) -> Self {
        if shown == Shown::ToNobody || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::stderr()).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Begins what is done elsewhere, nobody here knows how far it is: shows that it goes on, and since when.
    pub fn waiting(shown: Shown, what: &'static str) -> Self {
        let progress = Self::begin(shown, what, 0);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            progress.0.set_style(style);
        }
        progress.0.enable_steady_tick(TICK);
        progress
    }

    /// So many more are done.
    pub fn advance(&self, count: u64) {
        self.0.inc(count);
    }

    /// So many are done, of so many; the work has come to this.
    pub fn set(&self, what: String, done: u64, of: u64) {
        self.0.set_message(what);
        self.0.set_length(of);
        self.0.set_position(done);
    }

    /// Something to say meanwhile: above the bar.
    pub fn say(&self, line: &str) {
        if self.0.is_hidden() { eprintln!("{line}") } else { self.0.println(line) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
