//! What the driver tells: whole responses, and messages too large to be held.

use std::num::NonZeroU32;

use super::{Extension, Misuse, NumbersDuring, Phase, Question, Session};
use crate::imap::command::Numbering;
use crate::imap::response::Data;
use crate::imap::response::fetch::{ContentName, Fetched, FetchedValue};
use crate::imap::view::Renumbering;
use crate::imap::writer::Writer;

/// A response that is not ended yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// None is.
    Nothing,
    /// A FETCH without a value yet.
    Empty,
    /// A FETCH behind a value.
    Value,
    /// A FETCH within a literal of so many more octets.
    Content(u64),
}

impl Session {
    /// Tells something without a tag. Outside of an answer and IDLE, the driver should have a reason (NOTIFY).
    ///
    /// # Errors
    /// Numbers of messages may not change now, a response is not ended, or the session is at its end or in a handshake.
    pub fn tell(&mut self, data: &Data) -> Result<(), Misuse> {
        if self.open != Open::Nothing {
            return Err(Misuse::ResponseOpen);
        }
        if matches!(self.phase, Phase::Closing | Phase::StartingTls | Phase::Compressing) {
            return Err(Misuse::NothingToAnswer);
        }
        let renumbers = matches!(data, Data::Expunge(_) | Data::Vanished(crate::imap::response::Vanishing::Now, _));
        if renumbers && !self.may_renumber() {
            return Err(Misuse::NumbersFixed);
        }
        self.untagged(data);
        Ok(())
    }

    /// Whether numbers of messages may change now: not between commands unless the client wants it, nor in answers to commands that use them
    /// (RFC 9051 section 7.5.1); always where there are none (RFC 9586).
    pub fn may_renumber(&self) -> bool {
        match &self.phase {
            Phase::Deciding(_, Question::Command { numbers, .. }) => {
                *numbers == NumbersDuring::May || self.enabled.contains(&Extension::UidOnly)
            }
            Phase::Deciding(_, Question::Messages) | Phase::Idle(_) => true,
            Phase::Commands => self.between_commands == Some(Renumbering::May),
            _ => false,
        }
    }

    /// Begins a FETCH whose values follow one by one: in the answer to a command, in IDLE, or between commands (NOTIFY).
    ///
    /// # Errors
    /// Nothing can be told now, or a response is not ended.
    pub fn open_fetch(&mut self, number: NonZeroU32, numbering: Numbering) -> Result<(), Misuse> {
        if self.open != Open::Nothing {
            return Err(Misuse::ResponseOpen);
        }
        let is_time = match &self.phase {
            Phase::Deciding(_, Question::Command { .. } | Question::Message { .. } | Question::Messages) | Phase::Idle(_) => true,
            Phase::Commands | Phase::Content { .. } | Phase::BehindContent { .. } | Phase::Discarding(_) => self.between_commands.is_some(),
            _ => false,
        };
        if !is_time {
            return Err(Misuse::NothingToAnswer);
        }
        self.append(Open::Empty, |out| Fetched::open(number, numbering, out.put("* ")));
        Ok(())
    }

    /// Adds a value.
    ///
    /// # Errors
    /// No FETCH is begun, or announced octets are still to be written.
    pub fn fetch_value(&mut self, value: &FetchedValue) -> Result<(), Misuse> {
        let spacing = self.spacing()?;
        self.resumption.hear_value(value);
        self.append(Open::Value, |out| value.write(out.put(spacing)));
        Ok(())
    }

    /// Adds a value of so many octets, which follow by [`Self::write_octets`].
    ///
    /// # Errors
    /// As [`Self::fetch_value`].
    pub fn fetch_content(&mut self, name: &ContentName, octets: u64) -> Result<(), Misuse> {
        let spacing = self.spacing()?;
        let open = if octets == 0 { Open::Value } else { Open::Content(octets) };
        self.append(open, |out| name.announce(octets, out.put(spacing)));
        Ok(())
    }

    /// Writes announced octets.
    ///
    /// # Errors
    /// Fewer were announced; none of these is written.
    pub fn write_octets(&mut self, octets: &[u8]) -> Result<(), Misuse> {
        let Open::Content(left) = self.open else { return Err(Misuse::Octets) };
        let count = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        let left = left.checked_sub(count).ok_or(Misuse::Octets)?;
        self.open = if left == 0 { Open::Value } else { Open::Content(left) };
        self.output.extend_from_slice(octets);
        Ok(())
    }

    /// Ends the FETCH.
    ///
    /// # Errors
    /// None is begun, or announced octets are still to be written.
    pub fn close_fetch(&mut self) -> Result<(), Misuse> {
        self.spacing()?;
        self.append(Open::Nothing, |out| out.put(")\r\n").done());
        Ok(())
    }

    fn spacing(&self) -> Result<&'static str, Misuse> {
        match self.open {
            Open::Empty => Ok(""),
            Open::Value => Ok(" "),
            Open::Nothing => Err(Misuse::ResponseOpen),
            Open::Content(_) => Err(Misuse::Octets),
        }
    }

    fn append(&mut self, open: Open, write: impl FnOnce(&mut Writer)) {
        let mut out = Writer::behind(std::mem::take(&mut self.output), self.names());
        write(&mut out);
        self.output = out.into_octets();
        self.open = open;
    }
}
