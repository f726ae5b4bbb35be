//! What takes more than one module of `delivery` to see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice)]
// The search looks worlds up by the million, and never in the order of a hash map.
#![allow(clippy::disallowed_types)]
// It says how long it took.
#![allow(clippy::disallowed_methods)]

mod bad_rules;
mod search;
