//! Replies in the order of their commands, though some are decided later than others.

use std::collections::VecDeque;

use super::Misuse;
use crate::limits::Limits;
use crate::smtp::reply::Reply;
use crate::twoway;

/// The output, and what has to go before what.
#[derive(Debug, Default)]
pub(super) struct Answers {
    output: Vec<u8>,
    queue: VecDeque<Slot>,
    owed: usize,
    owed_retrievals: usize,
    /// Announced by the last reply in the output, and not yet there.
    octets_due: u64,
}

#[derive(Debug)]
enum Slot {
    /// The driver owes a reply.
    Owed(Owed),
    /// Replies that wait for those in front.
    Ready(Vec<u8>),
}

/// To what a reply is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    Retrieval,
    Other,
}

impl Owed {
    pub(super) fn by(command: &twoway::Command) -> Self {
        if matches!(command, twoway::Command::Retrieve(_)) { Self::Retrieval } else { Self::Other }
    }
}

impl Answers {
    /// Says a reply behind all that is owed.
    pub(super) fn say(&mut self, reply: &Reply) {
        if self.settled() {
            return reply.encode(&mut self.output);
        }
        if let Some(Slot::Ready(octets)) = self.queue.back_mut() {
            return reply.encode(octets);
        }
        let mut octets = Vec::new();
        reply.encode(&mut octets);
        self.queue.push_back(Slot::Ready(octets));
    }

    /// From now on a reply is owed.
    pub(super) fn owe(&mut self, owed: Owed) {
        self.owed += 1;
        self.owed_retrievals += usize::from(owed == Owed::Retrieval);
        self.queue.push_back(Slot::Owed(owed));
    }

    /// Whether one more reply may be owed.
    pub(super) fn has_room(&self, owed: Owed, limits: &Limits) -> bool {
        let retrieval_fits = owed == Owed::Other || self.owed_retrievals < limits.unanswered_retrievals_max;
        self.owed < limits.unanswered_max && retrieval_fits
    }

    pub(super) fn answer(&mut self, reply: &Reply) -> Result<(), Misuse> {
        self.take_owed(|_any| true)?;
        reply.encode(&mut self.output);
        self.move_ready();
        Ok(())
    }

    pub(super) fn answer_with_octets(&mut self, reply: &Reply, octets: u64) -> Result<(), Misuse> {
        self.take_owed(|owed| owed == Owed::Retrieval)?;
        reply.encode(&mut self.output);
        self.octets_due = octets;
        self.move_ready();
        Ok(())
    }

    pub(super) fn write_octets(&mut self, octets: &[u8]) -> Result<(), Misuse> {
        let count = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        self.octets_due = self.octets_due.checked_sub(count).ok_or(Misuse::TooManyOctets)?;
        self.output.extend_from_slice(octets);
        self.move_ready();
        Ok(())
    }

    /// Whether nothing is owed.
    pub(super) fn settled(&self) -> bool {
        self.queue.is_empty() && self.octets_due == 0
    }

    pub(super) fn owed(&self) -> usize {
        self.owed
    }

    pub(super) fn output_octets(&self) -> usize {
        self.output.len()
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn take_owed(&mut self, fits: impl Fn(Owed) -> bool) -> Result<(), Misuse> {
        if self.octets_due > 0 {
            return Err(Misuse::OctetsMissing);
        }
        match self.queue.front() {
            Some(Slot::Owed(owed)) if fits(*owed) => {
                self.owed -= 1;
                self.owed_retrievals -= usize::from(*owed == Owed::Retrieval);
                self.queue.pop_front();
                Ok(())
            }
            Some(_) | None => Err(Misuse::NothingToAnswer),
        }
    }

    /// Moves what no longer waits into the output.
    fn move_ready(&mut self) {
        while self.octets_due == 0 {
            match self.queue.pop_front() {
                Some(Slot::Ready(octets)) => self.output.extend_from_slice(&octets),
                Some(owed @ Slot::Owed(_)) => return self.queue.push_front(owed),
                None => return,
            }
        }
    }
}
