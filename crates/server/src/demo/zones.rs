//! What the demo publishes in DNS for each domain: just what a real domain would.

use std::net::IpAddr;

use delivery::dns::{Mx, Name, Record, Srv};
use mail::address::Domain;

use crate::demo::DemoError;
use crate::demo::dns::Zones;

/// A domain's name, checked.
///
/// # Errors
/// It is none.
pub fn parse(name: &str) -> Result<Domain, DemoError> {
    name.parse().map_err(|error: mail::address::AddressError| DemoError::Dns(error.to_string()))
}

/// The host that serves a domain here.
pub fn exchange_of(domain: &Domain) -> Domain {
    // A longer name than a domain name may be does not come from two labels and a prefix of three octets.
    format!("mx.{domain}").parse().unwrap_or_else(|_too_long| domain.clone())
}

/// Publishes a domain whose one host has this address. Returns the host. Port 0: the domain has no retrieval service.
pub fn publish(zones: &mut Zones, domain: &Domain, address: IpAddr, retrieval_port: u16) -> Domain {
    let host = exchange_of(domain);
    let host_name = Name::from(&host);
    let (record, mechanism) = match address {
        IpAddr::V4(v4) => (Record::A(v4), "ip4"),
        IpAddr::V6(v6) => (Record::Aaaa(v6), "ip6"),
    };
    zones.add(host_name.clone(), record);
    let name = Name::from(domain);
    zones.add(name.clone(), Record::Mx(Mx { preference: 10, exchange: Some(host_name.clone()) }));
    zones.add(name, Record::Txt(format!("v=spf1 {mechanism}:{address} -all").into_bytes()));
    if retrieval_port != 0
        && let Some(service) = retrieval_service(domain)
    {
        zones.add(service, Record::Srv(Srv { priority: 0, weight: 10, port: retrieval_port, target: Some(host_name) }));
    }
    host
}

/// Publishes what a domain says about itself (protocol section 2).
pub fn publish_record(zones: &mut Zones, domain: &Domain, record: &str) {
    if let Some(name) = Name::below("_twoway", domain) {
        zones.add(name, Record::Txt(record.as_bytes().to_vec()));
    }
}

/// Where a domain's retrieval service is published.
pub fn retrieval_service(domain: &Domain) -> Option<Name> {
    Name::below("_twoway._tcp", domain)
}
