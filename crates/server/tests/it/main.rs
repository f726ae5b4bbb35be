//! Whole servers on loopback: real sockets, TLS, DNS and databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod bad_configurations;
mod demo;
mod imap;
