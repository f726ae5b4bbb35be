//! `cargo run -- demo`: two domains in one process, a DNS for both, and the handshake played once.

pub mod dns;

use crate::admin::AdminError;
use crate::cli::Demo;

/// Plays the demo, and stays until it is interrupted.
///
/// # Errors
/// Something it needs is not there.
pub fn run(demo: &Demo) -> Result<(), AdminError> {
    Err(AdminError::refused("demo", format!("this build has no demo to play ({demo:?})")))
}
