//! The names of a simulated Internet: zones that answer, or fail to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use delivery::dns::{Answer, Kind, Mx, Name, Proof, Question, Record, Srv};

/// What becomes of a question that nobody answers.
pub(crate) const SILENCE: &str = "DNS: no answer";

/// What all names say.
#[derive(Default)]
pub struct Dns(Mutex<Zones>);

#[derive(Default)]
struct Zones {
    records: BTreeMap<Name, Vec<(Kind, Record)>>,
    /// Names that are answered SERVFAIL, and all below them.
    failing: BTreeSet<Name>,
    /// Names that nobody answers for, nor for any below them.
    silent: BTreeSet<Name>,
    /// What is answered instead of what is so; nothing: that there is no such name.
    lies: BTreeMap<(Name, Kind), Vec<Record>>,
}

impl Dns {
    /// Adds a record.
    pub fn add(&self, name: Name, record: Record) {
        let kind = match record {
            Record::A(_) => Kind::A,
            Record::Aaaa(_) => Kind::Aaaa,
            Record::Mx(_) => Kind::Mx,
            Record::Txt(_) => Kind::Txt,
            Record::Srv(_) => Kind::Srv,
            Record::Ptr(_) => Kind::Ptr,
            Record::Tlsa(_) => Kind::Tlsa,
        };
        self.zones().records.entry(name).or_default().push((kind, record));
    }

    /// What a mail domain publishes that sends and receives at one host: address, MX, SPF, retrieval service.
    pub fn add_mail_domain(&self, domain: &Name, host: &Name, ip: IpAddr, retrieval_port: u16) {
        self.add(domain.clone(), Record::Mx(Mx { preference: 10, exchange: Some(host.clone()) }));
        let network = if ip.is_ipv4() { "ip4" } else { "ip6" };
        self.add(domain.clone(), Record::Txt(format!("v=spf1 {network}:{ip} -all").into_bytes()));
        let service = Srv { priority: 0, weight: 10, port: retrieval_port, target: Some(host.clone()) };
        if let Some(name) = Name::new(&format!("_twoway._tcp.{domain}")) {
            self.add(name, Record::Srv(service));
        }
        let address = match ip {
            IpAddr::V4(address) => Record::A(address),
            IpAddr::V6(address) => Record::Aaaa(address),
        };
        self.add(host.clone(), address);
    }

    /// From now on a name, and all below it, answer SERVFAIL.
    pub fn fail(&self, name: Name) {
        self.zones().failing.insert(name);
    }

    /// From now on nobody answers for a name, nor for any below it.
    pub fn silence(&self, name: Name) {
        self.zones().silent.insert(name);
    }

    /// From now on these are answered, whatever is so; none: that there is no such name.
    pub fn lie(&self, question: Question, records: Vec<Record>) {
        self.zones().lies.insert((question.name, question.kind), records);
    }

    /// What is wrong with the answer to a question, if anything.
    pub(crate) fn trouble_with(&self, question: &Question) -> Option<&'static str> {
        let zones = self.zones();
        let is_below = |names: &BTreeSet<Name>| names.iter().any(|name| question.name.is_within(name));
        if is_below(&zones.failing) {
            return Some("DNS: SERVFAIL");
        }
        if is_below(&zones.silent) {
            return Some(SILENCE);
        }
        zones.lies.contains_key(&(question.name.clone(), question.kind)).then_some("DNS: a lie")
    }

    /// All names answer again, and truly.
    pub fn heal(&self) {
        let mut zones = self.zones();
        zones.failing.clear();
        zones.silent.clear();
        zones.lies.clear();
    }

    /// What is answered now.
    pub fn answer(&self, question: &Question) -> Answer {
        let zones = self.zones();
        if zones.failing.iter().any(|failing| question.name.is_within(failing)) {
            return Answer::Temporary(format!("{question}: SERVFAIL"));
        }
        if zones.silent.iter().any(|silent| question.name.is_within(silent)) {
            return Answer::Temporary(format!("{question}: timed out"));
        }
        if let Some(lie) = zones.lies.get(&(question.name.clone(), question.kind)) {
            return if lie.is_empty() { Answer::NoSuchName(Proof::Insecure) } else { Answer::insecure(lie.clone()) };
        }
        let Some(found) = zones.records.get(&question.name) else {
            // A name with names below it exists (RFC 8020).
            let exists = zones.records.keys().any(|name| name.is_within(&question.name));
            return if exists { Answer::NoData(Proof::Insecure) } else { Answer::NoSuchName(Proof::Insecure) };
        };
        let wanted: Vec<_> = found.iter().filter(|(kind, _)| *kind == question.kind).map(|(_, record)| record.clone()).collect();
        if wanted.is_empty() { Answer::NoData(Proof::Insecure) } else { Answer::insecure(wanted) }
    }

    fn zones(&self) -> MutexGuard<'_, Zones> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_answers_what_it_publishes_and_fails_when_it_is_told_to() {
        let name = |text: &str| Name::new(text).unwrap();
        let ask = |dns: &Dns, text: &str, kind| dns.answer(&Question { name: name(text), kind });
        let dns = Dns::default();
        dns.add_mail_domain(&name("a.test"), &name("mx.a.test"), "10.0.0.1".parse().unwrap(), 2626);
        assert_eq!(ask(&dns, "a.test", Kind::Mx).exchanges().count(), 1);
        assert_eq!(ask(&dns, "mx.a.test", Kind::A).addresses().next(), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(ask(&dns, "a.test", Kind::A), Answer::NoData(Proof::Insecure));
        assert_eq!(ask(&dns, "_tcp.a.test", Kind::Txt), Answer::NoData(Proof::Insecure));
        assert_eq!(ask(&dns, "c.test", Kind::A), Answer::NoSuchName(Proof::Insecure));
        dns.fail(name("a.test"));
        assert!(matches!(ask(&dns, "_twoway._tcp.a.test", Kind::Srv), Answer::Temporary(_)));
        dns.heal();
        assert_eq!(ask(&dns, "_twoway._tcp.a.test", Kind::Srv).services().count(), 1);
        dns.lie(Question { name: name("a.test"), kind: Kind::Mx }, vec![]);
        assert_eq!(ask(&dns, "a.test", Kind::Mx), Answer::NoSuchName(Proof::Insecure));
        dns.heal();
        assert_eq!(ask(&dns, "a.test", Kind::Mx).exchanges().count(), 1);
    }
}
