//! Who answers whom, by the ids of messages (RFC 5256 section 3, REFERENCES, steps 1 to 4).

use std::collections::BTreeMap;

use super::{Forest, Node, Threadable};
use crate::time::Timestamp;

/// Steps upwards, in all, that a search for circles may take. An honest mailbox of a hundred thousand messages takes fewer
/// than one for each; after so many, a link that would need more is treated as one that closes a circle.
const STEPS_MAX: usize = 20_000_000;

/// Messages, and ids of messages that are not here, linked to each other.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) entries: Vec<Entry>,
    /// Those without a parent, once [`Tree::prune`] has gathered them.
    pub(super) roots: Vec<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Its index among the messages; `None` for a dummy, of which only the id is known.
    pub(super) message: Option<usize>,
    parent: Option<usize>,
    pub(super) children: Vec<usize>,
    /// How many have this one as their parent while links are being made.
    below: usize,
}

/// Step 1.
pub(super) fn link(messages: &[Threadable<'_>]) -> Tree {
    let mut links = Links { tree: Tree::default(), by_id: BTreeMap::new(), steps_left: STEPS_MAX };
    for (index, message) in messages.iter().enumerate() {
        let own = links.own(index, message.message_id.as_deref());
        let mut above: Option<usize> = None;
        for id in &message.references {
            let entry = links.named(id);
            if let Some(parent) = above
                && links.parent(entry).is_none()
                && !links.is_above(entry, parent)
            {
                links.set_parent(entry, Some(parent));
            }
            above = Some(entry);
        }
        // What a shortened list of references said of it is undone.
        links.set_parent(own, None);
        if let Some(parent) = above.filter(|parent| !links.is_above(own, *parent)) {
            links.set_parent(own, Some(parent));
        }
    }
    links.tree
}

struct Links<'a> {
    tree: Tree,
    by_id: BTreeMap<&'a str, usize>,
    steps_left: usize,
}

impl<'a> Links<'a> {
    fn add(&mut self) -> usize {
        self.tree.entries.push(Entry::default());
        self.tree.entries.len() - 1
    }

    /// The entry of a message: its id's, unless it has none, or another message has the same.
    fn own(&mut self, message: usize, id: Option<&'a str>) -> usize {
        let named = id.map(|id| self.named(id));
        let free = named.filter(|entry| self.tree.entries.get(*entry).is_some_and(|entry| entry.message.is_none()));
        let own = free.unwrap_or_else(|| self.add());
        if let Some(entry) = self.tree.entries.get_mut(own) {
            entry.message = Some(message);
        }
        own
    }

    fn named(&mut self, id: &'a str) -> usize {
        if let Some(entry) = self.by_id.get(id) {
            return *entry;
        }
        let entry = self.add();
        self.by_id.insert(id, entry);
        entry
    }

    fn parent(&self, entry: usize) -> Option<usize> {
        self.tree.entries.get(entry).and_then(|entry| entry.parent)
    }

    fn set_parent(&mut self, entry: usize, parent: Option<usize>) {
        let before = self.parent(entry);
        for (index, change) in [(before, -1), (parent, 1)] {
            if let Some(above) = index.and_then(|index| self.tree.entries.get_mut(index)) {
                above.below = above.below.saturating_add_signed(change);
            }
        }
        if let Some(entry) = self.tree.entries.get_mut(entry) {
            entry.parent = parent;
        }
    }

    /// Whether `entry` is `below` or stands above it: then a link from `below` down to it would close a circle.
    fn is_above(&mut self, entry: usize, below: usize) -> bool {
        if entry == below {
            return true;
        }
        // Nothing is below it: most messages, where they come in the order in which they were written.
        if self.tree.entries.get(entry).is_some_and(|entry| entry.below == 0) {
            return false;
        }
        let mut at = below;
        while let Some(parent) = self.parent(at) {
            self.steps_left = self.steps_left.saturating_sub(1);
            if parent == entry || self.steps_left == 0 {
                return true;
            }
            at = parent;
        }
        false
    }
}

impl Entry {
    /// Of a message that is not here, whose answers these are.
    pub(super) fn dummy(children: Vec<usize>) -> Self {
        Self { children, ..Self::default() }
    }
}

impl Tree {
    /// Steps 2 and 3: gathers those without a parent, and removes dummies: those with answers pass them on to what is above,
    /// except at the top, where several answers to a message that is not here stay together.
    pub(super) fn prune(&mut self) {
        let mut tops = Vec::new();
        for index in 0..self.entries.len() {
            match self.entries.get(index).and_then(|entry| entry.parent) {
                None => tops.push(index),
                Some(parent) => {
                    if let Some(parent) = self.entries.get_mut(parent) {
                        parent.children.push(index);
                    }
                }
            }
        }
        for index in self.below_first(&tops) {
            let children = self.take_children(index);
            let mut kept = Vec::with_capacity(children.len());
            for child in children {
                match self.entries.get_mut(child) {
                    Some(Entry { message: None, children, .. }) => kept.append(children),
                    Some(_) => kept.push(child),
                    None => {}
                }
            }
            self.set_children(index, kept);
        }
        for top in tops {
            let Some(entry) = self.entries.get(top) else { continue };
            match (entry.message, entry.children.as_slice()) {
                (None, []) => {}
                (None, [only]) => self.roots.push(*only),
                _ => self.roots.push(top),
            }
        }
    }

    /// Every entry under these, each behind what is below it.
    fn below_first(&self, tops: &[usize]) -> Vec<usize> {
        let mut due = tops.to_vec();
        let mut order = Vec::with_capacity(self.entries.len());
        while let Some(next) = due.pop() {
            order.push(next);
            due.extend(self.children(next));
        }
        order.reverse();
        order
    }

    /// Steps 4 and 6: siblings in the order in which they were sent; a dummy was sent when its first answer was.
    pub(super) fn sort(&mut self, messages: &[Threadable<'_>]) {
        let mut keys: Vec<(Timestamp, u32)> = vec![(Timestamp::FAR_FUTURE, u32::MAX); self.entries.len()];
        let key = |keys: &[(Timestamp, u32)], index: usize| keys.get(index).copied().unwrap_or((Timestamp::FAR_FUTURE, u32::MAX));
        for index in self.below_first(&self.roots) {
            let mut children = self.take_children(index);
            children.sort_by_key(|child| key(&keys, *child));
            let own = self.message(index, messages).map(|message| (message.sent, message.number));
            let own = own.or_else(|| children.first().map(|first| key(&keys, *first)));
            if let (Some(own), Some(place)) = (own, keys.get_mut(index)) {
                *place = own;
            }
            self.set_children(index, children);
        }
        self.roots.sort_by_key(|root| key(&keys, *root));
    }

    pub(super) fn into_forest(self, messages: &[Threadable<'_>]) -> Forest {
        let number = |entry: &Entry| entry.message.and_then(|index| messages.get(index)).map(|message| message.number);
        let nodes = self.entries.iter().map(|entry| Node { number: number(entry), children: entry.children.clone() }).collect();
        Forest { nodes, roots: self.roots }
    }

    pub(super) fn message<'a>(&self, entry: usize, messages: &'a [Threadable<'a>]) -> Option<&'a Threadable<'a>> {
        self.entries.get(entry)?.message.and_then(|index| messages.get(index))
    }

    pub(super) fn children(&self, entry: usize) -> &[usize] {
        self.entries.get(entry).map(|entry| entry.children.as_slice()).unwrap_or_default()
    }

    pub(super) fn take_children(&mut self, entry: usize) -> Vec<usize> {
        self.entries.get_mut(entry).map(|entry| std::mem::take(&mut entry.children)).unwrap_or_default()
    }

    pub(super) fn set_children(&mut self, entry: usize, children: Vec<usize>) {
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.children = children;
        }
    }
}
