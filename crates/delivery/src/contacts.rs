//! Contact attempts: what waits from senders nobody decided about, one row for each sender, ranked and capped.
//!
//! Anybody can knock, so the rows that a person looks at first are those that are dear to forge. A row counts
//! for more if this server has retrieved mail from its domain before, then if its notifier proved more than an
//! address. Among equals, networks and registered domains take turns: ten thousand domains behind one network
//! fill one place of the first round, not the first page. Whoever finds no room is not shown and not told;
//! their notice stays recoverable by PENDING, and a repeat of it is looked at again.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use mail::address::Mailbox;
use mail::time::Timestamp;

use crate::authority::Rule;
use crate::consent::registered;

/// Rows of one mailbox: more than a person will look through, few enough to show whole.
pub const ROWS_MAX: usize = 500;

/// How the message waits, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContactKind {
    /// At its origin, which gave a notice.
    Notice,
    /// Here: pushed by plain SMTP and kept aside.
    Legacy,
    /// It does not: the mailbox only observes who would have had to.
    Observed,
}

impl ContactKind {
    /// Whether anything waits from such a sender. Only these are contact attempts: they are ranked and counted, and each takes
    /// room from others. Who is only observed stands behind them all.
    pub const fn waits(self) -> bool {
        match self {
            Self::Notice | Self::Legacy => true,
            Self::Observed => false,
        }
    }
}

/// What the best proof among a sender's attempts is worth, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Pushed mail without an aligned DMARC pass: anybody may have written it.
    Nothing,
    /// Rule (a): an address of the domain's published set.
    Ip,
    /// Pushed mail with an aligned DMARC pass.
    Dmarc,
    /// Rule (b): a certificate for a host of the domain's published set.
    Tls,
    /// Rule (c): the domain's key.
    Assert,
}

impl Proof {
    /// As entries and listings write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Ip => "ip",
            Self::Dmarc => "dmarc",
            Self::Tls => "tls",
            Self::Assert => "assert",
        }
    }

    /// What a notifier has proved by this rule.
    pub const fn by(rule: Rule) -> Self {
        match rule {
            Rule::Address => Self::Ip,
            Rule::Certificate => Self::Tls,
            Rule::Assertion => Self::Assert,
        }
    }

    /// Reads it; what we do not know proves nothing.
    pub fn parse(text: &str) -> Self {
        [Self::Ip, Self::Dmarc, Self::Tls, Self::Assert].into_iter().find(|proof| proof.as_str() == text).unwrap_or(Self::Nothing)
    }
}

/// What this server has had to do with the sender's domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquaintance {
    /// Nothing was ever retrieved from it.
    New,
    /// Something was: the fetch proved who wrote it, and somebody here wanted it.
    RetrievedFrom,
}

/// One message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The responsible address.
    pub sender: Mailbox,
    /// How it waits.
    pub kind: ContactKind,
    /// When its notice, or itself, came.
    pub at: Timestamp,
    /// Of the message.
    pub size_octets: u64,
    /// Until when it waits.
    pub expires: Timestamp,
    /// What its notifier proved.
    pub proof: Proof,
    /// What we have had to do with its domain.
    pub acquaintance: Acquaintance,
    /// Where its notifier dialled from, as [`network_of`] has it; unknown for what was not recorded with it.
    pub network: Option<IpNet>,
}

/// All that waits from one sender: one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The responsible address.
    pub sender: Mailbox,
    /// How it waits. A sender's pushed mail is a row of its own: it may be somebody else's.
    pub kind: ContactKind,
    /// How many messages.
    pub count: u32,
    /// When the first came.
    pub first: Timestamp,
    /// When the last came.
    pub last: Timestamp,
    /// Of all of them.
    pub size_octets: u64,
    /// When the last of them goes, if they wait.
    pub expires: Option<Timestamp>,
    /// The best proof among them.
    pub proof: Proof,
    /// What we have had to do with the domain.
    pub acquaintance: Acquaintance,
    /// Of the first one's notifier.
    pub network: Option<IpNet>,
}

/// What a row is known by: the sender, and how the messages wait.
pub type ContactKey = (String, ContactKind);

impl Contact {
    /// The row of a first attempt.
    pub fn of(attempt: Attempt) -> Self {
        let Attempt { sender, kind, at, size_octets, expires, proof, acquaintance, network } = attempt;
        Self { sender, kind, count: 1, first: at, last: at, size_octets, expires: Some(expires), proof, acquaintance, network }
    }

    /// What the row is known by.
    pub fn key(&self) -> ContactKey {
        (self.sender.key(), self.kind)
    }

    /// One more attempt of the same sender.
    pub fn add(&mut self, attempt: &Attempt) {
        if attempt.at < self.first {
            self.first = attempt.at;
            self.network = attempt.network;
        }
        self.last = self.last.max(attempt.at);
        self.count = self.count.saturating_add(1);
        self.size_octets = self.size_octets.saturating_add(attempt.size_octets);
        self.expires = self.expires.max(Some(attempt.expires));
        self.proof = self.proof.max(attempt.proof);
        if attempt.acquaintance == Acquaintance::RetrievedFrom {
            self.acquaintance = Acquaintance::RetrievedFrom;
        }
    }

    /// The row of somebody who was let in. Nothing is said of what proved them: it was looked at when their mail came.
    pub fn observed(sender: Mailbox, count: u32, (first, last): (Timestamp, Timestamp)) -> Self {
        let (kind, proof, acquaintance) = (ContactKind::Observed, Proof::Nothing, Acquaintance::RetrievedFrom);
        Self { sender, kind, count, first, last, size_octets: 0, expires: None, proof, acquaintance, network: None }
    }

    fn standing(&self) -> Standing {
        match (self.acquaintance, self.proof) {
            (_, Proof::Nothing) => Standing::Unproved,
            (Acquaintance::New, Proof::Ip) => Standing::Weak,
            (Acquaintance::RetrievedFrom, Proof::Ip | Proof::Dmarc | Proof::Tls | Proof::Assert) => Standing::Known,
            (Acquaintance::New, Proof::Dmarc | Proof::Tls | Proof::Assert) => Standing::Proved,
        }
    }
}

/// How dear a row is to forge, dearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// Takes a domain that somebody here has had mail from.
    Known,
    /// Takes a domain with keys or certificates.
    Proved,
    /// Takes an address and a cheap domain. Ranks last among notices, and evicts only its like.
    Weak,
    /// Takes nothing: pushed mail in anybody's name.
    Unproved,
}

/// The rows of one mailbox, in the order of their keys.
pub fn collapse(attempts: impl IntoIterator<Item = Attempt>) -> Vec<Contact> {
    let mut rows = BTreeMap::<ContactKey, Contact>::new();
    for attempt in attempts {
        let key = (attempt.sender.key(), attempt.kind);
        match rows.get_mut(&key) {
            Some(row) => row.add(&attempt),
            None => {
                rows.insert(key, Contact::of(attempt));
            }
        }
    }
    rows.into_values().collect()
}

/// The order in which a person should see the rows: by standing, then in turns of network and domain, then the latest first.
pub fn rank(rows: &[Contact]) -> Vec<&Contact> {
    let mut ranked: Vec<_> = rows.iter().map(|row| (row.standing(), 0, Reverse(row.last), row.key(), row)).collect();
    // Who came first has the earlier turn: a flood that comes later takes the later turns.
    ranked.sort_by(|a, b| (a.0, a.4.first, &a.3).cmp(&(b.0, b.4.first, &b.3)));
    let (mut of_network, mut of_domain) = (BTreeMap::new(), BTreeMap::new());
    for (_, turn, _, _, row) in &mut ranked {
        let domain_turn = next_turn(&mut of_domain, registered(row.sender.domain().as_str()));
        *turn = row.network.map_or(domain_turn, |network| next_turn(&mut of_network, network).max(domain_turn));
    }
    ranked.sort_by(|a, b| (a.0, a.1, a.2, &a.3).cmp(&(b.0, b.1, b.2, &b.3)));
    ranked.into_iter().map(|(.., row)| row).collect()
}

/// The number of rows before this one that share its key.
fn next_turn<K: Ord>(turns: &mut BTreeMap<K, u32>, key: K) -> u32 {
    let turn = turns.entry(key).or_insert(0);
    let this = *turn;
    *turn = turn.saturating_add(1);
    this
}

/// How large the sender's domain is as this mailbox sees it, and how much it has knocked at this mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DomainTally {
    /// Addresses of the domain that the mailbox's owner let in or wrote to: a freemail domain has many.
    pub correspondents: u32,
    /// Rows that the domain began at this mailbox within the last [`NEW_ROWS_WINDOW`], shown or not.
    pub rows_begun: u32,
}

/// The window of [`DomainTally::rows_begun`].
pub const NEW_ROWS_WINDOW: Duration = Duration::from_hours(24);

impl DomainTally {
    /// How many rows the domain may have in one mailbox: at least a family, at most half of the mailbox's.
    pub fn rows_max(self) -> usize {
        scaled(self.correspondents, 10).min(ROWS_MAX / 2)
    }

    /// How many rows it may begin there within the window.
    pub fn new_rows_max(self) -> usize {
        scaled(self.correspondents / 4, 5).min(ROWS_MAX / 10)
    }
}

fn scaled(correspondents: u32, least: usize) -> usize {
    usize::try_from(correspondents).unwrap_or(usize::MAX).saturating_add(least)
}

/// Whether a sender's first attempt becomes a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It does.
    Shown,
    /// It does, and this row goes.
    Replaces(ContactKey),
    /// It does not.
    NotShown(NoRoom),
}

/// Why an attempt is not shown. Nobody is told; it is for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// Its domain has as many rows as it may have.
    DomainRows,
    /// Its domain has begun as many rows as it may in a day.
    DomainNewRows,
    /// The list is full of better ones.
    Mailbox,
}

/// Whether `newcomer`, whose sender has no row yet, is shown among `rows`. (One that has a row only adds to it.)
pub fn admit(newcomer: &Contact, rows: &[Contact], tally: DomainTally) -> Admission {
    let domain = registered(newcomer.sender.domain().as_str());
    let of_domain = rows.iter().filter(|row| registered(row.sender.domain().as_str()) == domain).count();
    if of_domain >= tally.rows_max() {
        return Admission::NotShown(NoRoom::DomainRows);
    }
    if usize::try_from(tally.rows_begun).unwrap_or(usize::MAX) >= tally.new_rows_max() {
        return Admission::NotShown(NoRoom::DomainNewRows);
    }
    if rows.len() < ROWS_MAX {
        return Admission::Shown;
    }
    let all: Vec<Contact> = rows.iter().chain([newcomer]).cloned().collect();
    // The last of all goes: a weak row while there is one, and a weak newcomer can only be followed by its like.
    match rank(&all).last() {
        Some(last) if last.key() != newcomer.key() => Admission::Replaces(last.key()),
        Some(_) | None => Admission::NotShown(NoRoom::Mailbox),
    }
}

/// What one notifier can easily fill: a /24 of IPv4, a /48 of IPv6.
pub fn network_of(address: IpAddr) -> Option<IpNet> {
    let address = address.to_canonical();
    IpNet::new(address, if address.is_ipv4() { 24 } else { 48 }).ok().map(|network| network.trunc())
}

#[cfg(test)]
mod tests;
