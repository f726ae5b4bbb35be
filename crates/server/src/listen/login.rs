//! Who a user is: passwords against Argon2, SCRAM against its verifier; unknown users take as long as known ones.
//!
//! A user is called by an address of the account, and proves it with the account's password, or with an app password that is
//! good for this port. Where a password is not sent (SCRAM), its name tells which it is: `ann@example.org/phone`.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::Output;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use mail::address::Mailbox;
use mail::id::AccountId;
use proto::sasl::Secret;
use proto::sasl::scram::{Nonce, Verifier};
use proto::smtp::replies;
use proto::smtp::reply::Reply;
use store::{Account, AppCredentials, Credentials, Scope, ScramVerifier, StoreError};

use crate::node::Node;
use crate::passwords;
use crate::real::counted_as;

/// When an app password was last used is written down no more often than this.
const USE_NOTED_EVERY: Duration = Duration::from_mins(5);

/// What came of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the user's.
    Granted,
    /// It is not, or there is no such user.
    Denied,
    /// It could not be looked up.
    Unavailable,
}

impl Verdict {
    /// The reply to AUTH.
    pub fn reply(self) -> Reply {
        match self {
            Self::Granted => replies::authenticated(),
            Self::Denied => replies::auth_failed(),
            Self::Unavailable => replies::auth_unavailable(),
        }
    }
}

/// A username: an address of the account, and perhaps the name of an app password.
#[derive(Debug, PartialEq, Eq)]
struct User {
    address: Mailbox,
    app: Option<String>,
}

impl User {
    fn parse(username: &str) -> Option<Self> {
        // A local part may have a slash; a domain has none.
        let (local, rest) = username.rsplit_once('@')?;
        let (domain, app) = rest.split_once('/').map_or((rest, None), |(domain, app)| (domain, Some(app.to_owned())));
        Some(Self { address: format!("{local}@{domain}").parse().ok()?, app })
    }
}

/// Whether a client of this address may try: over all its sessions, it has not failed too often.
pub fn may_try(node: &Node, client: IpAddr) -> bool {
    node.rates.may_authenticate(counted_as(client), node.settings.limits.auth_failures_per_hour_max, node.world.now())
}

/// Counts a failure: guessing is counted by address, for a new connection is a new session, and not a new guesser.
pub fn charge(node: &Node, client: IpAddr) {
    node.rates.failed_authentication(counted_as(client), node.settings.limits.auth_failures_per_hour_max, node.world.now());
}

/// Checks a password that is sent.
pub async fn password(node: &Arc<Node>, username: &str, secret: Secret, scope: Scope) -> Verdict {
    let user = User::parse(username);
    let found = async {
        let Some(user) = &user else { return Ok((None, None)) };
        let app = passwords::app_password(&secret);
        let name = user.app.as_deref().or(app.as_ref().map(|app| app.id.as_str()));
        let by_app = match name {
            Some(name) => node.store.app_credentials(&user.address, name).await?.filter(|found| found.password.scopes.contains(&scope)),
            None => None,
        };
        let by_account = if user.app.is_none() { node.store.credentials(&user.address).await? } else { None };
        Ok((app.map(|app| app.secret).zip(by_app), by_account))
    };
    let (by_app, by_account): (Option<(Secret, AppCredentials)>, Option<Credentials>) = match found.await {
        Ok(found) => found,
        Err(error) => {
            let error: StoreError = error;
            tracing::warn!(%error, "credentials were not looked up");
            return Verdict::Unavailable;
        }
    };
    if let Some((secret, found)) = by_app {
        let verifier = verifier(found.scram);
        if compute(node, move || verifier.admits(&secret)).await {
            note_use(node, found.account, &found.password);
            return Verdict::Granted;
        }
    }
    let is_known = by_account.is_some();
    let hash = by_account.map_or_else(|| node.decoy_hash.clone(), |credentials| credentials.password_hash);
    if compute(node, move || is_password(&secret, &hash)).await && is_known { Verdict::Granted } else { Verdict::Denied }
}

/// Runs what takes long elsewhere; `false` if it was given up.
async fn compute(node: &Node, work: impl FnOnce() -> bool + Send + 'static) -> bool {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let work = Box::new(move || {
        if sender.send(work()).is_err() {
            tracing::debug!("the client left before its password was checked");
        }
    });
    node.world.compute(work).await;
    receiver.await.unwrap_or(false)
}

/// Where passwords are hashed, when nobody does: one for each processor at most. Memory of this size that is freed by many
/// threads stays with the process, in pieces: 100 logins at once had left it with 350 MiB more.
static WORKPLACES: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// Whether this is the password that was hashed. A hash that can't be read is nobody's.
fn is_password(password: &Secret, hash: &str) -> bool {
    let mut blocks = WORKPLACES.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    let is_password = PasswordHash::new(hash).is_ok_and(|hash| hashes_to(password, &hash, &mut blocks).unwrap_or(false));
    WORKPLACES.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
    is_password
}

/// Hashes the password as the hash says, in `blocks`, and compares in constant time; `None` if there is nothing to compare.
fn hashes_to(password: &Secret, hash: &PasswordHash, blocks: &mut Vec<Block>) -> Option<bool> {
    let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let params = Params::try_from(hash).ok()?;
    blocks.resize(params.block_count(), Block::default());
    let mut output = vec![0; expected.len()];
    let argon2 = Argon2::new(algorithm, version, params);
    argon2.hash_password_into_with_memory(password.reveal().as_bytes(), salt, &mut output, blocks).ok()?;
    Some(Output::new(&output).ok()? == *expected)
}

/// The verifier for SCRAM; for unknown users a decoy that is always the same for the same name.
///
/// # Errors
/// The store's.
pub async fn scram(node: &Node, username: &str, scope: Scope) -> Result<(Verifier, Nonce), StoreError> {
    let found = match User::parse(username) {
        None => None,
        Some(User { address, app: None }) => node.store.credentials(&address).await?.map(|found| found.scram),
        Some(User { address, app: Some(name) }) => {
            let found = node.store.app_credentials(&address, &name).await?;
            found.filter(|found| found.password.scopes.contains(&scope)).map(|found| found.scram)
        }
    };
    let verifier = found.map_or_else(|| Verifier::decoy(username, &node.decoy_secret), verifier);
    Ok((verifier, Nonce::from_entropy(node.world.random())))
}

/// The account of a user who has proved to be one.
///
/// # Errors
/// The store's.
pub async fn account(node: &Arc<Node>, username: &str) -> Result<Option<Account>, StoreError> {
    let Some(user) = User::parse(username) else { return Ok(None) };
    if let Some(name) = &user.app
        && let Some(found) = node.store.app_credentials(&user.address, name).await?
    {
        note_use(node, found.account, &found.password);
    }
    node.store.account(&user.address).await
}

/// Writes down that an app password was used. Nobody waits for that, and a login does not fail for it.
fn note_use(node: &Arc<Node>, account: AccountId, password: &store::AppPassword) {
    let now = node.world.now();
    if password.used.is_some_and(|used| now.since(used) < USE_NOTED_EVERY) {
        return;
    }
    let (noting, id) = (Arc::clone(node), password.id.clone());
    let note = async move {
        if let Err(error) = noting.store.app_password_used(account, &id, now).await {
            tracing::warn!(%error, "the use of an app password was not written down");
        }
    };
    node.world.spawn("app password", Box::pin(note));
}

fn verifier(scram: ScramVerifier) -> Verifier {
    let ScramVerifier { salt, iterations, stored_key, server_key } = scram;
    Verifier { salt, iterations, stored_key, server_key }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_username_is_an_address_and_perhaps_the_name_of_an_app_password() {
        for (username, expected) in [
            ("ann@a.test", Some(("ann@a.test", None))),
            ("ann@a.test/phone", Some(("ann@a.test", Some("phone")))),
            ("a/b@a.test", Some(("a/b@a.test", None))),
            ("a/b@a.test/phone", Some(("a/b@a.test", Some("phone")))),
            ("ann", None),
            ("ann@", None),
            ("ann@/phone", None),
        ] {
            let user = User::parse(username);
            let user = user.as_ref().map(|user| (user.address.to_string(), user.app.as_deref()));
            assert_eq!(user, expected.map(|(address, app)| (address.to_owned(), app)), "{username}");
        }
    }
}
