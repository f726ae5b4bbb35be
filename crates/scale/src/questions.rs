//! How many questions to DNS a decision asks: the production decisions, run on what a usual domain publishes.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use delivery::authority::{Authority, Role, SessionFacts};
use delivery::dialling::Dialling;
use delivery::discovery::{Route, addresses_of, exchange_hosts, retrieval_service};
use delivery::dns::{Answer, Kind, Mx, Name, Proof, Question, Record, Srv};
use mail::address::{Domain, Mailbox};

/// What a domain publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publishes {
    /// SPF by way of its provider, and MX: what domains have today. The defaults of the extension apply.
    WhatItHasToday,
    /// A `_twoway` record and a retrieval service as well.
    Records,
}

/// Questions, each counted once as a cache would have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Questions {
    /// Of a destination, for a notice: who may give it, and is there anywhere to retrieve from?
    pub for_notice: u64,
    /// Of a destination, to retrieve, after those.
    pub for_retrieval: u64,
    /// Of an origin, to find the destination.
    pub to_notify: u64,
    /// Of an origin, for a retrieval, after those.
    pub to_serve: u64,
    /// Of a receiver of pushed mail: SPF, the signature's key, DMARC.
    pub for_push: u64,
}

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 25);

impl Questions {
    /// Of one message between domains that publish this.
    pub fn count(publishes: Publishes) -> Option<Self> {
        let mailbox: Mailbox = "someone@example.org".parse().ok()?;
        let domain = mailbox.domain().clone();
        let lab = Dialling::Lab { ports: BTreeSet::new(), mx_ports: std::collections::BTreeMap::new() };
        let session = SessionFacts {
            ip: IpAddr::V4(CLIENT),
            helo: "mail.example.org".to_owned(),
            asserted: BTreeSet::new(),
            certificate_names: BTreeSet::new(),
        };
        let mut asked = Asked { publishes, questions: BTreeSet::new() };
        let may_send = Authority::check(Role::Send, &mailbox, &session);
        may_send.finish(|question| asked.answer(question));
        let spf = asked.questions.iter().filter(|question| !question.name.as_str().starts_with("_twoway")).count() as u64;
        let route = retrieval_service(&domain, &lab, 0).finish(|question| asked.answer(question));
        let for_notice = asked.count();
        asked.addresses(&route, &lab);
        let for_retrieval = asked.count() - for_notice;

        let mut asked = Asked { publishes, questions: BTreeSet::new() };
        let route = exchange_hosts(&domain, &lab, 0).finish(|question| asked.answer(question));
        asked.addresses(&route, &lab);
        let to_notify = asked.count();
        Authority::check(Role::Receive, &mailbox, &session).finish(|question| asked.answer(question));
        let to_serve = asked.count() - to_notify;
        Some(Self { for_notice, for_retrieval, to_notify, to_serve, for_push: spf + 2 })
    }
}

struct Asked {
    publishes: Publishes,
    questions: BTreeSet<Question>,
}

impl Asked {
    fn count(&self) -> u64 {
        self.questions.len() as u64
    }

    fn answer(&mut self, question: &Question) -> Answer {
        self.questions.insert(question.clone());
        let host = |text: &str| Name::new(text);
        let text = |text: &str| Record::Txt(text.as_bytes().to_vec());
        let record = match (question.name.as_str(), question.kind) {
            ("example.org", Kind::Txt) => text("v=spf1 include:_spf.example.net -all"),
            ("_spf.example.net", Kind::Txt) => text("v=spf1 ip4:192.0.2.0/24 -all"),
            ("example.org", Kind::Mx) => Record::Mx(Mx { preference: 10, exchange: host("mx1.example.org") }),
            ("_twoway.example.org", Kind::Txt) if self.publishes == Publishes::Records => {
                text("v=TWM1; mode=enforce; send=ip4:192.0.2.0/24; receive=ip4:192.0.2.0/24")
            }
            ("_twoway._tcp.example.org", Kind::Srv) if self.publishes == Publishes::Records => {
                Record::Srv(Srv { priority: 0, weight: 10, port: 2626, target: host("mx1.example.org") })
            }
            ("mx1.example.org", Kind::A) => Record::A(CLIENT),
            ("mx1.example.org", Kind::Aaaa) => Record::Aaaa(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x19)),
            _ => return Answer::NoSuchName(Proof::Insecure),
        };
        Answer::insecure([record])
    }

    fn addresses(&mut self, route: &Route, dialling: &Dialling) {
        let Route::Targets(targets) = route else { return };
        let hosts: Vec<Domain> = targets.iter().map(|target| target.host.clone()).collect();
        for host in hosts {
            addresses_of(&host, dialling).finish(|question| self.answer(question));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_from_a_domain_without_records_asks_for_both_records_and_for_what_stands_in_for_them() {
        let today = Questions::count(Publishes::WhatItHasToday).unwrap();
        // The _twoway record, SPF and its include; SRV, MX. Then A and AAAA. Pushed: SPF, include, key, DMARC.
        assert_eq!((today.for_notice, today.for_retrieval, today.for_push), (5, 2, 4));
        // MX, A, AAAA; then the _twoway record.
        assert_eq!((today.to_notify, today.to_serve), (3, 1));
        let records = Questions::count(Publishes::Records).unwrap();
        assert_eq!((records.for_notice, records.for_retrieval), (2, 2));
    }
}
