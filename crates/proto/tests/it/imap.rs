//! IMAP sessions, seen from outside: dialogues, and any octets in any pieces.

mod pieces;
mod script;
mod traces;
