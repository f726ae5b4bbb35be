//! `account app-password`: passwords for programs, made here and shown once.

use std::collections::BTreeSet;

use mail::address::Mailbox;
use mail::time::Timestamp;
use serde::Serialize;
use store::{APP_PASSWORDS_MAX, AppPassword, AppPasswordAdded, NewAppPassword, Scope};

use crate::admin::{AdminError, Desk, Response};
use crate::passwords;

/// Characters of a name: it is typed behind an address, and shown in a list.
const NAME_CHARACTERS_MAX: usize = 32;
/// With 32^4 beginnings, two of one account's are hardly ever alike.
const ATTEMPTS: u32 = 5;

#[derive(Serialize)]
struct Row {
    name: String,
    scopes: BTreeSet<Scope>,
    made: Timestamp,
    used: Option<Timestamp>,
}

#[derive(Serialize)]
struct Made {
    address: Mailbox,
    #[serde(flatten)]
    row: Row,
    password: String,
}

impl From<AppPassword> for Row {
    fn from(AppPassword { name, scopes, made, used, .. }: AppPassword) -> Self {
        Self { name, scopes, made, used }
    }
}

pub(super) async fn add(desk: &Desk, address: &Mailbox, name: &str, scopes: &BTreeSet<Scope>) -> Result<Response, AdminError> {
    let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    if name.is_empty() || name.len() > NAME_CHARACTERS_MAX || !name.chars().all(fits) {
        let message = format!("expected a name of 1 to {NAME_CHARACTERS_MAX} letters, digits, `.`, `_` and `-`, not {name:?}");
        return Err(AdminError::usage("name", message));
    }
    let account = desk.account(address).await?;
    let scopes = if scopes.is_empty() { BTreeSet::from(Scope::ALL) } else { scopes.clone() };
    for _attempt in 0..ATTEMPTS {
        let Some(password) = passwords::new_app_password(desk.random()) else { break };
        let (secret, salt) = (password.secret.clone(), desk.random::<16>());
        let (done, derived) = tokio::sync::oneshot::channel();
        // Nobody waits any more if the command was given up.
        desk.means.compute(Box::new(move || drop(done.send(passwords::verifier(&secret, salt))))).await;
        let failed = |_gone| AdminError::temporary("password-hash", "the password could not be hashed".to_owned());
        let made = desk.means.now();
        let new = NewAppPassword {
            account: account.id,
            id: password.id,
            name: name.to_owned(),
            scopes: scopes.clone(),
            scram: derived.await.map_err(failed)?,
            made,
        };
        match desk.store.add_app_password(new).await? {
            AppPasswordAdded::Done => {
                let row = Row { name: name.to_owned(), scopes, made, used: None };
                return Ok(Response::of(Made { address: account.address, row, password: password.secret.reveal().to_owned() }));
            }
            AppPasswordAdded::Full => {
                return Err(AdminError::refused("too-many", format!("{address} has {APP_PASSWORDS_MAX} app passwords; remove one first")));
            }
            AppPasswordAdded::NoAccount => return Err(AdminError::refused("no-such-account", format!("there is no account {address}"))),
            AppPasswordAdded::Taken if desk.store.app_passwords(account.id).await?.iter().any(|there| there.name == name) => {
                return Err(AdminError::refused("taken", format!("{address} has an app password {name} already")));
            }
            AppPasswordAdded::Taken => {}
        }
    }
    Err(AdminError::temporary("password", "no password could be made; try again".to_owned()))
}

pub(super) async fn list(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let passwords = desk.store.app_passwords(account.id).await?;
    Ok(Response::of(passwords.into_iter().map(Row::from).collect::<Vec<_>>()))
}

/// Done as well if there is none of this name (any more).
pub(super) async fn remove(desk: &Desk, address: &Mailbox, name: &str) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let changed = desk.store.remove_app_password(account.id, name).await?;
    Ok(Response::of(serde_json::json!({ "address": account.address, "name": name, "changed": changed })))
}
