//! Threads of messages, as SORT's sister orders them (RFC 5256 section 3): by who answers whom, or by subject.

mod links;
mod merge;

use std::borrow::Cow;

use crate::time::Timestamp;

/// What of a message makes its place in a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threadable<'a> {
    /// What it is called in the result; equal dates are in the order of these.
    pub number: u32,
    /// When it was sent, or else when it arrived.
    pub sent: Timestamp,
    /// Its base subject, folded.
    pub subject: Cow<'a, str>,
    /// Its subject says that it is a reply or a forward.
    pub is_reply: bool,
    /// Its own id.
    pub message_id: Option<Cow<'a, str>>,
    /// The ids it refers to, the oldest first.
    pub references: Vec<Cow<'a, str>>,
}

/// Messages below each other. It is flat: however deep it is, nothing recurses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forest {
    /// In no order that means anything.
    pub nodes: Vec<Node>,
    /// Which of them begin a thread, in order.
    pub roots: Vec<usize>,
}

/// A message in a [`Forest`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// What it is called; `None` for one that is not here, whose answers are.
    pub number: Option<u32>,
    /// Its answers, in order, by their places among the nodes.
    pub children: Vec<usize>,
}

/// REFERENCES: who answers whom, and then what has the same subject.
pub fn by_references(messages: &[Threadable<'_>]) -> Forest {
    let mut tree = links::link(messages);
    tree.prune();
    tree.sort(messages);
    merge::same_subjects(&mut tree, messages);
    tree.sort(messages);
    tree.into_forest(messages)
}

/// ORDEREDSUBJECT: what has the same subject; all are answers to the first.
pub fn by_subject(messages: &[Threadable<'_>]) -> Forest {
    let mut order: Vec<&Threadable<'_>> = messages.iter().collect();
    order.sort_by(|one, other| (&one.subject, one.sent, one.number).cmp(&(&other.subject, other.sent, other.number)));
    let mut groups: Vec<&[&Threadable<'_>]> = order.chunk_by(|one, other| one.subject == other.subject).collect();
    groups.sort_by_key(|group| group.first().map(|first| (first.sent, first.number)));
    let mut forest = Forest::default();
    for group in groups {
        let Some((first, answers)) = group.split_first() else { continue };
        let root = forest.nodes.len();
        forest.roots.push(root);
        let children = (root + 1..=root + answers.len()).collect();
        forest.nodes.push(Node { number: Some(first.number), children });
        forest.nodes.extend(answers.iter().map(|answer| Node { number: Some(answer.number), children: Vec::new() }));
    }
    forest
}

#[cfg(test)]
mod tests;
