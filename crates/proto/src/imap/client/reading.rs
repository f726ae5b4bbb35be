//! Reads responses: which are whole, which literals are theirs, and content too large to be held.

use std::num::NonZeroU32;

use super::{Event, Misbehaved, Session};
use crate::imap::command::Numbering;
use crate::imap::cursor::SyntaxError;
use crate::imap::input::{Announcement, Piece};
use crate::imap::response::fetch::{ContentName, FetchEnd, Fetched, Streaming};
use crate::imap::response::{self, Data};

/// What the next octets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// A response.
    Responses,
    /// So many octets of content.
    Content { number: NonZeroU32, numbering: Numbering, left: u64 },
    /// What stands behind content in the same response.
    BehindContent { number: NonZeroU32, numbering: Numbering },
}

impl Session {
    /// Reads on; whether there was something to read.
    pub(super) fn read(&mut self) -> Result<bool, Misbehaved> {
        if let Reading::Content { number, numbering, left } = self.reading {
            return Ok(self.read_content(number, numbering, left));
        }
        match self.input.read(self.limits.response_octets_max) {
            Piece::Partial => return Ok(false),
            Piece::TooLong => return Err(Misbehaved::TooLong),
            Piece::BareLineEnd => return Err(Misbehaved::LineEnd),
            Piece::Command => self.read_whole()?,
            Piece::Literal(announcement) => self.read_literal(announcement)?,
        }
        Ok(true)
    }

    fn read_content(&mut self, number: NonZeroU32, numbering: Numbering, left: u64) -> bool {
        if left == 0 {
            self.reading = Reading::BehindContent { number, numbering };
            self.queued.push_back(Event::ContentEnd);
            return true;
        }
        let unused = self.input.unused();
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(unused.len()).min(self.limits.content_chunk_octets_max);
        let octets = unused.get(..count).unwrap_or_default().to_vec();
        if octets.is_empty() {
            return false;
        }
        self.input.consume(count);
        let left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        self.reading = Reading::Content { number, numbering, left };
        self.queued.push_back(Event::Octets(octets));
        true
    }

    /// A response, or the rest of one, that is here in one piece.
    fn read_whole(&mut self) -> Result<(), Misbehaved> {
        if let Reading::BehindContent { .. } = self.reading {
            let (fetched, _whole) = self.values(Streaming::No)?;
            self.input.consume_command();
            self.reading = Reading::Responses;
            self.tell(fetched);
            return Ok(());
        }
        let response = response::parse(self.input.command(), self.names)?;
        self.input.consume_command();
        self.heard(response)
    }

    /// Decides on what looks like a literal: text that only looks so, part of the response, or content that is streamed.
    fn read_literal(&mut self, announcement: Announcement) -> Result<(), Misbehaved> {
        let here = self.input.command();
        if self.reading == Reading::Responses && response::is_free_text(here) {
            match response::parse(here, self.names) {
                Err(SyntaxError::LiteralDue) => {}
                _whole => return self.read_whole(),
            }
        }
        let octets = usize::try_from(announcement.octets).unwrap_or(usize::MAX);
        let fits = here.len().saturating_add(octets) < self.limits.response_octets_max;
        if fits && octets <= self.limits.held_literal_octets_max {
            self.input.accept_literal(octets);
            return Ok(());
        }
        match self.values(Streaming::Yes) {
            Ok((fetched, FetchEnd::Content(name, octets))) => {
                self.input.consume_command();
                self.stream(fetched, name, octets);
                Ok(())
            }
            // It is large, and still has to be held: what it is part of can't be told in pieces.
            _ if fits => {
                self.input.accept_literal(octets);
                Ok(())
            }
            _ => Err(Misbehaved::TooLong),
        }
    }

    /// Reads what is told of one message up to here.
    fn values(&self, streaming: Streaming) -> Result<(Fetched, FetchEnd), SyntaxError> {
        match self.reading {
            Reading::BehindContent { number, numbering } => {
                response::parse_fetch_rest(self.input.command(), number, numbering, streaming, self.names)
            }
            _ => response::parse_fetch_front(self.input.command(), self.names),
        }
    }

    fn stream(&mut self, fetched: Fetched, name: ContentName, octets: u64) {
        let (number, numbering) = (fetched.number, fetched.numbering);
        self.tell(fetched);
        self.queued.push_back(Event::Content { number, numbering, name, octets });
        self.reading = Reading::Content { number, numbering, left: octets };
    }

    fn tell(&mut self, fetched: Fetched) {
        if !fetched.values.is_empty() {
            self.queued.push_back(Event::Data(Data::Fetch(fetched)));
        }
    }
}
