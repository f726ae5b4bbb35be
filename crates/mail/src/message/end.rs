//! Where a header section ends, found while it comes in, each line looked at once.

use super::{Front, empty_line, front};

/// Looks for the end of a header section while its octets come in, however small the pieces.
#[derive(Debug, Default)]
pub struct EndSearch {
    /// The first line begins a field, so there is a section.
    has_section: bool,
    /// Where the line begins that may be the empty one.
    line_start: usize,
    /// Up to here no line ends behind that.
    searched: usize,
}

impl EndSearch {
    /// Where the body begins; `None` as long as that takes more octets. `octets` is all of the message that is here: what
    /// was asked about before, and what came since.
    pub fn find(&mut self, octets: &[u8]) -> Option<usize> {
        if !self.has_section {
            if let Some(line_end) = empty_line(octets) {
                return Some(line_end);
            }
            match front(octets) {
                Front::Undecided => return None,
                Front::Other if octets == b"\r" => return None,
                Front::Other => return Some(0),
                Front::Field(..) => self.has_section = true,
            }
        }
        loop {
            if let Some(line_end) = empty_line(octets.get(self.line_start..)?) {
                return Some(self.line_start + line_end);
            }
            let Some(length) = octets.get(self.searched..)?.iter().position(|octet| *octet == b'\n') else {
                self.searched = octets.len();
                return None;
            };
            self.searched += length + 1;
            self.line_start = self.searched;
        }
    }
}
