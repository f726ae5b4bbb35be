//! Messages to send and to serve, small and large.

use crate::crypto::fresh_word;
use anyhow::Result;

/// A body of this size does not fit into the buffers between two servers.
pub(crate) const LARGE: usize = 8_000_000;

/// A whole message; fields that submission would add are there already, so that it has no reason to change it.
pub(crate) fn message(from: &str, to: &str, subject: &str, body: &[u8]) -> Result<Vec<u8>> {
    let domain = from.rsplit('@').next().unwrap_or(from);
    with_fields(&[&format!("From: {from}"), &format!("To: {to}")], subject, domain, body)
}

/// A message with these fields, a date, an id and a subject.
pub(crate) fn with_fields(fields: &[&str], subject: &str, domain: &str, body: &[u8]) -> Result<Vec<u8>> {
    let mut octets = Vec::with_capacity(body.len() + 300);
    for field in fields {
        octets.extend_from_slice(field.as_bytes());
        octets.extend_from_slice(b"\r\n");
    }
    let rest = format!("Subject: {subject}\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{}@{domain}>\r\n\r\n", fresh_word()?);
    octets.extend_from_slice(rest.as_bytes());
    octets.extend_from_slice(body);
    Ok(octets)
}

/// A body of about this size whose every line says where it stands, so that no two parts of it are alike.
pub(crate) fn long_body(octets: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(octets + 80);
    while body.len() < octets {
        body.extend_from_slice(
            format!("{:010} two-way mail keeps what it has not handed over yet, line after line\r\n", body.len()).as_bytes(),
        );
    }
    body
}
