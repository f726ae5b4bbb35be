//! DNS as decisions see it: questions, answers, and how a decision asks for what it does not know yet.
//!
//! A decision that rests on DNS is a plain function of the [`Facts`] known so far. Where one is missing it returns
//! [`Unknown`]; whoever runs it finds the answer and runs it again from the start. So the function reads from top to
//! bottom, never waits, and asks every question at most once.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail::address::Domain;

/// A name that DNS can be asked for: labels of 1 to 63 octets, 253 in all, ASCII, lowercase, without a final dot.
///
/// Wider than [`Domain`]: it may be a single label, and hold any printable character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// The record type asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchanges.
    Mx,
    /// Texts.
    Txt,
    /// Services.
    Srv,
    /// The name of an address.
    Ptr,
    /// Certificates (RFC 6698).
    Tlsa,
}

/// One question to DNS. Aliases (CNAME) are followed by whoever answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The name asked about.
    pub name: Name,
    /// The type of records wanted.
    pub kind: Kind,
}

/// What DNS said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// There are such records, in the order they came.
    Records {
        /// The records; of other types than asked for they are passed over.
        records: Vec<Record>,
        /// How far they can be believed.
        proof: Proof,
    },
    /// The name exists; it has no such record.
    NoData(Proof),
    /// The name does not exist.
    NoSuchName(Proof),
    /// Nobody knows now: a timeout, SERVFAIL, or an answer that DNSSEC calls bogus. Says which.
    Temporary(String),
}

/// Whether an answer was validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Plain DNS.
    Insecure,
    /// Validated by DNSSEC up to a trust anchor.
    Secure,
}

/// One record's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A mail exchange.
    Mx(Mx),
    /// A text: the strings of one record, joined (RFC 7208 section 3.3).
    Txt(Vec<u8>),
    /// A service.
    Srv(Srv),
    /// The name of an address.
    Ptr(Name),
    /// What certificate to expect.
    Tlsa(Tlsa),
}

/// A mail exchange (RFC 5321 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The host; `None` is the root, `.`: a null MX (RFC 7505).
    pub exchange: Option<Name>,
}

/// A service (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower is tried first.
    pub priority: u16,
    /// The share among equal priorities.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `None` is the root, `.`: decidedly no such service.
    pub target: Option<Name>,
}

/// What certificate to expect (RFC 6698 section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tlsa {
    /// Certificate usage.
    pub usage: u8,
    /// Selector.
    pub selector: u8,
    /// Matching type.
    pub matching: u8,
    /// Certificate association data.
    pub data: Vec<u8>,
}

/// The answers a decision may rest on.
#[derive(Debug, Clone, Default)]
pub struct Facts(BTreeMap<Question, Answer>);

/// A decision needs this answered before it can be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown(pub Question);

/// Something that is decided by facts from DNS alone.
pub trait Decision {
    /// What is decided.
    type Verdict;

    /// Decides, or names the first thing it would have to know. Must ask a bounded number of questions whatever the answers.
    ///
    /// # Errors
    /// A fact is missing.
    fn decide(&self, facts: &Facts) -> Result<Self::Verdict, Unknown>;
}

/// Where a decision stands.
#[derive(Debug)]
pub enum Step<D: Decision> {
    /// The question must be answered first, by [`Inquiry::answer`].
    Ask(Question, Inquiry<D>),
    /// It is decided.
    Done(D::Verdict),
}

/// A decision that waits for an answer.
#[derive(Debug)]
pub struct Inquiry<D> {
    decision: D,
    facts: Facts,
    open: Question,
}

impl Name {
    /// Octets in a name (RFC 1035 section 2.3.4, less length octets).
    pub const OCTETS_MAX: usize = 253;

    /// The name this text writes, of any case, with or without a final dot; `None` if no query could carry it.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let label_fits = |label: &str| (1..=63).contains(&label.len());
        let characters_fit = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let fits = characters_fit && text.len() <= Self::OCTETS_MAX && text.split('.').all(label_fits);
        fits.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The name `labels` stand for in front of `domain`, unless it is too long to exist.
    pub fn below(labels: &str, domain: &Domain) -> Option<Self> {
        Self::new(&format!("{labels}.{domain}"))
    }

    /// The name under which DNS keeps the names of this address (RFC 1035 section 3.5, RFC 3596 section 2.5).
    pub fn reverse(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                Self(format!("{d}.{c}.{b}.{a}.in-addr.arpa"))
            }
            IpAddr::V6(v6) => {
                let nibbles: Vec<_> = v6.octets().iter().rev().map(|octet| format!("{:x}.{:x}", octet & 15, octet >> 4)).collect();
                Self(format!("{}.ip6.arpa", nibbles.join(".")))
            }
        }
    }

    /// As text, without a final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its labels, leftmost first.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// Whether this is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_suffix(&other.0).is_some_and(|front| front.is_empty() || front.ends_with('.'))
    }

    /// As the name of a host, if it can be one.
    pub fn to_domain(&self) -> Option<Domain> {
        self.0.parse().ok()
    }
}

impl From<&Domain> for Name {
    fn from(domain: &Domain) -> Self {
        // A `Domain` keeps to the same lengths.
        Self(domain.as_str().to_owned())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, format!("{:?}", self.kind).to_ascii_uppercase())
    }
}

impl Answer {
    /// Records from plain DNS.
    pub fn insecure(records: impl IntoIterator<Item = Record>) -> Self {
        Self::Records { records: records.into_iter().collect(), proof: Proof::Insecure }
    }

    /// The records; none if there are none or nobody knows.
    pub fn records(&self) -> &[Record] {
        match self {
            Self::Records { records, .. } => records,
            Self::NoData(_) | Self::NoSuchName(_) | Self::Temporary(_) => &[],
        }
    }

    /// The addresses among the records.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.records().iter().filter_map(|record| match record {
            Record::A(address) => Some(IpAddr::V4(*address)),
            Record::Aaaa(address) => Some(IpAddr::V6(*address)),
            _ => None,
        })
    }

    /// The texts among the records.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.records().iter().filter_map(|record| if let Record::Txt(text) = record { Some(text.as_slice()) } else { None })
    }

    /// The mail exchanges among the records.
    pub fn exchanges(&self) -> impl Iterator<Item = &Mx> {
        self.records().iter().filter_map(|record| if let Record::Mx(mx) = record { Some(mx) } else { None })
    }

    /// The services among the records.
    pub fn services(&self) -> impl Iterator<Item = &Srv> {
        self.records().iter().filter_map(|record| if let Record::Srv(srv) = record { Some(srv) } else { None })
    }

    /// The names of an address among the records.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.records().iter().filter_map(|record| if let Record::Ptr(name) = record { Some(name) } else { None })
    }

    /// How far the answer can be believed.
    pub fn proof(&self) -> Proof {
        match self {
            Self::Records { proof, .. } | Self::NoData(proof) | Self::NoSuchName(proof) => *proof,
            Self::Temporary(_) => Proof::Insecure,
        }
    }
}

impl Facts {
    /// The answer to a question.
    ///
    /// # Errors
    /// It has not been asked yet.
    pub fn get(&self, name: &Name, kind: Kind) -> Result<&Answer, Unknown> {
        let question = Question { name: name.clone(), kind };
        self.0.get(&question).ok_or(Unknown(question))
    }

    /// The weakest proof of all that is known: what a decision that rests on these facts is worth.
    pub fn proof(&self) -> Proof {
        self.0.values().map(Answer::proof).min().unwrap_or(Proof::Insecure)
    }
}

impl<D: Decision> Inquiry<D> {
    /// Starts to decide.
    pub fn begin(decision: D) -> Step<D> {
        Self::run(decision, Facts::default())
    }

    /// The answer to the question this waits for.
    pub fn answer(self, answer: Answer) -> Step<D> {
        let mut facts = self.facts;
        facts.0.insert(self.open, answer);
        Self::run(self.decision, facts)
    }

    fn run(decision: D, facts: Facts) -> Step<D> {
        match decision.decide(&facts) {
            Ok(verdict) => Step::Done(verdict),
            Err(Unknown(open)) => Step::Ask(open.clone(), Self { decision, facts, open }),
        }
    }
}

impl<D: Decision> Step<D> {
    /// Decides with answers that are at hand.
    pub fn finish(mut self, mut resolve: impl FnMut(&Question) -> Answer) -> D::Verdict {
        loop {
            match self {
                Self::Done(verdict) => return verdict,
                Self::Ask(question, inquiry) => self = inquiry.answer(resolve(&question)),
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A zone written as lines `name TYPE data`; `TXT` takes the rest of the line, `TIMEOUT` fails every other type.
    pub(crate) struct Zone(&'static str);

    impl Zone {
        pub(crate) fn new(lines: &'static str) -> Self {
            Self(lines)
        }

        pub(crate) fn answer(&self, question: &Question) -> Answer {
            let rows = self.0.lines().map(|line| line.trim().splitn(3, ' ').collect::<Vec<_>>());
            let rows: Vec<_> = rows.filter(|row| Name::new(row[0]).as_ref() == Some(&question.name)).collect();
            let records: Vec<_> = rows.iter().filter_map(|row| record(row)).filter(|(kind, _)| *kind == question.kind).collect();
            if !records.is_empty() {
                return Answer::insecure(records.into_iter().map(|(_, record)| record));
            }
            match rows.first() {
                None => Answer::NoSuchName(Proof::Insecure),
                Some(_) if rows.iter().any(|row| row[1] == "TIMEOUT") => Answer::Temporary("timeout".into()),
                Some(_) => Answer::NoData(Proof::Insecure),
            }
        }
    }

    fn record(row: &[&str]) -> Option<(Kind, Record)> {
        let host = |text: &str| if text == "." { None } else { Some(Name::new(text).unwrap()) };
        let number = |text: &str| text.parse::<u16>().unwrap();
        let [_, kind, rest @ ..] = row else { return None };
        let data: Vec<_> = rest.iter().flat_map(|rest| rest.split(' ')).collect();
        Some(match *kind {
            "A" => (Kind::A, Record::A(data[0].parse().unwrap())),
            "AAAA" => (Kind::Aaaa, Record::Aaaa(data[0].parse().unwrap())),
            "TXT" => (Kind::Txt, Record::Txt(rest[0].as_bytes().to_vec())),
            "PTR" => (Kind::Ptr, Record::Ptr(host(data[0]).unwrap())),
            "MX" => (Kind::Mx, Record::Mx(Mx { preference: number(data[0]), exchange: host(data[1]) })),
            "SRV" => (
                Kind::Srv,
                Record::Srv(Srv { priority: number(data[0]), weight: number(data[1]), port: number(data[2]), target: host(data[3]) }),
            ),
            _ => return None,
        })
    }

    #[test]
    fn a_name_is_what_a_query_can_carry() {
        let long = ["a".repeat(63).as_str(); 4].join(".");
        let table = [
            ("A.Test.", Some("a.test")),
            ("test", Some("test")),
            ("foo:bar/baz x.test", Some("foo:bar/baz x.test")),
            ("", None),
            (".", None),
            ("a..test", None),
            ("a.test..", None),
            ("caf\u{e9}.test", None),
            ("a\0.test", None),
            (&"a".repeat(64), None),
            (&long, None),
        ];
        for (text, expected) in table {
            assert_eq!(Name::new(text).as_ref().map(Name::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn the_reverse_of_an_address_is_under_arpa() {
        assert_eq!(Name::reverse("192.0.2.1".parse().unwrap()).as_str(), "1.2.0.192.in-addr.arpa");
        assert_eq!(Name::reverse("::ffff:192.0.2.1".parse().unwrap()).as_str(), "1.2.0.192.in-addr.arpa");
        let v6 = Name::reverse("2001:db8::ab".parse().unwrap());
        assert!(v6.as_str().starts_with("b.a.0.0.") && v6.as_str().ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"));
        assert_eq!(v6.labels().count(), 34);
    }

    #[test]
    fn a_decision_is_worth_its_weakest_answer() {
        let question = |name: &str| Question { name: Name::new(name).unwrap(), kind: Kind::A };
        let mut facts = Facts::default();
        assert_eq!(facts.proof(), Proof::Insecure);
        facts.0.insert(question("a.test"), Answer::NoData(Proof::Secure));
        assert_eq!(facts.proof(), Proof::Secure);
        facts.0.insert(question("b.test"), Answer::NoData(Proof::Insecure));
        assert_eq!(facts.proof(), Proof::Insecure);
    }
}
