//! SCRAM-SHA-256, the client's side (RFC 5802, RFC 7677): proves that it knows the password, and has the server prove it too.
//!
//! Without channel binding, as no server of ours offers it.

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Nonce, hmac, is_nonce, salted};
use crate::sasl::Secret;

/// Fewest rounds of PBKDF2 that are done: whoever asks for fewer than RFC 7677 section 4 does could guess the password from
/// the proof.
pub const ITERATIONS_MIN: u32 = 4_096;
/// Most rounds that are done: about a second's work, which a server could make us do for nothing.
pub const ITERATIONS_MAX: u32 = 1_000_000;
/// Octets of salt, and of nonce, that a server may send: far more than any does.
const OCTETS_MAX: usize = 1024;

/// Our first message is made; the server's is due.
#[derive(Debug)]
pub struct AwaitServerFirst {
    password: Secret,
    /// `client-first-message-bare`.
    bare: String,
    nonce: String,
}

/// Our proof is made; the server's is due.
pub struct AwaitServerFinal {
    signature: [u8; 32],
}

/// What a server says of our proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFinal {
    /// It knows the password as well.
    Proved,
    /// It does not take ours (`e=`).
    Refused,
}

/// What no server does that knows the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A message of another form.
    #[error("the server's message is none of SCRAM")]
    Malformed,
    /// A nonce that does not begin with ours.
    #[error("the server's nonce is not made of ours")]
    Nonce,
    /// Outside [`ITERATIONS_MIN`] and [`ITERATIONS_MAX`].
    #[error("the server asks for {0} rounds; expected {ITERATIONS_MIN} to {ITERATIONS_MAX}")]
    Iterations(u32),
    /// A signature that is not the password's, or none.
    #[error("the server did not prove that it knows the password")]
    Unproved,
}

/// The client's first message.
///
/// ```abnf
/// client-first-message = "n,," "n=" saslname ",r=" c-nonce
/// ```
pub fn client_first(username: &str, password: &Secret, nonce: &Nonce) -> (AwaitServerFirst, Vec<u8>) {
    // RFC 5802 section 5.1
    let saslname = username.replace('=', "=3D").replace(',', "=2C");
    let bare = format!("n={saslname},r={}", nonce.0);
    let message = format!("n,,{bare}").into_bytes();
    (AwaitServerFirst { password: password.clone(), bare, nonce: nonce.0.clone() }, message)
}

impl AwaitServerFirst {
    /// The client's last message, by the server's first. Takes as long as the rounds take.
    ///
    /// # Errors
    /// The message has another form, is not of this exchange, or asks for too few rounds or too many.
    pub fn client_final(self, message: &[u8]) -> Result<(AwaitServerFinal, Vec<u8>), Fault> {
        let text = std::str::from_utf8(message).map_err(|_broken| Fault::Malformed)?;
        let mut parts = text.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).ok_or(Fault::Malformed);
        let (nonce, salt, iterations) = (part("r=")?, part("s=")?, part("i=")?);
        if !is_nonce(nonce) || nonce.len() > OCTETS_MAX {
            return Err(Fault::Malformed);
        }
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(Fault::Nonce);
        }
        let salt = BASE64.decode(salt.as_bytes()).map_err(|_invalid| Fault::Malformed)?;
        if salt.is_empty() || salt.len() > OCTETS_MAX {
            return Err(Fault::Malformed);
        }
        let iterations: u32 = iterations.parse().map_err(|_syntax| Fault::Malformed)?;
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(Fault::Iterations(iterations));
        }
        let salted = salted(&self.password, &salt, iterations);
        let client_key = hmac(&salted, b"Client Key");
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        // "biws" is "n,,": no channel binding.
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{text},{without_proof}", self.bare);
        let mut proof = hmac(&stored_key, auth_message.as_bytes());
        proof.iter_mut().zip(client_key).for_each(|(octet, key)| *octet ^= key);
        let signature = hmac(&hmac(&salted, b"Server Key"), auth_message.as_bytes());
        Ok((AwaitServerFinal { signature }, format!("{without_proof},p={}", BASE64.encode(&proof)).into_bytes()))
    }
}

impl AwaitServerFinal {
    /// Whether the server knows the password, by its last message.
    ///
    /// # Errors
    /// It does not, or the message has another form.
    pub fn server_final(&self, message: &[u8]) -> Result<ServerFinal, Fault> {
        if message.starts_with(b"e=") {
            return Ok(ServerFinal::Refused);
        }
        let signature = message.strip_prefix(b"v=").ok_or(Fault::Malformed)?;
        // Extensions may follow.
        let signature = signature.split(|octet| *octet == b',').next().unwrap_or_default();
        let signature = BASE64.decode(signature).map_err(|_invalid| Fault::Malformed)?;
        if bool::from(signature.ct_eq(&self.signature)) { Ok(ServerFinal::Proved) } else { Err(Fault::Unproved) }
    }
}

impl std::fmt::Debug for AwaitServerFinal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AwaitServerFinal(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Verifier, client_first as read_first, derive};
    use super::*;

    fn pencil() -> Secret {
        Secret::new("pencil").unwrap()
    }

    fn first() -> AwaitServerFirst {
        let (awaiting, message) = client_first("user", &pencil(), &Nonce::from_text("rOprNGfwEbeRWgbNEkqO").unwrap());
        assert_eq!(message, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        awaiting
    }

    #[test]
    fn the_example_of_the_rfc_succeeds() {
        // RFC 7677 section 3
        let server_first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (awaiting, message) = first().client_final(server_first).unwrap();
        let expected = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(String::from_utf8(message).unwrap(), expected);
        for (message, said) in [
            ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", Ok(ServerFinal::Proved)),
            ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,x=y", Ok(ServerFinal::Proved)),
            ("e=invalid-proof", Ok(ServerFinal::Refused)),
            ("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", Err(Fault::Unproved)),
            ("v=", Err(Fault::Unproved)),
            ("v=?", Err(Fault::Malformed)),
            ("", Err(Fault::Malformed)),
        ] {
            assert_eq!(awaiting.server_final(message.as_bytes()), said, "{message}");
        }
    }

    #[test]
    fn what_no_server_says_ends_it() {
        let nonce = "rOprNGfwEbeRWgbNEkqO";
        for (message, fault) in [
            (String::new(), Fault::Malformed),
            ("m=x,r=y,s=z,i=4096".to_owned(), Fault::Malformed),
            (format!("r={nonce}x,i=4096,s=AAAA"), Fault::Malformed),
            (format!("r={nonce}x,s=AAAA,i="), Fault::Malformed),
            (format!("r={nonce}x,s=?,i=4096"), Fault::Malformed),
            (format!("r={nonce}x,s=,i=4096"), Fault::Malformed),
            (format!("r={nonce} x,s=AAAA,i=4096"), Fault::Malformed),
            (format!("r={nonce}{},s=AAAA,i=4096", "x".repeat(1024)), Fault::Malformed),
            (format!("r={nonce},s=AAAA,i=4096"), Fault::Nonce),
            (format!("r=x{nonce},s=AAAA,i=4096"), Fault::Nonce),
            (format!("r={nonce}x,s=AAAA,i=4095"), Fault::Iterations(4095)),
            (format!("r={nonce}x,s=AAAA,i=1000001"), Fault::Iterations(1_000_001)),
        ] {
            assert_eq!(first().client_final(message.as_bytes()).unwrap_err(), fault, "{message}");
        }
    }

    #[test]
    fn both_sides_agree_whatever_the_name() {
        let verifier: Verifier = derive(&pencil(), b"salt", ITERATIONS_MIN);
        for (username, password, agree) in [("bob@b.test", "pencil", true), ("a=b,c", "pencil", true), ("bob@b.test", "pen", false)] {
            let nonce = Nonce::from_entropy([7; 18]);
            let (awaiting, message) = client_first(username, &Secret::new(password).unwrap(), &nonce);
            let server = read_first(&message).unwrap();
            assert_eq!(server.username(), username);
            let (server, message) = server.server_first(verifier.clone(), &nonce);
            let (awaiting, message) = awaiting.client_final(&message).unwrap();
            match server.client_final(&message) {
                Ok((_username, message)) => assert_eq!((awaiting.server_final(&message), agree), (Ok(ServerFinal::Proved), true)),
                Err(_refusal) => assert!(!agree),
            }
        }
    }
}
