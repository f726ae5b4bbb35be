//! What a session counts of its client, against the limits.

use super::{Session, Transaction};
use crate::smtp::command::Mail;
use crate::smtp::replies;
use crate::smtp::reply::Reply;

/// How often a client did what may be done so many times in one session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Commands, whatever came of them.
    pub commands: u32,
    /// Commands that the session itself refused.
    pub errors: u32,
    /// Failed AUTH commands.
    pub auth_failures: u32,
    /// Messages begun.
    pub messages: u32,
    /// Recipients refused for good.
    pub unknown_recipients: u32,
    /// NOTICE commands.
    pub notices: u64,
    /// ASSERT commands.
    pub assertions: u64,
}

impl Session {
    /// What it has counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn open_transaction(&mut self, mail: Mail) {
        self.counts.messages += 1;
        self.transaction = Some(Transaction::open(mail));
    }

    pub(super) fn has_begun_enough(&self) -> bool {
        self.counts.messages >= self.config.limits.messages_max
    }

    /// Says that a recipient is not here, and closes when that was too often.
    pub(super) fn recipient_refused(&mut self, reply: &Reply) {
        self.counts.unknown_recipients += 1;
        if self.counts.unknown_recipients > self.config.limits.unknown_recipients_max {
            self.close(&replies::too_many_unknown_recipients());
        } else {
            self.answers.say(reply);
        }
    }
}
