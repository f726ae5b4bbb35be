//! What the server costs, measured: notices recorded per second, and the walk of a message from submission to mailbox.
//!
//! ```text
//! cargo run --release -p bench -- notices --twoway target/release/twoway
//! cargo run --release -p bench -- walk
//! ```
//!
//! Durable as in production: SQLite with `synchronous=FULL` on the disk that holds `--folder`.

#![expect(clippy::disallowed_methods, reason = "measuring is about real time, outside every World")]

mod notices;
mod process;
mod submit;
mod tls;
mod walk;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures Twoway")]
struct Arguments {
    /// Where the servers keep their data while they are measured; a temporary folder by default.
    #[arg(long, global = true)]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// NOTICE over pipelined sessions: recorded durably, not decided.
    Notices(notices::Options),
    /// A load of messages for any server, from many sessions.
    Submit(submit::Options),
    /// From the end of DATA at one server to the mailbox of the other.
    Walk(walk::Options),
}

fn main() -> anyhow::Result<()> {
    let Arguments { folder, what } = Arguments::parse();
    server::tls::install_provider();
    let temporary = tempfile::Builder::new().prefix("twoway-bench-").tempdir()?;
    let folder = folder.unwrap_or_else(|| temporary.path().to_owned());
    let runtime = tokio::runtime::Runtime::new()?;
    match what {
        What::Notices(options) => runtime.block_on(notices::run(&options, &folder)),
        What::Submit(options) => runtime.block_on(submit::run(options)),
        What::Walk(options) => runtime.block_on(walk::run(&options, &folder)),
    }
}
