//! From which change on a client that keeps a copy of the open mailbox asks when it comes back, after all that it was told
//! (RFC 7162 section 6).

use crate::imap::response::code::Code;
use crate::imap::response::fetch::FetchedValue;
use crate::imap::response::{Data, Status};

/// What such a client has taken note of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Resumption {
    /// The last `HIGHESTMODSEQ`.
    told: u64,
    /// The greatest `MODSEQ` of a message behind it.
    fetched: u64,
}

impl Resumption {
    /// The change it goes on from, if the connection breaks behind the next answer.
    pub(super) fn modseq(self) -> u64 {
        self.told.max(self.fetched)
    }

    pub(super) fn hear(&mut self, data: &Data) {
        match data {
            Data::Status(status) => self.hear_status(status),
            Data::Fetch(fetched) => fetched.values.iter().for_each(|value| self.hear_value(value)),
            _ => {}
        }
    }

    pub(super) fn hear_status(&mut self, status: &Status) {
        if let Some(Code::HighestModSeq(modseq)) = status.code {
            // It counts even if greater ones were seen.
            *self = Self { told: modseq, fetched: 0 };
        }
    }

    pub(super) fn hear_value(&mut self, value: &FetchedValue) {
        if let FetchedValue::ModSeq(modseq) = value {
            self.fetched = self.fetched.max(*modseq);
        }
    }
}
