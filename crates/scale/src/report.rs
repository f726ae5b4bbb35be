//! The report: its text, and its plots.

mod contacts;
mod growth;
mod octets;
mod servers;
mod summary;
mod text;
mod time;

use crate::params::Params;
use crate::plot::Plot;
use crate::study::Study;

/// A file below `docs/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// As in `scale/octets.svg`.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// A plot with its name.
struct Figure {
    name: &'static str,
    svg: String,
}

/// A part of the report.
struct Section {
    text: String,
    plots: Vec<Figure>,
}

fn plot(name: &'static str, plot: &Plot) -> Figure {
    Figure { name, svg: plot.to_svg() }
}

impl Figure {
    fn link(&self, what: &str) -> String {
        format!("![{what}](scale/{}.svg)\n", self.name)
    }
}

/// The page and its plots. What was measured is the only part that differs from run to run.
pub fn pages(study: &Study) -> Vec<Page> {
    let sections = [
        octets::section(study),
        servers::section(study),
        contacts::section(study),
        servers::storage(study),
        growth::start(study),
        growth::adoption(study),
        time::outages(study),
        time::campaigns(study),
    ];
    let mut text = format!("{}\n{}", summary::head(study), made(study));
    for section in &sections {
        text.push('\n');
        text.push_str(&section.text);
    }
    text.push_str(NOT_COVERED);
    let figures = sections.into_iter().flat_map(|section| section.plots);
    let plots = figures.map(|figure| Page { path: format!("scale/{}.svg", figure.name), text: figure.svg });
    [Page { path: "scale.md".to_owned(), text }].into_iter().chain(plots).collect()
}

/// The table of parameters, as the page has it.
pub fn parameters(params: &Params) -> String {
    text::table(&["parameter", "value", "source"], params.table().into_iter().map(Vec::from))
}

fn made(study: &Study) -> String {
    let measured = study.measured;
    let ledger = &study.main;
    let messages = ledger.wanted.count + ledger.local.count + ledger.spam.count;
    format!(
        "## How it was made\n\n```sh\ncargo run --release -p scale\n```\n\nwrites this page and its plots anew, with the same numbers on every machine. It compiles the \
         pure crates alone. People, spammers and chance are the model's (`crates/scale`). What happens next is decided by the production code: \
         consent for notices and for pushed mail (`consent::decide`, `legacy::decide_pushed`), contact attempts (`contacts::admit`, `rank`), \
         the two machines with their timers, the rest given to silent peers (`peer`), rates (`rate`), the decisions that ask DNS \
         (`authority`, `discovery`, `spf`), and the commands as `proto` writes them. A question that has not changed is asked once, and a history \
         that is as long as another is run once. `cargo run -p sim` is the other simulation: few servers, all of their code, and faults.\n\n\
         Measured: the main run of {} users over {} days, {} messages, took {} s of one core: {} messages a second, {} user-days a second. Everything \
         together took {} s.\n\n{}",
        text::count(study.params.users),
        study.params.days,
        text::count(messages),
        measured.main_seconds,
        text::count(messages / measured.main_seconds.max(1)),
        text::count(ledger.user_days / measured.main_seconds.max(1)),
        measured.all_seconds,
        parameters(&study.params),
    )
}

const NOT_COVERED: &str = "\n## What is not in the model\n\n\
- Time within an hour, and load: what a server can take is measured in `bench/` and `tests/load`.\n\
- That an owner overlooks a real request, takes a spammer for a friend, or dismisses rows. The main run does not cap contact attempts: places \
are computed for flooded mailboxes alone.\n\
- Forwarding, lists whose members post, aliases; messages to several recipients, which push moves once for each domain and this model once for \
each recipient, in both worlds.\n\
- Retries of pushed mail, greylisting, and what filters of content cost.\n\
- What spammers would do about it, beyond the kinds above.\n";
