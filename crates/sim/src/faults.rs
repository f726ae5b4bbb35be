//! What goes wrong on the way, at a chosen moment: a listener at every connection that knows the verbs it waits for.

use crate::network::Host;

/// Something that goes wrong once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The next reply to this verb never arrives; its connection breaks instead.
    LoseReplyTo(&'static str),
    /// The next command of this verb never arrives; its connection breaks instead.
    LoseCommand(&'static str),
    /// The next RETRIEVE that this server serves, or is served, goes to its last octet; the server dies before anything else happens.
    DieWhenServed(Host),
    /// The next RETRIEVE is served for so many octets, its reply among them; then the connection breaks.
    CutRetrievalAfter(u64),
    /// The next RETRIEVE is served for so many octets; then both servers lose sight of each other.
    PartRetrievalAfter(u64),
    /// The next RETRIEVE is served with another octet behind so many; then the connection goes on.
    AlterRetrievalAfter(u64),
    /// The next NOTICE arrives with another SIZE than its message has.
    AlterSizeOfNotice,
}

/// Which way octets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// From who dialled to who was dialled.
    ToServer,
    /// Back.
    ToClient,
}

/// What is to happen with octets about to travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They arrive.
    Arrive,
    /// So many of them arrive; then the connection breaks.
    CutAfter(usize),
    /// They arrive, and this server dies.
    ThenDie(Host),
    /// They are under way when both ends lose sight of each other.
    ThenPart,
    /// They arrive, this one of them altered.
    Altered(usize),
}

/// What one connection has said that a fault waits for.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    armed: Option<(Fault, Armed)>,
}

#[derive(Debug)]
enum Armed {
    /// The reply is cut at once.
    Reply,
    /// So many octets of the reply pass first.
    After(u64, Then),
    /// The reply's end is waited for; what is known of it so far.
    Served { host: Host, offset: u64, front: Vec<u8>, left: Option<u64> },
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Cut,
    Part,
    Alter,
}

impl Listener {
    /// The fault that waits for its moment.
    pub(crate) fn waiting(&self) -> Option<Fault> {
        self.armed.as_ref().map(|(fault, _)| *fault)
    }

    /// Hears octets that are about to travel. A fault that strikes is taken from the list.
    pub(crate) fn hear(&mut self, way: Way, ends: [Host; 2], octets: &[u8], faults: &mut Vec<Fault>) -> Fate {
        match way {
            Way::ToServer => self.hear_commands(ends, octets, faults),
            Way::ToClient => self.hear_replies(octets),
        }
    }

    fn hear_commands(&mut self, ends: [Host; 2], octets: &[u8], faults: &mut Vec<Fault>) -> Fate {
        let mut passed = 0;
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            let begin = passed;
            passed += line.len();
            let line = String::from_utf8_lossy(line).into_owned();
            let is = |verb: &str| line.strip_prefix(verb).is_some_and(|rest| rest.starts_with([' ', '\r']));
            let strikes = |fault: &Fault| match fault {
                Fault::LoseReplyTo(verb) | Fault::LoseCommand(verb) => is(verb),
                Fault::DieWhenServed(host) => ends.contains(host) && is("RETRIEVE"),
                Fault::CutRetrievalAfter(_) | Fault::PartRetrievalAfter(_) | Fault::AlterRetrievalAfter(_) => is("RETRIEVE"),
                Fault::AlterSizeOfNotice => is("NOTICE") && line.contains(" SIZE="),
            };
            let Some(place) = faults.iter().position(strikes) else { continue };
            let fault = faults.remove(place);
            let armed = match fault {
                Fault::LoseCommand(_) => return Fate::CutAfter(0),
                // The last digit: of the same length, and never more than we take.
                Fault::AlterSizeOfNotice => return Fate::Altered(begin + last_digit_after(&line, " SIZE=")),
                Fault::LoseReplyTo(_) => Armed::Reply,
                Fault::CutRetrievalAfter(octets) => Armed::After(octets, Then::Cut),
                Fault::PartRetrievalAfter(octets) => Armed::After(octets, Then::Part),
                Fault::AlterRetrievalAfter(octets) => Armed::After(octets, Then::Alter),
                Fault::DieWhenServed(host) => Armed::Served { host, offset: number_after(&line, "OFFSET="), front: vec![], left: None },
            };
            self.armed = Some((fault, armed));
        }
        Fate::Arrive
    }

    fn hear_replies(&mut self, octets: &[u8]) -> Fate {
        let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        let Some((fault, armed)) = self.armed.take() else { return Fate::Arrive };
        let armed = match armed {
            Armed::Reply => return Fate::CutAfter(0),
            Armed::After(left, Then::Cut) if left < length => return Fate::CutAfter(usize::try_from(left).unwrap_or(0)),
            Armed::After(left, Then::Part) if left < length => return Fate::ThenPart,
            Armed::After(left, Then::Alter) if left < length => return Fate::Altered(usize::try_from(left).unwrap_or(0)),
            Armed::After(left, then) => Armed::After(left - length, then),
            Armed::Served { host, offset, mut front, left } => {
                let left = if let Some(left) = left {
                    Some(left.saturating_sub(length))
                } else {
                    front.extend_from_slice(octets);
                    served_left(&front, offset)
                };
                if left == Some(0) {
                    return Fate::ThenDie(host);
                }
                Armed::Served { host, offset, front, left }
            }
        };
        self.armed = Some((fault, armed));
        Fate::Arrive
    }
}

/// How many octets are still to come after these, the first of the reply to RETRIEVE; `None` while its line is not
/// complete, and for ever if it announces none.
fn served_left(front: &[u8], offset: u64) -> Option<u64> {
    let end = front.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let line = String::from_utf8_lossy(front.get(..end)?).into_owned();
    if !line.starts_with("250") {
        return None;
    }
    let whole = u64::try_from(end).ok()? + number_after(&line, "SIZE=").saturating_sub(offset);
    Some(whole.saturating_sub(u64::try_from(front.len()).ok()?))
}

fn number_after(line: &str, name: &str) -> u64 {
    let rest = line.split_once(name).map_or("", |(_, rest)| rest);
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// Where the number behind this name ends.
fn last_digit_after(line: &str, name: &str) -> usize {
    let front = line.find(name).map_or(0, |place| place + name.len());
    let digits = line.bytes().skip(front).take_while(u8::is_ascii_digit).count();
    (front + digits).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [Host; 2] = [Host(2), Host(1)];

    #[test]
    fn a_reply_is_lost_once_and_only_that_to_its_verb() {
        let mut faults = vec![Fault::LoseReplyTo("CONFIRM")];
        let mut listener = Listener::default();
        assert_eq!(listener.hear(Way::ToServer, ENDS, b"NOTICE FROM:<a@a.test>\r\n", &mut faults), Fate::Arrive);
        assert_eq!(listener.hear(Way::ToClient, ENDS, b"250 2.0.0 ok\r\n", &mut faults), Fate::Arrive);
        assert_eq!(listener.hear(Way::ToServer, ENDS, b"CONFIRM ID=x TO:<b@b.test>\r\n", &mut faults), Fate::Arrive);
        assert_eq!(listener.hear(Way::ToClient, ENDS, b"250 2.0.0 ok\r\n", &mut faults), Fate::CutAfter(0));
        assert_eq!(faults, []);
    }

    #[test]
    fn the_last_octet_served_is_found_whatever_the_pieces_and_the_offset() {
        let mut faults = vec![Fault::DieWhenServed(Host(1))];
        let mut listener = Listener::default();
        listener.hear(Way::ToServer, [Host(2), Host(3)], b"RETRIEVE ID=x TO:<b@b.test>\r\n", &mut faults);
        assert_eq!(listener.hear(Way::ToClient, [Host(2), Host(3)], b"250 2.0.0 SIZE=1\r\n1", &mut faults), Fate::Arrive);
        listener.hear(Way::ToServer, ENDS, b"RETRIEVE ID=x TO:<b@b.test> OFFSET=3\r\n", &mut faults);
        for piece in [&b"250 2.0.0 SIZE=8 DIG"[..], b"EST=sha-256:x MAILFROM=<>\r\n1", b"234"] {
            assert_eq!(listener.hear(Way::ToClient, ENDS, piece, &mut faults), Fate::Arrive);
        }
        assert_eq!(listener.hear(Way::ToClient, ENDS, b"5", &mut faults), Fate::ThenDie(Host(1)));
    }

    #[test]
    fn a_retrieval_is_cut_at_its_octet() {
        let mut faults = vec![Fault::CutRetrievalAfter(5)];
        let mut listener = Listener::default();
        listener.hear(Way::ToServer, ENDS, b"RETRIEVE ID=x TO:<b@b.test>\r\n", &mut faults);
        assert_eq!(listener.hear(Way::ToClient, ENDS, b"250", &mut faults), Fate::Arrive);
        assert_eq!(listener.hear(Way::ToClient, ENDS, b" 2.0.0", &mut faults), Fate::CutAfter(2));
    }
}
