//! Cold start and adoption.

use super::contacts::attempts_a_day;
use super::text::{per, percent, table};
use super::{Section, plot};
use crate::chance::float;
use crate::cost::share;
use crate::ledger::{Ledger, WAITS};
use crate::plot::{Axis, Mark, Plot, Scale, Series};
use crate::study::Study;
use crate::world::Order;

/// Of the wanted mail of some days, the thousandths let in as they came.
fn at_once(ledger: &Ledger, days: std::ops::Range<usize>) -> u64 {
    let days = ledger.days.get(days.start..days.end.min(ledger.days.len())).unwrap_or_default();
    share(days.iter().map(|day| day.wanted).sum(), days.iter().map(|day| day.at_once).sum())
}

/// Of the start of this number, the wanted mail let in at once in the second week.
pub(super) fn late(study: &Study, start: usize) -> u64 {
    study.samples.starts.get(start).map_or(0, |(_, ledger)| at_once(ledger, 7..14))
}

/// The section about the start.
pub(super) fn start(study: &Study) -> Section {
    let series = study.samples.starts.iter().map(|(name, ledger)| {
        let points = (0..ledger.days.len()).map(|day| (float(day as u64), float(at_once(ledger, day..day + 1)) / 10.0));
        Series { name: name.clone(), points: points.collect() }
    });
    let ticks: Vec<f64> = (0..=study.params.days.div_ceil(5)).map(|step| float(step * 5)).collect();
    let plot = plot(
        "cold-start",
        &Plot {
            title: "Wanted mail that is let in as it comes, after screening is switched on",
            x: Axis::new("days since then", Scale::Linear, &ticks, ""),
            y: Axis::new("of the wanted messages of the day", Scale::Linear, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0], " %"),
            series: series.collect(),
            mark: Mark::Line,
        },
    );
    let end = study.params.days.try_into().unwrap_or(usize::MAX);
    let rows = study.samples.starts.iter().map(|(name, ledger)| {
        let noticed = ledger.retrieved.count + ledger.expired.count;
        let within = |buckets: usize| share(noticed, ledger.waits.iter().take(buckets).sum());
        vec![
            name.clone(),
            percent(at_once(ledger, 0..1)),
            percent(at_once(ledger, 6..8)),
            percent(at_once(ledger, end.saturating_sub(3)..end)),
            percent(within(2)),
            percent(within(4)),
            percent(within(WAITS.len())),
            percent(share(noticed, ledger.expired.count)),
        ]
    });
    let head = ["", "at once, first day", "days 7-8", "last 3 days", "all days: within 1 h", "within 24 h", "within 14 days", "never"];
    let text = format!(
        "## From an empty allow list\n\nScreening is switched on at day 0. Writing to somebody lets them in, and so does a look at the contact attempts \
         that finds them; new acquaintances and sites keep coming, so nobody reaches 100 %. Owners are taken to see and to know every \
         wanted request when they look.\n\n{}\n{}\n\
         Whoever never looks loses what comes from everybody they do not write to: newsletters and programs above all. The mode `observe` \
         delivers everything and shows who would have waited; the allow list it grows is what *imported* stands for here.\n",
        plot.link("Wanted mail let in at once by day"),
        table(&head, rows),
    );
    Section { text, plots: vec![plot] }
}

/// Wanted messages that went by notice, in thousandths.
fn by_notice(ledger: &Ledger) -> u64 {
    share(ledger.wanted.count, ledger.retrieved.count + ledger.expired.count)
}

/// Of the wanted mail for adopters, thousandths that were kept aside as contact attempts because they were pushed.
fn kept(ledger: &Ledger) -> u64 {
    let kept = ledger.pushed.get(1).map_or(0, |mass| mass.count);
    share(ledger.wanted.count, kept)
}

/// Wanted mail by notice at this adoption by chance, and what is kept aside with DMARC checked and not.
pub(super) fn at(study: &Study, adoption: u64) -> [u64; 3] {
    let found =
        study.samples.adoption.iter().filter(|(order, ..)| *order == Order::Random).min_by_key(|(_, share, _)| share.abs_diff(adoption));
    let unproved = study.samples.unproved.iter().min_by_key(|(share, _)| share.abs_diff(adoption));
    [
        found.map_or(0, |(.., ledger)| by_notice(ledger)),
        found.map_or(0, |(.., ledger)| kept(ledger)),
        unproved.map_or(0, |(_, ledger)| kept(ledger)),
    ]
}

/// The section about adoption.
pub(super) fn adoption(study: &Study) -> Section {
    let orders =
        [(Order::Random, "domains at random"), (Order::GiantsFirst, "the largest first"), (Order::SmallFirst, "the smallest first")];
    let lines = orders.iter().map(|(order, name)| {
        let of_order = study.samples.adoption.iter().filter(|(of, ..)| of == order);
        let points = of_order.map(|(_, share, ledger)| (float(*share) / 10.0, float(by_notice(ledger)) / 10.0));
        Series { name: format!("by notice: {name}"), points: points.collect() }
    });
    let checked = study.samples.adoption.iter().filter(|(order, ..)| *order == Order::Random);
    let checked = Series {
        name: "kept aside, DMARC checked".to_owned(),
        points: checked.map(|(_, share, ledger)| (float(*share) / 10.0, float(kept(ledger)) / 10.0)).collect(),
    };
    let unproved = study.samples.unproved.iter().map(|(share, ledger)| (float(*share) / 10.0, float(kept(ledger)) / 10.0));
    let unproved = Series { name: "kept aside, DMARC not checked".to_owned(), points: unproved.collect() };
    let plot = plot(
        "adoption",
        &Plot {
            title: "Adoption: how wanted mail travels",
            x: Axis::new("users whose domain speaks the extension", Scale::Linear, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0], " %"),
            y: Axis::new("of all wanted messages between domains", Scale::Linear, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0], " %"),
            series: lines.chain([checked, unproved]).collect(),
            mark: Mark::Line,
        },
    );
    let rows = study.samples.adoption.iter().map(|(order, adoption, ledger)| {
        let name = orders.iter().find(|(of, _)| of == order).map_or("", |(_, name)| name);
        let attempts = |ledger: &Ledger| per(attempts_a_day(ledger).into_iter().sum::<u64>(), (*adoption).max(1));
        let unproved = study.samples.unproved.iter().find(|(share, _)| *order == Order::Random && share == adoption);
        vec![
            name.to_owned(),
            percent(*adoption),
            percent(by_notice(ledger)),
            attempts(ledger),
            unproved.map_or_else(String::new, |(_, ledger)| attempts(ledger)),
        ]
    });
    let head = [
        "who adopts",
        "users whose domain has",
        "wanted mail by notice",
        "contact attempts a day of a user who has, DMARC checked",
        "... not checked",
    ];
    let text = format!(
        "## Adoption\n\nUsers at domains that speak the extension have screening on and keep pushed mail aside; spammers give notices or push as before. \
         Of bulk senders the same share has adopted. Half of a domain cannot adopt, so the largest make a quarter at once.\n\n{}\n{}\n\
         A message goes by notice only if *both* sides speak the extension, so the first adopters see little of it: the square of the share. In which order \
         domains adopt changes little: what the users of a giant send each other needs no notice anyway. Until then, what an adopter with screening on mostly sees is pushed mail. Where DMARC is not checked \
         nobody's pushed mail is proved, not even that of people on the allow list, and all of it waits among the contact attempts each time.\n",
        plot.link("Wanted mail by notice against adoption"),
        table(&head, rows),
    );
    Section { text, plots: vec![plot] }
}
