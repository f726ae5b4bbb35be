//! Two-way mail on the scale of the Internet: millions of users over weeks, without any I/O.
//!
//! The model brings people, spammers and chance; what happens next is decided by the production code of `delivery`
//! (consent, contact attempts, the two machines, timers, rates, DNS decisions), and what that moves is measured in the
//! commands that `proto` writes. `cargo run --release -p scale` writes `docs/scale.md` and its plots anew; it compiles
//! the pure crates alone. The other mode, with sessions, jobs, stores and faults of a few servers, is `cargo run -p sim`.
//!
//! One seed gives one report, on every machine.

pub mod campaign;
pub mod chance;
pub mod cost;
pub mod exchange;
pub mod flood;
pub mod ledger;
pub mod life;
pub mod outage;
pub mod params;
pub mod plot;
pub mod population;
pub mod questions;
pub mod report;
pub mod study;
pub mod wire;
pub mod world;
