//! The mail exchanges of a domain (RFC 5321 section 5.1, RFC 7505), read from the answer to one MX question.

use crate::dns::{Answer, Name};

/// Where mail for a domain goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchanges {
    /// To these hosts, best preference first.
    Hosts(Vec<Exchange>),
    /// Nowhere: a null MX.
    Null,
    /// The domain does not exist.
    NoSuchDomain,
    /// It can't be told now. Says why.
    Temporary(String),
}

/// One mail exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Lower is tried first.
    pub preference: u16,
    /// The host.
    pub host: Name,
}

impl Exchanges {
    /// The exchanges of `domain`, by the answer to an MX question for it.
    pub fn select(domain: &Name, answer: &Answer) -> Self {
        match answer {
            Answer::Temporary(reason) => return Self::Temporary(format!("MX of {domain}: {reason}")),
            Answer::NoSuchName(_) => return Self::NoSuchDomain,
            Answer::NoData(_) | Answer::Records { .. } => {}
        }
        if answer.exchanges().next().is_none() {
            // RFC 5321 section 5.1: a domain without MX is its own exchange, with preference 0.
            return Self::Hosts(vec![Exchange { preference: 0, host: domain.clone() }]);
        }
        // RFC 7505 section 3: a null MX stands alone; beside others it names no host.
        let named = answer.exchanges().filter_map(|mx| Some(Exchange { preference: mx.preference, host: mx.exchange.clone()? }));
        let mut hosts: Vec<_> = named.collect();
        if hosts.is_empty() {
            return Self::Null;
        }
        hosts.sort_by_key(|exchange| exchange.preference);
        Self::Hosts(hosts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::tests::Zone;
    use crate::dns::{Kind, Question};

    #[test]
    fn mail_goes_to_the_exchanges_else_to_the_domain_itself_unless_it_takes_none() {
        let table = [
            ("a.test MX 20 y.test\na.test MX 10 x.test", "10 x.test, 20 y.test"),
            ("a.test A 192.0.2.1", "0 a.test"),
            ("a.test MX 0 .", "null"),
            ("a.test MX 0 .\na.test MX 5 x.test", "5 x.test"),
            ("b.test A 192.0.2.1", "no such domain"),
            ("a.test TIMEOUT", "later"),
        ];
        for (zone, expected) in table {
            let name = Name::new("a.test").unwrap();
            let answer = Zone::new(zone).answer(&Question { name: name.clone(), kind: Kind::Mx });
            let told = match Exchanges::select(&name, &answer) {
                Exchanges::Hosts(hosts) => {
                    hosts.iter().map(|exchange| format!("{} {}", exchange.preference, exchange.host)).collect::<Vec<_>>().join(", ")
                }
                Exchanges::Null => "null".into(),
                Exchanges::NoSuchDomain => "no such domain".into(),
                Exchanges::Temporary(_) => "later".into(),
            };
            assert_eq!(told, expected, "{zone}");
        }
    }
}
