//! Everything has come to rest, and nothing has grown without bound.

use std::time::Duration;

use super::Evidence;
use crate::net::life::Life;
use crate::network::owner_of;

/// What one message, or one session of a stranger, may leave behind in rows that are shown.
const CONTACTS_MAX: usize = 500;

/// Tasks of a server that may be about something at any moment: one that looks for work, and one that indexes.
const TASKS_MORE_MAX: usize = 2;

/// Tasks for a connection that is still open, because a session waits a moment for what comes next: its own, and whose it was.
const TASKS_EACH_MAX: usize = 2;

/// Longer than anybody has anything to say at rest.
const MOMENT: Duration = Duration::from_mins(1);

pub(super) fn check(life: &mut Life, evidence: &mut Evidence) {
    let mut wrong = vec![];
    // What was forgotten by a restore may still be asked for now and then; each time for a moment.
    for (number, [one, other]) in life.sim.0.network.open_since(life.sim.now() - MOMENT) {
        wrong.push(format!("connection {number} between {one:?} and {other:?} is open, and nobody has anything to say"));
    }
    let open = life.sim.0.network.open_since(life.sim.now());
    let hosts: Vec<_> = life.sim.0.servers.borrow().iter().map(|server| (server.host, server.domain.clone())).collect();
    for ((host, domain), at_rest) in hosts.into_iter().zip(&life.tasks_at_rest) {
        let tasks = life.sim.0.executor.tasks_of(owner_of(host));
        let connections = open.iter().filter(|(_, ends)| ends.contains(&host)).count();
        if tasks > at_rest + TASKS_MORE_MAX + TASKS_EACH_MAX * connections {
            wrong.push(format!("{domain} has {tasks} tasks for {connections} connections, and had {at_rest} when it began"));
        }
        if !life.sim.is_up(domain.as_str()) {
            wrong.push(format!("{domain} is down"));
        }
    }
    if !(life.under_way.is_empty() && life.later.is_empty()) {
        let waiting = life.under_way.len() + life.later.len();
        wrong.push(format!("{waiting} messages are still being handed in"));
    }
    for person in &life.book.people {
        let shown = person.user.contacts().len();
        if shown > CONTACTS_MAX {
            wrong.push(format!("{shown} contact attempts are shown to {}", person.address));
        }
    }
    wrong.extend(life.excesses());
    wrong.extend(life.rows_too_many());
    evidence.note_all(wrong);
}
