//! `domain check`: what DNS says of a domain now, beside what it should; and what other servers make of it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use delivery::authority::{Authority, Role, SessionFacts, Verdict};
use delivery::dns::{Answer, Kind, Name, Question};
use delivery::policy::{Mode, Policy};
use mail::address::{Domain, Mailbox};
use serde::Serialize;

use super::records::{Wanted, wanted};
use crate::admin::{AdminError, Desk, Response};

#[derive(Serialize)]
struct Checked {
    domain: Domain,
    /// Whether everything that must be there is, and this server has its rights.
    ok: bool,
    records: Vec<Compared>,
    /// What other servers answer to this one, by its addresses. Empty without `outbound_address`.
    rights: Vec<Right>,
}

#[derive(Serialize)]
struct Compared {
    #[serde(flatten)]
    wanted: Wanted,
    found: Vec<String>,
    status: Standing,
    meaning: String,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
enum Standing {
    Ok,
    Missing,
    Differs,
    /// DNS does not say now.
    Unknown,
}

#[derive(Serialize)]
struct Right {
    address: IpAddr,
    /// `send`: give notices for the domain; `receive`: fetch mail addressed to it.
    role: &'static str,
    /// `unknown` where DNS does not say now.
    status: &'static str,
    reason: String,
}

pub(in crate::admin::commands) async fn check(desk: &Desk, domain: &Domain) -> Result<Response, AdminError> {
    desk.require_local(domain)?;
    let mut records = Vec::new();
    for wanted in wanted(&desk.config, domain) {
        let answer = match &wanted.asks {
            (Some(name), kind) => desk.ask(Question { name: name.clone(), kind: *kind }).await,
            (None, _) => Answer::Temporary("the name is too long for DNS".to_owned()),
        };
        records.push(compare(wanted, &answer, &desk.config.hostname));
    }
    if records.iter().all(|record| record.status == Standing::Unknown) {
        let why = records.first().map(|record| record.meaning.clone()).unwrap_or_default();
        return Err(AdminError::temporary("dns", format!("DNS can't be asked about {domain} now: {why}")));
    }
    let rights = rights(desk, domain).await;
    let is_fine =
        |record: &Compared| record.status == Standing::Ok || (may_be_missing(&record.wanted) && record.status == Standing::Missing);
    let ok = records.iter().all(is_fine) && rights.iter().all(|right| right.status == "allowed");
    let mut response = Response::of(Checked { domain: domain.clone(), ok, records, rights });
    if desk.config.outbound.is_empty() {
        let message = "outbound_address is not set: whether this server may act for the domain can't be told";
        response.warnings.push(message.to_owned());
    }
    Ok(response)
}

/// The two that have a default.
fn may_be_missing(wanted: &Wanted) -> bool {
    wanted.kind == "SRV" || is_policy(wanted)
}

fn is_policy(wanted: &Wanted) -> bool {
    wanted.kind == "TXT" && wanted.name.starts_with("_twoway.")
}

fn compare(wanted: Wanted, answer: &Answer, host: &Domain) -> Compared {
    if let Answer::Temporary(why) = answer {
        let meaning = format!("nobody knows now: {why}");
        return Compared { wanted, found: Vec::new(), status: Standing::Unknown, meaning };
    }
    let found = shown(&wanted, answer);
    let (status, meaning) = judge(&wanted, answer, &found, host);
    Compared { wanted, found, status, meaning }
}

/// The records of this sort, as they stand in a zone file.
fn shown(wanted: &Wanted, answer: &Answer) -> Vec<String> {
    let named = |name: &Option<Name>| name.as_ref().map_or(".".to_owned(), |name| format!("{}.", name.as_str()));
    match wanted.asks.1 {
        Kind::Mx => answer.exchanges().map(|mx| format!("{} {}", mx.preference, named(&mx.exchange))).collect(),
        Kind::Srv => answer.services().map(|srv| format!("{} {} {} {}", srv.priority, srv.weight, srv.port, named(&srv.target))).collect(),
        Kind::Txt => {
            let prefix = if is_policy(wanted) { "v=TWM" } else { "v=spf1" };
            let texts = answer.texts().map(|text| String::from_utf8_lossy(text).into_owned());
            texts.filter(|text| text.starts_with(prefix)).map(|text| format!("\"{text}\"")).collect()
        }
        Kind::A | Kind::Aaaa => answer.addresses().map(|address| address.to_string()).collect(),
        Kind::Ptr | Kind::Tlsa => Vec::new(),
    }
}

fn judge(wanted: &Wanted, answer: &Answer, found: &[String], host: &Domain) -> (Standing, String) {
    if found.is_empty() {
        return (Standing::Missing, wanted.without.to_owned());
    }
    if found.contains(&wanted.value) {
        let more = match wanted.asks.1 {
            Kind::Mx if found.len() > 1 => "as it should be; other hosts take mail for the domain too",
            _ => "as it should be",
        };
        return (Standing::Ok, more.to_owned());
    }
    let host = Name::from(host);
    match wanted.asks.1 {
        Kind::Mx if answer.exchanges().any(|mx| mx.exchange.as_ref() == Some(&host)) => {
            (Standing::Ok, "this server, with another preference".to_owned())
        }
        Kind::Mx => (Standing::Differs, "mail for the domain goes to other hosts, and not to this server".to_owned()),
        Kind::Srv if answer.services().all(|srv| srv.target.is_none()) => {
            (Standing::Differs, "the domain says that nothing can be fetched from it: its notices are refused".to_owned())
        }
        Kind::Srv => (Standing::Differs, "mail from the domain is fetched elsewhere than where this server offers it".to_owned()),
        Kind::Txt if is_policy(wanted) => policy(answer),
        Kind::Txt if found.len() > 1 => {
            (Standing::Differs, "there are several SPF records, which counts as a broken one: other servers refuse the notices".to_owned())
        }
        // Whether another SPF record lets this server pass is what `rights` says.
        Kind::Txt => (Standing::Ok, "another SPF record than proposed; whether it lets this server pass stands below".to_owned()),
        Kind::A | Kind::Aaaa => (Standing::Differs, "the host has other addresses than this server dials from".to_owned()),
        Kind::Ptr | Kind::Tlsa => (Standing::Unknown, String::new()),
    }
}

fn policy(answer: &Answer) -> (Standing, String) {
    let mut texts = answer.texts().filter(|text| text.starts_with(b"v=TWM"));
    let (first, more) = (texts.next().unwrap_or_default(), texts.next());
    if more.is_some() {
        return (Standing::Differs, "there are several such records: other servers can't tell which holds, and wait".to_owned());
    }
    match Policy::parse(first) {
        Err(error) => (Standing::Differs, format!("other servers can't read it ({error}), and wait")),
        Ok(policy) => match policy.mode {
            Mode::None => (Standing::Differs, "mode=none: the domain says that it does not speak two-way mail".to_owned()),
            Mode::Enforce => {
                (Standing::Ok, "mode=enforce: other servers are asked to refuse mail that claims the domain without proof".to_owned())
            }
            Mode::Testing => (Standing::Ok, "another policy than proposed; whether it lets this server act stands below".to_owned()),
        },
    }
}

/// What another server would answer to this one.
async fn rights(desk: &Desk, domain: &Domain) -> Vec<Right> {
    let Ok(mailbox) = Mailbox::new("postmaster", domain.clone()) else { return Vec::new() };
    let mut rights = Vec::new();
    for address in &desk.config.outbound {
        let session = SessionFacts {
            ip: *address,
            helo: desk.config.hostname.to_string(),
            asserted: BTreeSet::new(),
            certificate_names: BTreeSet::new(),
        };
        for (role, name) in [(Role::Send, "send"), (Role::Receive, "receive")] {
            let (status, reason) = match desk.decide(Authority::check(role, &mailbox, &session)).await {
                Verdict::Authorised { evidence, .. } => ("allowed", evidence.to_string()),
                Verdict::Refused(refusal) => ("refused", refusal.to_string()),
                Verdict::Temporary(why) => ("unknown", why),
            };
            rights.push(Right { address: *address, role: name, status, reason });
        }
    }
    rights
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use delivery::dns::{Mx, Proof, Record, Srv};

    use super::*;
    use crate::config::Config;

    fn standing(kind: &str, policy: bool, records: Vec<Record>) -> Standing {
        let text = "hostname = \"mx.a.test\"\ndomains = [\"a.test\"]\ndata_dir = \"data\"\noutbound_address = \"192.0.2.25\"\n";
        let config = Config::parse(Path::new("twoway.toml"), text).unwrap();
        let wanted = wanted(&config, &"a.test".parse().unwrap());
        let wanted = wanted.into_iter().find(|wanted| wanted.kind == kind && is_policy(wanted) == policy).unwrap();
        let answer = if records.is_empty() { Answer::NoSuchName(Proof::Insecure) } else { Answer::insecure(records) };
        compare(wanted, &answer, &config.hostname).status
    }

    #[test]
    fn each_record_is_there_or_missing_or_another() {
        let host = |name: &str| Some(Name::new(name).unwrap());
        let mx = |preference, name| Record::Mx(Mx { preference, exchange: host(name) });
        let srv = |port, name| Record::Srv(Srv { priority: 0, weight: 10, port, target: host(name) });
        let txt = |text: &str| Record::Txt(text.as_bytes().to_vec());
        let table = [
            ("MX", false, vec![mx(10, "mx.a.test")], Standing::Ok),
            ("MX", false, vec![mx(20, "mx.a.test"), mx(10, "mx.b.test")], Standing::Ok),
            ("MX", false, vec![mx(10, "mx.b.test")], Standing::Differs),
            ("MX", false, vec![], Standing::Missing),
            ("A", false, vec![Record::A([192, 0, 2, 25].into())], Standing::Ok),
            ("A", false, vec![Record::A([192, 0, 2, 26].into())], Standing::Differs),
            ("SRV", false, vec![srv(2626, "mx.a.test")], Standing::Ok),
            ("SRV", false, vec![srv(2627, "mx.a.test")], Standing::Differs),
            ("SRV", false, vec![Record::Srv(Srv { priority: 0, weight: 0, port: 0, target: None })], Standing::Differs),
            ("SRV", false, vec![], Standing::Missing),
            ("TXT", false, vec![txt("v=spf1 ip4:192.0.2.25 -all"), txt("something else")], Standing::Ok),
            ("TXT", false, vec![txt("v=spf1 mx -all")], Standing::Ok),
            ("TXT", false, vec![txt("v=spf1 mx -all"), txt("v=spf1 -all")], Standing::Differs),
            ("TXT", false, vec![txt("something else")], Standing::Missing),
            ("TXT", true, vec![txt("v=TWM1; mode=testing; send=spf; receive=mx")], Standing::Ok),
            ("TXT", true, vec![txt("v=TWM1; mode=enforce")], Standing::Ok),
            ("TXT", true, vec![txt("v=TWM1; mode=none")], Standing::Differs),
            ("TXT", true, vec![txt("v=TWM1; ;;=")], Standing::Differs),
            ("TXT", true, vec![txt("v=TWM1;"), txt("v=TWM1; mode=enforce")], Standing::Differs),
            ("TXT", true, vec![], Standing::Missing),
        ];
        for (kind, policy, records, expected) in table {
            assert_eq!(standing(kind, policy, records.clone()), expected, "{kind} {records:?}");
        }
    }
}
