//! Ordinary SMTP to servers without the extension: where a message goes, and in what form a server takes it.
//!
//! Pure answers; whoever dials follows them.

pub mod form;
pub mod routes;

use mail::address::Domain;
use mail::status::Status;

use crate::discovery::{self, Target};
pub use form::{Carriage, Conversion, Form, Needs, Offers, Unfit};
pub use routes::{Host, Login, NextHop, NoticePolicy, RouteTls, Routes};

/// Where mail for a domain goes, by its MX records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MxRoute {
    /// To these hosts, in this order; at least one.
    Hosts(Vec<Target>),
    /// Nowhere, for good.
    Nowhere {
        /// For the report.
        status: Status,
        /// In words.
        text: String,
    },
    /// It can't be told now. Says why.
    Temporary(String),
}

/// The hosts to try for `domain`, as its records lead to `found`; `ourselves` is this server's name.
pub fn by_mx(domain: &Domain, found: discovery::Route, ourselves: &Domain) -> MxRoute {
    match found {
        discovery::Route::Temporary(reason) => MxRoute::Temporary(reason),
        discovery::Route::Nowhere(why) => MxRoute::Nowhere { status: status_of(why), text: format!("{domain}: {why}") },
        discovery::Route::Targets(targets) => {
            // RFC 5321 section 5.1: a server among the MX hosts passes mail on to better ones only, or it goes in circles.
            let own = targets.iter().find(|target| target.host == *ourselves).map(|target| target.preference);
            let better: Vec<_> = targets.into_iter().filter(|target| own.is_none_or(|own| target.preference < own)).collect();
            if better.is_empty() {
                // RFC 3463 section 3.5: X.4.6, routing loop.
                let text = format!("{domain}: its mail exchange is this server, which has no such domain");
                return MxRoute::Nowhere { status: Status::permanent(4, 6), text };
            }
            MxRoute::Hosts(better)
        }
    }
}

/// Why there is nowhere to go, for the report.
pub fn status_of(why: discovery::Nowhere) -> Status {
    match why {
        // RFC 7505 section 4.2 and RFC 3463 section 3.2: the address is wrong, not the sender.
        discovery::Nowhere::NullMx => Status::permanent(1, 10),
        // RFC 3463 section 3.2: X.1.2, the destination does not exist or can't take mail.
        discovery::Nowhere::NoSuchDomain | discovery::Nowhere::NoAddress => Status::permanent(1, 2),
        discovery::Nowhere::SendsNothing | discovery::Nowhere::NothingToDial => Status::permanent(4, 4),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::dialling::Dialling;
    use crate::dns::tests::Zone;

    fn hosts(zone: &'static str, chance: u64) -> String {
        let domain = "c.test".parse().unwrap();
        let dialling = Dialling::Lab { ports: BTreeSet::new(), mx_ports: BTreeMap::new() };
        let found = discovery::exchange_hosts(&domain, &dialling, chance).finish(|question| Zone::new(zone).answer(question));
        match by_mx(&domain, found, &"mx.a.test".parse().unwrap()) {
            MxRoute::Hosts(targets) => targets.iter().map(|target| target.host.to_string()).collect::<Vec<_>>().join(" "),
            MxRoute::Nowhere { status, .. } => status.to_string(),
            MxRoute::Temporary(_) => "later".to_owned(),
        }
    }

    #[test]
    fn mail_goes_to_the_best_hosts_and_never_back_to_ourselves() {
        let table = [
            ("c.test MX 20 y.c.test\nc.test MX 10 x.c.test", "x.c.test y.c.test"),
            ("c.test A 192.0.2.1", "c.test"),
            ("c.test AAAA 2001:db8::1", "c.test"),
            ("c.test MX 0 .", "5.1.10"),
            ("d.test A 192.0.2.1", "5.1.2"),
            ("c.test TIMEOUT", "later"),
            ("c.test MX 10 x.c.test\nc.test MX 20 mx.a.test\nc.test MX 30 y.c.test", "x.c.test"),
            ("c.test MX 10 MX.A.test\nc.test MX 10 x.c.test\nc.test MX 30 y.c.test", "5.4.6"),
            ("c.test MX 10 mx.a.test", "5.4.6"),
        ];
        for (zone, expected) in table {
            assert_eq!(hosts(zone, 7), expected, "{zone}");
        }
    }

    #[test]
    fn hosts_of_equal_preference_share_the_load_and_at_most_eight_are_tried() {
        let zone = "c.test MX 10 x.c.test\nc.test MX 10 y.c.test\nc.test MX 5 best.c.test";
        let orders: BTreeSet<_> = (0..40).map(|chance| hosts(zone, chance)).collect();
        assert_eq!(orders, BTreeSet::from(["best.c.test x.c.test y.c.test".to_owned(), "best.c.test y.c.test x.c.test".to_owned()]));
        let many = "c.test MX 1 a.c.test\nc.test MX 2 b.c.test\nc.test MX 3 c.c.test\nc.test MX 4 d.c.test\nc.test MX 5 e.c.test\n\
                    c.test MX 6 f.c.test\nc.test MX 7 g.c.test\nc.test MX 8 h.c.test\nc.test MX 9 i.c.test";
        assert_eq!(hosts(many, 0).split(' ').count(), 8);
    }
}
