//! The one evaluator: rules and a message in, and out comes where it goes. Pure and total.

use std::collections::BTreeSet;

use mail::address::{Mailbox, ReversePath};
use mail::message::address_list::{self, Address};

use super::facts::MessageFacts;
use super::flag::Flag;
use super::limits::{COPIES_MAX, EFFORT_MAX, FORWARDED_HOPS_MAX, FORWARDS_MAX};
use super::text::{Effort, TooMuch};
use super::{Action, INBOX, Keeping, RuleSet};

/// The field that marks from where a message was sent on.
pub const DELIVERED_TO: &str = "Delivered-To";

/// What is to be done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filing {
    /// Where it lies, each place once. Empty only if it is sent on and not kept.
    pub copies: Vec<Filed>,
    /// Whom it is sent on to, each once.
    pub forwards: Vec<Mailbox>,
    /// Why the rules' wish to send it on is not followed, if it is not.
    pub unforwarded: Option<Unforwarded>,
}

/// One place where a message is to lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// Where.
    pub target: Target,
    /// With these flags.
    pub flags: BTreeSet<Flag>,
}

/// A place in which messages lie.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Where it goes without rules: the folder that its plus-address names, or INBOX.
    Unsaid,
    /// This mailbox.
    Mailbox(String),
    /// Wherever the owner has what is thrown away.
    Trash,
}

/// Why a message is not sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unforwarded {
    /// It was sent on from here before: it goes in a circle.
    #[error("it was sent on from here before")]
    Circle,
    /// It passed too many servers.
    #[error("it passed more than {FORWARDED_HOPS_MAX} servers")]
    Hops,
    /// It is a report, perhaps on what was sent on: who sends those on is soon told of little else.
    #[error("it has no reverse-path: it is a report")]
    Report,
    /// More than may be.
    #[error("it is sent on to {FORWARDS_MAX} others already")]
    TooMany,
}

/// Whether a message may be sent on at all. Nothing that was sent on from here is sent on again, so that mailboxes that send
/// on to each other end with a copy, and not in a circle.
///
/// # Errors
/// It may not, and why.
pub fn may_be_forwarded(facts: &MessageFacts<'_>) -> Result<(), Unforwarded> {
    let marks = |mailbox: &Mailbox| mailbox == facts.owner || mailbox.without_tag().as_ref() == Some(facts.owner);
    if *facts.reverse_path == ReversePath::Null {
        return Err(Unforwarded::Report);
    }
    if facts.header.received_count() > FORWARDED_HOPS_MAX {
        return Err(Unforwarded::Hops);
    }
    let mut marked = facts.header.named(DELIVERED_TO).flat_map(|field| address_list::read(field.value()).unwrap_or_default());
    if marked.any(|address| matches!(&address, Address::Mailbox(one) if marks(&one.mailbox))) {
        return Err(Unforwarded::Circle);
    }
    Ok(())
}

/// What the rules want done with a message.
pub fn file(rules: &RuleSet, facts: &MessageFacts<'_>) -> Filing {
    let mut effort = Effort::new(EFFORT_MAX);
    let mut walk = Walk {
        facts,
        filing: Filing { copies: Vec::new(), forwards: Vec::new(), unforwarded: None },
        flags: BTreeSet::new(),
        rest: Rest::Kept,
    };
    if walk.look_at(rules, &mut effort) == Err(TooMuch) {
        // What the rest would have done is not known: the owner sees it.
        walk.rest = Rest::Kept;
    }
    walk.end()
}

/// What is done with a message of which no rule says where it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// RFC 5228 section 2.10.2: implicit keep.
    Kept,
    /// It went somewhere.
    Settled,
    /// It was thrown away.
    Discarded,
}

struct Walk<'a> {
    facts: &'a MessageFacts<'a>,
    filing: Filing,
    /// RFC 5232 section 2: the internal variable.
    flags: BTreeSet<Flag>,
    rest: Rest,
}

impl Walk<'_> {
    fn look_at(&mut self, rules: &RuleSet, effort: &mut Effort) -> Result<(), TooMuch> {
        for rule in &rules.rules {
            if !rule.condition.holds(self.facts, effort)? {
                continue;
            }
            for action in &rule.actions {
                if *action == Action::Stop {
                    return Ok(());
                }
                self.act(action);
            }
        }
        Ok(())
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::FileInto(mailbox) => {
                self.put(Target::Mailbox(mailbox.clone()));
                self.settle();
            }
            Action::CopyInto(mailbox) => self.put(Target::Mailbox(mailbox.clone())),
            Action::Keep => {
                self.put(Target::Unsaid);
                self.settle();
            }
            Action::Flag(flags) => self.flags.extend(flags.0.iter().cloned()),
            Action::SetFlags(flags) => self.flags = flags.0.iter().cloned().collect(),
            Action::Unflag(flags) => self.flags.retain(|flag| !flags.0.contains(flag)),
            Action::Forward(forward) => match self.forward(&forward.to) {
                Ok(()) if forward.keep == Keeping::Nothing => self.settle(),
                Ok(()) => {}
                // It stays where it would be without the rule.
                Err(why) => self.filing.unforwarded = Some(why),
            },
            Action::Discard if self.rest == Rest::Kept => self.rest = Rest::Discarded,
            Action::Discard | Action::Stop => {}
        }
    }

    fn settle(&mut self) {
        self.rest = Rest::Settled;
    }

    /// Once in a place is enough, with the flags of all times. Of more places than may be, INBOX is the last.
    fn put(&mut self, target: Target) {
        let target =
            if target == Target::Unsaid || self.filing.copies.len() + 1 < COPIES_MAX { target } else { Target::Mailbox(INBOX.to_owned()) };
        match self.filing.copies.iter_mut().find(|copy| copy.target == target) {
            Some(copy) => copy.flags.extend(self.flags.iter().cloned()),
            None => self.filing.copies.push(Filed { target, flags: self.flags.clone() }),
        }
    }

    fn forward(&mut self, to: &Mailbox) -> Result<(), Unforwarded> {
        may_be_forwarded(self.facts)?;
        if self.filing.forwards.contains(to) {
            return Ok(());
        }
        if self.filing.forwards.len() >= FORWARDS_MAX {
            return Err(Unforwarded::TooMany);
        }
        self.filing.forwards.push(to.clone());
        Ok(())
    }

    fn end(mut self) -> Filing {
        match self.rest {
            Rest::Kept => self.put(Target::Unsaid),
            Rest::Discarded if self.filing.copies.is_empty() => self.put(Target::Trash),
            Rest::Discarded | Rest::Settled => {}
        }
        self.filing
    }
}
