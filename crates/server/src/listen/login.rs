//! Who a submitter is: passwords against Argon2, SCRAM against its verifier; unknown users take as long as known ones.

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::Output;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use mail::address::Mailbox;
use proto::sasl::Secret;
use proto::sasl::scram::{Nonce, Verifier};
use proto::smtp::replies;
use proto::smtp::reply::Reply;
use store::{Credentials, StoreError};

use crate::listen::conversation::Conversation;
use crate::node::Node;
use crate::real::counted_as;

/// Whether the client of this session may try: over all its sessions, it has not failed too often.
pub fn may_try(conversation: &Conversation) -> bool {
    let node = &conversation.node;
    let per_hour_max = node.settings.limits.auth_failures_per_hour_max;
    node.rates.may_authenticate(counted_as(conversation.peer_ip()), per_hour_max, node.world.now())
}

/// Checks a password; says what to answer.
pub async fn password(node: &Node, username: &str, password: Secret) -> Reply {
    let credentials = match find(node, username).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "credentials were not looked up");
            return replies::auth_unavailable();
        }
    };
    let known = credentials.is_some();
    let hash = credentials.map_or_else(|| node.decoy_hash.clone(), |credentials| credentials.password_hash);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let work = Box::new(move || {
        if sender.send(is_password(&password, &hash)).is_err() {
            tracing::debug!("the client left before its password was checked");
        }
    });
    node.world.compute(work).await;
    if known && receiver.await.unwrap_or(false) { replies::authenticated() } else { replies::auth_failed() }
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
pub async fn scram(node: &Node, username: &str) -> Result<(Verifier, Nonce), StoreError> {
    let found = find(node, username).await?;
    let verifier = found.map_or_else(
        || Verifier::decoy(username, &node.decoy_secret),
        |Credentials { scram, .. }| Verifier {
            salt: scram.salt,
            iterations: scram.iterations,
            stored_key: scram.stored_key,
            server_key: scram.server_key,
        },
    );
    Ok((verifier, Nonce::from_entropy(node.world.random())))
}

/// A username is an address of the account.
async fn find(node: &Node, username: &str) -> Result<Option<Credentials>, StoreError> {
    match username.parse::<Mailbox>() {
        Ok(address) => node.store.credentials(&address).await,
        Err(_not_an_address) => Ok(None),
    }
}
