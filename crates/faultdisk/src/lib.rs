//! A disk in memory that forgets what was not synced; for tests. It may use unsafe code.
//!
//! A [`Disk`] keeps two images of every file and directory: what was written, and what a power cut leaves. Only a sync of
//! the file moves octets from one to the other, and only a sync of its directory a name. [`Disk::power_cut`] goes back
//! to the second image, with a random part of the changes since, in sectors, the last one torn. SQLite reaches the disk as
//! a file layer ([`vfs::register`]), contents as an `object_store` ([`objects::Objects`]). Faults can be set: a full disk, a sync
//! that fails and drops what it should have kept, a disk that takes no more writes.

mod chance;
pub mod disk;
mod file;
pub mod objects;
mod tree;
pub mod vfs;

pub use disk::{Disk, Fault, Sector};
