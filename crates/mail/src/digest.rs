//! The SHA-256 of a message's octets, as the extension writes it: `sha-256:` and 43 base64url characters.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

/// SHA-256 over the exact octets of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentDigest([u8; 32]);

/// A text that is no digest this protocol knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: {0:?}; expected sha-256: and 43 characters of base64url")]
pub struct DigestError(String);

/// Takes in a message piece by piece.
#[derive(Clone, Default)]
pub struct Digester(Sha256);

impl Digester {
    /// Nothing taken in yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The digest of several pieces, in order.
    pub fn of_all<const N: usize>(pieces: [&[u8]; N]) -> ContentDigest {
        let mut digester = Self::new();
        for piece in pieces {
            digester.update(piece);
        }
        digester.finish()
    }

    /// The digest of all that was taken in.
    pub fn finish(self) -> ContentDigest {
        ContentDigest(self.0.finalize().into())
    }
}

impl ContentDigest {
    /// The digest of these octets.
    pub fn of(octets: &[u8]) -> Self {
        Self(Sha256::digest(octets).into())
    }

    /// From the 32 octets themselves.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 octets.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha-256:{}", BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for ContentDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let decoded = text.strip_prefix("sha-256:").and_then(|encoded| BASE64URL_NOPAD.decode(encoded.as_bytes()).ok());
        decoded.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| DigestError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_in_pieces_is_the_digest_of_the_whole() {
        let mut digester = Digester::new();
        digester.update(b"ab");
        digester.update(b"c");
        let digest = digester.finish();
        assert_eq!(digest, ContentDigest::of(b"abc"));
        // FIPS 180-2 appendix B.1.
        assert_eq!(digest.to_string(), "sha-256:ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
        assert_eq!(digest.to_string().parse::<ContentDigest>().unwrap(), digest);
        assert!("sha-256:abc".parse::<ContentDigest>().is_err());
    }
}
