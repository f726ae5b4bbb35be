//! `domain`: which domains are here, what each should publish in DNS, and what it does.
//!
//! Domains are made and unmade in the configuration: a running server's sessions rest on its list of them.

mod check;
mod records;

use mail::address::Domain;
use serde::Serialize;
use store::{Account, Alias};

use crate::admin::{AdminError, Desk, Response};

pub(super) use check::check;
pub(super) use records::records;

#[derive(Serialize)]
struct Row {
    domain: Domain,
    /// Mailboxes whose own address is there.
    accounts: usize,
    /// Further addresses there.
    aliases: usize,
    /// Who gets what nobody else is called.
    catch_all: Option<String>,
}

pub(super) async fn list(desk: &Desk) -> Result<Response, AdminError> {
    let accounts = desk.store.accounts().await?;
    Ok(Response::of(desk.config.domains.iter().map(|domain| row(domain, &accounts)).collect::<Vec<_>>()))
}

fn row(domain: &Domain, accounts: &[Account]) -> Row {
    let aliases = || accounts.iter().flat_map(|account| account.aliases.iter().map(move |alias| (account, alias)));
    let catch_all = aliases().find(|(_, alias)| matches!(alias, Alias::CatchAll(all) if all == domain));
    Row {
        domain: domain.clone(),
        accounts: accounts.iter().filter(|account| account.address.domain() == domain).count(),
        aliases: aliases().filter(|(_, alias)| matches!(alias, Alias::Address(address) if address.domain() == domain)).count(),
        catch_all: catch_all.map(|(account, _)| account.address.to_string()),
    }
}
