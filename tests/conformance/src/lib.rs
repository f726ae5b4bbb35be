//! Runs the protocol's cases against any server that speaks it, from outside: as a client of its ports, and as the servers of other domains.
//!
//! Nothing here is shared with the server's own code, so that both cannot make the same mistake.

#![expect(clippy::disallowed_methods, reason = "the checker is the outside: its clock, randomness and sockets are real")]

mod arguments;
mod case;
mod cases;
mod certificates;
mod command;
mod crypto;
mod demo;
mod grammar;
mod lab;
mod message;
mod notice;
mod offered;
mod peer;
mod pushing;
mod reply;
mod report;
#[cfg(test)]
mod self_check;
mod serve;
mod session;
mod stamp;
mod submit;
mod target;
mod trace;
mod wire;

pub use arguments::main;
