//! Shell completions and man pages, made of the same definitions as the commands themselves.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::arguments::Arguments;
use crate::admin::AdminError;

const PROGRAM: &str = "twoway";

/// The whole command line, as clap sees it.
pub(super) fn program() -> Command {
    Arguments::command().name(PROGRAM)
}

/// Writes the completions for a shell to standard output.
pub(super) fn completions(shell: Shell) -> Result<(), AdminError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program(), PROGRAM, &mut script);
    write_out(&script)
}

/// Writes a page for each command into `directory`; or the main page to standard output.
pub(super) fn pages(directory: Option<&Path>) -> Result<(), AdminError> {
    let Some(directory) = directory else {
        let mut page = Vec::new();
        let made = Man::new(program()).render(&mut page);
        made.map_err(|error| AdminError::temporary("man", format!("the man page can't be made: {error}")))?;
        return write_out(&page);
    };
    let unwritable = |error: io::Error| AdminError::refused("unwritable", format!("{}: {error}", directory.display()));
    fs::create_dir_all(directory).map_err(unwritable)?;
    clap_mangen::generate_to(program(), directory).map_err(unwritable)
}

fn write_out(octets: &[u8]) -> Result<(), AdminError> {
    match io::stdout().lock().write_all(octets) {
        // `twoway man | head` has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| AdminError::temporary("output", error.to_string())),
    }
}
