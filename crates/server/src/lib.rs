//! All I/O: sessions, workers, the command line; and the [`world`] they reach the outside through.

pub mod budgets;
pub mod events;
pub mod inquiry;
pub mod listen;
pub mod node;
pub mod peer;
pub mod retrievals;
pub mod submit;
pub mod work;
pub mod world;
