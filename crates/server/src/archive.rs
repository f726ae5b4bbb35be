//! A mailbox as files that other programs read, and back: Maildir and mbox.
//!
//! All of it is the command line's own work: it reads and writes the files as whoever typed the command, and asks the
//! server (or the store) for one message after the other. So both may be interrupted, and repeated.

pub mod export;
pub mod import;
pub mod maildir;
pub mod mbox;

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use mail::time::Timestamp;
use serde::Serialize;

use crate::admin::AdminError;

/// Where everything arrives.
const INBOX: &str = "INBOX";

/// Which files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A directory with a file for each message, and Maildir++ folders.
    Maildir,
    /// A file for each mailbox, as mboxrd.
    Mbox,
}

/// A file that cannot be read or written: the administrator's move, and nothing of the mailbox is changed.
fn unusable(path: &Path) -> impl Fn(io::Error) -> AdminError + '_ {
    move |error| AdminError::refused("file", format!("{}: {error}", path.display()))
}

/// The names in a directory are durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn to_system(time: Timestamp) -> SystemTime {
    let millis = time.as_millis();
    let distance = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

fn from_system(time: SystemTime) -> Timestamp {
    let millis = |distance: Duration| i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    })
}

#[cfg(test)]
mod tests;
