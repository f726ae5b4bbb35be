//! `conformance`: checks a Two-Way Mail server from outside.

use std::process::ExitCode;

fn main() -> ExitCode {
    conformance::main()
}
