//! Whether header fields of a message are beyond ASCII, its own or those of its parts.

use super::walk::{Kind, Lines, Piece, Place, Walker};

/// Looks for header fields beyond ASCII as a message streams by: RFC 6531 section 3.2 keeps such a message from a server
/// without SMTPUTF8, at whatever level of its structure they stand. Its bodies are not asked.
#[derive(Debug, Default)]
pub struct HeaderSurvey {
    lines: Lines,
    walker: Walker,
    has_eight_bit: bool,
}

impl HeaderSurvey {
    /// Looks at the next octets.
    pub fn take(&mut self, octets: &[u8]) {
        let Self { lines, walker, has_eight_bit } = self;
        lines.take(octets, |piece| *has_eight_bit |= survey(piece, walker));
    }

    /// Whether there are any. Where the structure can't be followed, whatever is beyond ASCII counts.
    pub fn finish(mut self) -> bool {
        let Self { lines, walker, has_eight_bit } = &mut self;
        lines.finish(|piece| *has_eight_bit |= survey(piece, walker));
        self.has_eight_bit
    }
}

fn survey(piece: Piece<'_>, walker: &mut Walker) -> bool {
    match walker.place(piece) {
        Place::Header | Place::Lost => !piece.octets.is_ascii(),
        // RFC 6532 section 3.7: a message whose header section may be in UTF-8.
        Place::Body(leaf) => leaf.kind == Kind::Global && !piece.octets.is_ascii(),
        Place::HeaderEnd { .. } | Place::Headless | Place::Between => false,
    }
}
