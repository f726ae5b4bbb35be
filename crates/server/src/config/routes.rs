//! `[relay]` and `[routes]`: where ordinary mail goes, if not where MX records say.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use delivery::relay::{Host, Login, NextHop, NoticePolicy, RouteTls, Routes};
use mail::address::Domain;

use super::path;
use super::reader::Section;

const HOST: &str = r#"a host such as "mx.example.org", "mx.example.org:587" or "[2001:db8::1]:25""#;
const PORT: u16 = 25;
/// With TLS from the first octet (RFC 8314 section 3.3).
const IMPLICIT_PORT: u16 = 465;

/// Reads both tables.
pub(super) fn routes(root: &Section<'_, '_>, file: &Path) -> Routes {
    let relay = root.section("relay");
    let mut routes = Routes { smarthost: hop(&relay, "smarthost", file), ..Routes::default() };
    relay.refuse_unknown();
    if routes.smarthost.is_none()
        && !relay.has("smarthost")
        && let Some((key, _)) = relay.entries().next()
    {
        relay.fault::<()>(&key, "no smarthost beside it", "relay.smarthost, which it is about");
    }
    let table = root.section("routes");
    for (key, value) in table.entries() {
        let whole = key.strip_prefix("@.").or_else(|| key.strip_prefix('@')).unwrap_or(&key);
        let Ok(domain) = whole.parse::<Domain>() else {
            table.fault::<()>(&key, "no domain", r#"a domain such as "example.net", or "@.example.net" with its subdomains"#);
            continue;
        };
        let found = if let Some(text) = value.as_str() {
            host(text).map(|(host, port)| plain(host, port)).or_else(|| table.fault(&key, "no host", HOST))
        } else if value.as_table().is_some() {
            let section = table.section(&key);
            let found = hop(&section, "host", file);
            section.refuse_unknown();
            if section.has("host") { found } else { table.fault(&key, "no host in it", HOST) }
        } else {
            table.fault(&key, "neither a host nor a table", HOST)
        };
        let into = if key.starts_with("@.") { &mut routes.with_subdomains } else { &mut routes.domains };
        if let Some(found) = found
            && into.insert(domain, found).is_some()
        {
            table.fault::<()>(&key, "a second route for this domain", "one for each");
        }
    }
    routes
}

fn plain(host: Host, port: Option<u16>) -> NextHop {
    NextHop { host, port: port.unwrap_or(PORT), tls: RouteTls::Opportunistic, login: None, notices: NoticePolicy::First }
}

/// A route with all that can be said of it; `None` without a host.
fn hop(section: &Section<'_, '_>, key: &str, file: &Path) -> Option<NextHop> {
    let found = section.optional(key, HOST, |value| host(value.as_str()?));
    let tls = section.optional("tls", r#""opportunistic", "verified" or "implicit""#, |value| match value.as_str()? {
        "opportunistic" => Some(RouteTls::Opportunistic),
        "verified" => Some(RouteTls::Verified),
        "implicit" => Some(RouteTls::Implicit),
        _ => None,
    });
    let notices = section.or("notices", NoticePolicy::First, r#""first" or "never""#, |value| match value.as_str()? {
        "first" => Some(NoticePolicy::First),
        "never" => Some(NoticePolicy::Never),
        _ => None,
    });
    let user = section.optional("user", "a user name", |value| value.as_str().filter(|user| !user.is_empty()).map(str::to_owned));
    let password = section.optional("password_file", "the path of a file that holds the password", |value| {
        let text = std::fs::read_to_string(path(file, value.as_str()?)?).ok()?;
        let password = text.trim_end_matches(['\r', '\n']).to_owned();
        (!password.is_empty()).then_some(password)
    });
    let login = match (user, password) {
        (Some(user), Some(password)) => Some(Login { user, password }),
        (None, None) => None,
        // What is there and wrong was said already.
        (Some(_), None) if section.has("password_file") => None,
        (None, Some(_)) if section.has("user") => None,
        (Some(_), None) => section.fault("password_file", "missing", "the file of the user's password beside it"),
        (None, Some(_)) => section.fault("user", "missing", "the user whose password password_file holds"),
    };
    if login.is_some() && tls == Some(RouteTls::Opportunistic) {
        section.fault::<()>("tls", "a password beside TLS that is not verified", r#""verified" or "implicit""#);
    }
    let (host, port) = found?;
    let tls = tls.unwrap_or(if login.is_some() { RouteTls::Verified } else { RouteTls::Opportunistic });
    let port = port.unwrap_or(if tls == RouteTls::Implicit { IMPLICIT_PORT } else { PORT });
    Some(NextHop { host, port, tls, login, notices })
}

/// A host by name or address, with a port or without.
fn host(text: &str) -> Option<(Host, Option<u16>)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.port() > 0).then_some((Host::Literal(address.ip()), Some(address.port())));
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some((Host::Literal(address), None));
    }
    match text.split_once(':') {
        Some((name, port)) => Some((Host::Named(name.parse().ok()?), Some(port.parse().ok().filter(|port| *port > 0)?))),
        None => Some((Host::Named(text.parse().ok()?), None)),
    }
}
