//! What crossed the wires: no octet of a message to anybody who had not let its author in, and no RETRIEVE before that.

use std::collections::BTreeMap;
use std::time::Duration;

use mail::time::Timestamp;

use super::Evidence;
use crate::holdings::PLAIN_HOST;
use crate::net::book::{Author, Letter, Place};
use crate::net::hostile::HOSTILE_HOST;
use crate::net::life::Life;
use crate::network::{DESK, Host};
use crate::tap::Said;

pub(super) fn check(life: &Life, evidence: &mut Evidence) {
    let hosts: Vec<Host> = life.sim.0.servers.borrow().iter().map(|server| server.host).collect();
    let state = life.sim.0.network.state();
    let Some(tap) = &state.tap else { return };
    let crossings = tap.crossings.clone();
    let said = tap.said.clone();
    drop(state);
    let wires = Wires { life, hosts };
    for ((mark, from, to), at) in crossings {
        let Some((number, letter)) = usize::try_from(mark).ok().and_then(|number| Some((number, life.book.letters.get(number)?))) else {
            continue;
        };
        if !wires.may_cross(letter, from, to, at) {
            evidence.note(
                number,
                format!("m{number}: its octets went from {from:?} to {to:?} at {at}, and nobody there had let {} in", letter.from),
            );
        }
    }
    let wrong = wires.retrieved_too_soon(&said);
    evidence.note_all(wrong);
}

/// When who said of which id that its message lies in the mailbox.
pub(super) fn confirmed(life: &Life) -> BTreeMap<String, Vec<(Host, Timestamp)>> {
    let mut confirmed: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let state = life.sim.0.network.state();
    let said = state.tap.iter().flat_map(|tap| &tap.said);
    for said in said.filter(|said| said.line.starts_with("CONFIRM ")) {
        let Some(id) = param(&said.line, "ID=") else { continue };
        confirmed.entry(id).or_default().push((said.from, said.at));
    }
    confirmed
}

struct Wires<'a> {
    life: &'a Life,
    /// Of the servers, in order.
    hosts: Vec<Host>,
}

impl Wires<'_> {
    fn may_cross(&self, letter: &Letter, from: Host, to: Host, at: Timestamp) -> bool {
        let own = self.hosts.get(letter.server).copied();
        if from == DESK {
            // Handed in, or pushed.
            return own == Some(to);
        }
        if Some(from) != own || letter.author == Author::Elsewhere {
            return false;
        }
        letter.recipients.iter().any(|recipient| match recipient.place {
            Place::Mailbox(person) => {
                let host = self.life.book.people.get(person).and_then(|owner| self.hosts.get(owner.server)).copied();
                host == Some(to) && self.life.book.standing_of(letter, person, letter.begun, at).is_in
            }
            Place::Elsewhere => to == PLAIN_HOST,
            Place::Hostile => to == HOSTILE_HOST,
            Place::Nowhere => false,
        })
    }

    /// A message is asked for only on behalf of somebody who may have let its author in by then.
    fn retrieved_too_soon(&self, said: &[Said]) -> Vec<String> {
        let mut noticed: BTreeMap<String, (String, String)> = BTreeMap::new();
        let mut wrong = vec![];
        for said in said {
            let Some(id) = param(&said.line, "ID=") else { continue };
            if let (Some(rest), Some(to)) = (said.line.strip_prefix("NOTICE FROM:<"), path_behind(&said.line, "TO:<")) {
                let from = rest.split('>').next().unwrap_or_default().to_owned();
                noticed.entry(id).or_insert((from, to));
            } else if said.line.starts_with("RETRIEVE") && self.hosts.contains(&said.from) {
                let Some((from, to)) = noticed.get(&id) else {
                    wrong.push(format!("{} at {}: nobody had noticed that", said.line, said.at));
                    continue;
                };
                let Some(person) = self.life.book.person(to) else { continue };
                let began = Timestamp::EPOCH + Duration::from_secs(1);
                if !self.life.book.standing(person, from, began, said.at).is_in {
                    wrong.push(format!("{} at {}: {to} has not let {from} in", said.line, said.at));
                }
            }
        }
        wrong
    }
}

fn param(line: &str, name: &str) -> Option<String> {
    let rest = line.split(' ').find_map(|word| word.strip_prefix(name))?;
    Some(rest.to_owned())
}

fn path_behind(line: &str, before: &str) -> Option<String> {
    line.split(before).nth(1)?.split('>').next().map(str::to_owned)
}
