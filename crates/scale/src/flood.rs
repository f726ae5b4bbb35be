//! Where a real request stands among contact attempts when a mailbox is flooded, under each cap.
//!
//! Attempts come one by one to `contacts::admit` and are shown in the order of `contacts::rank`, with the counts that the
//! store would have (of this account). Three simpler lists stand beside it, to show what each part of the rules does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use delivery::contacts::{
    Acquaintance, Admission, Attempt, Contact, ContactKey, ContactKind, DomainTally, NEW_ROWS_WINDOW, Proof, admit, network_of, rank,
};
use delivery::schedule::Timers;
use mail::address::{Domain, Mailbox};
use mail::time::Timestamp;

use crate::chance::Chance;
use crate::params::Params;

/// How a list of contact attempts is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// Every sender has a row; the newest first.
    None,
    /// So many rows, and new rows a day, for each domain, the same for all; the newest first.
    Domain,
    /// The same, scaled to the domain's size.
    Scaled,
    /// As built: scaled caps, 500 rows with eviction, ranked.
    Production,
}

/// All of them, in the order of the report.
pub const CAPS: [Cap; 4] = [Cap::None, Cap::Domain, Cap::Scaled, Cap::Production];

/// Who floods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Nobody: ten spammers a day from domains of their own.
    Ordinary,
    /// One domain, a new address for each message.
    OneDomain,
    /// Fifty new domains every day, from four networks, for the whole retention.
    Rotating,
    /// A hundred new domains every day, each from a network of its own, spread over the day.
    Paced,
    /// So many domains in a day, behind 19 networks.
    FewNetworks,
    /// So many domains in a day, behind as many networks as a botnet has.
    Botnet,
    /// The same, and every domain has a key.
    BotnetWithKeys,
    /// Accounts that were taken over at domains that this mailbox knows nothing of.
    TakenOver,
    /// Accounts that were taken over at the provider where most of the owner's friends are, all in a day.
    AtTheGiant,
    /// The same, patiently: 45 a day for the whole retention, at a provider where the owner has 240 friends. That is just below what
    /// such a domain may begin in a day.
    Patient,
}

/// All of them, in the order of the report.
pub const ATTACKS: [Attack; 10] = [
    Attack::Ordinary,
    Attack::OneDomain,
    Attack::Rotating,
    Attack::Paced,
    Attack::FewNetworks,
    Attack::Botnet,
    Attack::BotnetWithKeys,
    Attack::TakenOver,
    Attack::AtTheGiant,
    Attack::Patient,
];

/// Who writes for the first time, and is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    /// From a domain that the owner has had mail from.
    Colleague,
    /// From the provider where most of the owner's friends are.
    AtTheGiant,
    /// From a domain of its own with a key.
    OwnDomainWithKey,
    /// From a domain of its own, known by its address alone.
    OwnDomain,
}

/// All of them, in the order of the report.
pub const REQUESTS: [Request; 4] = [Request::Colleague, Request::AtTheGiant, Request::OwnDomainWithKey, Request::OwnDomain];

/// The places at which requests of one kind were seen; none: not shown at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(Vec<Option<usize>>);

/// Requests of each kind in one flooded mailbox.
const REQUESTS_EACH: u64 = 3;
/// The owner's correspondents at the giant, and at a colleague's domain.
const CORRESPONDENTS: [u32; 2] = [20, 2];
/// Networks of a botnet.
const BOTNET_NETWORKS: u64 = 2_000;
/// What a person looks at first.
pub const FIRST_PAGE: usize = 20;

impl Places {
    /// The place that so many thousandths of the requests reach; none: not shown.
    pub fn quantile(&self, permille: usize) -> Option<usize> {
        let mut sorted: Vec<usize> = self.0.iter().map(|place| place.unwrap_or(usize::MAX)).collect();
        sorted.sort_unstable();
        let index = (sorted.len() * permille / 1000).min(sorted.len().saturating_sub(1));
        sorted.get(index).copied().filter(|place| *place != usize::MAX).map(|place| place + 1)
    }

    /// How many of a thousand are on the first page.
    pub fn on_first_page(&self) -> u64 {
        let count = self.0.iter().filter(|place| place.is_some_and(|place| place < FIRST_PAGE)).count();
        (count * 1000).checked_div(self.0.len()).unwrap_or(0) as u64
    }

    /// How many of a thousand are not shown.
    pub fn not_shown(&self) -> u64 {
        let count = self.0.iter().filter(|place| place.is_none()).count();
        (count * 1000).checked_div(self.0.len()).unwrap_or(0) as u64
    }
}

/// Where requests stand at the end of the day of this attack.
pub fn places(params: &Params, attack: Attack, cap: Cap) -> BTreeMap<Request, Places> {
    let mut found = BTreeMap::<Request, Places>::new();
    for mailbox in 0..params.flooded_mailboxes {
        let mut chance = Chance::of(params.seed, 0x000f_100d + mailbox);
        let mut stream = Stream { params, chance: &mut chance, attempts: vec![], wanted: vec![] };
        stream.attack(attack);
        stream.requests();
        let (mut attempts, wanted) = (stream.attempts, stream.wanted);
        attempts.sort_by_cached_key(|attempt| (attempt.at, attempt.sender.key()));
        let mut list = List::new(cap);
        for attempt in attempts {
            list.take(attempt);
        }
        let shown = list.shown();
        for (request, sender) in wanted {
            found.entry(request).or_default().0.push(shown.iter().position(|key| key.0 == sender.key()));
        }
    }
    found
}

struct Stream<'a> {
    params: &'a Params,
    chance: &'a mut Chance,
    attempts: Vec<Attempt>,
    wanted: Vec<(Request, Mailbox)>,
}

/// The last day, on which floods happen: the end of the retention, so that a slow attack has filled what it can.
const LAST_DAY: u64 = 13;
const MINUTES: u64 = 24 * 60;

impl Stream<'_> {
    fn attack(&mut self, attack: Attack) {
        for day in 0..=LAST_DAY {
            for spammer in 0..10 {
                let network = 60_000 + self.chance.below(200);
                self.attempt(&format!("s{day}@ordinary{spammer}-{day}.test"), day, network, Proof::Ip, Acquaintance::New);
            }
        }
        let senders = self.params.flood_senders;
        match attack {
            Attack::Ordinary => {}
            Attack::OneDomain => self.flood(senders, |n| (format!("s{n}@flood.test"), n % 50, Proof::Ip, Acquaintance::New)),
            Attack::FewNetworks => self.flood(senders, |n| (format!("s@flood{n}.test"), n % 19, Proof::Ip, Acquaintance::New)),
            Attack::Botnet => self.flood(senders, |n| (format!("s@flood{n}.test"), n % BOTNET_NETWORKS, Proof::Ip, Acquaintance::New)),
            Attack::BotnetWithKeys => {
                self.flood(senders, |n| (format!("s@flood{n}.test"), n % BOTNET_NETWORKS, Proof::Assert, Acquaintance::New));
            }
            Attack::TakenOver => {
                self.flood(senders, |n| (format!("victim{n}@company{}.test", n % 200), n % 200, Proof::Ip, Acquaintance::New));
            }
            Attack::AtTheGiant => {
                let giant = |n: u64| (format!("victim{n}@giant.test"), 50_000 + n % 10, Proof::Ip, Acquaintance::RetrievedFrom);
                self.flood(senders, giant);
            }
            Attack::Paced => {
                for n in 0..100 * (LAST_DAY + 1) {
                    self.attempt(&format!("s@paced{n}.test"), n / 100, n, Proof::Ip, Acquaintance::New);
                }
            }
            Attack::Patient => {
                for n in 0..45 * (LAST_DAY + 1) {
                    let sender = format!("victim{n}@everybody.test");
                    self.attempt(&sender, n / 45, 50_000 + n % 10, Proof::Ip, Acquaintance::RetrievedFrom);
                }
            }
            Attack::Rotating => {
                for day in 0..=LAST_DAY {
                    for domain in 0..50 {
                        self.attempt(&format!("s@day{day}-{domain}.test"), day, domain % 4, Proof::Ip, Acquaintance::New);
                    }
                }
            }
        }
    }

    fn flood(&mut self, senders: u64, sender: impl Fn(u64) -> (String, u64, Proof, Acquaintance)) {
        for n in 0..senders {
            let (sender, network, proof, acquaintance) = sender(n);
            self.attempt(&sender, LAST_DAY, network, proof, acquaintance);
        }
    }

    fn requests(&mut self) {
        for request in REQUESTS {
            for n in 0..REQUESTS_EACH {
                let (sender, network, proof, acquaintance) = match request {
                    Request::Colleague => (format!("new@colleague{n}.test"), 40_000 + n, Proof::Ip, Acquaintance::RetrievedFrom),
                    Request::AtTheGiant => (format!("new{n}@giant.test"), 50_000 + n, Proof::Ip, Acquaintance::RetrievedFrom),
                    Request::OwnDomainWithKey => (format!("new@keyed{n}.test"), 41_000 + n, Proof::Assert, Acquaintance::New),
                    Request::OwnDomain => (format!("new@small{n}.test"), 42_000 + n, Proof::Ip, Acquaintance::New),
                };
                self.attempt(&sender, LAST_DAY, network, proof, acquaintance);
                self.wanted.extend(sender.parse().ok().map(|sender| (request, sender)));
            }
        }
    }

    fn attempt(&mut self, sender: &str, day: u64, network: u64, proof: Proof, acquaintance: Acquaintance) {
        let minute = day * MINUTES + self.chance.below(MINUTES);
        let at = Timestamp::EPOCH + Duration::from_mins(minute);
        let [.., a, b] = network.to_be_bytes();
        let Ok(sender) = sender.parse() else { return };
        self.attempts.push(Attempt {
            sender,
            kind: ContactKind::Notice,
            at,
            size_octets: 10_000,
            expires: at + Timers::default().retention,
            proof,
            acquaintance,
            network: network_of([11, a, b, 7].into()),
        });
    }
}

/// One mailbox's list.
struct List {
    cap: Cap,
    rows: Vec<Contact>,
    /// By exact domain, as the store counts: who began a row, shown or not.
    begun: BTreeMap<Domain, BTreeMap<String, Timestamp>>,
    of_domain: BTreeMap<Domain, usize>,
    keys: BTreeSet<ContactKey>,
}

impl List {
    fn new(cap: Cap) -> Self {
        Self { cap, rows: vec![], begun: BTreeMap::new(), of_domain: BTreeMap::new(), keys: BTreeSet::new() }
    }

    fn take(&mut self, attempt: Attempt) {
        let (now, domain) = (attempt.at, attempt.sender.domain().clone());
        let newcomer = Contact::of(attempt);
        if self.keys.contains(&newcomer.key()) {
            return;
        }
        let tally = DomainTally { correspondents: correspondents(&domain), rows_begun: self.begin(&domain, &newcomer, now) };
        if self.is_admitted(&newcomer, &domain, tally) {
            self.keys.insert(newcomer.key());
            *self.of_domain.entry(domain).or_default() += 1;
            self.rows.push(newcomer);
        }
    }

    fn begin(&mut self, domain: &Domain, newcomer: &Contact, now: Timestamp) -> u32 {
        let begun = self.begun.entry(domain.clone()).or_default();
        let since = now - NEW_ROWS_WINDOW;
        let others = begun.values().filter(|at| **at > since).count();
        begun.insert(newcomer.sender.key(), now);
        u32::try_from(others).unwrap_or(u32::MAX)
    }

    fn is_admitted(&mut self, newcomer: &Contact, domain: &Domain, tally: DomainTally) -> bool {
        let tally = match self.cap {
            Cap::None => return true,
            Cap::Domain => DomainTally { correspondents: 0, ..tally },
            Cap::Scaled => tally,
            Cap::Production => return self.is_admitted_in_production(newcomer, tally),
        };
        let of_domain = self.of_domain.get(domain).copied().unwrap_or(0);
        of_domain < tally.rows_max() && usize::try_from(tally.rows_begun).is_ok_and(|begun| begun < tally.new_rows_max())
    }

    fn is_admitted_in_production(&mut self, newcomer: &Contact, tally: DomainTally) -> bool {
        match admit(newcomer, &self.rows, tally) {
            Admission::Shown => true,
            Admission::NotShown(_) => false,
            Admission::Replaces(key) => {
                self.rows.retain(|row| row.key() != key);
                self.keys.remove(&key);
                true
            }
        }
    }

    /// The keys of its rows, in the order in which they are shown.
    fn shown(mut self) -> Vec<ContactKey> {
        if self.cap == Cap::Production {
            return rank(&self.rows).into_iter().map(Contact::key).collect();
        }
        self.rows.sort_by_cached_key(|row| Reverse((row.last, row.key())));
        self.rows.iter().map(Contact::key).collect()
    }
}

/// How many of a domain's addresses the owner of the mailbox has let in.
fn correspondents(domain: &Domain) -> u32 {
    let [giant, colleague] = CORRESPONDENTS;
    match domain.as_str() {
        "giant.test" => giant,
        "everybody.test" => 240,
        name if name.starts_with("colleague") => colleague,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_production_one_domain_or_a_few_networks_leave_every_request_on_the_first_page() {
        for attack in [Attack::OneDomain, Attack::FewNetworks] {
            for (request, places) in places(&Params::small(), attack, Cap::Production) {
                if request != Request::OwnDomain {
                    assert_eq!(places.on_first_page(), 1000, "{attack:?} {request:?}: {places:?}");
                }
                assert_eq!(places.not_shown(), 0, "{attack:?} {request:?}: {places:?}");
            }
        }
    }

    #[test]
    fn without_a_cap_a_flood_buries_every_request() {
        let median = |request| places(&Params::small(), Attack::OneDomain, Cap::None)[&request].quantile(500);
        assert!(median(Request::OwnDomain).is_some_and(|place| place > FIRST_PAGE));
    }

    #[test]
    fn places_are_counted_from_one() {
        let places = Places(vec![Some(0), Some(19), Some(20), None]);
        assert_eq!((places.quantile(0), places.quantile(500), places.quantile(999)), (Some(1), Some(21), None));
        assert_eq!((places.on_first_page(), places.not_shown()), (500, 250));
    }
}
