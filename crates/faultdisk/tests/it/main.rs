//! The disk itself: what is synced stays, what is not may go, and SQLite on it is held to its word.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice)]

mod contents;
mod databases;
mod failing;
