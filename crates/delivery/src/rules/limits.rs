//! How many rules, how long, and how much work they may be; each limit with its reason.

use super::{Action, Condition, INBOX, Rule, RuleSet, VERSION};

/// Rules of one mailbox: more than people write by hand, and few enough to be looked at for every message.
pub const RULES_MAX: usize = 200;
/// Conditions in one rule, those within others counted too.
pub const CONDITIONS_MAX: usize = 100;
/// Conditions within each other: what a person can still read, and far from what recursion can bear.
pub const DEPTH_MAX: usize = 16;
/// Actions of one rule.
pub const ACTIONS_MAX: usize = 20;
/// Texts that one condition compares with, and names of fields it looks at.
pub const TEXTS_MAX: usize = 100;
/// Octets of one such text.
pub const TEXT_OCTETS_MAX: usize = 256;
/// Octets of a rule's name.
pub const NAME_OCTETS_MAX: usize = 128;
/// Octets of all rules together, as JSON: they are read for every message.
pub const RULES_OCTETS_MAX: usize = 48 * 1024;
/// Octets of a Sieve script, in which the same takes more words.
pub const SCRIPT_OCTETS_MAX: usize = 4 * RULES_OCTETS_MAX;
/// Addresses that one message is sent on to: a mailbox is no mailing list.
pub const FORWARDS_MAX: usize = 5;
/// Mailboxes that one message is filed into: each costs a row in the transaction that delivers it.
pub const COPIES_MAX: usize = 10;
/// Servers that a message passed, by its Received fields, after which it is not sent on: far below what stops it on its way
/// (RFC 5321 section 6.3), because a copy remains here.
pub const FORWARDED_HOPS_MAX: usize = 30;
/// Octets compared for one message, roughly: some milliseconds, in the transaction that delivers it. An author can make
/// header sections long, and must not make deliveries slow; what is left undone then ends in INBOX.
pub const EFFORT_MAX: u64 = 4 << 20;
/// Octets of one field's value that rules look at.
pub const VALUE_OCTETS_MAX: usize = 8 * 1024;

/// Why rules can't be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Written by a newer program, or by hand.
    #[error("version {0} of rules is not known here; expected version {VERSION}")]
    Version(u32),
    /// Over [`RULES_MAX`].
    #[error("{0} rules; a mailbox may have {RULES_MAX}")]
    TooMany(usize),
    /// Over [`RULES_OCTETS_MAX`].
    #[error("the rules are longer than {RULES_OCTETS_MAX} octets")]
    TooLong,
    /// One rule is at fault.
    #[error("rule {number}{}: {fault}", if name.is_empty() { String::new() } else { format!(" ({name})") })]
    Rule {
        /// Its place, from 1 on.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        fault: RuleFault,
    },
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// Over [`NAME_OCTETS_MAX`], or with control characters.
    #[error("its name is longer than {NAME_OCTETS_MAX} octets, or has control characters")]
    Name,
    /// Over [`CONDITIONS_MAX`].
    #[error("it has more than {CONDITIONS_MAX} conditions")]
    Conditions,
    /// Over [`DEPTH_MAX`].
    #[error("its conditions are nested deeper than {DEPTH_MAX}")]
    Depth,
    /// None, or over [`TEXTS_MAX`].
    #[error("a condition compares with no text or field, or with more than {TEXTS_MAX}")]
    Texts,
    /// Over [`TEXT_OCTETS_MAX`], or with control characters.
    #[error("a condition compares with a text that is longer than {TEXT_OCTETS_MAX} octets, or has control characters")]
    Text,
    /// No action, or over [`ACTIONS_MAX`].
    #[error("it has {0} actions; expected 1 to {ACTIONS_MAX}")]
    Actions(usize),
    /// No mailbox can have this name.
    #[error("{0:?} can't be the name of a mailbox; expected names with / between them")]
    Mailbox(String),
    /// No flag at all, or too many.
    #[error("a flag action names no flag, or more than {TEXTS_MAX}")]
    Flags,
}

/// Whether these rules can be kept.
pub(super) fn check(set: &RuleSet) -> Result<(), RulesError> {
    if set.version != VERSION {
        return Err(RulesError::Version(set.version));
    }
    if set.rules.len() > RULES_MAX {
        return Err(RulesError::TooMany(set.rules.len()));
    }
    for (index, rule) in set.rules.iter().enumerate() {
        check_rule(rule).map_err(|fault| RulesError::Rule { number: index + 1, name: rule.name.clone(), fault })?;
    }
    Ok(())
}

/// Whether this rule can be kept.
pub(super) fn check_rule(rule: &Rule) -> Result<(), RuleFault> {
    if !is_text(&rule.name, NAME_OCTETS_MAX) {
        return Err(RuleFault::Name);
    }
    let mut left = CONDITIONS_MAX;
    check_condition(&rule.condition, DEPTH_MAX, &mut left)?;
    if !(1..=ACTIONS_MAX).contains(&rule.actions.len()) {
        return Err(RuleFault::Actions(rule.actions.len()));
    }
    rule.actions.iter().try_for_each(check_action)
}

fn check_condition(condition: &Condition, depth: usize, left: &mut usize) -> Result<(), RuleFault> {
    *left = left.checked_sub(1).ok_or(RuleFault::Conditions)?;
    let depth = depth.checked_sub(1).ok_or(RuleFault::Depth)?;
    if let Some(text) = condition.text() {
        let keys = text.keys();
        if !(1..=TEXTS_MAX).contains(&keys.len()) {
            return Err(RuleFault::Texts);
        }
        if !keys.iter().all(|key| is_text(key, TEXT_OCTETS_MAX)) {
            return Err(RuleFault::Text);
        }
    }
    if condition.fields().is_some_and(|fields| !(1..=TEXTS_MAX).contains(&fields.len())) {
        return Err(RuleFault::Texts);
    }
    condition.within().iter().try_for_each(|inner| check_condition(inner, depth, left))
}

fn check_action(action: &Action) -> Result<(), RuleFault> {
    match action {
        Action::FileInto(name) | Action::CopyInto(name) if !is_mailbox(name) => Err(RuleFault::Mailbox(name.clone())),
        Action::Flag(flags) | Action::SetFlags(flags) | Action::Unflag(flags) if !(1..=TEXTS_MAX).contains(&flags.0.len()) => {
            Err(RuleFault::Flags)
        }
        _ => Ok(()),
    }
}

fn is_text(text: &str, octets_max: usize) -> bool {
    text.len() <= octets_max && !text.chars().any(char::is_control)
}

/// Whether a mailbox may have this name.
pub(super) fn is_mailbox(name: &str) -> bool {
    name.eq_ignore_ascii_case(INBOX) || (mail::folder::is_name(name) && is_text(name, TEXT_OCTETS_MAX) && !name.contains(['*', '%']))
}
