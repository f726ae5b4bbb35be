//! IMAP sessions, seen from outside: dialogues, and any octets in any pieces.

mod both;
mod client;
mod pieces;
mod script;
mod traces;
