//! The `twoway` command.

use std::process::ExitCode;

/// Faults that are put in on purpose are for the simulation alone.
const _: () = assert!(!delivery::mutant::ARE_POSSIBLE, "twoway is not built with the feature `mutants`");

fn main() -> ExitCode {
    server::cli::main()
}
