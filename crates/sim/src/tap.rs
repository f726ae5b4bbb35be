//! Listens on every wire: which messages' octets crossed between which hosts, and which two-way commands were said.
//!
//! A message is known by a mark in its body, [`mark`]. The tap knows nothing of servers; it hears what they write.

use std::collections::BTreeMap;

use mail::time::Timestamp;

use crate::faults::Way;
use crate::network::Host;

/// The longest mark, less one octet: so much of what was heard may be the beginning of one.
const MARK_OCTETS: usize = 20;

/// The mark of a message, which an altered octet does not make into that of another.
pub(crate) fn mark(number: u64) -> String {
    format!("~{number}+{:05}~", checked(number))
}

/// Numbers near each other have others that are far apart.
const fn checked(number: u64) -> u64 {
    number.wrapping_mul(7_919) % 99_991
}

/// Lines longer than this are no commands of ours.
const LINE_OCTETS_MAX: usize = 2_100;

/// What was heard so far.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    /// Which mark crossed first when, from whom to whom.
    pub(crate) crossings: BTreeMap<(u64, Host, Host), Timestamp>,
    /// Commands of the extension, in order.
    pub(crate) said: Vec<Said>,
    ears: BTreeMap<(u64, Way), Ear>,
}

/// A command of the extension.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// When it left.
    pub(crate) at: Timestamp,
    /// Who said it.
    pub(crate) from: Host,
    /// Without its end.
    pub(crate) line: String,
}

/// One way of one connection.
#[derive(Debug, Default)]
struct Ear {
    /// The end of what was heard.
    tail: Vec<u8>,
    /// The beginning of a line.
    line: Vec<u8>,
}

impl Tap {
    /// Hears octets that leave.
    pub(crate) fn hear(&mut self, now: Timestamp, connection: u64, way: Way, [from, to]: [Host; 2], octets: &[u8]) {
        let ear = self.ears.entry((connection, way)).or_default();
        let heard = [ear.tail.as_slice(), octets].concat();
        for mark in marks(&heard) {
            self.crossings.entry((mark, from, to)).or_insert(now);
        }
        ear.tail = heard.get(heard.len().saturating_sub(MARK_OCTETS)..).unwrap_or_default().to_vec();
        if way == Way::ToClient {
            return;
        }
        for piece in octets.split_inclusive(|octet| *octet == b'\n') {
            if ear.line.len() + piece.len() <= LINE_OCTETS_MAX {
                ear.line.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut ear.line);
                if is_two_way(&line) {
                    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                    self.said.push(Said { at: now, from, line });
                }
            }
        }
    }

    /// Nothing more will be heard there.
    pub(crate) fn end(&mut self, connection: u64) {
        self.ears.remove(&(connection, Way::ToServer));
        self.ears.remove(&(connection, Way::ToClient));
    }
}

fn is_two_way(line: &[u8]) -> bool {
    [&b"NOTICE FROM:"[..], b"RETRIEVE ID=", b"CONFIRM ID=", b"DECLINE ID=", b"PENDING FROM:"].iter().any(|verb| line.starts_with(verb))
}

/// The marks in these octets.
fn marks(octets: &[u8]) -> Vec<u64> {
    let mut parts = octets.split(|octet| *octet == b'~');
    // What stands before the first and behind the last is not between two.
    parts.next();
    let mut parts: Vec<_> = parts.collect();
    parts.pop();
    parts
        .into_iter()
        .filter(|part| part.len() < MARK_OCTETS)
        .filter_map(|part| {
            let (number, check) = std::str::from_utf8(part).ok()?.split_once('+')?;
            let number = number.parse().ok()?;
            (check.parse() == Ok(checked(number))).then_some(number)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_heard_in_whatever_pieces_it_crosses() {
        let mut tap = Tap::default();
        let hosts = [Host(1), Host(2)];
        let (first, second) = (mark(17), mark(4));
        let (one, two) = first.split_at(3);
        let altered = mark(27).replace('2', "1");
        for piece in ["Hello ", one, two, " ~x~ ", &altered, " ~5+5~ ", &second, "5"] {
            tap.hear(Timestamp::EPOCH, 1, Way::ToClient, hosts, piece.as_bytes());
        }
        assert_eq!(tap.crossings.keys().map(|(mark, _, _)| *mark).collect::<Vec<_>>(), [4, 17]);
    }

    #[test]
    fn commands_of_the_extension_are_heard_and_nothing_else() {
        let mut tap = Tap::default();
        for piece in [&b"EHLO x\r\nRETRIEVE I"[..], b"D=a TO:<b@b.test>\r\nQUIT\r\n"] {
            tap.hear(Timestamp::EPOCH, 1, Way::ToServer, [Host(1), Host(2)], piece);
        }
        assert_eq!(tap.said.iter().map(|said| said.line.as_str()).collect::<Vec<_>>(), ["RETRIEVE ID=a TO:<b@b.test>"]);
    }
}
