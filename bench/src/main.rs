//! What the server costs, measured: notices recorded per second, and the walk of a message from submission to mailbox.
//!
//! ```text
//! cargo run --profile dist -p bench -- notices --twoway target/dist/twoway
//! cargo run --profile dist -p bench -- walk
//! ```
//!
//! Durable as in production: SQLite with `synchronous=FULL` on the disk that holds `--folder`.

#![expect(clippy::disallowed_methods, reason = "measuring is about real time, outside every World")]

mod fill;
mod floor;
mod notices;
mod plot;
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
    /// Writes much into a server's store, through the store's own methods.
    Fill(fill::Options),
    /// What a sync and a handshake take on this machine.
    Floor(floor::Options),
    /// NOTICE over pipelined sessions: recorded durably, not decided.
    Notices(notices::Options),
    /// Draws a plot, described in JSON on the standard input.
    Plot,
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
        What::Fill(options) => runtime.block_on(fill::run(&options)),
        What::Floor(options) => runtime.block_on(floor::run(&options, &folder)),
        What::Plot => plot::run(),
        What::Notices(options) => runtime.block_on(notices::run(&options, &folder)),
        What::Submit(options) => runtime.block_on(submit::run(options)),
        What::Walk(options) => runtime.block_on(walk::run(&options, &folder)),
    }
}
