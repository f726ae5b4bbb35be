//! Where a domain's servers are: its retrieval service, its exchange hosts, and the addresses of both. All of it comes
//! from DNS alone; no command of a peer names a host or port.
//!
//! What DNS can't tell now is temporary, and never taken for "none" or "unsupported".

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use mail::address::Domain;
use mail::status::Status;
use mail::time::Timestamp;

use crate::dialling::Dialling;
use crate::dns::{Answer, Decision, Facts, Inquiry, Kind, Name, Proof, Srv, Step, Unknown};
use crate::exchange::{Exchange, Exchanges};
use crate::pin::Pin;

/// A host to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name, which its certificate must bear.
    pub host: Domain,
    /// The port, one that may be dialled.
    pub port: u16,
    /// How TLS begins there.
    pub tls: Tls,
    /// MX preference or SRV priority: lower is better.
    pub preference: u16,
    /// Whether the record that names it was validated.
    pub proof: Proof,
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tls {
    /// With the first octet.
    Implicit,
    /// With STARTTLS.
    StartTls,
}

/// Where to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To these, in this order; at least one.
    Targets(Vec<Target>),
    /// There is nowhere to go.
    Nowhere(Nowhere),
    /// It can't be told now. Says why.
    Temporary(String),
}

/// Why there is nowhere to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nowhere {
    /// The domain takes no mail (a null MX) and has no SRV record.
    #[error("the domain has a null MX and no retrieval service")]
    NullMx,
    /// Its SRV record says that there is no retrieval service.
    #[error("the domain says that it sends nothing")]
    SendsNothing,
    /// It does not exist.
    #[error("the domain does not exist")]
    NoSuchDomain,
    /// It has no mail exchange with an address, and none itself.
    #[error("the domain has no mail server: no host that takes its mail has an address")]
    NoAddress,
    /// No host it names has a name and a port that may be dialled.
    #[error("the domain names no host and port that may be dialled")]
    NothingToDial,
}

/// Where the mail of a domain is retrieved from.
#[derive(Debug, Clone)]
pub struct RetrievalService<'a> {
    domain: &'a Domain,
    dialling: &'a Dialling,
    chance: u64,
}

/// Where notices and mail for a domain go.
#[derive(Debug, Clone)]
pub struct ExchangeHosts<'a> {
    domain: &'a Domain,
    dialling: &'a Dialling,
    chance: u64,
}

/// Whether DNS says for certain that no host of a domain has an address: no mail can ever reach it (RFC 5321 section 5.1).
#[derive(Debug, Clone)]
pub struct Addressless<'a> {
    domain: &'a Domain,
}

/// The addresses of a host.
#[derive(Debug, Clone)]
pub struct AddressesOf<'a> {
    host: &'a Domain,
    dialling: &'a Dialling,
}

/// What a host's name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// These may be dialled, in this order; at least one.
    Usable {
        /// IPv6 and IPv4 in turn.
        addresses: Vec<IpAddr>,
        /// Whether all that was asked for them was validated.
        proof: Proof,
    },
    /// Only addresses that may not be dialled.
    Forbidden(Vec<IpAddr>),
    /// The name has none.
    None,
    /// It can't be told now. Says why.
    Temporary(String),
}

/// Targets that are tried of one domain.
pub const TARGETS_MAX: usize = 8;
/// Addresses that are tried of one host.
pub const ADDRESSES_MAX: usize = 8;
/// The service, as it stands in front of the domain.
const SERVICE: &str = "_twoway._tcp";

/// Asks where mail from `domain` is retrieved; `chance` is any random number, drawn anew each time.
pub fn retrieval_service<'a>(domain: &'a Domain, dialling: &'a Dialling, chance: u64) -> Step<RetrievalService<'a>> {
    Inquiry::begin(RetrievalService { domain, dialling, chance })
}

/// Asks where notices for `domain` go; `chance` as above.
pub fn exchange_hosts<'a>(domain: &'a Domain, dialling: &'a Dialling, chance: u64) -> Step<ExchangeHosts<'a>> {
    Inquiry::begin(ExchangeHosts { domain, dialling, chance })
}

/// Asks whether `domain` certainly has no host with an address. For who has tried to dial its hosts, and could not.
pub fn addressless(domain: &Domain) -> Step<Addressless<'_>> {
    Inquiry::begin(Addressless { domain })
}

/// Asks for the addresses of `host`.
pub fn addresses_of<'a>(host: &'a Domain, dialling: &'a Dialling) -> Step<AddressesOf<'a>> {
    Inquiry::begin(AddressesOf { host, dialling })
}

impl Nowhere {
    /// The answer to a notice from such a domain.
    pub fn status(self) -> Status {
        match self {
            Self::NullMx => Status::permanent(7, 27),
            Self::SendsNothing | Self::NoSuchDomain | Self::NoAddress | Self::NothingToDial => Status::permanent(4, 4),
        }
    }
}

impl Decision for RetrievalService<'_> {
    type Verdict = Route;

    fn decide(&self, facts: &Facts) -> Result<Route, Unknown> {
        let mut chance = Chance(self.chance);
        // A name too long for the service's labels in front has no such records.
        if let Some(service) = Name::below(SERVICE, self.domain) {
            let answer = facts.get(&service, Kind::Srv)?;
            if let Answer::Temporary(reason) = answer {
                return Ok(Route::Temporary(format!("SRV of {service}: {reason}")));
            }
            let services: Vec<_> = answer.services().collect();
            if !services.is_empty() {
                return Ok(self.by_services(&services, answer.proof(), &mut chance));
            }
        }
        exchange_route(self.domain, self.dialling, &mut chance, facts)
    }
}

impl RetrievalService<'_> {
    fn by_services(&self, services: &[&Srv], proof: Proof, chance: &mut Chance) -> Route {
        // RFC 2782: a target of "." is decidedly no service.
        if services.iter().all(|srv| srv.target.is_none()) {
            return Route::Nowhere(Nowhere::SendsNothing);
        }
        let permitted = services.iter().copied().filter(|srv| self.dialling.permits_port(srv.port)).collect();
        let in_order = order_services(permitted, chance);
        route(in_order.into_iter().filter_map(|srv| {
            let host = srv.target.as_ref()?.to_domain()?;
            Some(Target { host, port: srv.port, tls: Tls::Implicit, preference: srv.priority, proof })
        }))
    }
}

impl Decision for ExchangeHosts<'_> {
    type Verdict = Route;

    fn decide(&self, facts: &Facts) -> Result<Route, Unknown> {
        exchange_route(self.domain, self.dialling, &mut Chance(self.chance), facts)
    }
}

fn exchange_route(domain: &Domain, dialling: &Dialling, chance: &mut Chance, facts: &Facts) -> Result<Route, Unknown> {
    let name = Name::from(domain);
    let answer = facts.get(&name, Kind::Mx)?;
    Ok(match Exchanges::select(&name, answer) {
        Exchanges::Null => Route::Nowhere(Nowhere::NullMx),
        Exchanges::NoSuchDomain => Route::Nowhere(Nowhere::NoSuchDomain),
        Exchanges::Temporary(reason) => Route::Temporary(reason),
        Exchanges::Hosts(mut hosts) => {
            // RFC 5321 section 5.1: hosts of equal preference share the load by chance.
            hosts.sort_by_cached_key(|Exchange { preference, .. }| (*preference, chance.next()));
            route(hosts.iter().filter_map(|exchange| {
                let host = exchange.host.to_domain()?;
                let port = dialling.exchange_port(&host);
                Some(Target { host, port, tls: Tls::StartTls, preference: exchange.preference, proof: answer.proof() })
            }))
        }
    })
}

fn route(targets: impl Iterator<Item = Target>) -> Route {
    let targets: Vec<_> = targets.take(TARGETS_MAX).collect();
    if targets.is_empty() { Route::Nowhere(Nowhere::NothingToDial) } else { Route::Targets(targets) }
}

/// RFC 2782: by priority; among equals, again and again one is drawn by weight.
fn order_services<'a>(mut waiting: Vec<&'a Srv>, chance: &mut Chance) -> Vec<&'a Srv> {
    let mut ordered = Vec::with_capacity(waiting.len());
    // Those of weight 0 stand in front, which gives them a small chance.
    waiting.sort_by_key(|srv| (srv.priority, srv.weight));
    while let Some(priority) = waiting.first().map(|srv| srv.priority) {
        let equals = waiting.iter().take_while(|srv| srv.priority == priority);
        let total: u64 = equals.map(|srv| u64::from(srv.weight)).sum();
        let drawn = chance.up_to(total);
        let mut running = 0;
        let position = waiting.iter().position(|srv| {
            running += u64::from(srv.weight);
            running >= drawn
        });
        ordered.push(waiting.remove(position.unwrap_or(0)));
    }
    ordered
}

/// A sequence of numbers that follows from its seed (`SplitMix64`); what is decided again is decided alike.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn up_to(&mut self, most: u64) -> u64 {
        self.next().checked_rem(most.saturating_add(1)).unwrap_or(0)
    }
}

impl Decision for AddressesOf<'_> {
    type Verdict = Addresses;

    fn decide(&self, facts: &Facts) -> Result<Addresses, Unknown> {
        let host = Name::from(self.host);
        let (v6, v4) = (facts.get(&host, Kind::Aaaa)?, facts.get(&host, Kind::A)?);
        let found: Vec<_> = in_turn(v6.addresses(), v4.addresses()).collect();
        let usable: Vec<_> = found.iter().copied().filter(|&address| self.dialling.permits_address(address)).take(ADDRESSES_MAX).collect();
        Ok(match (v6, v4) {
            _ if !usable.is_empty() => Addresses::Usable { addresses: usable, proof: facts.proof() },
            (Answer::Temporary(reason), _) | (_, Answer::Temporary(reason)) => {
                Addresses::Temporary(format!("addresses of {host}: {reason}"))
            }
            _ if found.is_empty() => Addresses::None,
            _ => Addresses::Forbidden(found),
        })
    }
}

impl Decision for Addressless<'_> {
    type Verdict = bool;

    fn decide(&self, facts: &Facts) -> Result<bool, Unknown> {
        let name = Name::from(self.domain);
        let hosts = match Exchanges::select(&name, facts.get(&name, Kind::Mx)?) {
            // So many are asked about, as so many are dialled. Of the others nothing is known.
            Exchanges::Hosts(hosts) if hosts.len() <= TARGETS_MAX => hosts,
            Exchanges::Hosts(_) | Exchanges::Null | Exchanges::NoSuchDomain | Exchanges::Temporary(_) => return Ok(false),
        };
        for Exchange { host, .. } in hosts {
            for kind in [Kind::Aaaa, Kind::A] {
                match facts.get(&host, kind)? {
                    Answer::NoData(_) | Answer::NoSuchName(_) => {}
                    // One that may not be dialled is an address, too: it may be mended tomorrow.
                    Answer::Records { .. } | Answer::Temporary(_) => return Ok(false),
                }
            }
        }
        Ok(true)
    }
}

/// First of one, first of the other, second of one, ...: where one family does not work, the other is tried soon.
fn in_turn<T>(mut one: impl Iterator<Item = T>, mut other: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let pairs = std::iter::from_fn(move || match (one.next(), other.next()) {
        (None, None) => None,
        pair => Some(pair),
    });
    pairs.flat_map(|(one, other)| one.into_iter().chain(other))
}

/// What was seen of one exchange host of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostFinding {
    /// Its MX preference: lower is better.
    pub preference: u16,
    /// Whether it offers the extension.
    pub extension: Extension,
}

/// Whether a host offers the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extension {
    /// It does.
    Offered,
    /// It was reached, said what it offers, and this was not among it.
    NotOffered,
    /// It offered TLS, without which the extension can't be spoken, and none came about.
    WithoutTls(TlsFailure),
    /// It was not reached, or broke off before it could say.
    NotReached,
}

/// Why TLS that a server offered did not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsFailure {
    /// The connection broke in the middle, or nothing came in time, or the server said "not now": the next time it may be there.
    Passing,
    /// The server said no, or spoke what is no TLS that we speak.
    Refused,
}

impl TlsFailure {
    /// How much such a failure says about whether there is any TLS; see `Transfer::Notifying`.
    pub const fn weight(self) -> u32 {
        match self {
            Self::Passing => 1,
            Self::Refused => 2,
        }
    }
}

/// Whether a domain speaks the extension, as far as its servers said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It certainly does not: mail for it may be pushed by ordinary SMTP.
    Certain,
    /// TLS came about at none of its best servers, so that none could say. If that goes on, it does not.
    WithoutTls(TlsFailure),
    /// It may.
    Unproved,
}

/// How long that is remembered of a domain. Protocol section 2 allows an hour; a domain that begins to speak the extension
/// should not have to wait so long for its first notice.
pub const ABSENCE_REMEMBERED: Duration = Duration::from_mins(5);

/// Whether a domain certainly does not speak the extension, so that mail for it may be pushed by ordinary SMTP: a host
/// of the best preference was reached and does not offer it, none that was reached does, and no live pin says otherwise.
pub fn absence(hosts: &[HostFinding], pin: Option<Pin>, now: Timestamp) -> Absence {
    let best = hosts.iter().map(|host| host.preference).min();
    let at_best: BTreeSet<_> = hosts.iter().filter(|host| Some(host.preference) == best).map(|host| host.extension).collect();
    if hosts.iter().any(|host| host.extension == Extension::Offered) || pin.is_some_and(|pin| pin.is_live(now)) {
        return Absence::Unproved;
    }
    let without_tls = |failure| at_best.contains(&Extension::WithoutTls(failure)).then_some(Absence::WithoutTls(failure));
    match without_tls(TlsFailure::Refused).or_else(|| without_tls(TlsFailure::Passing)) {
        _ if at_best.contains(&Extension::NotOffered) => Absence::Certain,
        Some(without) => without,
        None => Absence::Unproved,
    }
}

#[cfg(test)]
mod tests;
