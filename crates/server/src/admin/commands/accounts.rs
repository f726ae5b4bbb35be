//! `account` and `mode`: who has a mailbox here, and what happens to mail from strangers there.

use delivery::consent::{Legacy, Screening};
use mail::address::{AddressError, Mailbox};
use mail::time::Timestamp;
use proto::sasl::Secret;
use serde::Serialize;
use store::quota::{Limit, Usage};
use store::{Account, Added, Alias, Belongings, NewAccount, ScramVerifier};

use crate::acts::Modes;
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

#[derive(Serialize)]
struct Unaliased {
    #[serde(flatten)]
    row: Row,
    /// Whether it had the alias.
    changed: bool,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    row: Row,
    /// Messages in its mailboxes.
    mail: u64,
    /// Messages it has sent that are still on their way, one for each recipient.
    unsent: u64,
    /// Messages to it that wait elsewhere: to be decided, or to be fetched.
    uncollected: u64,
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
    desk.require_fit(&address)?;
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
    let alias = parsed(text)?;
    match &alias {
        Alias::Address(alias) => desk.require_fit(alias)?,
        Alias::CatchAll(domain) => desk.require_local(domain)?,
    }
    let account = desk.account(address).await?;
    match desk.store.add_alias(account.id, alias).await? {
        Added::Done => Ok(Response::of(Row::from(desk.account(address).await?))),
        Added::Taken => Err(AdminError::refused("taken", format!("{text} is another account's"))),
    }
}

fn parsed(text: &str) -> Result<Alias, AdminError> {
    let wrong = |error: AddressError| AdminError::usage("alias", format!("expected an address or *@domain: {error}"));
    match text.strip_prefix("*@") {
        Some(domain) => domain.parse().map(Alias::CatchAll).map_err(wrong),
        None => text.parse().map(Alias::Address).map_err(wrong),
    }
}

/// Done as well if nobody has the alias (any more).
pub(super) async fn unalias(desk: &Desk, address: &Mailbox, text: &str) -> Result<Response, AdminError> {
    let alias = parsed(text)?;
    let account = desk.account(address).await?;
    if let Alias::Address(mailbox) = &alias {
        if *mailbox == account.address {
            let message = format!("{text} is the account's own address; `account delete` deletes the account");
            return Err(AdminError::refused("own-address", message));
        }
        let holder = desk.store.account(mailbox).await?;
        if let Some(other) = holder.filter(|holder| holder.id != account.id) {
            return Err(AdminError::refused("not-its-alias", format!("{text} belongs to {}, not to {address}", other.address)));
        }
    }
    let changed = desk.store.remove_alias(account.id, &alias).await?;
    let row = Row::from(desk.account(&account.address).await?);
    Ok(Response::of(Unaliased { row, changed }))
}

pub(super) async fn show(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let Belongings { unsent, uncollected, mail } = desk.store.belongings(account.id).await?;
    Ok(Response::of(Shown { row: Row::from(account), mail, unsent, uncollected }))
}

pub(super) async fn password(desk: &Desk, address: &Mailbox, password: Password) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let (password_hash, scram) = derive(desk, password).await?;
    if !desk.store.set_password(account.id, password_hash, scram).await? {
        return Err(AdminError::refused("no-such-account", format!("there is no account {address}")));
    }
    Ok(Response::of(serde_json::json!({ "address": account.address, "password": "changed" })))
}

pub(super) async fn delete(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    if account.address != *address {
        let message = format!("{address} is an alias of {}; expected the account's own address", account.address);
        return Err(AdminError::refused("is-an-alias", message));
    }
    let Belongings { unsent, uncollected, mail } = desk.store.belongings(account.id).await?;
    desk.store.delete_account(account.id, desk.means.now()).await?;
    desk.due.raise();
    Ok(Response::of(serde_json::json!({ "deleted": address, "unsent": unsent, "uncollected": uncollected, "mail": mail })))
}

pub(super) async fn quota(desk: &Desk, address: &Mailbox, octets: Option<Limit>, messages: Option<Limit>) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    if (octets.is_some() || messages.is_some()) && !desk.store.set_quota(account.id, octets, messages).await? {
        return Err(AdminError::refused("no-such-account", format!("there is no account {address} any more")));
    }
    let Usage { octets, messages, quota } = desk.store.usage(account.id).await?;
    let (own_octets, own_messages) = desk.store.own_limits(account.id).await?;
    // What waited for room may have some now.
    desk.due.raise();
    Ok(Response::of(serde_json::json!({
        "address": account.address,
        "octets": octets,
        "octets_max": quota.octets_max,
        "octets_limit": own_octets,
        "messages": messages,
        "messages_max": quota.messages_max,
        "messages_limit": own_messages,
    })))
}

pub(super) async fn mode(desk: &Desk, address: &Mailbox, modes: Modes) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    desk.acts(&account).set_modes(modes).await?;
    let Account { address, screening, legacy, claims, .. } = desk.account(address).await?;
    Ok(Response::of(serde_json::json!({ "address": address, "screening": screening, "legacy": legacy, "claims": claims })))
}
