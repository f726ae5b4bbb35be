//! The names of an account's mailboxes, with those above them that are not there, and which of them LIST tells.

use std::collections::BTreeMap;

use proto::imap::command::list::ListSelection;
use proto::imap::mailbox_name::{DELIMITER, MailboxName, Pattern};
use proto::imap::response::mailbox::{Attribute, Listed};
use store::MailboxRow;

/// All names.
pub(super) struct Tree(BTreeMap<MailboxName, Node>);

/// One name.
#[derive(Default)]
struct Node {
    /// The mailbox, if there is one.
    row: Option<MailboxRow>,
    is_subscribed: bool,
    /// Whether there are mailboxes inside it.
    has_children: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "RFC 5258 has four options that go together in every way")]
pub(super) struct Wanted {
    /// Subscribed names, whether they are there or not.
    pub(super) subscribed: bool,
    /// Those with a special use.
    pub(super) special_use: bool,
    /// And those inside which one is found.
    pub(super) recursive: bool,
    /// Whether it is told that a name is subscribed.
    pub(super) tells_subscribed: bool,
    /// Whether it is asked in words that RFC 3501 does not have.
    pub(super) extended: bool,
}

/// The names above a name, the nearest first.
fn superiors(name: &MailboxName) -> impl Iterator<Item = MailboxName> {
    let name = name.as_str();
    name.rmatch_indices(DELIMITER).filter_map(|(at, _)| MailboxName::new(name.get(..at)?))
}

impl Tree {
    /// Of these mailboxes and subscribed names.
    pub(super) fn of(rows: Vec<MailboxRow>, subscriptions: &[String]) -> Self {
        let mut nodes: BTreeMap<MailboxName, Node> = BTreeMap::new();
        for row in rows {
            let Some(name) = MailboxName::new(&row.name) else { continue };
            for superior in superiors(&name) {
                nodes.entry(superior).or_default().has_children = true;
            }
            nodes.entry(name).or_default().row = Some(row);
        }
        for name in subscriptions.iter().filter_map(|name| MailboxName::new(name)) {
            nodes.entry(name).or_default().is_subscribed = true;
        }
        Self(nodes)
    }

    /// Octets of all names.
    pub(super) fn octets(&self) -> usize {
        self.0.keys().map(|name| name.as_str().len()).sum()
    }

    /// What LIST tells, in order: a name, and its mailbox if there is one.
    pub(super) fn list(&self, patterns: &[Pattern], wanted: Wanted) -> Vec<(Listed, Option<&MailboxRow>)> {
        let fits = |name: &MailboxName| patterns.iter().any(|pattern| pattern.admits(name));
        let above = self.above(wanted, &fits);
        let mut names: BTreeMap<&MailboxName, Option<&Node>> = self.0.iter().map(|(name, node)| (name, Some(node))).collect();
        // Above a subscribed name there may be nothing at all.
        for name in above.keys() {
            names.entry(name).or_insert(None);
        }
        let listed = names.into_iter().filter(|(name, _)| fits(name)).filter_map(|(name, node)| {
            let is_chosen = node.is_some_and(|node| node.is_chosen(wanted));
            let child_info = above.get(name).cloned().unwrap_or_default();
            let row = node.and_then(|node| node.row.as_ref());
            // RFC 5258 section 3.5: only if it stands for some that are not told themselves.
            let stands_for = !child_info.selections.is_empty() && child_info.is_untold;
            (is_chosen || stands_for).then(|| (listed(name, node, wanted, child_info.selections), row))
        });
        listed.collect()
    }

    /// For RECURSIVEMATCH: the names above chosen ones, and by what those were chosen.
    fn above(&self, wanted: Wanted, fits: &impl Fn(&MailboxName) -> bool) -> BTreeMap<MailboxName, Inside> {
        let mut above: BTreeMap<MailboxName, Inside> = BTreeMap::new();
        if !wanted.recursive {
            return above;
        }
        for (name, node) in self.0.iter().filter(|(_, node)| node.is_chosen(wanted)) {
            let mut selections = Vec::new();
            if wanted.subscribed && node.is_subscribed {
                selections.push(ListSelection::Subscribed);
            }
            if wanted.special_use {
                selections.push(ListSelection::SpecialUse);
            }
            for superior in superiors(name) {
                let info = above.entry(superior).or_default();
                info.is_untold |= !fits(name);
                for selection in &selections {
                    if !info.selections.contains(selection) {
                        info.selections.push(*selection);
                    }
                }
            }
        }
        above
    }

    /// What LSUB tells, in order (RFC 3501 section 6.3.9).
    pub(super) fn lsub(&self, patterns: &[Pattern]) -> Vec<Listed> {
        let fits = |name: &MailboxName| patterns.iter().any(|pattern| pattern.admits(name));
        let mut told: BTreeMap<MailboxName, Listed> = BTreeMap::new();
        for name in self.0.iter().filter(|(_, node)| node.is_subscribed).map(|(name, _)| name) {
            if fits(name) {
                told.insert(name.clone(), Listed::new(name.clone()));
            } else if let Some(superior) = superiors(name).find(|superior| fits(superior)) {
                // Subscribed names are inside it, and it is not one of them.
                let stands_for = Listed { attributes: vec![Attribute::NoSelect], ..Listed::new(superior.clone()) };
                told.entry(superior).or_insert(stands_for);
            }
        }
        told.into_values().collect()
    }
}

/// By what names inside a name were chosen.
#[derive(Debug, Clone, Default)]
struct Inside {
    selections: Vec<ListSelection>,
    /// Whether one of them is not told itself.
    is_untold: bool,
}

impl Node {
    fn is_chosen(&self, wanted: Wanted) -> bool {
        let by_subscription = !wanted.subscribed || self.is_subscribed;
        let by_use = !wanted.special_use || self.row.as_ref().is_some_and(|row| row.special_use.is_some());
        // Without a selection: what is there, and what stands above it.
        let is_there = self.row.is_some() || self.has_children || wanted.subscribed;
        by_subscription && by_use && is_there
    }
}

fn listed(name: &MailboxName, node: Option<&Node>, wanted: Wanted, child_info: Vec<ListSelection>) -> Listed {
    let row = node.and_then(|node| node.row.as_ref());
    let has_children = node.is_some_and(|node| node.has_children);
    let mut attributes = Vec::new();
    if row.is_none() {
        attributes.push(Attribute::NonExistent);
        // RFC 5258 section 3: the first says the second, to who knows it.
        if !wanted.extended {
            attributes.push(Attribute::NoSelect);
        }
    }
    if has_children {
        attributes.push(Attribute::HasChildren);
    } else if row.is_some() {
        attributes.push(Attribute::HasNoChildren);
    }
    if wanted.tells_subscribed && node.is_some_and(|node| node.is_subscribed) {
        attributes.push(Attribute::Subscribed);
    }
    let uses = row.and_then(|row| row.special_use).into_iter().collect();
    Listed { attributes, uses, child_info, ..Listed::new(name.clone()) }
}

#[cfg(test)]
mod tests;
