//! Octets to events and back: the sessions of SMTP, its two-way extension and what they carry, without any I/O.

pub mod path;
pub mod twoway;
pub mod xtext;
