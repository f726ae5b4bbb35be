//! What was said in a case, line by line, as documentation and as evidence.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

/// Octets of one line that a trace shows; the rest is counted.
const SHOWN_OCTETS_MAX: usize = 400;

/// Who spoke. The client is whoever dialled, which is not always us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    Client,
    Server,
    /// A remark of the case itself.
    Note,
}

/// The dialogue of one case. Clones write to the same dialogue: our servers speak in threads of their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<(Voice, String)>>>);

impl Trace {
    /// Adds what `voice` said.
    pub(crate) fn said(&self, voice: Voice, octets: &[u8]) {
        self.push(voice, legible(octets));
    }

    /// Adds a remark.
    pub(crate) fn note(&self, text: impl Into<String>) {
        let text = text.into();
        // Whoever looks again and again says so once.
        let said_already =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).last().is_some_and(|last| *last == (Voice::Note, text.clone()));
        if !said_already {
            self.push(Voice::Note, text);
        }
    }

    /// Adds all that another dialogue holds.
    pub(crate) fn append(&self, other: &Self) {
        let lines = other.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(lines);
    }

    /// The dialogue as text, one `C:`, `S:` or `--` line each.
    pub(crate) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (voice, said) in lines.iter() {
            let mark = match voice {
                Voice::Client => "C:",
                Voice::Server => "S:",
                Voice::Note => "--",
            };
            // Writing to a String cannot fail.
            writeln!(text, "{mark} {said}").unwrap_or_default();
        }
        text
    }

    fn push(&self, voice: Voice, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((voice, text));
    }
}

/// Octets as a reader can see them: the final CRLF is not shown, every other unprintable octet is.
pub(crate) fn legible(octets: &[u8]) -> String {
    let line = octets.strip_suffix(b"\r\n").unwrap_or(octets);
    let shown: String = line.iter().take(SHOWN_OCTETS_MAX).flat_map(|octet| std::ascii::escape_default(*octet)).map(char::from).collect();
    let shown = shown.replace("\\\"", "\"").replace("\\'", "'");
    if line.len() > SHOWN_OCTETS_MAX { format!("{shown}… ({} octets)", octets.len()) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_shows_control_octets_and_counts_what_it_leaves_out() {
        assert_eq!(legible(b"NOOP\nQUIT\r\n"), "NOOP\\nQUIT");
        assert_eq!(legible("ö\"".as_bytes()), "\\xc3\\xb6\"");
        assert!(legible(&[b'x'; 3000]).ends_with("… (3000 octets)"));
    }

    #[test]
    fn clones_write_to_the_same_dialogue() {
        let trace = Trace::default();
        trace.clone().said(Voice::Client, b"QUIT\r\n");
        trace.said(Voice::Server, b"221 2.0.0 bye\r\n");
        trace.note("done");
        assert_eq!(trace.text(), "C: QUIT\nS: 221 2.0.0 bye\n-- done\n");
    }
}
