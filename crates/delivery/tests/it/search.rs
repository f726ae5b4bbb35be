//! The exhaustive search: every order of events that one message can meet between two servers.
//!
//! The network loses, repeats and reorders; either server crashes, the author takes the message back, the recipient
//! changes their mind, an administrator gives up or wants it tried again, time passes: at any moment, as often as it can. At most three messages are in flight. In every world
//! that can be reached: nothing is lost, nothing stored twice, nobody told a falsehood, nothing stored without
//! consent; and from every one an end can be reached.

mod model;
mod tables;

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

use model::{Model, Mutant, Opinion, World};

/// What a search found.
struct Found {
    worlds: usize,
    steps: usize,
    fault: Option<(&'static str, Vec<String>)>,
    without_end: usize,
    ends: BTreeSet<String>,
}

/// Spreads the packed worlds: the search asks millions of times.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64(u64::from(*octet));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// All worlds that can be reached, breadth first, until one has a fault.
fn search(mutant: Mutant) -> Found {
    let mut model = Model::new(mutant);
    let mut worlds: Vec<World> = vec![];
    let mut numbers: HashMap<u64, u32, BuildHasherDefault<Spread>> = HashMap::default();
    let mut steps: Vec<(u32, u32)> = vec![];
    let mut reached_from: Vec<u32> = vec![];
    for opinion in [Opinion::None, Opinion::Allowed] {
        let start = model.start(opinion);
        numbers.insert(start.packed(), number(worlds.len()));
        reached_from.push(number(worlds.len()));
        worlds.push(start);
    }
    let mut next = vec![];
    let mut at = 0;
    while at < worlds.len() {
        model.successors(worlds[at], &mut next);
        for after in &next {
            let known = number(worlds.len());
            let index = *numbers.entry(after.packed()).or_insert(known);
            if index == known {
                worlds.push(*after);
                reached_from.push(number(at));
                if let Some(fault) = model.fault(*after) {
                    let fault = Some((fault, story(&model, &worlds, &reached_from, known)));
                    return Found { worlds: worlds.len(), steps: steps.len(), fault, without_end: 0, ends: BTreeSet::new() };
                }
            }
            steps.push((index, number(at)));
        }
        at += 1;
    }
    let without_end = count_without_end(&model, &worlds, &steps);
    let ends = worlds.iter().filter(|world| model.is_quiescent(**world)).map(|world| model.end(*world)).collect();
    Found { worlds: worlds.len(), steps: steps.len(), fault: None, without_end, ends }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("fewer worlds than that")
}

/// How a world came about, one line each step.
fn story(model: &Model, worlds: &[World], reached_from: &[u32], last: u32) -> Vec<String> {
    let mut lines = vec![];
    let mut index = last;
    loop {
        let world = worlds[index as usize];
        let arrival = world.arrival.map(|name| model.tables.arrival(name));
        lines.push(format!("{:?}\n    {arrival:?}\n    {world:?}", model.tables.transfer(world.transfer)));
        let before = reached_from[index as usize];
        if before == index {
            lines.reverse();
            return lines;
        }
        index = before;
    }
}

/// How many worlds no end can be reached from, walking back from the ends.
fn count_without_end(model: &Model, worlds: &[World], steps: &[(u32, u32)]) -> usize {
    let mut first_step_to = vec![0_u32; worlds.len() + 2];
    for (to, _) in steps {
        first_step_to[*to as usize + 2] += 1;
    }
    for index in 2..first_step_to.len() {
        first_step_to[index] += first_step_to[index - 1];
    }
    let mut origins = vec![0_u32; steps.len()];
    for (to, from) in steps {
        let place = &mut first_step_to[*to as usize + 1];
        origins[*place as usize] = *from;
        *place += 1;
    }
    let mut has_end: Vec<bool> = worlds.iter().map(|world| model.is_quiescent(*world)).collect();
    let mut open: Vec<usize> = (0..worlds.len()).filter(|index| has_end[*index]).collect();
    while let Some(index) = open.pop() {
        for from in &origins[first_step_to[index] as usize..first_step_to[index + 1] as usize] {
            if !std::mem::replace(&mut has_end[*from as usize], true) {
                open.push(*from as usize);
            }
        }
    }
    has_end.iter().filter(|reached| !**reached).count()
}

#[test]
fn no_order_of_events_loses_doubles_or_belies_a_message() {
    let begun = Instant::now();
    let found = search(Mutant::None);
    println!("{} worlds, {} steps, {:.1} s", found.worlds, found.steps, begun.elapsed().as_secs_f64());
    if let Some((fault, story)) = found.fault {
        panic!("{fault}:\n{}", story.join("\n"));
    }
    assert_eq!(found.without_end, 0, "worlds from which no end can be reached");
    let ends = [
        "closed, not stored",
        "closed, stored",
        "delivered, stored",
        "expired, not stored",
        "failed, not stored",
        "relayed, not stored",
        "withdrawn, not stored",
    ];
    assert_eq!(found.ends.iter().map(String::as_str).collect::<Vec<_>>(), ends, "every end is reached, and no other");
    assert!(found.worlds > 100_000, "the search has become too small to mean anything: {}", found.worlds);
}

fn fault_of(mutant: Mutant) -> &'static str {
    search(mutant).fault.map_or("none found", |(fault, _story)| fault)
}

#[test]
fn confirming_before_the_message_is_stored_is_found_to_lose_it() {
    assert_eq!(fault_of(Mutant::ConfirmBeforeStore), "loss: freed as delivered, and stored nowhere");
}

#[test]
fn deleting_when_the_last_octet_left_is_found_to_lose_the_message() {
    assert_eq!(fault_of(Mutant::DeleteWhenSent), "loss: freed as delivered, and stored nowhere");
}

#[test]
fn storing_without_asking_the_row_is_found_to_store_twice() {
    assert_eq!(fault_of(Mutant::StoreUnkeyed), "duplicate: stored twice");
}

#[test]
fn recording_served_too_late_is_found_to_belie_the_author() {
    let fault = "false report: the author hears that it was not delivered, and it is stored";
    assert_eq!(fault_of(Mutant::ServedLate), fault);
}

#[test]
fn ending_a_push_without_a_record_is_found_to_belie_the_author() {
    let fault = "false report: the author hears that it was not delivered, and it was pushed";
    let given_up = "false report: given up as failed, and it was pushed";
    assert!([fault, given_up].contains(&fault_of(Mutant::RelayEndingUnrecorded)));
}
