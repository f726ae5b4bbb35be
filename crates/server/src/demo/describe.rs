//! The demo for programs: a JSON document, in place once everything listens.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::demo::stage::{Actor, Stage};
use crate::demo::{DemoError, Peer};

/// Writes the document, and moves it into place.
///
/// # Errors
/// It can't be written.
pub fn write(file: &Path, stage: &Stage, peers: &[Peer]) -> Result<(), DemoError> {
    let document = json!({
        "ready": true,
        "dns": stage.dns.address.to_string(),
        "peers": peers.iter().map(peer).collect::<Vec<_>>(),
        "servers": [actor(&stage.origin), actor(&stage.destination)],
    });
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    fs::write(beside, format!("{document:#}\n")).map_err(|error| DemoError::file(beside, &error))?;
    fs::rename(beside, file).map_err(|error| DemoError::file(file, &error))
}

fn peer(peer: &Peer) -> Value {
    json!({
        "domain": peer.domain.as_str(),
        "address": peer.address.to_string(),
        "exchange_port": peer.exchange_port,
        "retrieval_port": peer.retrieval_port,
        "ca_pem": peer.ca_pem,
    })
}

fn actor(actor: &Actor) -> Value {
    let ports: serde_json::Map<String, Value> =
        actor.running.addresses.keys().map(|service| ((*service).to_owned(), json!(actor.port(service)))).collect();
    let accounts: Vec<_> = actor
        .accounts
        .iter()
        .map(|account| json!({ "address": account.address, "password": account.password, "screening": account.screening }))
        .collect();
    json!({
        "domain": actor.domain.as_str(),
        "hostname": actor.hostname.as_str(),
        "address": actor.address.to_string(),
        "config": actor.config_file,
        "data_dir": actor.config.data_dir,
        "admin_socket": actor.running.admin_socket,
        "ca_pem": actor.ca_pem,
        "pid": std::process::id(),
        "ports": ports,
        "accounts": accounts,
    })
}
