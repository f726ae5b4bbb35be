//! Seeds that once showed a fault: `crates/sim/regressions` has one a line, and every run of the tests runs them again.
//!
//! A seed means what it meant as long as networks are drawn as they were then. What a fault was is said beside its seed,
//! and shown for ever by the test of the layer that was mended.

/// The file's text.
const LINES: &str = include_str!("../../regressions");

/// A seed that once showed a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regression {
    /// The seed.
    pub seed: u64,
    /// What was wrong.
    pub what: &'static str,
}

/// All of them.
///
/// # Errors
/// A line is neither a comment nor a seed and a sentence.
pub fn all() -> Result<Vec<Regression>, String> {
    let lines = LINES.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (seed, what) = line.split_once(' ').ok_or(format!("{line:?}: expected a seed and a sentence"))?;
            let seed = seed.parse().map_err(|error| format!("{line:?}: {error}"))?;
            Ok(Regression { seed, what: what.trim() })
        })
        .collect()
}
