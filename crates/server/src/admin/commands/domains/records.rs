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
    let all = wanted(&desk.config, domain).into_iter().chain(access(&desk.config, domain));
    let rows: Vec<Listed> = all.map(|wanted| Listed { line: line(&wanted), wanted }).collect();
    let mut response = Response::of(rows);
    if desk.config.outbound.is_empty() {
        let message =
            "outbound_address is not set: the addresses that this server dials from are not known here, so A, AAAA and SPF are left out";
        response.warnings.push(message.to_owned());
    }
    Ok(response)
}

/// The records of the protocol and of mail between servers, the ones that must be there first.
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

/// Where mail programs find what they need (RFC 6186, RFC 8314 section 5.1), TLS from the first octet before STARTTLS.
fn access(config: &Config, domain: &Domain) -> Vec<Wanted> {
    let listen = &config.listen;
    let services = [
        ("_imaps", &listen.imaps, 0, "where mail programs read mailboxes, with TLS from the first octet"),
        ("_imap", &listen.imap, 10, "where mail programs read mailboxes, with STARTTLS"),
        ("_submissions", &listen.submissions, 0, "where mail programs hand in mail, with TLS from the first octet"),
        ("_submission", &listen.submission, 10, "where mail programs hand in mail, with STARTTLS"),
    ];
    services
        .into_iter()
        .map(|(service, addresses, priority, purpose)| {
            let port = addresses.iter().map(std::net::SocketAddr::port).find(|port| *port != 0);
            // RFC 6186 section 3.4: a target of "." says that the service is not there.
            let (value, purpose) = match port {
                Some(port) => (format!("{priority} 1 {port} {}.", config.hostname), purpose),
                None => ("0 0 0 .".to_owned(), "that this is not offered (no address in `listen`)"),
            };
            Wanted {
                name: format!("{service}._tcp.{domain}"),
                kind: "SRV",
                value,
                purpose,
                without: "mail programs guess, or ask their user",
                asks: (Name::below(&format!("{service}._tcp"), domain), Kind::Srv),
            }
        })
        .collect()
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

    fn config(more: &str) -> Config {
        let text = format!("hostname = \"mx.a.test\"\ndomains = [\"a.test\"]\ndata_dir = \"data\"\n{more}");
        Config::parse(Path::new("twoway.toml"), &text).unwrap()
    }

    fn lines(more: &str) -> Vec<String> {
        let config = config(more);
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

    #[test]
    fn mail_programs_are_told_what_is_offered_and_what_is_not() {
        let of = |more: &str| access(&config(more), &"a.test".parse().unwrap()).iter().map(line).collect::<Vec<_>>();
        let nothing = ["imaps", "imap", "submissions", "submission"].map(|service| format!("_{service}._tcp.a.test. SRV 0 0 0 ."));
        assert_eq!(of(""), nothing);
        let some = "[listen]\nimaps = \"[::]:993\"\nsubmissions = [\"[::1]:0\", \"[::]:4465\"]\nsubmission = \"[::]:587\"\n";
        let expected = [
            "_imaps._tcp.a.test. SRV 0 1 993 mx.a.test.",
            "_imap._tcp.a.test. SRV 0 0 0 .",
            "_submissions._tcp.a.test. SRV 0 1 4465 mx.a.test.",
            "_submission._tcp.a.test. SRV 10 1 587 mx.a.test.",
        ];
        assert_eq!(of(some), expected);
        assert!(of("[listen]\nimap = \"[::]:143\"\n").contains(&"_imap._tcp.a.test. SRV 10 1 143 mx.a.test.".to_owned()));
    }
}
