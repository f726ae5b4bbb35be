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

/// The letters of app passwords: none that looks like another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Letters of the first group: which one it is, and no secret.
const ID_LETTERS: usize = 4;
/// Letters in all: 16 of them, or 80 bits, are the secret.
const APP_PASSWORD_LETTERS: usize = 20;

/// A password made here, for one program: `abcd-efgh-jkmn-pqrs-tuvw`.
#[derive(Debug, Clone)]
pub struct AppPassword {
    /// Its first group.
    pub id: String,
    /// All of it, as it is written.
    pub secret: Secret,
}

/// An app password by chance: 5 bits of each octet.
pub fn new_app_password(chance: [u8; APP_PASSWORD_LETTERS]) -> Option<AppPassword> {
    let letters = chance.iter().filter_map(|octet| LETTERS.get(usize::from(octet % 32))).map(|letter| char::from(*letter));
    grouped(&letters.collect::<String>())
}

/// What was typed, if it has the form of an app password: however it is grouped, in capitals or not.
pub fn app_password(typed: &Secret) -> Option<AppPassword> {
    let letters = typed.reveal().chars().filter(|letter| !matches!(letter, '-' | ' ')).map(|letter| letter.to_ascii_lowercase());
    let letters: String = letters.take(APP_PASSWORD_LETTERS + 1).collect();
    let is_one = letters.len() == APP_PASSWORD_LETTERS && letters.bytes().all(|letter| LETTERS.contains(&letter));
    if is_one { grouped(&letters) } else { None }
}

fn grouped(letters: &str) -> Option<AppPassword> {
    let groups: Vec<&str> = letters.as_bytes().chunks(ID_LETTERS).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    Some(AppPassword { id: (*groups.first()?).to_owned(), secret: Secret::new(&groups.join("-"))? })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_app_password_is_known_however_it_is_typed() {
        let chance: Vec<u8> = (0..20).map(|octet| octet * 13).collect();
        let made = new_app_password(chance.try_into().unwrap()).unwrap();
        let written = made.secret.reveal().to_owned();
        assert_eq!((written.len(), made.id.len()), (24, 4));
        for typed in [written.clone(), written.to_uppercase(), written.replace('-', ""), written.replace('-', " ")] {
            let known = app_password(&Secret::new(&typed).unwrap()).unwrap();
            assert_eq!((known.id, known.secret.reveal()), (made.id.clone(), written.as_str()), "{typed}");
        }
        for other in ["secret", "correct horse battery staple", &format!("{written}a"), &written.replace('-', "o")] {
            assert!(app_password(&Secret::new(other).unwrap()).is_none(), "{other}");
        }
    }
}
