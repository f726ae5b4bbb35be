//! Octets moved: by notice against push.

use super::text::{octets, percent, table};
use super::{Section, plot};
use crate::chance::float;
use crate::cost::{Terms, all_pushed, as_it_went, share};
use crate::ledger::Ledger;
use crate::plot::{Axis, Mark, Plot, Scale, Series};
use crate::study::Study;

/// One line of the table and of the plot: what is assumed.
struct Case {
    name: &'static str,
    of: fn(&Study) -> &Ledger,
    terms: fn(Terms) -> Terms,
}

const CASES: [Case; 8] = [
    Case {
        name: "sessions of 10, pushed spam refused",
        of: |study| &study.samples.refuse,
        terms: |terms| Terms { per_session: 10, ..terms },
    },
    Case { name: "sessions of 10, pushed spam kept aside", of: |study| &study.main, terms: |terms| Terms { per_session: 10, ..terms } },
    Case { name: "a session each, pushed spam kept aside", of: |study| &study.main, terms: |terms| terms },
    Case { name: "a session each, spammers repeat notices", of: |study| &study.main, terms: |terms| Terms { notices_of_spam: 4, ..terms } },
    Case {
        name: "sessions of 10, refused, spam 4 times as large",
        of: |study| &study.samples.refuse,
        terms: |terms| Terms { per_session: 10, spam_size: 4000, ..terms },
    },
    Case {
        name: "sessions of 10, 80 % of spam refused early",
        of: |study| &study.samples.refuse,
        terms: |terms| Terms { per_session: 10, refused_early: 800, ..terms },
    },
    Case { name: "screening off, sessions of 10", of: |study| &study.samples.off, terms: |terms| Terms { per_session: 10, ..terms } },
    Case { name: "screening off, a session each", of: |study| &study.samples.off, terms: |terms| terms },
];

const SHARES: [u64; 7] = [300, 400, 500, 600, 700, 800, 900];

/// Octets moved by notice as thousandths of those pushed.
fn moved(study: &Study, case: &Case, spam_share: u64) -> u64 {
    let terms = (case.terms)(Terms { spam_share, ..Terms::of(&study.params) });
    let ledger = (case.of)(study);
    share(all_pushed(ledger, &study.wire, &terms), as_it_went(ledger, &study.wire, &terms))
}

/// The least and the most moved, over all cases and shares of spam.
pub(super) fn extremes(study: &Study) -> [u64; 2] {
    let all: Vec<u64> = CASES.iter().flat_map(|case| SHARES.map(|spam_share| moved(study, case, spam_share))).collect();
    [all.iter().min(), all.iter().max()].map(|found| found.copied().unwrap_or(0))
}

/// In the case of this number, with the least and the most spam.
pub(super) fn range(study: &Study, case: usize) -> [u64; 2] {
    [SHARES.first(), SHARES.last()]
        .map(|spam_share| CASES.get(case).zip(spam_share).map_or(0, |(case, spam_share)| moved(study, case, *spam_share)))
}

/// With the run's own spam, in the case of this number.
pub(super) fn central(study: &Study, case: usize) -> u64 {
    CASES.get(case).map_or(0, |case| moved(study, case, study.params.spam_share))
}

/// The section.
pub(super) fn section(study: &Study) -> Section {
    let head: Vec<String> = SHARES.iter().map(|share| format!("spam {} %", share / 10)).collect();
    let head: Vec<&str> = ["octets moved, of what push moves"].into_iter().chain(head.iter().map(String::as_str)).collect();
    let rows = CASES.iter().map(|case| {
        let cells = SHARES.map(|spam_share| percent(moved(study, case, spam_share)));
        [case.name.to_owned()].into_iter().chain(cells).collect()
    });
    let series = CASES.iter().map(|case| {
        let points = SHARES.iter().map(|spam_share| (float(*spam_share) / 10.0, float(moved(study, case, *spam_share)) / 10.0));
        Series { name: case.name.to_owned(), points: points.collect() }
    });
    let plot = plot(
        "octets",
        &Plot {
            title: "Octets moved by two-way mail, in per cent of the same mail pushed",
            x: Axis::new("spam among all messages", Scale::Linear, &[30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0], " %"),
            y: Axis::new("octets moved (push = 100 %)", Scale::Linear, &[0.0, 25.0, 50.0, 75.0, 100.0, 125.0], " %"),
            series: series.collect(),
            mark: Mark::Line,
        },
    );
    let wire = &study.wire;
    let [wanted, spam] = study.mean_sizes;
    let text = format!(
        "## Octets moved\n\nEvery domain speaks the extension. A wanted message has {} on average, spam {}; a session costs {} to open and \
         close, a notice {}, a retrieval with its confirmation {}, the commands of a pushed message {}.\n\n{}\n{}\n\
         Wanted mail that nobody collected is counted as moved: its loss is no saving. What saves octets is spam that stays where it is. The share of spam and its size decide, and how many messages share a \
         session decides how much of it is lost again. With *screening off*, the default, nothing is saved: every message costs a notice \
         and a second session on top. Where known spammers' addresses are refused at the greeting, as most servers do today, push moves \
         little spam either, and little is left to save. Spam that is *pushed* to a mailbox that keeps such mail aside moves in full.\n",
        octets(wanted),
        octets(spam),
        octets(wire.session),
        octets(wire.notice),
        octets(wire.retrieval),
        octets(wire.push),
        plot.link("Octets moved against the share of spam"),
        table(&head, rows),
    );
    Section { text, plots: vec![plot] }
}
