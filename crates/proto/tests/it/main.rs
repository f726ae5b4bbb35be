//! What the sessions do, seen from outside: dialogues, and any octets in any pieces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice)]

mod bad_input;
mod client;
mod imap;
mod misuse;
mod pieces;
mod script;
mod server;
mod spec;
