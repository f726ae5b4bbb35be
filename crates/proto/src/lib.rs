//! Octets to events and back: the sessions of SMTP, its two-way extension and what they carry, without any I/O.

pub mod imap;
pub mod limits;
pub mod path;
pub mod sasl;
pub mod smtp;
pub mod twoway;
pub mod xtext;
