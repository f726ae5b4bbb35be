//! Many servers on one thread under one seed: production sessions and jobs, on a simulated clock, network and DNS,
//! with the faults that the seed, or a test, chooses.
//!
//! Everything random follows from the seed, so a run that failed can be had again. A server that crashes loses its
//! tasks and what it had not committed, and nothing else. At the end of every test all servers are checked.

pub mod chance;
pub mod dns;
pub mod executor;
pub mod faults;
pub mod net;
pub mod network;
pub mod parcels;
pub mod standing;

mod check;
mod client;
mod clock;
mod contents;
mod disk;
mod holdings;
mod host;
mod journal;
mod pipe;
mod plain;
mod platter;
mod post;
mod sim;
mod tap;
mod trouble;
mod user;
mod wire;
mod world;

/// Knows what each server holds.
#[global_allocator]
static HEAP: heap::Heap = heap::Heap;

pub use disk::{Disks, FailedSync};
pub use faults::Fault;
pub use holdings::{Contact, Mail, Sent};
pub use network::Weather;
pub use plain::{Manners, PlainHost, Taken, Tls};
pub use post::{Answer, Pending, Post, Posted};
pub use sim::Sim;
pub use store::queue::Boundary;
pub use user::{Message, User};
