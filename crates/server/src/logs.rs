//! The log: for people or for programs, on standard error; what a line belongs to (session, message, transfer) stands in its span.

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Logs from here on, for the whole process. A second call changes nothing.
pub fn start(log: &Log) {
    // Checked when the configuration was read.
    let filter = log.filter.parse::<EnvFilter>().unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => {
            // journald and files do not want colours.
            builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "the log was started before");
    }
}
