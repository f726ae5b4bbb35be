//! The vocabulary of Internet mail: addresses, envelopes, notices, identities, times.
//!
//! Values here are valid because they exist: they are parsed once, at the edge. Nothing in this crate does
//! I/O, reads a clock or draws random numbers.

pub mod address;
pub mod digest;
pub mod envelope;
pub mod id;
pub mod notice;
pub mod status;
pub mod time;
