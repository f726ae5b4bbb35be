//! What should happen next: pure functions of state, event and time.
//!
//! Nothing here does I/O, reads a clock or draws random numbers; whoever calls brings the time and the chance.

pub mod absence;
pub mod arrival;
pub mod authority;
pub mod consent;
pub mod contacts;
pub mod dialling;
pub mod discovery;
pub mod dns;
pub mod exchange;
pub mod legacy;
pub mod mutant;
pub mod outlook;
pub mod peer;
pub mod pin;
pub mod policy;
pub mod rate;
pub mod relay;
pub mod report;
pub mod rules;
pub mod schedule;
pub mod spf;
pub mod synthetic;
pub mod transfer;
