//! The vocabulary of Internet mail: addresses, envelopes, notices, identities, times.
//!
//! Values here are valid because they exist: they are parsed once, at the edge. Nothing in this crate does
//! I/O, reads a clock or draws random numbers.

pub mod address;
pub mod auto_reply;
mod boundary;
pub mod confirmation;
pub mod decode;
pub mod digest;
pub mod downgrade;
pub mod dsn;
pub mod envelope;
pub mod flag;
pub mod fold;
pub mod folder;
pub mod id;
pub mod marks;
pub mod mbox;
pub mod message;
pub mod notice;
pub mod octets;
pub mod outline;
pub mod preview;
pub mod references;
pub mod searchable;
pub mod sent;
pub mod sent_on;
pub mod shown;
pub mod special_use;
pub mod status;
pub mod structure;
pub mod subject;
pub mod submission;
pub mod summary;
pub mod surrogate;
pub mod thread;
pub mod time;
pub mod trace;

/// Reads a value from its text, for all the types here that are written as text.
fn from_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
    D: serde::Deserializer<'de>,
{
    let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}
