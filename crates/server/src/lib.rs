//! All I/O: sessions, workers, the command line; and the [`world`] they reach the outside through.

pub mod accept;
pub mod admin;
pub mod archive;
pub mod budgets;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dialled;
pub mod dns;
pub mod events;
pub mod inquiry;
pub mod listen;
pub mod logs;
pub mod node;
pub mod passwords;
pub mod peer;
pub mod progress;
pub mod rates;
pub mod real;
pub mod retrievals;
pub mod roles;
pub mod serve;
pub mod submit;
pub mod tls;
pub mod work;
pub mod world;
