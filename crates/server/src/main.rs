//! The `twoway` command.
fn main() {}
