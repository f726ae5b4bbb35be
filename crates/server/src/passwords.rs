//! Passwords as they are kept: Argon2id for who sends theirs, a SCRAM verifier for who proves it.

use argon2::password_hash::{Error, PasswordHasher as _};
use argon2::{Argon2, PasswordHash};
use proto::sasl::Secret;
use proto::sasl::scram;
use store::ScramVerifier;

use crate::real::Machine;

/// The Argon2id hash of a password, in PHC form. Takes long, and 19 MiB, on purpose.
///
/// # Errors
/// There is not enough memory.
pub fn hash(secret: &Secret, salt: [u8; 16]) -> Result<String, Error> {
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(secret.reveal().as_bytes(), &salt)?;
    Ok(hash.to_string())
}

/// What SCRAM keeps of a password. Takes long on purpose.
pub fn verifier(secret: &Secret, salt: [u8; 16]) -> ScramVerifier {
    let scram::Verifier { salt, iterations, stored_key, server_key } = scram::derive(secret, &salt, scram::ITERATIONS);
    ScramVerifier { salt, iterations, stored_key, server_key }
}

/// A hash of nobody's password: checking against it takes as long as against a real one.
pub async fn decoy(machine: &Machine) -> Option<String> {
    let (mut salt, mut password) = ([0; 16], [0; 16]);
    machine.fill_random(&mut salt);
    machine.fill_random(&mut password);
    let secret = Secret::new(&data_encoding::HEXLOWER.encode(&password))?;
    let (done, hashed) = tokio::sync::oneshot::channel();
    // Nobody waits any more if the start was given up.
    machine.compute(Box::new(move || drop(done.send(hash(&secret, salt))))).await;
    hashed.await.ok()?.ok()
}
