//! What may grow, and how far: rows by what was handed in and said, connections by the limits, tasks by both, memory by the
//! recipients; and what is gone when all time is over.
//!
//! The bounds of rows are those of the whole network, and each follows from the book or from what crossed the wires: a server
//! may keep less, and never more. Those of memory are round numbers above what was seen; what SQLite holds, and what people's
//! own requests to the store hold on their way, is not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use heap::Account;

use super::Finding;
use super::book::{Author, Letter};
use super::life::Life;
use crate::network::{DESK, Host, owner_of};

/// Of one server to one peer: four each of notices, retrievals and ordinary mail (protocol section 4), as many that wait for
/// more of it, and one that asks what waits.
const CONNECTIONS_TO_PEER_MAX: usize = 3 * (4 + 4) + 1;

/// Tasks that a job of one connection may have: itself, and one that ends its session.
const TASKS_OF_CONNECTION_MAX: usize = 2;

/// Octets of memory that a server holds at rest: its statements, its tables of peers, what waits; and for each recipient of each
/// letter of the network, what it keeps of mail and reports that are not indexed for good yet.
const MEMORY_AT_REST_MAX: usize = 192 * 1024;
const MEMORY_OF_RECIPIENT_MAX: usize = 4 * 1024;
/// The same before the end, where it has no connection, no task of one, and nothing to do: while contents cannot be had, a mailbox
/// that is to be indexed waits with what reads them, and with up to 1 MiB that it has of them.
const MEMORY_OF_READER: usize = (256 + 1024) * 1024;
/// At every moment: with the contents of several large messages, or what a start takes. (The most of 1,670 servers: 2,300,000.)
const MEMORY_PEAK_MAX: usize = 4 * 1024 * 1024;

/// A server's clock goes ahead by so much at a time: longer than everything is remembered.
const LEAP: Duration = Duration::from_hours(40 * 24);
/// So often: expired, given up, forgotten, and its content swept, one after the other.
const LEAPS: i64 = 5;
/// After each of them, for what is due then.
const LEAPT: Duration = Duration::from_secs(15);

/// Tables that have no rows when all is over.
const GONE: [&str; 9] = ["message", "transfer", "arrival", "partial", "orphan", "redecision", "kept", "former_arrival", "errand"];

/// People that the peers of other kinds write as, at most.
const OTHER_SENDERS: u64 = 50;
/// Facts that a store notes about itself.
const META_MAX: u64 = 8;
const PARTITIONS: u64 = 1024;

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Life {
    /// Looks, in the middle of a run, at what there is too much of.
    pub(crate) fn watch(&mut self) {
        let peers = self.tasks_at_rest.len() + 4;
        let hosts: Vec<_> = self.sim.0.servers.borrow().iter().map(|server| (server.host, server.domain.clone())).collect();
        for ((host, domain), at_rest) in hosts.into_iter().zip(&self.tasks_at_rest) {
            let tasks = self.sim.0.executor.tasks_of(owner_of(host));
            let served = self.sim.0.network.served_by(host);
            let most = at_rest + 1 + served + TASKS_OF_CONNECTION_MAX * CONNECTIONS_TO_PEER_MAX * peers;
            if tasks > most {
                self.excesses.insert(format!("{domain} had {tasks} tasks, {served} of which may serve connections: more than {most}"));
            }
            let connections = served + self.sim.0.network.dialled_by(host);
            let is_idle = connections == 0 && tasks <= *at_rest && self.sim.0.has_nothing_to_do(&domain);
            let (held, most) = (self.memory(host).held(), self.memory_at_rest_max() + MEMORY_OF_READER);
            if is_idle && held > most {
                self.excesses.insert(format!("{domain} had {held} octets of memory and nothing to do: more than {most}"));
            }
        }
    }

    /// There was never more of anything than there may be.
    pub(crate) fn excesses(&self) -> Vec<String> {
        let state = self.sim.0.network.state();
        let is_ours = |host: Host| (1..=self.tasks_at_rest.len()).contains(&host.0);
        let ours = state.most_open.iter().filter(|([from, to], _)| is_ours(*from) && *to != DESK);
        let most = CONNECTIONS_TO_PEER_MAX.min(self.dialled_max);
        let open = ours.filter(|(_, open)| **open > most);
        let open = open.map(|([from, to], open)| format!("{from:?} had {open} connections to {to:?}, and may have {most}"));
        open.chain(self.excesses.iter().cloned()).collect()
    }

    fn memory(&self, host: Host) -> Account {
        self.sim.0.executor.account(owner_of(host))
    }

    fn memory_at_rest_max(&self) -> usize {
        let recipients: usize = self.book.letters.iter().map(|letter| letter.recipients.len()).sum();
        MEMORY_AT_REST_MAX + MEMORY_OF_RECIPIENT_MAX * recipients
    }

    /// Servers that hold more than they may, at rest, or ever held.
    pub(crate) fn memory_too_much(&self) -> Vec<String> {
        let at_rest = self.memory_at_rest_max();
        let mut wrong = vec![];
        for server in self.sim.0.servers.borrow().iter() {
            let memory = self.memory(server.host);
            for (when, held, most) in [("at rest", memory.held(), at_rest), ("at one time", memory.most(), MEMORY_PEAK_MAX)] {
                if held > most {
                    wrong.push(format!("{} has {held} octets of memory {when}, and may have {most}", server.domain));
                }
            }
        }
        wrong
    }

    /// Rows of all servers, by table.
    fn rows(&self) -> Result<BTreeMap<String, u64>, String> {
        let mut all = BTreeMap::new();
        for domain in self.domains() {
            let rows = self.sim.0.ask(&self.sim.0.domain(domain), |node| Box::pin(async move { node.store.rows().await }))?;
            for (table, count) in rows {
                *all.entry(table).or_default() += count;
            }
        }
        Ok(all)
    }

    /// How many rows each table may have.
    fn rows_max(&self) -> BTreeMap<&'static str, u64> {
        let ours = |letter: &&Letter| letter.author != Author::Elsewhere;
        let attempts = |letter: &Letter| u64::from(letter.attempts);
        let messages: u64 = self.book.letters.iter().filter(ours).map(attempts).sum();
        let transfers: u64 = self.book.letters.iter().filter(ours).map(|letter| attempts(letter) * wide(letter.recipients.len())).sum();
        let pushed: u64 = self.book.letters.iter().filter(|letter| !ours(letter)).map(attempts).sum();
        let state = self.sim.0.network.state();
        let said = || state.tap.iter().flat_map(|tap| &tap.said).map(|said| said.line.as_str());
        let word = |line: &str, name: &str| line.split(' ').find_map(|word| word.strip_prefix(name).map(str::to_owned));
        let notices = said().filter(|line| line.starts_with("NOTICE")).map(|line| (word(line, "ID="), word(line, "TO:")));
        let notices = wide(notices.collect::<BTreeSet<_>>().len());
        let retrievals = wide(said().filter(|line| line.starts_with("RETRIEVE")).count());
        drop(state);
        let (people, servers) = (wide(self.book.people.len()), wide(self.tasks_at_rest.len()));
        let (acts, arrivals) = (self.book.acts_known(), transfers + notices);
        // Messages, and a failure or success and two delays of each.
        let mail = arrivals + pushed + 3 * transfers;
        BTreeMap::from([
            ("account", people),
            ("directory", people),
            ("mailbox", people),
            ("alias", 0),
            ("message", messages),
            ("transfer", transfers),
            ("arrival", arrivals),
            ("partial", retrievals),
            // Contents that were begun, and that nobody has swept yet.
            ("orphan", messages + arrivals + retrievals + pushed),
            ("kept", pushed),
            ("mail", mail),
            // Nobody files, copies or deletes anything: each lies in one mailbox, and is indexed once.
            ("item", mail),
            ("summary", mail),
            ("search_text", mail),
            ("outline", mail),
            // Too little mail for a segment.
            ("search_segment", 0),
            ("search_gram", 0),
            // Nobody has a mail program, an app password or rules.
            ("annotation", 0),
            ("answered", 0),
            ("app_password", 0),
            ("beat", 0),
            ("acquaintance", 0),
            ("discarded", 0),
            // Who was let in, and whose server does not answer the question what else waits.
            ("errand", acts),
            ("expunged", 0),
            ("made", 0),
            ("rules", 0),
            ("subscription", 0),
            // One for the list, too.
            ("entry", acts + people),
            // And the modes that were chosen.
            ("history", acts + 3 * people),
            ("observed", people * (people + OTHER_SENDERS)),
            ("pin", servers * (servers + 4)),
            ("lease", servers * PARTITIONS),
            ("meta", servers * META_MAX),
            ("redecision", 0),
            ("former_arrival", 0),
        ])
    }

    /// Tables that have more rows than they may, at rest.
    pub(crate) fn rows_too_many(&self) -> Vec<String> {
        let rows = match self.rows() {
            Ok(rows) => rows,
            Err(error) => return vec![format!("the rows cannot be counted: {error}")],
        };
        let max = self.rows_max();
        let over = rows.iter().filter(|(table, count)| max.get(table.as_str()).is_none_or(|max| *count > max));
        over.map(|(table, count)| format!("{count} rows in {table}, and there may be {:?}", max.get(table.as_str()))).collect()
    }

    /// Lets all time pass that anything is kept for. What is there then should be gone.
    pub(crate) fn pass_all_time(&mut self) -> Vec<Finding> {
        let leap = i64::try_from(LEAP.as_millis()).unwrap_or(i64::MAX);
        for leaps in 1..=LEAPS {
            for domain in self.domains() {
                self.sim.set_clock_ahead(domain, leaps * leap);
                // Who starts sweeps at once.
                self.sim.crash(domain);
                self.sim.restart(domain);
            }
            self.sim.run_for(LEAPT);
        }
        let left = match self.rows() {
            Ok(rows) => rows.into_iter().filter(|(table, count)| GONE.contains(&table.as_str()) && *count > 0).collect(),
            Err(error) => BTreeMap::from([(error, 0)]),
        };
        let wrong = left.into_iter().map(|(table, count)| format!("{count} rows in {table} are left when all time is over"));
        wrong.chain(self.rows_too_many()).map(|what| Finding { what, trace: vec![] }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sim;
    use crate::net::steer::Steer;

    #[test]
    fn what_grows_and_what_stays_is_noticed() {
        let sim = Sim::seeded(1);
        sim.0.is_judged.set(true);
        let mut life = Life::begin(sim, 1);
        life.pass(Steer::Nowhere);
        assert_eq!(life.rows_too_many(), [""; 0]);
        assert_eq!(life.excesses(), [""; 0]);
        assert_eq!(life.memory_too_much(), [""; 0]);
        let rows = life.rows().unwrap();
        assert!(GONE.iter().filter(|table| rows[**table] > 0).count() >= 3, "{rows:?}");
        assert!(life.pass_all_time().is_empty());
        let letters = std::mem::take(&mut life.book.letters);
        assert!(letters.len() > 5);
        assert!(life.rows_too_many().iter().any(|wrong| wrong.contains("rows in mail")));
        life.dialled_max = 0;
        assert!(!life.excesses().is_empty());
        let memory = |octets| life.sim.0.executor.booked(owner_of(Host(1)), || std::hint::black_box(vec![0_u8; octets]));
        let kept = memory(life.memory_at_rest_max() + MEMORY_OF_READER);
        assert!(life.memory_too_much().iter().any(|wrong| wrong.contains("octets of memory at rest")));
        drop(memory(MEMORY_PEAK_MAX));
        assert!(life.memory_too_much().iter().any(|wrong| wrong.contains("octets of memory at one time")));
        life.excesses.clear();
        life.watch();
        assert!(life.excesses().iter().any(|wrong| wrong.contains("octets of memory and nothing to do")));
        drop(kept);
    }
}
