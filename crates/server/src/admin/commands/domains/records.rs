//! `domain records`: what a domain should publish, with the values of this configuration.

use std::net::IpAddr;

use delivery::dns::{Kind, Name};
use mail::address::Domain;
use serde::Serialize;

use crate::admin::{AdminError, Desk, Response};
use crate::config::Config;

/// The port of retrieval where none is configured.
const RETRIEVAL_PORT: u16 = 2626;
/// What `mode` to begin with: nobody refuses mail on our word before we have seen that all is well.
const POLICY: &str = "v=TWM1; mode=testing; send=spf; receive=mx";

/// One record to publish.
#[derive(Serialize, Clone)]
pub(super) struct Wanted {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// As it stands in a zone file.
    pub(super) value: String,
    pub(super) purpose: &'static str,
    /// What holds where there is none.
    #[serde(skip)]
    pub(super) without: &'static str,
    #[serde(skip)]
    pub(super) asks: (Option<Name>, Kind),
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    wanted: Wanted,
    /// The whole line of a zone file.
    line: String,
}

pub(in crate::admin::commands) fn records(desk: &Desk, domain: &Domain) -> Result<Response, AdminError> {
    desk.require_local(domain)?;
    let wanted = wanted(&desk.config, domain);
    let rows: Vec<Listed> = wanted.into_iter().map(|wanted| Listed { line: line(&wanted), wanted }).collect();
    let mut response = Response::of(rows);
    if desk.config.outbound.is_empty() {
        let message =
            "outbound_address is not set: the addresses that this server dials from are not known here, so A, AAAA and SPF are left out";
        response.warnings.push(message.to_owned());
    }
    Ok(response)
}

/// All records, the ones that must be there first.
pub(super) fn wanted(config: &Config, domain: &Domain) -> Vec<Wanted> {
    let host = &config.hostname;
    let port = config.listen.retrieval.iter().map(std::net::SocketAddr::port).find(|port| *port != 0).unwrap_or(RETRIEVAL_PORT);
    let mut wanted = vec![Wanted {
        name: domain.to_string(),
        kind: "MX",
        value: format!("10 {host}."),
        purpose: "where notices and mail for this domain go; and whose addresses may fetch mail addressed to it (receive=mx)",
        without: "nobody finds this server by the domain",
        asks: (Some(Name::from(domain)), Kind::Mx),
    }];
    wanted.extend(config.outbound.iter().map(|address| of_host(host, *address)));
    if !config.outbound.is_empty() {
        wanted.push(Wanted {
            name: domain.to_string(),
            kind: "TXT",
            value: format!("\"{}\"", spf(&config.outbound)),
            purpose: "SPF: which addresses may give notices, and send mail, for this domain (send=spf)",
            without: "other servers refuse the notices of this domain with 550",
            asks: (Some(Name::from(domain)), Kind::Txt),
        });
    }
    wanted.push(Wanted {
        name: format!("_twoway._tcp.{domain}"),
        kind: "SRV",
        value: format!("0 10 {port} {host}."),
        purpose: "where mail from this domain is fetched, with TLS from the first octet",
        without: "mail from this domain is fetched from its MX hosts on port 25, with STARTTLS",
        asks: (Name::below("_twoway._tcp", domain), Kind::Srv),
    });
    wanted.push(Wanted {
        name: format!("_twoway.{domain}"),
        kind: "TXT",
        value: format!("\"{POLICY}\""),
        purpose: "that this domain speaks two-way mail, who acts for it, and how strictly it means that",
        without: "the defaults hold, which say the same of who acts for the domain; other servers remember it for a shorter time",
        asks: (delivery::policy::Policy::name(domain), Kind::Txt),
    });
    wanted
}

fn of_host(host: &Domain, address: IpAddr) -> Wanted {
    let (kind, asked) = if address.is_ipv4() { ("A", Kind::A) } else { ("AAAA", Kind::Aaaa) };
    Wanted {
        name: host.to_string(),
        kind,
        value: address.to_string(),
        purpose: "where this server is, and dials from",
        without: "this address is not one of the MX hosts', so it may not fetch mail for the domain",
        asks: (Some(Name::from(host)), asked),
    }
}

fn spf(outbound: &[IpAddr]) -> String {
    let mechanism = |address: &IpAddr| if address.is_ipv4() { format!("ip4:{address}") } else { format!("ip6:{address}") };
    format!("v=spf1 {} -all", outbound.iter().map(mechanism).collect::<Vec<_>>().join(" "))
}

fn line(wanted: &Wanted) -> String {
    format!("{}. {} {}", wanted.name, wanted.kind, wanted.value)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn lines(more: &str) -> Vec<String> {
        let text = format!("hostname = \"mx.a.test\"\ndomains = [\"a.test\"]\ndata_dir = \"data\"\n{more}");
        let config = Config::parse(Path::new("twoway.toml"), &text).unwrap();
        wanted(&config, &"a.test".parse().unwrap()).iter().map(line).collect()
    }

    #[test]
    fn the_records_have_the_values_of_the_configuration() {
        let policy = "_twoway.a.test. TXT \"v=TWM1; mode=testing; send=spf; receive=mx\"";
        assert_eq!(lines(""), ["a.test. MX 10 mx.a.test.", "_twoway._tcp.a.test. SRV 0 10 2626 mx.a.test.", policy]);
        let more = "outbound_address = [\"192.0.2.25\", \"2001:db8::25\"]\n[listen]\nretrieval = \"[::]:4626\"\n";
        let expected = [
            "a.test. MX 10 mx.a.test.",
            "mx.a.test. A 192.0.2.25",
            "mx.a.test. AAAA 2001:db8::25",
            "a.test. TXT \"v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all\"",
            "_twoway._tcp.a.test. SRV 0 10 4626 mx.a.test.",
            policy,
        ];
        assert_eq!(lines(more), expected);
    }
}
