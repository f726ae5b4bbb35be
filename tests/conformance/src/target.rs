//! The server under test: where it is, whom it serves, and how patient we are with it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use crate::command::CommandLine;
use crate::crypto::read_file;

/// A mailbox of the server under test that we may use.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) address: String,
    pub(crate) password: String,
}

/// All we know about the server under test.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) domain: String,
    /// Its host name, as its certificate has it.
    pub(crate) name: String,
    pub(crate) exchange: SocketAddr,
    pub(crate) retrieval: SocketAddr,
    pub(crate) submission: SocketAddr,
    pub(crate) ca_pem: Vec<u8>,
    /// By screening: `open` or `screened`.
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) command: Option<CommandLine>,
    /// Whether its DNS has the [`RECORDS`](crate::demo::RECORDS).
    pub(crate) has_records: bool,
    pub(crate) bounds: Bounds,
}

/// How long we wait for what.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// For a reply, a connection, a first attempt.
    pub(crate) patience: Duration,
    /// For something that must not happen.
    pub(crate) quiet: Duration,
    /// For the second attempt at a retrieval or confirmation; nothing: such cases are skipped.
    pub(crate) retrieve_again: Option<Duration>,
    /// For the second attempt at a notice; nothing: such cases are skipped.
    pub(crate) notice_again: Option<Duration>,
}

/// `open=carol@b.test:PASSWORD,screened=bob@b.test:PASSWORD`
pub(crate) fn accounts(text: &str) -> Result<BTreeMap<String, Account>> {
    let mut accounts = BTreeMap::new();
    for part in text.split(',') {
        let read = part.split_once('=').and_then(|(screening, rest)| Some((screening, rest.split_once(':')?)));
        let Some((screening @ ("open" | "screened"), (address, password))) = read else {
            bail!("expected open=ADDRESS:PASSWORD or screened=ADDRESS:PASSWORD, not {part:?}");
        };
        accounts.insert(screening.to_owned(), Account { address: address.to_owned(), password: password.to_owned() });
    }
    Ok(accounts)
}

/// Reads all of it from the file that a demonstration wrote about itself.
pub(crate) fn from_describe(file: &Path, domain: &str, program: Option<&str>, bounds: Bounds) -> Result<Target> {
    let described: Value = serde_json::from_slice(&read_file(file)?).with_context(|| format!("{} is not JSON", file.display()))?;
    from_described(&described, domain, program, bounds).with_context(|| format!("{} says too little about {domain}", file.display()))
}

fn from_described(described: &Value, domain: &str, program: Option<&str>, bounds: Bounds) -> Result<Target> {
    let servers = described.get("servers").and_then(Value::as_array).context("no servers")?;
    let server = servers.iter().find(|server| text(server, "domain").ok() == Some(domain)).context("no such domain")?;
    let address: IpAddr = text(server, "address")?.parse().context("address")?;
    let port = |name: &str| {
        let number = server.get("ports").and_then(|ports| ports.get(name)).and_then(Value::as_u64);
        let number = number.and_then(|number| u16::try_from(number).ok()).ok_or_else(|| anyhow!("no port for {name}"))?;
        Ok::<_, anyhow::Error>(SocketAddr::new(address, number))
    };
    let mut accounts = BTreeMap::new();
    for account in server.get("accounts").and_then(Value::as_array).context("no accounts")? {
        let screening = if text(account, "screening")? == "on" { "screened" } else { "open" };
        let account = Account { address: text(account, "address")?.to_owned(), password: text(account, "password")?.to_owned() };
        accounts.entry(screening.to_owned()).or_insert(account);
    }
    let ca = text(server, "ca_pem")?;
    let ca_pem = if ca.starts_with("-----BEGIN") { ca.as_bytes().to_vec() } else { read_file(Path::new(ca))? };
    let command = match program {
        Some(program) => {
            Some(CommandLine { before: vec![program.to_owned()], after: vec!["--config".to_owned(), text(server, "config")?.to_owned()] })
        }
        None => None,
    };
    Ok(Target {
        domain: domain.to_owned(),
        name: text(server, "hostname")?.to_owned(),
        exchange: port("exchange")?,
        retrieval: port("retrieval")?,
        submission: port("submission")?,
        ca_pem,
        accounts,
        command,
        has_records: false,
        bounds,
    })
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| anyhow!("no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BOUNDS: Bounds =
        Bounds { patience: Duration::from_secs(1), quiet: Duration::from_secs(1), retrieve_again: None, notice_again: None };

    #[test]
    fn accounts_are_read_by_their_screening() {
        let accounts = accounts("screened=bob@b.test:one,open=carol@b.test:t:wo").unwrap();
        assert_eq!(accounts["open"].password, "t:wo");
        assert_eq!(accounts["screened"].address, "bob@b.test");
        assert!(super::accounts("closed=bob@b.test:one").is_err());
    }

    #[test]
    fn a_description_gives_ports_accounts_and_the_command() {
        let described = json!({"ready": true, "servers": [{
            "domain": "b.test", "hostname": "mx.b.test", "address": "127.0.0.3", "config": "/b.toml", "ca_pem": "-----BEGIN CERTIFICATE-----",
            "ports": {"submission": 1, "exchange": 2, "retrieval": 3},
            "accounts": [{"address": "bob@b.test", "password": "x", "screening": "on"}, {"address": "carol@b.test", "password": "y", "screening": "off"}],
        }]});
        let target = from_described(&described, "b.test", Some("twoway"), BOUNDS).unwrap();
        assert_eq!(target.exchange, "127.0.0.3:2".parse().unwrap());
        assert_eq!(target.accounts["screened"].address, "bob@b.test");
        assert_eq!(target.command.unwrap().after, ["--config", "/b.toml"]);
        assert!(from_described(&described, "a.test", None, BOUNDS).is_err());
    }
}
