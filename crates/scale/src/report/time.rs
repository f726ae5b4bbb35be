//! Outages, and rates.

use super::text::{count, per, percent, table};
use super::{Section, plot};
use crate::chance::float;
use crate::outage::{Away, Row};
use crate::plot::{Axis, Mark, Plot, Scale, Series};
use crate::study::Study;

fn hours(minutes: u64) -> String {
    if minutes < 60 { format!("{minutes} min") } else { format!("{}.{} h", minutes / 60, minutes % 60 / 6) }
}

/// The section about outages.
pub(super) fn outages(study: &Study) -> Section {
    let series = |away: Away, name: &str, index: usize| {
        let rows = study.outages.iter().filter(|row| row.away == away && row.delivered > 0 && row.hours <= 240);
        let points = rows.map(|row: &Row| (float(row.hours), float(row.minutes_after.get(index).copied().unwrap_or(0).max(1)) / 60.0));
        Series { name: name.to_owned(), points: points.collect() }
    };
    let plot = plot(
        "outages",
        &Plot {
            title: "How long after an outage its messages arrive",
            x: Axis::new("length of the outage, hours", Scale::Log, &[1.0, 6.0, 24.0, 72.0, 240.0], " h"),
            y: Axis::new("hours from its end to the arrival", Scale::Log, &[0.5, 1.0, 2.0, 5.0, 10.0], " h"),
            series: vec![
                series(Away::Destination, "destination away: median", 0),
                series(Away::Destination, "destination away: last of 20", 1),
                series(Away::Origin, "origin away: median", 0),
                series(Away::Origin, "origin away: last of 20", 1),
            ],
            mark: Mark::Line,
        },
    );
    let rows = study.outages.iter().map(|row| {
        let [median, late] = row.minutes_after;
        let is_any = row.delivered > 0;
        let time = |minutes| if is_any { hours(minutes) } else { "-".to_owned() };
        vec![
            if row.away == Away::Destination { "destination" } else { "origin" }.to_owned(),
            format!("{} h", row.hours),
            percent(row.delivered),
            percent(row.reported),
            time(median),
            time(late),
            per(row.failures, 1000),
        ]
    });
    let head = [
        "away",
        "for",
        "arrive",
        "author is told of a failure",
        "after its end: median",
        "last of twenty",
        "attempts in vain, each message",
    ];
    let text = format!(
        "## Outages\n\nTwo hundred messages between two servers, on both machines with their timers and the rest that a silent peer is given. Destination away: \
         submitted during the outage. Origin away: submitted before it, and allowed by their recipients while it lasts.\n\n{}\n{}\n\
         Nothing is lost in silence. A destination away for longer than the {} days for which notices are tried fails as in SMTP. \
         The new dependency is on the *origin* being there when somebody says yes: its outage delays mail that push would have delivered \
         before, and an origin that goes for good takes with it all that waits.\n",
        plot.link("Delay after an outage"),
        table(&head, rows),
        delivery::schedule::Timers::default().notice_give_up.as_secs() / 86_400,
    );
    Section { text, plots: vec![plot] }
}

/// The section about rates.
pub(super) fn campaigns(study: &Study) -> Section {
    let limits = proto::limits::Limits::default();
    let rows = study.campaigns.iter().map(|(notices, clients, duration)| {
        let minutes = duration.as_secs().div_ceil(60);
        vec![count(*notices), clients.to_string(), if minutes < 120 { format!("{minutes} min") } else { hours(minutes) }]
    });
    let text = format!(
        "## A newsletter to a giant\n\nA destination takes {} notices a minute from one client and {} for one domain, whoever gives them. A sender of bulk \
         mail that knows this and gives as many as it may needs, for its subscribers at one destination:\n\n{}\n\
         A sender that does not know it is deferred and comes back by its retry timers, later still. For a large provider the default for a \
         domain is too low, and it is not announced; `limits` makes it a setting.\n",
        count(u64::from(limits.notices_per_minute_client_max)),
        count(u64::from(limits.notices_per_minute_domain_max)),
        table(&["notices", "clients", "take"], rows),
    );
    Section { text, plots: vec![] }
}
