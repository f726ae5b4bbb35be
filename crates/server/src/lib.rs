//! All I/O: sessions, workers, the command line; and the [`world`] they reach the outside through.

pub mod events;
pub mod inquiry;
pub mod node;
pub mod retrievals;
pub mod world;
