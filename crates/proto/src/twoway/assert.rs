//! ASSERT: "this session is run for DOMAIN", proved by a signature over what is unique to the session.

use data_encoding::BASE64URL_NOPAD;
use mail::address::Domain;

use super::words::Words;
use super::{SyntaxError, wire};
use crate::path;

pub(super) const PARTS: &[&str] = &[wire::DOMAIN, wire::KEY, wire::SIG];

/// `ASSERT`, sent by the TLS client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assert {
    /// For which domain.
    pub domain: Domain,
    /// Names the key in the domain's DNS.
    pub selector: Selector,
    /// Ed25519 over [`signed_octets`].
    pub signature: [u8; 64],
}

/// The name of a key below `_domainkey` (RFC 6376 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(String);

/// What the signature of ASSERT covers. The exporter (RFC 9266) binds it to one TLS session.
pub fn signed_octets(domain: &Domain, exporter: &[u8]) -> Vec<u8> {
    [wire::ASSERT_CONTEXT.as_bytes(), b"\0", domain.as_str().as_bytes(), b"\0", exporter].concat()
}

impl Selector {
    /// Reads `sub-domain *( "." sub-domain )` (RFC 5321 section 4.1.2).
    pub fn new(text: &str) -> Option<Self> {
        let label_fits = |label: &str| {
            let known = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
            (1..=63).contains(&label.len()) && label.bytes().all(known) && !label.starts_with('-') && !label.ends_with('-')
        };
        let fits = text.len() <= Domain::OCTETS_MAX && text.split('.').all(label_fits);
        fits.then(|| Self(text.to_owned()))
    }

    /// As it stands in DNS and on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Assert {
    /// ```abnf
    /// assert = "ASSERT DOMAIN=" Domain SP "KEY=" selector SP "SIG=" 86b64u CRLF
    /// ```
    pub(super) fn read(mut words: Words<'_>) -> Result<Self, SyntaxError> {
        let domain = words.value(wire::DOMAIN, "a domain as lower-case A-labels without final dot", path::domain)?;
        let selector = words.value(wire::KEY, "a selector (RFC 6376)", Selector::new)?;
        let signature = words.value(wire::SIG, "86 of base64url", |text| BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok())?;
        words.end()?;
        Ok(Self { domain, selector, signature })
    }

    pub(super) fn to_line(&self) -> String {
        let signature = BASE64URL_NOPAD.encode(&self.signature);
        format!("{} {}={} {}={} {}={signature}", wire::ASSERT, wire::DOMAIN, self.domain, wire::KEY, self.selector.0, wire::SIG)
    }
}
