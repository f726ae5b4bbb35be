//! Contact attempts: how many a user gets, and where a real one stands.

use super::text::{count, per, percent, table};
use super::{Section, plot};
use crate::chance::float;
use crate::flood::{ATTACKS, Attack, CAPS, Cap, Places, REQUESTS, Request};
use crate::ledger::Ledger;
use crate::plot::{Axis, Mark, Plot, Scale, Series};
use crate::study::Study;

/// Contact attempts of a user and day in thousandths: of wanted senders, of spammers.
pub(super) fn attempts_a_day(ledger: &Ledger) -> [u64; 2] {
    let sum = |of: fn(&crate::ledger::Day) -> u64| ledger.days.iter().map(of).sum::<u64>() * 1000 / ledger.user_days.max(1);
    [sum(|day| day.wanted_attempts), sum(|day| day.spam_attempts)]
}

/// The places of one kind of request.
pub(super) fn places(study: &Study, attack: Attack, cap: Cap, request: Request) -> Option<&Places> {
    study.floods.iter().find(|(of, under, _)| *of == attack && *under == cap)?.2.get(&request)
}

/// An attack, in a few words.
pub(super) const fn attack_name(attack: Attack) -> &'static str {
    match attack {
        Attack::Ordinary => "ordinary spam",
        Attack::OneDomain => "one domain, many addresses",
        Attack::Rotating => "50 new domains a day, 14 days",
        Attack::Paced => "100 a day, each its own network",
        Attack::FewNetworks => "domains behind 19 networks",
        Attack::Botnet => "domains behind 2000 networks",
        Attack::BotnetWithKeys => "the same, with keys",
        Attack::TakenOver => "accounts at 200 unknown domains",
        Attack::AtTheGiant => "accounts at the friends' provider",
        Attack::Patient => "45 of them a day, 240 friends there",
    }
}

const fn request_name(request: Request) -> &'static str {
    match request {
        Request::Colleague => "from a domain that has written before",
        Request::AtTheGiant => "from the friends' provider",
        Request::OwnDomainWithKey => "from an own domain with a key",
        Request::OwnDomain => "from an own domain by address",
    }
}

const fn cap_name(cap: Cap) -> &'static str {
    match cap {
        Cap::None => "no cap, newest first",
        Cap::Domain => "a cap for each domain",
        Cap::Scaled => "scaled to the domain",
        Cap::Production => "as built",
    }
}

/// The section.
pub(super) fn section(study: &Study) -> Section {
    let spammers = study.samples.spammers.iter().map(|(name, ledger)| (*name, ledger));
    let rows = [("main run, all kinds", &study.main), ("... pushed mail refused", &study.samples.refuse)].into_iter().chain(spammers);
    let attempts = rows.map(|(name, ledger)| {
        let [wanted, spam] = attempts_a_day(ledger);
        let let_in = ledger.spam_retrieved.count + ledger.spam_pushed.first().map_or(0, |mass| mass.count);
        vec![name.to_owned(), per(wanted, 1000), per(spam, 1000), percent(let_in * 1000 / ledger.spam.count.max(1))]
    });
    let plot = ranks(study);
    let mut text = format!(
        "## Contact attempts\n\nOf one user and day, with screening on everywhere; the last column is spam in the mailbox, because its author was \
         allowed (their account was taken over) or, if pushed, could name an allowed author with proof.\n\n{}\n\
         ### Where a real request stands\n\nA mailbox with ordinary spam is flooded on one day by {} senders (rotating domains: {} in 14 days; the last attack: 45 a day for 14 days). \
         On that day twelve people write for the first time, three of each kind. The owner looks at the end of the day. The four lists differ \
         in caps and order; the last is the production code: `contacts::admit` and `contacts::rank`.\n\n{}\n",
        table(&["spammers", "attempts that are wanted", "attempts of spammers", "spam let in"], attempts),
        count(study.params.flood_senders),
        14 * 50,
        plot.link("Place of a real request under each cap"),
    );
    for request in REQUESTS {
        let head = [
            "",
            "no cap, newest first",
            "a cap for each domain",
            "scaled to the domain",
            "as built",
            "as built: on the first page",
            "as built: not shown",
        ];
        let rows = ATTACKS.iter().map(|attack| {
            let of = |cap| places(study, *attack, cap, request);
            let medians = CAPS.iter().map(|cap| of(*cap).map_or_else(String::new, median));
            let built = of(Cap::Production).map(|places| [percent(places.on_first_page()), percent(places.not_shown())]);
            [attack_name(*attack).to_owned()].into_iter().chain(medians).chain(built.into_iter().flatten()).collect()
        });
        let name = request_name(request);
        text.extend(["\nA request ", name, ": median place, and the last of twenty.\n\n", &table(&head, rows)]);
    }
    Section { text, plots: vec![plot] }
}

fn median(places: &Places) -> String {
    let place = |permille| places.quantile(permille).map_or_else(|| "not shown".to_owned(), |place| place.to_string());
    format!("{} / {}", place(500), place(950))
}

fn ranks(study: &Study) -> super::Figure {
    let rows: Vec<(f64, String)> =
        ATTACKS.iter().rev().enumerate().map(|(row, attack)| (float(row as u64), attack_name(*attack).to_owned())).collect();
    let series = CAPS.iter().map(|cap| {
        let points = ATTACKS.iter().rev().enumerate().filter_map(|(row, attack)| {
            let places = places(study, *attack, *cap, Request::OwnDomain)?;
            // Not shown: beyond every place.
            let place = places.quantile(500).map_or(30_000.0, |place| float(place as u64));
            Some((place, float(row as u64)))
        });
        Series { name: cap_name(*cap).to_owned(), points: points.collect() }
    });
    let mut x = Axis::new(
        "median place of a request from an own domain, known by its address alone",
        Scale::Log,
        &[1.0, 10.0, 20.0, 100.0, 1e3, 1e4],
        "",
    );
    x.ticks.push((30_000.0, "not shown".to_owned()));
    x.range.1 = 30_000.0;
    let y = Axis { label: "", scale: Scale::Linear, range: (-0.6, float(ATTACKS.len() as u64) - 0.4), ticks: rows };
    plot("ranks", &Plot { title: "Where a real request stands among contact attempts", x, y, series: series.collect(), mark: Mark::Dot })
}
