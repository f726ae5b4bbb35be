//! The store, every operation on both engines: each test here runs on SQLite and on a PostgreSQL.
//!
//! When a test ends well, the store's own check of all its invariants must find nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice)]

#[macro_use]
mod fixture;

mod accounts;
mod backlog;
mod backup;
mod check;
mod consent;
mod content;
mod destination;
mod engines;
mod filing;
mod import;
mod lost_answers;
mod made;
mod mailboxes;
mod nodes;
mod origin;
mod outline;
mod power_cuts;
mod queue;
mod reception;
mod repair;
mod reports;
mod search_index;
