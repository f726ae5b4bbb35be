//! `cargo run -- demo`: two domains in one process, a DNS for both, and the handshake played once.

pub mod accounts;
pub mod authority;
pub mod describe;
pub mod dns;
pub mod greeting;
pub mod narrate;
pub mod play;
pub mod ports;
pub mod program;
pub mod stage;
pub mod zones;

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use crate::admin::AdminError;
use crate::config::ConfigError;
use crate::demo::stage::Stage;
use crate::serve::StartError;
use crate::world::first;

pub use crate::cli::{Demo, Peer};

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file of it.
    #[error("{}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        error: String,
    },
    /// Its DNS.
    #[error("DNS: {0}")]
    Dns(String),
    /// Its certificates.
    #[error("certificates: {0}")]
    Tls(String),
    /// A configuration it wrote.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A server of it.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A user of it.
    #[error("account: {0}")]
    Account(String),
    /// Its process.
    #[error("{0}")]
    Process(#[from] std::io::Error),
    /// The handshake did not happen as it should.
    #[error(transparent)]
    Stopped(#[from] narrate::Stopped),
}

impl DemoError {
    /// A file that can't be read, written or made sense of.
    pub fn file(file: &Path, error: &dyn std::fmt::Display) -> Self {
        Self::File { file: file.to_owned(), error: error.to_string() }
    }
}

impl From<DemoError> for AdminError {
    fn from(error: DemoError) -> Self {
        Self::refused("demo", error.to_string())
    }
}

/// Runs the demo until it is interrupted.
///
/// # Errors
/// It does not start, or the handshake does not happen as it should.
pub fn run(demo: &Demo) -> Result<(), AdminError> {
    let runtime = tokio::runtime::Runtime::new().map_err(DemoError::Process)?;
    let ended = runtime.block_on(hold(demo));
    // What is still under way was asked to finish, and had its time.
    runtime.shutdown_background();
    Ok(ended?)
}

async fn hold(demo: &Demo) -> Result<(), DemoError> {
    // Waited for from the first moment: a demo interrupted while it starts leaves nothing behind either.
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let temporary = if demo.keep.is_none() { Some(tempfile::Builder::new().prefix("twoway-demo-").tempdir()?) } else { None };
    let folder = temporary.as_ref().map(|temporary| temporary.path().to_owned()).or_else(|| demo.keep.clone()).unwrap_or_default();
    let folder = std::path::absolute(folder)?;
    let mut stage = Stage::open(&folder, &demo.peers).await?;
    let shown = async {
        print!("{}", greeting::introduction(&stage));
        if let Some(file) = &demo.describe {
            describe::write(file, &stage, &demo.peers)?;
        }
        if !demo.quiet && stage.is_first_start {
            println!("\nThe handshake, as the servers themselves tell it:\n");
            play::play(&mut stage, narrate::PATIENCE, &|text| println!("{text}")).await?;
        }
        println!("\n{}", greeting::invitation(&stage, play::acquaintance(&stage).await?));
        std::future::pending::<Result<(), DemoError>>().await
    };
    let ended = match first(first(interrupted.recv(), terminated.recv()), shown).await {
        crate::world::First::Left(_) => Ok(()),
        crate::world::First::Right(ended) => ended,
    };
    if let (Some(file), true) = (&demo.describe, temporary.is_some())
        && file.exists()
    {
        std::fs::remove_file(file).map_err(|error| DemoError::file(file, &error))?;
    }
    stage.close().await;
    if let Some(temporary) = temporary {
        temporary.close()?;
    }
    ended
}
