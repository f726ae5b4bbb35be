//! Threads with the same subject become one (RFC 5256 section 3, REFERENCES, step 5).

use std::collections::BTreeMap;

use super::Threadable;
use super::links::{Entry, Tree};

/// Merges those at the top whose base subjects are the same, and not empty.
pub(super) fn same_subjects(tree: &mut Tree, messages: &[Threadable<'_>]) {
    let mut table = table(tree, messages);
    let mut is_merged = vec![false; tree.entries.len()];
    let roots = std::mem::take(&mut tree.roots);
    let mut added = Vec::new();
    for &root in &roots {
        let Some(subject) = spoken_for(tree, root, messages).map(|message| &*message.subject).filter(|text| !text.is_empty()) else {
            continue;
        };
        let Some(first) = table.get(subject).copied().filter(|first| *first != root) else { continue };
        if let Some(merged) = is_merged.get_mut(root) {
            *merged = true;
        }
        let is_reply = |tree: &Tree, entry: usize| tree.message(entry, messages).is_some_and(|message| message.is_reply);
        let is_dummy = |tree: &Tree, entry: usize| tree.message(entry, messages).is_none();
        let mut answers = tree.take_children(first);
        if is_dummy(tree, first) && is_dummy(tree, root) {
            answers.append(&mut tree.take_children(root));
        } else if is_dummy(tree, first) || is_reply(tree, root) && !is_reply(tree, first) {
            answers.push(root);
        } else {
            // Neither answers the other: both are below a message that is not here.
            tree.set_children(first, answers);
            let dummy = tree.entries.len();
            tree.entries.push(Entry::dummy(vec![first, root]));
            is_merged.push(false);
            if let Some(merged) = is_merged.get_mut(first) {
                *merged = true;
            }
            table.insert(subject, dummy);
            added.push(dummy);
            continue;
        }
        tree.set_children(first, answers);
    }
    tree.roots = roots.into_iter().chain(added).filter(|root| is_merged.get(*root) == Some(&false)).collect();
}

/// Whom the others with a subject join: a dummy rather than a message, and one that begins rather than one that answers.
fn table<'a>(tree: &Tree, messages: &'a [Threadable<'a>]) -> BTreeMap<&'a str, usize> {
    let mut table: BTreeMap<&str, usize> = BTreeMap::new();
    for &root in &tree.roots {
        let Some(message) = spoken_for(tree, root, messages).filter(|message| !message.subject.is_empty()) else { continue };
        let replaces = match table.get(&*message.subject).map(|first| tree.message(*first, messages)) {
            None => true,
            Some(None) => false,
            Some(Some(first)) => tree.message(root, messages).is_none_or(|this| first.is_reply && !this.is_reply),
        };
        if replaces {
            table.insert(&message.subject, root);
        }
    }
    table
}

/// The message whose subject a thread has: its first, or for a dummy, its first answer.
fn spoken_for<'a>(tree: &Tree, root: usize, messages: &'a [Threadable<'a>]) -> Option<&'a Threadable<'a>> {
    tree.message(root, messages).or_else(|| tree.children(root).first().and_then(|first| tree.message(*first, messages)))
}
