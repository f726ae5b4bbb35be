//! Threads of messages (RFC 5256 section 4): `(2)(3 6 (4 23)(44 7 96))`.

use std::num::NonZeroU32;

use crate::imap::cursor::{Cursor, Read};
use crate::imap::writer::Writer;

/// A forest of messages. It is flat, so that however deep it is, nothing here recurses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Threads {
    nodes: Vec<Node>,
    roots: Vec<usize>,
}

/// The place of a message in [`Threads`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    /// `None`: a message that is not here, whose answers are.
    number: Option<NonZeroU32>,
    answers: Vec<usize>,
}

/// What is still to be written.
enum Due {
    /// A thread: its parentheses, and what is in them.
    Thread(usize),
    /// `)`
    Close,
}

impl Threads {
    /// Adds a message, below another or as the beginning of a thread, behind those that are there already.
    pub fn add(&mut self, below: Option<Place>, number: Option<NonZeroU32>) -> Place {
        let index = self.nodes.len();
        self.nodes.push(Node { number, answers: Vec::new() });
        match below.and_then(|Place(above)| self.nodes.get_mut(above)) {
            Some(above) => above.answers.push(index),
            None => self.roots.push(index),
        }
        Place(index)
    }

    /// Reads what stands behind `THREAD`.
    ///
    /// ```abnf
    /// thread-list    = "(" ( thread-members / thread-nested ) ")"
    /// thread-members = nz-number *(SP nz-number) [SP thread-nested]
    /// thread-nested  = 2*thread-list
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const FORM: &str = "a thread in parentheses";
        let mut threads = Self::default();
        // Of each thread that is open: the last message read in it, or above it, and how many there were before it.
        let mut open: Vec<(Option<Place>, usize)> = Vec::new();
        while !cursor.at_end() {
            if cursor.take(b'(') {
                let above = open.last().and_then(|(last, _)| *last);
                let before = threads.nodes.len();
                // `((8)(9))`: what these two answer is not here.
                let last = if cursor.peek() == Some(b'(') { Some(threads.add(above, None)) } else { above };
                open.push((last, before));
            } else if cursor.take(b')') {
                let Some((_, before)) = open.pop() else { return cursor.expected(FORM) };
                if threads.nodes.len() == before {
                    return cursor.expected(FORM);
                }
            } else if !cursor.take(b' ') {
                let number = cursor.nonzero(FORM)?;
                let Some((last, _)) = open.last_mut() else { return cursor.expected(FORM) };
                *last = Some(threads.add(*last, Some(number)));
            }
        }
        if open.is_empty() { Ok(threads) } else { cursor.expected(FORM) }
    }

    /// As [`Self::read`] reads it.
    pub(super) fn write(&self, out: &mut Writer) {
        if !self.roots.is_empty() {
            out.put(" ");
        }
        let mut due: Vec<Due> = self.roots.iter().rev().map(|root| Due::Thread(*root)).collect();
        while let Some(next) = due.pop() {
            let Due::Thread(first) = next else {
                out.put(")");
                continue;
            };
            out.put("(");
            due.push(Due::Close);
            let mut spacing = "";
            let mut at = self.nodes.get(first);
            while let Some(node) = at.take() {
                if let Some(number) = node.number {
                    out.put(spacing).put(number);
                    spacing = " ";
                }
                match &node.answers[..] {
                    [] => {}
                    [only] => at = self.nodes.get(*only),
                    several => {
                        out.put(spacing);
                        due.extend(several.iter().rev().map(|answer| Due::Thread(*answer)));
                    }
                }
            }
        }
    }
}
