//! `[listen]`: which services listen where. A service that is not named is off.

use std::net::SocketAddr;

use toml::de::DeValue;

use super::reader::Section;

/// The addresses of each service.
///
/// `web` is accepted so that a file can name it already; nothing listens there yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listen {
    /// Submission with STARTTLS (RFC 6409), port 587.
    pub submission: Vec<SocketAddr>,
    /// Submission with TLS from the first octet (RFC 8314), port 465.
    pub submissions: Vec<SocketAddr>,
    /// Other servers, port 25.
    pub exchange: Vec<SocketAddr>,
    /// Retrieval with TLS from the first octet, as SRV says.
    pub retrieval: Vec<SocketAddr>,
    /// Numbers and health, for whoever watches this server: HTTP, in the clear.
    pub metrics: Vec<SocketAddr>,
    /// Mailboxes, with STARTTLS (RFC 9051), port 143.
    pub imap: Vec<SocketAddr>,
    /// Mailboxes, with TLS from the first octet (RFC 8314), port 993.
    pub imaps: Vec<SocketAddr>,
    /// Not served yet.
    pub web: Vec<SocketAddr>,
}

impl Listen {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let addresses = |key| {
            section.or(key, Vec::new(), r#"an address and port such as "[::]:25", or a list of them"#, |value| {
                one_or_more(value, |text| text.parse().ok())
            })
        };
        let listen = Self {
            submission: addresses("submission"),
            submissions: addresses("submissions"),
            exchange: addresses("exchange"),
            retrieval: addresses("retrieval"),
            metrics: addresses("metrics"),
            imap: addresses("imap"),
            imaps: addresses("imaps"),
            web: addresses("web"),
        };
        section.refuse_unknown();
        listen
    }
}

/// A text, or a list of texts.
pub(super) fn one_or_more<T>(value: &DeValue<'_>, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    match value.as_array() {
        Some(items) => items.iter().map(|item| parse(item.as_ref().as_str()?)).collect(),
        None => Some(vec![parse(value.as_str()?)?]),
    }
}
