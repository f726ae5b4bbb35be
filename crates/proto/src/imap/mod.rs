//! IMAP, both ends, without I/O: octets in, events out, answers in, octets out (RFC 3501, RFC 9051 and their extensions).

pub mod client;
pub mod command;
mod cursor;
pub mod date;
pub mod flag;
pub mod input;
pub mod limits;
pub mod mailbox_name;
pub mod numbers;
pub mod response;
pub mod section;
pub mod sequence_set;
pub mod server;
pub mod url;
mod utf7;
pub mod view;
mod words;
mod writer;

pub use cursor::SyntaxError;
