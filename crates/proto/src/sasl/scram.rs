//! SCRAM-SHA-256, the server's side (RFC 5802, RFC 7677): the password is proved and never sent.
//!
//! Without channel binding: `n` and `y` are taken, `p=` is refused, because no -PLUS is offered.

pub mod client;

use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::digest::KeyInit as _;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Refusal, Secret, prepared};

/// Rounds of PBKDF2 that new verifiers get. RFC 7677 section 4 asks for at least 4,096.
pub const ITERATIONS: u32 = 10_000;

/// Octets in the client's part of the nonce: our first message, in base64, has to fit a reply line of 512.
const CLIENT_NONCE_OCTETS_MAX: usize = 256;

/// What the server keeps of a password: enough to check a proof, not enough to make one.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Random, one for each user.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// `H(ClientKey)`.
    pub stored_key: [u8; 32],
    /// `HMAC(SaltedPassword, "Server Key")`.
    pub server_key: [u8; 32],
}

/// One side's part of the nonce: printable ASCII without comma. Randomness comes from the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

/// The client's first message is read; the user's verifier is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwaitVerifier {
    username: String,
    /// `gs2-header`, which the client must repeat.
    header: String,
    client_first_bare: String,
    client_nonce: String,
}

/// The server's first message is sent; the client's proof is due.
#[derive(Clone)]
pub struct AwaitProof {
    username: String,
    header: String,
    /// `client-first-message-bare "," server-first-message`.
    exchanged: String,
    nonce: String,
    verifier: Verifier,
}

/// Makes a verifier from a password; takes as long as the rounds take.
pub fn derive(password: &Secret, salt: &[u8], iterations: u32) -> Verifier {
    let salted = salted(password, salt, iterations);
    let client_key = hmac(&salted, b"Client Key");
    Verifier { salt: salt.to_vec(), iterations, stored_key: Sha256::digest(client_key).into(), server_key: hmac(&salted, b"Server Key") }
}

fn salted(password: &Secret, salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.reveal().as_bytes(), salt, iterations, &mut salted);
    salted
}

fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // RFC 2104 section 2: a key shorter than a block is padded with zeros.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(padded, octet)| *padded = *octet);
    Hmac::<Sha256>::new(&block.into()).chain_update(message).finalize().into_bytes().into()
}

impl Verifier {
    /// Whether this is the password, for mechanisms that send it; takes as long as the rounds take.
    pub fn admits(&self, password: &Secret) -> bool {
        derive(password, &self.salt, self.iterations).stored_key.ct_eq(&self.stored_key).into()
    }

    /// The verifier of a user who does not exist: always the same for a name, so that asking twice tells nothing
    /// (RFC 5802 section 5.1), and without a password. `secret` is the server's own.
    pub fn decoy(username: &str, secret: &[u8; 32]) -> Self {
        let of = |purpose: &str| hmac(secret, format!("{purpose}\0{username}").as_bytes());
        Self {
            salt: of("salt").iter().take(16).copied().collect(),
            iterations: ITERATIONS,
            stored_key: of("stored"),
            server_key: of("server"),
        }
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(..)")
    }
}

impl std::fmt::Debug for AwaitProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwaitProof").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Nonce {
    /// From 144 random bits.
    pub fn from_entropy(entropy: [u8; 18]) -> Self {
        Self(BASE64_NOPAD.encode(&entropy))
    }

    /// From a text of the grammar's `printable`: `%x21-2B / %x2D-7E`.
    pub fn from_text(text: &str) -> Option<Self> {
        is_nonce(text).then(|| Self(text.to_owned()))
    }
}

fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| matches!(octet, b'!'..=b'+' | b'-'..=b'~'))
}

/// Reads the client's first message.
///
/// ```abnf
/// client-first-message = gs2-cbind-flag "," [ "a=" saslname ] "," client-first-message-bare
/// gs2-cbind-flag       = "p=" cb-name / "n" / "y"
/// client-first-message-bare = [ reserved-mext "," ] "n=" saslname "," "r=" c-nonce [ "," extensions ]
/// ```
///
/// # Errors
/// The message has another form, wants channel binding or a mandatory extension, or asks to act for somebody else.
pub fn client_first(message: &[u8]) -> Result<AwaitVerifier, Refusal> {
    let text = std::str::from_utf8(message).map_err(|_broken| Refusal::Malformed)?;
    let malformed = Refusal::Malformed;
    let (flag, rest) = text.split_once(',').ok_or(malformed)?;
    let (acts_for, bare) = rest.split_once(',').ok_or(malformed)?;
    if flag.starts_with("p=") {
        return Err(Refusal::Failed);
    }
    if flag != "n" && flag != "y" {
        return Err(malformed);
    }
    let mut parts = bare.split(',');
    let username = parts.next().and_then(|part| part.strip_prefix("n=")).and_then(saslname).ok_or(malformed)?;
    let client_nonce = parts.next().and_then(|part| part.strip_prefix("r="));
    let client_nonce = client_nonce.filter(|nonce| is_nonce(nonce) && nonce.len() <= CLIENT_NONCE_OCTETS_MAX).ok_or(malformed)?;
    if !acts_for.is_empty() && acts_for.strip_prefix("a=").and_then(saslname).ok_or(malformed)? != username {
        return Err(Refusal::Failed);
    }
    Ok(AwaitVerifier {
        username,
        header: format!("{flag},{acts_for},"),
        client_first_bare: bare.to_owned(),
        client_nonce: client_nonce.to_owned(),
    })
}

/// `saslname`: `=2C` is a comma and `=3D` an equals sign; no other `=` (RFC 5802 section 5.1).
fn saslname(text: &str) -> Option<String> {
    let mut parts = text.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = part.split_at_checked(2)?;
        name.push(match sign {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        name.push_str(rest);
    }
    prepared(&name)
}

impl AwaitVerifier {
    /// Whose verifier is needed.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The server's first message.
    ///
    /// ```abnf
    /// server-first-message = "r=" c-nonce s-nonce ",s=" base64 ",i=" posit-number
    /// ```
    pub fn server_first(self, verifier: Verifier, nonce: &Nonce) -> (AwaitProof, Vec<u8>) {
        let nonce = format!("{}{}", self.client_nonce, nonce.0);
        let server_first = format!("r={nonce},s={},i={}", BASE64.encode(&verifier.salt), verifier.iterations);
        let exchanged = format!("{},{server_first}", self.client_first_bare);
        (AwaitProof { username: self.username, header: self.header, exchanged, nonce, verifier }, server_first.into_bytes())
    }
}

impl AwaitProof {
    /// Checks the client's proof; the user and the server's last message.
    ///
    /// ```abnf
    /// client-final-message = "c=" base64 ",r=" nonce [ "," extensions ] ",p=" base64
    /// server-final-message = "v=" base64
    /// ```
    ///
    /// # Errors
    /// The message has another form, is not of this exchange, or its proof is not the password's.
    pub fn client_final(self, message: &[u8]) -> Result<(String, Vec<u8>), Refusal> {
        let text = std::str::from_utf8(message).map_err(|_broken| Refusal::Malformed)?;
        let malformed = Refusal::Malformed;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(malformed)?;
        let mut parts = without_proof.split(',');
        let header = parts.next().and_then(|part| part.strip_prefix("c=")).ok_or(malformed)?;
        let nonce = parts.next().and_then(|part| part.strip_prefix("r=")).ok_or(malformed)?;
        let proof = BASE64.decode(proof.as_bytes()).map_err(|_invalid| malformed)?;
        let proof = <[u8; 32]>::try_from(proof).map_err(|_length| malformed)?;
        if header != BASE64.encode(self.header.as_bytes()) || nonce != self.nonce {
            return Err(Refusal::Failed);
        }
        let auth_message = format!("{},{without_proof}", self.exchanged);
        let signature = hmac(&self.verifier.stored_key, auth_message.as_bytes());
        let mut client_key = proof;
        client_key.iter_mut().zip(signature).for_each(|(octet, signed)| *octet ^= signed);
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        if !bool::from(stored_key.ct_eq(&self.verifier.stored_key)) {
            return Err(Refusal::Failed);
        }
        let server_signature = hmac(&self.verifier.server_key, auth_message.as_bytes());
        Ok((self.username, format!("v={}", BASE64.encode(&server_signature)).into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pencil(iterations: u32) -> Verifier {
        derive(&Secret::new("pencil").unwrap(), &BASE64.decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(), iterations)
    }

    fn example() -> (AwaitProof, Vec<u8>) {
        let first = client_first(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert_eq!(first.username(), "user");
        first.server_first(pencil(4096), &Nonce::from_text("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0").unwrap())
    }

    /// RFC 7677 section 3.
    const PROOF: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    #[test]
    fn the_example_of_the_rfc_succeeds() {
        let (awaiting, server_first) = example();
        assert_eq!(server_first, b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        let (username, server_final) = awaiting.client_final(PROOF.as_bytes()).unwrap();
        assert_eq!(username, "user");
        assert_eq!(server_final, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_proof_of_another_password_nonce_or_header_fails() {
        let altered = [PROOF.replace("p=dH", "p=eH"), PROOF.replace("k0,p", "k1,p"), PROOF.replace("biws", "eSws")];
        for message in &altered {
            assert_eq!(example().0.client_final(message.as_bytes()), Err(Refusal::Failed), "{message}");
        }
        for message in ["", "c=biws", "c=biws,r=x,p=", "c=biws,r=x,p=AAAA", "r=x,c=biws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="] {
            assert_eq!(example().0.client_final(message.as_bytes()), Err(Refusal::Malformed), "{message}");
        }
    }

    #[test]
    fn a_good_proof_for_another_nonce_fails() {
        let proof_for = |nonce: &str| {
            let (awaiting, _) = example();
            let without_proof = format!("c=biws,r={nonce}");
            let mut salted = [0; 32];
            pbkdf2::pbkdf2_hmac::<Sha256>(b"pencil", &awaiting.verifier.salt, 4096, &mut salted);
            let signature = hmac(&awaiting.verifier.stored_key, format!("{},{without_proof}", awaiting.exchanged).as_bytes());
            let mut proof = hmac(&salted, b"Client Key");
            proof.iter_mut().zip(signature).for_each(|(octet, signed)| *octet ^= signed);
            awaiting.client_final(format!("{without_proof},p={}", BASE64.encode(&proof)).as_bytes())
        };
        assert!(proof_for("rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0").is_ok());
        assert_eq!(proof_for("rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k1"), Err(Refusal::Failed));
    }

    #[test]
    fn what_is_no_first_message_is_refused() {
        for message in [
            "",
            "n",
            "n,",
            "n,,",
            "n,,n=user",
            "n,,r=x",
            "x,,n=user,r=x",
            "n,,n=,r=x",
            "n,,n=u=2D,r=x",
            "n,,m=1,n=user,r=x",
            "n,,n=user,r=",
        ] {
            assert_eq!(client_first(message.as_bytes()), Err(Refusal::Malformed), "{message}");
        }
        let long = format!("n,,n=user,r={}", "x".repeat(257));
        assert_eq!(client_first(long.as_bytes()), Err(Refusal::Malformed));
        for message in ["p=tls-exporter,,n=user,r=x", "n,a=other,n=user,r=x"] {
            assert_eq!(client_first(message.as_bytes()), Err(Refusal::Failed), "{message}");
        }
        assert_eq!(client_first(b"y,a=a=2Cb=3D,n=a=2Cb=3D,r=x").unwrap().username(), "a,b=");
    }

    #[test]
    fn the_servers_first_message_fits_a_reply_line() {
        let first = client_first(format!("n,,n=user,r={}", "x".repeat(256)).as_bytes()).unwrap();
        let verifier = Verifier { iterations: u32::MAX, ..pencil(1) };
        let (_, server_first) = first.server_first(verifier, &Nonce::from_entropy([0xff; 18]));
        assert!("334 \r\n".len() + BASE64.encode(&server_first).len() <= 512);
    }

    #[test]
    fn a_verifier_admits_its_password_only() {
        assert!(pencil(1).admits(&Secret::new("pencil").unwrap()));
        assert!(!pencil(1).admits(&Secret::new("Pencil").unwrap()));
    }

    #[test]
    fn a_decoy_is_the_same_for_a_name_and_another_for_the_next() {
        assert_eq!(Verifier::decoy("alice", &[7; 32]), Verifier::decoy("alice", &[7; 32]));
        assert_ne!(Verifier::decoy("alice", &[7; 32]).salt, Verifier::decoy("bob", &[7; 32]).salt);
        assert_ne!(Verifier::decoy("alice", &[7; 32]).salt, Verifier::decoy("alice", &[8; 32]).salt);
    }
}
