//! Who may act for a domain: give notices for it, or retrieve the mail addressed to it.
//!
//! One question with one answer, asked in both directions. Any of three rules suffices, each over the set the domain
//! publishes (see [`crate::policy`]). It grants the right to be heard, no more: authorship is proved by the retrieval.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use mail::address::{Domain, Mailbox};

use crate::dns::{Answer, Decision, Facts, Inquiry, Kind, Name, Proof, Step, Unknown};
use crate::exchange::Exchanges;
use crate::policy::{Item, Policy};
use crate::spf::{self, Outcome, Owed};

/// The question: may this session act for the domain of that mailbox?
#[derive(Debug, Clone)]
pub struct Authority {
    role: Role,
    mailbox: Mailbox,
    session: SessionFacts,
}

/// What one may be allowed to do for a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Give notices of mail from its authors.
    Send,
    /// Retrieve mail addressed to its mailboxes.
    Receive,
}

/// What is known about the client of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    /// Its address.
    pub ip: IpAddr,
    /// What it called itself in EHLO; any text.
    pub helo: String,
    /// The domains it asserted, with signatures that hold.
    pub asserted: BTreeSet<Domain>,
    /// The hosts its TLS certificate names, if the certificate is to be believed.
    pub certificate_names: BTreeSet<Domain>,
}

/// By what a session may act for a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// (a) Its address is in the published set.
    Address,
    /// (b) Its certificate names a host of the published set.
    Certificate,
    /// (c) It asserted the domain, or one that the domain delegates to.
    Assertion,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Authorised {
        /// By what.
        by: Rule,
        /// What it rests on; its text form is for records and logs.
        evidence: Evidence,
    },
    /// It may not: 550 5.7.1.
    Refused(Refusal),
    /// What is missing may be there later: 451 4.4.3. Says what.
    Temporary(String),
}

/// What an authorisation rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The domain whose set it is: the one acted for, or its operator.
    pub domain: Domain,
    /// The member of the set that holds the client.
    pub member: Member,
    /// How far the DNS answers behind it can be believed.
    pub proof: Proof,
}

/// A member of a published set that holds the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// The domain's SPF record let it pass.
    Spf(Owed),
    /// It is this mail exchange.
    Exchange(Name),
    /// It is this host.
    Host(Domain),
    /// It lies in this network.
    Network(IpNet),
}

/// Why a session may not act for a domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The published set is empty.
    #[error("nobody may {0} {1}")]
    Nobody(Role, Domain),
    /// The client is not in it.
    #[error("{ip} may not {role} {domain}")]
    NotPublished {
        /// The client.
        ip: IpAddr,
        /// What it wanted to do.
        role: Role,
        /// For whom.
        domain: Domain,
    },
    /// SPF would let it pass together with half the world.
    #[error("{0} lets pass too many to single out the client")]
    TooWide(Owed),
    /// The domain's SPF record is broken.
    #[error("SPF of {domain} is unusable: {reason}")]
    BrokenSpf {
        /// Whose.
        domain: Domain,
        /// What is wrong with it.
        reason: String,
    },
    /// The set takes more questions than we ask.
    #[error("what {0} publishes takes more than {QUERIES_MAX} queries")]
    TooManyQueries(Domain),
}

/// Questions to DNS for one decision, those of SPF not counted: it has limits of its own. A notice may cost 20 in all,
/// and two of them go to finding the retrieval service.
pub const QUERIES_MAX: usize = 18;
/// Operators of one domain that are asked about: each may cost an SPF check of its own, of more than a hundred queries.
pub const OPERATORS_MAX: usize = 2;

impl Authority {
    /// Asks whether the session may act in this role for the domain of `mailbox`: the notice's FROM for
    /// [`Role::Send`], TO for [`Role::Receive`].
    pub fn check(role: Role, mailbox: &Mailbox, session: &SessionFacts) -> Step<Self> {
        Inquiry::begin(Self { role, mailbox: mailbox.clone(), session: session.clone() })
    }
}

impl Decision for Authority {
    type Verdict = Verdict;

    fn decide(&self, facts: &Facts) -> Result<Verdict, Unknown> {
        let mut lookups = Lookups { facts, asked: BTreeSet::new() };
        let set = self.published_set(&mut lookups)?;
        let mut missing = set.missing.clone();
        for rule in [Rule::Assertion, Rule::Certificate, Rule::Address] {
            match self.by_rule(rule, &set, &mut lookups)? {
                Ok((domain, member)) => {
                    let evidence = Evidence { domain, member, proof: facts.proof() };
                    return Ok(Verdict::Authorised { by: rule, evidence });
                }
                Err(why) => missing = missing.or(why),
            }
        }
        let (ip, role, domain) = (self.session.ip, self.role, self.mailbox.domain().clone());
        Ok(match missing {
            Missing::Temporary(reason) => Verdict::Temporary(reason),
            Missing::Refused(refusal) => Verdict::Refused(refusal),
            Missing::Member if set.is_empty() => Verdict::Refused(Refusal::Nobody(role, domain)),
            Missing::Member => Verdict::Refused(Refusal::NotPublished { ip, role, domain }),
        })
    }
}

/// Who may act for a domain, as far as its records could be read.
struct PublishedSet {
    /// Each item with the domain that published it.
    items: Vec<(Domain, Item)>,
    /// What could not be read.
    missing: Missing,
}

/// The member that holds the client and whose it is, or why there is none.
type Finding = Result<(Domain, Member), Missing>;

/// What an authorisation lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Missing {
    /// Just a member that holds the client.
    Member,
    /// There is more to say about it.
    Refused(Refusal),
    /// It may be there later.
    Temporary(String),
}

impl Missing {
    /// What two rules or members lack together: what may be there later decides, then the first that says more.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (first @ Self::Temporary(_), _) | (first @ Self::Refused(_), Self::Member | Self::Refused(_)) => first,
            (_, second) => second,
        }
    }
}

impl PublishedSet {
    fn is_empty(&self) -> bool {
        self.items.iter().all(|(_, item)| *item == Item::Nobody)
    }
}

impl Authority {
    /// The domain's own items, and those of the operators it names. An operator's own operators don't count.
    fn published_set(&self, lookups: &mut Lookups<'_>) -> Result<PublishedSet, Unknown> {
        let domain = self.mailbox.domain();
        let mut set = PublishedSet { items: Vec::new(), missing: Missing::Member };
        let own = match self.items_of(domain, lookups)? {
            Ok(items) => items,
            Err(missing) => return Ok(PublishedSet { missing, ..set }),
        };
        let operators: Vec<_> =
            own.iter().filter_map(|item| if let Item::Operator(operator) = item { Some(operator) } else { None }).collect();
        if operators.len() > OPERATORS_MAX {
            set.missing = too_many(domain);
        }
        for operator in operators.into_iter().take(OPERATORS_MAX) {
            match self.items_of(operator, lookups)? {
                Ok(items) => {
                    let direct = items.into_iter().filter(|item| !matches!(item, Item::Operator(_)));
                    set.items.extend(direct.map(|item| (operator.clone(), item)));
                }
                Err(missing) => set.missing = set.missing.or(missing),
            }
        }
        // What the domain says of itself is looked at first.
        set.items.splice(0..0, own.into_iter().map(|item| (domain.clone(), item)));
        Ok(set)
    }

    fn items_of(&self, domain: &Domain, lookups: &mut Lookups<'_>) -> Result<Result<Vec<Item>, Missing>, Unknown> {
        let policy = match Policy::name(domain) {
            None => Ok(Policy::default()),
            Some(name) => match lookups.get(&name, Kind::Txt)? {
                None => return Ok(Err(too_many(domain))),
                Some(answer) => Policy::select(domain, answer),
            },
        };
        Ok(match (policy, self.role) {
            (Ok(policy), Role::Send) => Ok(policy.send),
            (Ok(policy), Role::Receive) => Ok(policy.receive),
            (Err(error), _) => Err(Missing::Temporary(error.to_string())),
        })
    }

    fn by_rule(&self, rule: Rule, set: &PublishedSet, lookups: &mut Lookups<'_>) -> Result<Finding, Unknown> {
        match rule {
            // What the client asserted, and what its certificate names, is on record; neither grants anything yet.
            Rule::Assertion | Rule::Certificate => Ok(Err(Missing::Member)),
            Rule::Address => self.by_address(set, lookups),
        }
    }

    fn by_address(&self, set: &PublishedSet, lookups: &mut Lookups<'_>) -> Result<Finding, Unknown> {
        let mut missing = Missing::Member;
        for (domain, item) in &set.items {
            match self.holds_client(domain, item, lookups)? {
                Ok(member) => return Ok(Ok((domain.clone(), member))),
                Err(why) => missing = missing.or(why),
            }
        }
        Ok(Err(missing))
    }

    fn holds_client(&self, domain: &Domain, item: &Item, lookups: &mut Lookups<'_>) -> Result<Result<Member, Missing>, Unknown> {
        let ip = self.session.ip.to_canonical();
        match item {
            Item::Spf => self.spf(domain, lookups.facts),
            Item::Mx => self.exchanges(domain, lookups),
            Item::Network(network) if network.contains(&ip) => Ok(Ok(Member::Network(*network))),
            Item::Host(host) => {
                let found = self.is_address_of(&Name::from(host), domain, lookups)?;
                Ok(found.map(|()| Member::Host(host.clone())))
            }
            Item::Network(_) | Item::Operator(_) | Item::Nobody | Item::Unknown(_) => Ok(Err(Missing::Member)),
        }
    }

    fn spf(&self, domain: &Domain, facts: &Facts) -> Result<Result<Member, Missing>, Unknown> {
        let check = spf::Check::of_domain(self.session.ip, domain, &self.mailbox, &self.session.helo);
        Ok(match check.decide(facts)? {
            Outcome::Pass(owed) if owed.reach.is_narrow() => Ok(Member::Spf(owed)),
            Outcome::Pass(owed) => Err(Missing::Refused(Refusal::TooWide(owed))),
            Outcome::TempError(reason) => Err(Missing::Temporary(reason)),
            Outcome::PermError(reason) => Err(Missing::Refused(Refusal::BrokenSpf { domain: domain.clone(), reason })),
            Outcome::None | Outcome::Neutral | Outcome::Fail { .. } | Outcome::SoftFail => Err(Missing::Member),
        })
    }

    fn exchanges(&self, domain: &Domain, lookups: &mut Lookups<'_>) -> Result<Result<Member, Missing>, Unknown> {
        let name = Name::from(domain);
        let Some(answer) = lookups.get(&name, Kind::Mx)? else { return Ok(Err(too_many(domain))) };
        let hosts = match Exchanges::select(&name, answer) {
            Exchanges::Hosts(hosts) => hosts,
            Exchanges::Null | Exchanges::NoSuchDomain => return Ok(Err(Missing::Member)),
            Exchanges::Temporary(reason) => return Ok(Err(Missing::Temporary(reason))),
        };
        let mut missing = Missing::Member;
        for exchange in hosts {
            match self.is_address_of(&exchange.host, domain, lookups)? {
                Ok(()) => return Ok(Ok(Member::Exchange(exchange.host))),
                Err(why) => missing = missing.or(why),
            }
        }
        Ok(Err(missing))
    }

    fn is_address_of(&self, host: &Name, domain: &Domain, lookups: &mut Lookups<'_>) -> Result<Result<(), Missing>, Unknown> {
        let ip = self.session.ip.to_canonical();
        let kind = if ip.is_ipv4() { Kind::A } else { Kind::Aaaa };
        Ok(match lookups.get(host, kind)? {
            None => Err(too_many(domain)),
            Some(Answer::Temporary(reason)) => Err(Missing::Temporary(format!("addresses of {host}: {reason}"))),
            Some(answer) if answer.addresses().any(|address| address == ip) => Ok(()),
            Some(_) => Err(Missing::Member),
        })
    }
}

/// The facts, and how many of them this decision has called for.
struct Lookups<'a> {
    facts: &'a Facts,
    asked: BTreeSet<(Name, Kind)>,
}

impl<'a> Lookups<'a> {
    /// The answer; `None` if it would take one query too many.
    fn get(&mut self, name: &Name, kind: Kind) -> Result<Option<&'a Answer>, Unknown> {
        let question = (name.clone(), kind);
        if self.asked.len() >= QUERIES_MAX && !self.asked.contains(&question) {
            return Ok(None);
        }
        self.asked.insert(question);
        self.facts.get(name, kind).map(Some)
    }
}

fn too_many(domain: &Domain) -> Missing {
    Missing::Refused(Refusal::TooManyQueries(domain.clone()))
}

impl fmt::Display for Role {
    /// As it stands between "may" and a domain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "give notices for",
            Self::Receive => "retrieve mail for",
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "address",
            Self::Certificate => "certificate",
            Self::Assertion => "assertion",
        })
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.member {
            Member::Spf(owed) => write!(f, "spf {owed}")?,
            Member::Exchange(host) => write!(f, "mx {host} of {}", self.domain)?,
            Member::Host(host) => write!(f, "a:{host} of {}", self.domain)?,
            Member::Network(network) => write!(f, "{network} of {}", self.domain)?,
        }
        f.write_str(match self.proof {
            Proof::Secure => " (DNSSEC)",
            Proof::Insecure => "",
        })
    }
}

#[cfg(test)]
mod tests;
