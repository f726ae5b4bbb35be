//! What a test can have go wrong: with servers, disks, clocks, names and the network between them.

use std::time::Duration;

use delivery::dns::{Kind, Name, Question, Record};
use store::queue::Boundary;

use crate::Sim;
use crate::disk::FailedSync;
use crate::faults::Fault;
use crate::network::owner_of;

impl Sim {
    /// The next NOTICE says another size than its message has.
    pub fn alter_size_of_notice(&mut self) {
        self.0.network.plan(Fault::AlterSizeOfNotice);
    }

    /// The server dies at its n-th commit from now, before or after it.
    pub fn crash_at_commit(&mut self, domain: &str, nth: u64, boundary: Boundary) {
        self.0.with_server(&self.0.domain(domain), |server| server.crash_at = Some((server.commits + nth, boundary)));
    }

    /// The next reply to this verb is lost with its connection.
    pub fn lose_reply_to(&mut self, verb: &'static str) {
        self.0.network.plan(Fault::LoseReplyTo(verb));
    }

    /// The next command of this verb is lost with its connection.
    pub fn lose_command(&mut self, verb: &'static str) {
        self.0.network.plan(Fault::LoseCommand(verb));
    }

    /// The next connection that retrieves breaks after so many octets from the origin.
    pub fn cut_retrieval_after(&mut self, octets: u64) {
        self.0.network.plan(Fault::CutRetrievalAfter(octets));
    }

    /// A server dies when the last octet of the next RETRIEVE has left, before anything else happens.
    pub fn die_when_served(&mut self, domain: &str) {
        let host = self.0.with_server(&self.0.domain(domain), |server| server.host);
        self.0.network.plan(Fault::DieWhenServed(host));
    }

    /// The origin and the destination of the next RETRIEVE lose sight of each other after so many octets.
    pub fn part_retrieval_after(&mut self, octets: u64) {
        self.0.network.plan(Fault::PartRetrievalAfter(octets));
    }

    /// One octet of what the next RETRIEVE brings is another than the origin sent.
    pub fn alter_retrieval_after(&mut self, octets: u64) {
        self.0.network.plan(Fault::AlterRetrievalAfter(octets));
    }

    /// No planned fault strikes any more.
    pub fn forget_faults(&mut self) {
        self.0.network.forget_faults();
        self.0.executor.reprieve();
        for server in self.0.servers.borrow_mut().iter_mut() {
            server.crash_at = None;
            server.disk.mend();
        }
    }

    /// The faults that were planned and have not struck.
    pub fn planned_faults(&self) -> Vec<Fault> {
        self.0.network.planned()
    }

    /// Nothing passes between two servers any more.
    pub fn part(&mut self, one: &str, other: &str) {
        let host = |domain: &str| self.0.with_server(&self.0.domain(domain), |server| server.host);
        self.0.network.part(host(one), host(other));
    }

    /// The network and DNS are well again, and all clocks right.
    pub fn heal(&mut self) {
        self.0.network.heal();
        self.0.network.set_clocks_right();
        self.0.dns.heal();
    }

    /// From now on everything below a domain answers SERVFAIL.
    pub fn fail_dns(&mut self, domain: &str) {
        self.0.dns.fail(Name::from(&self.0.domain(domain)));
    }

    /// From now on the certificate of a domain's server is for another name.
    pub fn forge_certificate(&mut self, domain: &str, name: &str) {
        let host = self.0.with_server(&self.0.domain(domain), |server| server.host);
        self.0.network.certify(host, [name.to_owned()]);
    }

    /// A server takes so many steps more, and dies where it then stands.
    pub fn crash_after_steps(&mut self, domain: &str, steps: u64) {
        let host = self.0.with_server(&self.0.domain(domain), |server| server.host);
        self.0.executor.doom(owner_of(host), steps.max(1));
    }

    /// From now on a server's disk is full.
    pub fn fill_disk(&mut self, domain: &str) {
        self.0.with_server(&self.0.domain(domain), |server| server.disk.fill());
    }

    /// So many of the next syncs of a server's disk fail.
    pub fn fail_syncs(&mut self, domain: &str, times: u32, what: FailedSync) {
        self.0.with_server(&self.0.domain(domain), |server| server.disk.fail_syncs(times, what));
    }

    /// All disks and object stores are well again.
    pub fn mend_disks(&mut self) {
        self.0.servers.borrow_mut().iter_mut().for_each(|server| server.disk.mend());
    }

    /// The power of a server fails at the n-th write, change of a name or sync of its disk from now; 0: now.
    pub fn cut_power(&mut self, domain: &str, operations: u64) {
        let name = self.0.domain(domain);
        self.0.with_server(&name, |server| server.disk.cut_power(operations));
        if operations == 0 {
            self.0.crash(&name);
        }
    }

    /// From now on one operation in so many of a server's object store fails, and each takes up to so long.
    pub fn spoil_contents(&mut self, domain: &str, fails_once_in: u64, slow_millis_max: u64) {
        self.0.with_server(&self.0.domain(domain), |server| {
            let mut mood = server.disk.mood();
            (mood.fails_once_in, mood.slow_millis_max) = (fails_once_in, slow_millis_max);
        });
    }

    /// From now on a server's clock is so far ahead; behind, if that is negative.
    pub fn set_clock_ahead(&mut self, domain: &str, millis: i64) {
        let host = self.0.with_server(&self.0.domain(domain), |server| server.host);
        self.0.journal.note(self.0.executor.now(), || format!("{domain}: its clock is set {millis} ms ahead"));
        self.0.network.clock(host).set_ahead(millis);
    }

    /// From now on nobody answers for the names below a domain.
    pub fn silence_dns(&mut self, domain: &str) {
        self.0.dns.silence(Name::from(&self.0.domain(domain)));
    }

    /// From now on DNS answers this, whatever is so; nothing: that there is no such name.
    pub fn lie_in_dns(&mut self, name: Name, kind: Kind, records: Vec<Record>) {
        self.0.journal.note(self.0.executor.now(), || format!("{name} {kind:?} is answered {records:?}"));
        self.0.dns.lie(Question { name, kind }, records);
    }

    /// The certificate of a domain's server is its own again.
    pub fn mend_certificate(&mut self, domain: &str) {
        let (host, name) = self.0.with_server(&self.0.domain(domain), |server| (server.host, server.hostname.to_string()));
        self.0.network.certify(host, [name]);
    }

    /// Copies all that a server has on its disk; the backup's number.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn back_up(&mut self, domain: &str) -> Result<usize, String> {
        self.0.journal.note(self.0.executor.now(), || format!("{domain}: is backed up"));
        self.0.with_server(&self.0.domain(domain), crate::host::Server::back_up)
    }

    /// Ends a server, puts a backup in place of all it has, and starts it again, as `twoway restore` does.
    pub fn restore(&mut self, domain: &str, backup: usize) {
        let name = self.0.domain(domain);
        self.0.crash(&name);
        self.0.journal.note(self.0.executor.now(), || format!("{domain}: is restored from its backup {backup}"));
        self.0.network.strike("restore from an old backup");
        self.0.sure(self.0.with_server(&name, |server| server.restore(backup)));
        self.0.has_lost_data.set(true);
        self.0.restart(&name);
    }

    /// How often which fault has struck.
    pub fn struck(&self) -> std::collections::BTreeMap<&'static str, u64> {
        self.0.network.struck()
    }

    /// Notes that a fault has struck which only the test knows of.
    pub fn strike(&mut self, fault: &'static str) {
        self.0.network.strike(fault);
    }

    /// How long the simulation has lasted, in its own time.
    pub fn age(&self) -> Duration {
        self.0.executor.now().since(crate::sim::start())
    }
}
