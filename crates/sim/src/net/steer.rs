//! A network that is led to where certain faults would show: what is rare in others happens there at every act.

use std::time::Duration;

use mail::time::Timestamp;

use super::book::{Author, Letter, Restore};
use super::life::Life;
use crate::FailedSync;

/// Acts between a backup and its return.
const BACKUP_STEPS: usize = 3;

/// How often it is looked whether a message is taken.
const MOMENT: Duration = Duration::from_millis(10);
const MOMENTS_MAX: usize = 100;

/// Lost handshakes: one fewer than may send a message by ordinary SMTP (`TLS_FAILURES_MAX` of `delivery::transfer`).
const LOST_HANDSHAKES_MAX: usize = 3;

/// Where a network is led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steer {
    /// It goes as it goes.
    Nowhere,
    /// A server dies, and starts again.
    Deaths,
    /// A server dies as soon as the last octet of a message was served; its people take back all they wrote when it starts
    /// again, before anybody confirms.
    RegretOfWhatWasServed,
    /// A server is put back to what it was three acts ago.
    OldBackups,
    /// An octet of what is retrieved is another.
    AlteredOctets,
    /// A write of a server fails.
    FailedSyncs,
    /// A forger calls.
    Forgers,
    /// The connection breaks where TLS should begin, during the first acts.
    LostHandshakes,
}

/// How far it has been led.
#[derive(Debug, Default)]
pub(crate) struct Steered {
    steps: usize,
    backup: Option<(usize, Timestamp, usize)>,
}

impl Life {
    /// One step on that way.
    pub(crate) fn steer(&mut self, steer: Steer) {
        let domains = self.domains();
        let server = self.steered.steps % domains.len().max(1);
        let Some(domain) = domains.get(server).copied() else { return };
        self.steered.steps += 1;
        match steer {
            Steer::Deaths => {
                self.sim.crash(domain);
                self.sim.restart_all();
            }
            Steer::RegretOfWhatWasServed => {
                for (server, domain) in domains.into_iter().enumerate() {
                    if !self.sim.is_up(domain) {
                        self.sim.restart(domain);
                        self.regret(server);
                    }
                }
                self.sim.die_when_served(domain);
            }
            Steer::OldBackups => self.put_back(),
            Steer::AlteredOctets => self.sim.alter_retrieval_after(500),
            Steer::FailedSyncs => self.sim.fail_syncs(domain, 1, FailedSync::Lost),
            Steer::Forgers => self.forge(),
            Steer::LostHandshakes if self.steered.steps <= LOST_HANDSHAKES_MAX => self.sim.lose_reply_to("STARTTLS"),
            Steer::Nowhere | Steer::LostHandshakes => {}
        }
    }

    /// The people of a server take back what is known to be kept there.
    fn regret(&mut self, server: usize) {
        for letter in &mut self.book.letters {
            let Author::Person(author) = letter.author else { continue };
            let is_taken = letter.server == server && letter.recipients.iter().any(|recipient| recipient.taken > 0);
            let user = self.book.people.get(author).filter(|_| is_taken).map(|person| person.user.clone());
            letter.withdrawals.extend(user.map(|user| user.try_take_back(&letter.subject)));
        }
    }

    fn put_back(&mut self) {
        match self.steered.backup {
            None => {
                // Kept before the backup, delivered behind it.
                self.write();
                let Some(server) = self.book.letters.last().map(|letter| letter.server) else { return };
                let Some(domain) = self.domains().get(server).copied() else { return };
                for _ in 0..MOMENTS_MAX {
                    let is_taken = |letter: &Letter| letter.recipients.iter().any(|recipient| recipient.taken > 0);
                    if self.book.letters.last().is_some_and(is_taken) {
                        break;
                    }
                    self.sim.run_for(MOMENT);
                    self.look();
                }
                let from = self.sim.now();
                self.steered.backup = self.sim.back_up(domain).ok().map(|number| (server, from, number));
            }
            Some((server, from, number)) if self.steered.steps.is_multiple_of(BACKUP_STEPS) => {
                self.steered.backup = None;
                let Some(domain) = self.domains().get(server).copied() else { return };
                self.sim.restore(domain, number);
                self.book.note_restore(Restore { server, from, at: self.sim.now() });
            }
            Some(_) => {}
        }
    }
}
