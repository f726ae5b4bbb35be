//! What a server does in a day, and what lies on its disk.

use super::text::{count, octets, per, percent, ratio, table};
use super::{Section, plot};
use crate::cost::share;
use crate::ledger::{Ledger, Server};
use crate::plot::{Axis, Mark, Plot, Scale, Series};
use crate::study::Study;

/// A group of servers of about one size: the mean of them.
struct Group {
    name: &'static str,
    users: u64,
    sum: Server,
    servers: u64,
}

fn group(study: &Study, name: &'static str, range: std::ops::Range<usize>) -> Group {
    let end = range.end.min(study.domain_users.len());
    let range = range.start.min(end)..end;
    let mut sum = Server::default();
    for server in study.main.servers.get(range.clone()).unwrap_or_default() {
        sum.notices_in += server.notices_in;
        sum.retrievals_out += server.retrievals_out;
        sum.pushes_in += server.pushes_in;
        sum.all_pushed_in += server.all_pushed_in;
        sum.notices_out += server.notices_out;
        sum.kept_octet_hours += server.kept_octet_hours;
        for (sum, asked) in sum.asked.iter_mut().zip(server.asked) {
            *sum += asked;
        }
    }
    let users = study.domain_users.get(range.clone()).unwrap_or_default().iter().sum();
    Group { name, users, sum, servers: range.len() as u64 }
}

/// Domains by rank of size, each group some of about one size.
fn groups(study: &Study) -> Vec<Group> {
    let domains = study.domain_users.len();
    vec![
        group(study, "the largest", 0..1),
        group(study, "the next four", 1..5),
        group(study, "of rank 6 to 20", 5..20),
        group(study, "of rank 21 to 200", 20..200),
        group(study, "of rank 201 to 2000", 200..2_000),
        group(study, "all smaller", 2_000..domains),
    ]
}

impl Group {
    /// Of one server and day.
    fn each(&self, study: &Study, sum: u64) -> u64 {
        sum / (self.servers * study.params.days).max(1)
    }

    /// Questions to DNS of one server and day: as it goes here, and if all were pushed.
    fn questions(&self, study: &Study) -> [u64; 2] {
        let [today, _] = study.questions;
        let [notices, retrievals, all_pushed, pushed] = self.sum.asked;
        let here = notices * today.for_notice + retrievals * today.for_retrieval + pushed * today.for_push;
        [self.each(study, here), self.each(study, all_pushed * today.for_push)]
    }
}

/// Questions to DNS here, as thousandths of those if all were pushed: at the smallest servers, and at the largest.
pub(super) fn question_shares(study: &Study) -> [u64; 2] {
    let groups = groups(study);
    [groups.last(), groups.first()].map(|group| {
        let [here, pushed] = group.map_or([0, 0], |group| group.questions(study));
        share(pushed, here)
    })
}

/// The section about work.
pub(super) fn section(study: &Study) -> Section {
    let groups: Vec<Group> = groups(study).into_iter().filter(|group| group.servers > 0 && group.users > 0).collect();
    let rows = groups.iter().map(|group| {
        let [questions, questions_pushed] = group.questions(study);
        let each = |sum| count(group.each(study, sum));
        vec![
            group.name.to_owned(),
            count(group.users / group.servers),
            each(group.sum.all_pushed_in),
            each(group.sum.notices_in),
            each(group.sum.retrievals_out),
            each(group.sum.pushes_in),
            each(group.sum.notices_out),
            count(questions),
            count(questions_pushed),
            per(questions, questions_pushed),
        ]
    });
    let [today, records] = study.questions;
    let points = |value: fn(&Group, &Study) -> u64| -> Vec<(f64, f64)> {
        groups.iter().rev().map(|group| (ratio(group.users, group.servers), ratio(value(group, study), 1))).collect()
    };
    let series = |name: &str, value| Series { name: name.to_owned(), points: points(value) };
    let decades = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
    let plot = plot(
        "servers",
        &Plot {
            title: "What a server does in a day, by its size",
            x: Axis::new("users of the domain (mean of each group)", Scale::Log, &decades, ""),
            y: Axis::new("a day", Scale::Log, &[1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8], ""),
            series: vec![
                series("messages, if all were pushed", |group, study| group.each(study, group.sum.all_pushed_in)),
                series("notices taken", |group, study| group.each(study, group.sum.notices_in)),
                series("retrievals made", |group, study| group.each(study, group.sum.retrievals_out)),
                series("DNS questions, as it goes here", |group, study| group.questions(study)[0]),
                series("DNS questions, if all were pushed", |group, study| group.questions(study)[1]),
            ],
            mark: Mark::Line,
        },
    );
    let head = [
        "domain",
        "users",
        "messages, all pushed",
        "notices in",
        "retrievals",
        "still pushed in",
        "notices out",
        "DNS questions",
        "... all pushed",
        "ratio",
    ];
    let text = format!(
        "## Notices, retrievals and questions to DNS\n\nOf one server and day, in the main run. A resolver remembers what it asked for {} h. For a notice \
         from a domain that publishes what domains have today, the decisions ask {} questions, and {} more before a retrieval; with the \
         extension's records {} and {}; for pushed mail {} (SPF, the signature's key, DMARC). An origin asks {} to find the destination, \
         as for push, and {} more to serve a retrieval.\n\n{}\n{}\n\
         What grows is the number of transactions: a wanted message is a notice and a retrieval. Questions to DNS grow with the number of \
         domains that knock in an hour: a cache hides repeats at a large server, and little at a small one. \
         Publishing the extension's own records makes it cheaper than SPF.\n",
        study.params.dns_hours,
        today.for_notice,
        today.for_retrieval,
        records.for_notice,
        records.for_retrieval,
        today.for_push,
        today.to_notify,
        today.to_serve,
        plot.link("Work of a server by its size"),
        table(&head, rows),
    );
    Section { text, plots: vec![plot] }
}

/// Mean octets that wait at origins at any time, for each user of the world: of wanted mail, and of spam.
pub(super) fn waiting_for_each_user(ledger: &Ledger) -> [u64; 2] {
    ledger.octet_hours.map(|octet_hours| octet_hours / (ledger.user_days * 24).max(1))
}

/// The section about disks.
pub(super) fn storage(study: &Study) -> Section {
    let starts = &study.samples.starts;
    let rows = [("main run: habits as drawn, half imported", &study.main)]
        .into_iter()
        .chain(starts.iter().map(|(name, ledger)| (name.as_str(), ledger)));
    let rows: Vec<(String, [u64; 2], u64)> = rows
        .map(|(name, ledger)| {
            let noticed = ledger.retrieved.count + ledger.expired.count;
            (name.to_owned(), waiting_for_each_user(ledger), share(noticed, ledger.expired.count))
        })
        .collect();
    let kept = study.main.spam_pushed.get(1).map_or(0, |mass| mass.octets);
    let kept_aside = kept / (study.main.user_days).max(1) * 30;
    let spam_octets = study.main.spam.octets / study.main.user_days.max(1) * 30;
    let first_bulk = study.domain_users.len();
    let bulk = study.main.servers.get(first_bulk).copied().unwrap_or_default();
    let hours = study.params.days * 24;
    let personal: u64 = study.main.servers.get(..first_bulk).unwrap_or_default().iter().map(|server| server.kept_octet_hours).sum();
    let rows_each_day = (study.main.notices.iter().sum::<u64>()) / study.main.user_days.max(1);
    let cells = rows.iter().map(|(name, [wanted, spam], expired)| vec![name.clone(), octets(*wanted), octets(*spam), percent(*expired)]);
    let text = format!(
        "## Storage\n\nWhat waits at origins at any time, for each user of the world; a message lies there until it is collected, or 14 days. \
         (The runs begin with nothing waiting and last {} days, so their means are up to a quarter below those of a steady state.)\n\n{}\n\
         - Wanted mail that nobody collects fills its origin's disk, not the reader's: the mail of users who never look stays for 14 days, \
         whatever they are sent. It is {} at the origins of persons and {} at the largest sender of bulk mail if every recipient has a copy \
         of their own; one stored copy with many notices, which `store` keeps, makes that one copy of each issue, however many wait for it.\n\
         - Spam waits at the *spammer's* server, in theory {} for each user of the world. It need not: a spammer can write a message \
         when it is asked for, and keep nothing. Two-way mail makes spam cost its sender an address and a name in DNS, not a disk.\n\
         - At the destination, pushed spam that is kept aside for 30 days takes {} for each user, where a junk folder that keeps all spam as \
         long takes {}. A notice leaves a row for 30 days after it expires: with about {} notices a day, some {} rows for each user.\n",
        study.params.days,
        table(&["run", "wanted mail, waiting", "spam, waiting", "wanted mail never collected"], cells),
        octets(personal / hours.max(1)),
        octets(bulk.kept_octet_hours / hours.max(1)),
        octets(waiting_for_each_user(&study.main)[1]),
        octets(kept_aside),
        octets(spam_octets),
        rows_each_day,
        count(rows_each_day * 44),
    );
    Section { text, plots: vec![] }
}
