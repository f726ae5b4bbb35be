//! `cargo run --release -p scale`: writes `docs/scale.md` and its plots.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use scale::params::Params;
use scale::report::pages;
use scale::study::study;

const USAGE: &str = "usage: scale [--small] [--users N] [--sample-users N] [--days N] [--seed N] [--to DIRECTORY]";

struct Order {
    params: Params,
    to: PathBuf,
}

fn order(arguments: impl Iterator<Item = String>) -> Option<Order> {
    let mut order = Order { params: Params::default(), to: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs") };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next()?.parse().ok();
        match argument.as_str() {
            "--small" => order.params = Params::small(),
            "--users" => order.params.users = number()?,
            "--sample-users" => order.params.sample_users = number()?,
            "--days" => order.params.days = number()?,
            "--seed" => order.params.seed = number()?,
            "--to" => order.to = arguments.next()?.into(),
            _ => return None,
        }
    }
    Some(order)
}

/// Seconds that this thread has computed; where the system does not tell, those that have passed.
#[expect(clippy::disallowed_methods, reason = "how long a run takes is what is measured")]
fn seconds(start: Instant) -> u64 {
    let computed = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = computed.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs(), |nanoseconds| nanoseconds / 1_000_000_000)
}

#[expect(clippy::disallowed_methods, reason = "how long a run takes is what is measured")]
fn main() -> ExitCode {
    let Some(order) = order(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    eprintln!("{} users, {} days: some minutes", order.params.users, order.params.days);
    let Some(study) = study(&order.params, &|| seconds(start)) else { return ExitCode::FAILURE };
    for page in pages(&study) {
        let path = order.to.join(&page.path);
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, &page.text));
        if let Err(error) = written {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    eprintln!("done after {} s", start.elapsed().as_secs());
    ExitCode::SUCCESS
}
