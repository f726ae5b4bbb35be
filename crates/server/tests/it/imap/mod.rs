//! Sessions with mail programs: whole servers without a network, each with a store of its own.

mod brought;
mod channels;
mod consent;
mod dialogues;
mod fixture;
mod kept;
mod limits;
mod messages;
mod model;
mod nodes;
mod resync;
mod search;
mod traffic;
mod unreadable;
