//! What happened in a simulation, in order: what a failing test shows, and two runs of one seed must share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::time::Timestamp;

/// The journal; cheap to clone.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    /// Writes a line.
    pub fn note(&self, now: Timestamp, line: impl FnOnce() -> String) {
        heap::unbooked(|| {
            let line = format!("{now} {}", line());
            self.lines().push(line);
        });
    }

    /// Everything so far.
    pub fn read(&self) -> Vec<String> {
        self.lines().clone()
    }

    /// The last lines.
    pub fn tail(&self, count: usize) -> String {
        let lines = self.lines();
        let skipped = lines.len().saturating_sub(count);
        lines.get(skipped..).unwrap_or_default().join("\n")
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
