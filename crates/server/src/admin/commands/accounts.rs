//! `account` and `mode`: who has a mailbox here, and what happens to mail from strangers there.

use delivery::consent::{Legacy, Screening};
use mail::address::Mailbox;
use mail::time::Timestamp;
use proto::sasl::Secret;
use serde::Serialize;
use store::{Account, Added, Alias, NewAccount, ScramVerifier};

use crate::admin::request::Password;
use crate::admin::{AdminError, Desk, Response};
use crate::passwords;

#[derive(Serialize)]
struct Row {
    address: Mailbox,
    aliases: Vec<String>,
    screening: Screening,
    legacy: Legacy,
    made: Timestamp,
}

impl From<Account> for Row {
    fn from(account: Account) -> Self {
        let Account { address, aliases, screening, legacy, made, .. } = account;
        let mut aliases: Vec<String> = aliases.iter().map(written).collect();
        aliases.sort();
        Self { address, aliases, screening, legacy, made }
    }
}

fn written(alias: &Alias) -> String {
    match alias {
        Alias::Address(address) => address.to_string(),
        Alias::CatchAll(domain) => format!("*@{domain}"),
    }
}

pub(super) async fn add(
    desk: &Desk,
    address: Mailbox,
    password: Password,
    screening: Option<Screening>,
    legacy: Option<Legacy>,
) -> Result<Response, AdminError> {
    desk.require_local(address.domain())?;
    let taken = || AdminError::refused("taken", format!("{address} is taken"));
    if desk.store.account(&address).await?.is_some() {
        return Err(taken());
    }
    let (password_hash, scram) = derive(desk, password).await?;
    let account = NewAccount {
        id: desk.new_account_id(),
        address: address.clone(),
        password_hash,
        scram,
        screening: screening.unwrap_or_default(),
        legacy,
        made: desk.means.now(),
    };
    match desk.store.add_account(account).await? {
        Added::Done => Ok(Response::of(Row::from(desk.account(&address).await?))),
        Added::Taken => Err(taken()),
    }
}

/// What is kept of a password. Both take long on purpose.
async fn derive(desk: &Desk, password: Password) -> Result<(String, ScramVerifier), AdminError> {
    let unfit = || AdminError::usage("password", "a password must not be empty or hold control characters");
    let secret = Secret::new(&password.0).filter(|secret| !secret.reveal().is_empty()).ok_or_else(unfit)?;
    let (argon_salt, scram_salt) = (desk.random::<16>(), desk.random::<16>());
    let (done, derived) = tokio::sync::oneshot::channel();
    let work = Box::new(move || {
        let hashed = passwords::hash(&secret, argon_salt).map(|hash| (hash, passwords::verifier(&secret, scram_salt)));
        // Nobody waits any more if the command was given up.
        drop(done.send(hashed));
    });
    desk.means.compute(work).await;
    let failed = |error: String| AdminError::temporary("password-hash", format!("the password could not be hashed: {error}"));
    let derived = derived.await.map_err(|error| failed(error.to_string()))?;
    derived.map_err(|error| failed(error.to_string()))
}

pub(super) async fn list(desk: &Desk) -> Result<Response, AdminError> {
    let accounts = desk.store.accounts().await?;
    Ok(Response::of(accounts.into_iter().map(Row::from).collect::<Vec<_>>()))
}

pub(super) async fn alias(desk: &Desk, address: &Mailbox, text: &str) -> Result<Response, AdminError> {
    let wrong = |error: String| AdminError::usage("alias", format!("expected an address or *@domain: {error}"));
    let alias = match text.strip_prefix("*@") {
        Some(domain) => Alias::CatchAll(domain.parse().map_err(|error: mail::address::AddressError| wrong(error.to_string()))?),
        None => Alias::Address(text.parse().map_err(|error: mail::address::AddressError| wrong(error.to_string()))?),
    };
    match &alias {
        Alias::Address(alias) => desk.require_local(alias.domain())?,
        Alias::CatchAll(domain) => desk.require_local(domain)?,
    }
    let account = desk.account(address).await?;
    match desk.store.add_alias(account.id, alias).await? {
        Added::Done => Ok(Response::of(Row::from(desk.account(address).await?))),
        Added::Taken => Err(AdminError::refused("taken", format!("{text} is another account's"))),
    }
}

pub(super) async fn delete(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    if account.address != *address {
        let message = format!("{address} is an alias of {}; expected the account's own address", account.address);
        return Err(AdminError::refused("is-an-alias", message));
    }
    desk.store.delete_account(account.id, desk.means.now()).await?;
    desk.due.raise();
    Ok(Response::of(serde_json::json!({ "deleted": address })))
}

pub(super) async fn mode(
    desk: &Desk,
    address: &Mailbox,
    screening: Option<Screening>,
    legacy: Option<Legacy>,
) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    if screening.is_some() || legacy.is_some() {
        desk.store.set_mode(account.id, screening, legacy).await?;
        // What waits may be due by the new mode.
        desk.due.raise();
    }
    let Account { address, screening, legacy, .. } = desk.account(address).await?;
    Ok(Response::of(serde_json::json!({ "address": address, "screening": screening, "legacy": legacy })))
}
