//! `cargo run -- demo`: two domains in one process, a DNS for both, and the handshake played once.

pub mod dns;
