//! SMTP, both ends, without I/O: octets in, events out, replies in, octets out (RFC 5321 and its extensions).

pub mod capabilities;
pub mod client;
pub mod command;
pub mod content;
mod input;
pub mod replies;
pub mod reply;
pub mod server;
