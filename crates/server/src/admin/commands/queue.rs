//! `queue`: what this server still has to do, over all accounts: listed, summed up, explained, hurried, given up.

mod acts;
mod pages;
mod peers;
mod story;

use std::collections::BTreeMap;

use delivery::arrival::Stage;
use delivery::outlook::{self, Outlook};
use mail::address::{Domain, Mailbox};
use mail::id::NoticeId;
use mail::time::Timestamp;
use serde::Serialize;
use store::{ArrivalKey, ArrivalRecord, TransferRecord};

use crate::admin::request::QueueFilter;
use crate::admin::{AdminError, Desk, Response};
use pages::{Direction, LOOKED_AT_MAX, Line, Name, Pages};

pub(super) use acts::{give_up, retry};
pub(super) use story::why;

/// Rows of one listing, unless said otherwise.
const LIMIT: u32 = 100;
/// The most that one listing can hold: it is made in memory, and sent as one line.
const LIMIT_MAX: u32 = 10_000;
/// Domains counted one by one; what goes to others is counted together.
const DOMAINS_MAX: usize = 10_000;
/// Domains, and resting peers, that a summary names.
const NAMED_MAX: usize = 50;

/// One thing on its way.
enum Item {
    Outgoing(Box<TransferRecord>),
    Incoming(Box<ArrivalRecord>),
}

/// One row of the listing.
#[derive(Serialize)]
struct Row {
    id: NoticeId,
    direction: &'static str,
    sender: Mailbox,
    recipient: Mailbox,
    /// Where its other end is.
    domain: Domain,
    state: &'static str,
    attempts: u32,
    since: Timestamp,
    next_attempt: Option<Timestamp>,
    gives_up: Option<Timestamp>,
    detail: String,
    size_octets: u64,
}

#[derive(Serialize)]
struct Summary {
    total: u64,
    outgoing: u64,
    incoming: u64,
    by_state: Vec<StateCount>,
    by_domain: Vec<DomainCount>,
    /// Domains that are not in `by_domain`.
    more_domains: usize,
    /// Peers that are left alone for a while; none is known where no server runs.
    resting: Vec<peers::Resting>,
    /// Whether everything was looked at.
    complete: bool,
}

#[derive(Serialize)]
struct StateCount {
    direction: &'static str,
    state: String,
    count: u64,
}

#[derive(Serialize, Default, Clone)]
struct DomainCount {
    domain: String,
    outgoing: u64,
    incoming: u64,
}

/// What a summary counts.
#[derive(Default)]
struct Tally {
    states: BTreeMap<(&'static str, String), u64>,
    domains: BTreeMap<String, DomainCount>,
    outgoing: u64,
    incoming: u64,
}

impl Tally {
    fn add(&mut self, line: Line) {
        *self.states.entry((line.direction(), line.stage)).or_default() += 1;
        let is_known = self.domains.len() < DOMAINS_MAX || self.domains.contains_key(&line.domain);
        let domain = is_known
            .then(|| self.domains.entry(line.domain.clone()).or_insert(DomainCount { domain: line.domain, ..DomainCount::default() }));
        match line.name {
            Name::Outgoing(_) => {
                self.outgoing += 1;
                if let Some(count) = domain {
                    count.outgoing += 1;
                }
            }
            Name::Incoming(_) => {
                self.incoming += 1;
                if let Some(count) = domain {
                    count.incoming += 1;
                }
            }
        }
    }
}

impl Item {
    const fn id(&self) -> &NoticeId {
        match self {
            Self::Outgoing(record) => &record.id,
            Self::Incoming(record) => &record.key.id,
        }
    }

    const fn direction(&self) -> &'static str {
        match self {
            Self::Outgoing(_) => "outgoing",
            Self::Incoming(_) => "incoming",
        }
    }

    /// The domain at its other end.
    fn domain(&self) -> &Domain {
        match self {
            Self::Outgoing(record) => record.recipient.mailbox.domain(),
            Self::Incoming(record) => &record.key.origin,
        }
    }

    fn outlook(&self, desk: &Desk) -> Outlook {
        match self {
            Self::Outgoing(record) => outlook::of_transfer(&record.transfer, &desk.config.timers),
            Self::Incoming(record) => outlook::of_arrival(&record.arrival, &desk.config.timers),
        }
    }

    fn since(&self) -> Timestamp {
        match self {
            Self::Outgoing(record) => record.since,
            Self::Incoming(record) => match &record.arrival.stage {
                Stage::Due { since, .. } | Stage::Stored { since, .. } | Stage::Declining { since, .. } => *since,
                Stage::Noted { .. } | Stage::Listed | Stage::Dropped { .. } | Stage::Ended(_) => record.noted_at,
            },
        }
    }

    fn row(&self, desk: &Desk) -> Row {
        let Outlook { state, attempts, next_attempt, gives_up, .. } = self.outlook(desk);
        let (sender, recipient, detail, size_octets) = match self {
            Self::Outgoing(record) => (&record.from, &record.recipient.mailbox, &record.detail, record.content.size_octets),
            Self::Incoming(record) => (&record.notice.from, &record.notice.to, &record.detail, record.notice.size_octets),
        };
        Row {
            id: self.id().clone(),
            direction: self.direction(),
            sender: sender.clone(),
            recipient: recipient.clone(),
            domain: self.domain().clone(),
            state,
            attempts,
            since: self.since(),
            next_attempt,
            gives_up,
            detail: detail.clone(),
            size_octets,
        }
    }
}

pub(super) async fn list(desk: &Desk, filter: &QueueFilter) -> Result<Response, AdminError> {
    let limit = filter.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(AdminError::usage("limit", format!("expected a limit from 1 to {LIMIT_MAX}")));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let sender = filter.sender.as_ref().map(Mailbox::key);
    let fits = |line: &Line| {
        line.is_open()
            && filter.domain.as_ref().is_none_or(|domain| line.domain == domain.as_str())
            && filter.state.is_none_or(|state| line.stage == state.as_str())
            && sender.as_ref().is_none_or(|sender| line.sender == *sender)
    };
    let (mut lines, mut is_all_seen) = (Vec::new(), true);
    for direction in Direction::BOTH {
        let mut pages = Pages::new(desk, direction);
        let before = lines.len();
        // One more than is shown: then it is known that there is more.
        while lines.len() <= before + limit
            && let Some(page) = pages.next().await?
        {
            lines.extend(page.into_iter().filter(fits));
        }
        is_all_seen &= !pages.is_cut_off();
    }
    lines.sort_by_key(|line| line.due_at);
    let is_cut_off = lines.len() > limit;
    lines.truncate(limit);
    let items = load(desk, lines.into_iter().map(|line| line.name).collect()).await?;
    let rows: Vec<Row> = items.iter().map(|item| item.row(desk)).collect();
    let mut response = Response::of(rows);
    if is_cut_off {
        response.warnings.push(format!("only the {limit} that are due first are listed; --limit N lists more, `queue summary` counts all"));
    } else if !is_all_seen {
        response.warnings.push(format!("only the first {LOOKED_AT_MAX} of all that is kept were looked at"));
    }
    Ok(response)
}

/// The records of these, in this order; what has gone meanwhile is left out.
async fn load(desk: &Desk, names: Vec<Name>) -> Result<Vec<Item>, AdminError> {
    let (mut ids, mut keys) = (Vec::new(), Vec::new());
    for name in &names {
        match name {
            Name::Outgoing(id) => ids.push(id.clone()),
            Name::Incoming(key) => keys.push(key.clone()),
        }
    }
    let transfers = desk.store.transfers_of(ids).await?;
    let arrivals = desk.store.arrivals_of(keys).await?;
    let mut transfers: BTreeMap<NoticeId, TransferRecord> = transfers.into_iter().map(|record| (record.id.clone(), record)).collect();
    let mut arrivals: BTreeMap<ArrivalKey, ArrivalRecord> = arrivals.into_iter().map(|record| (record.key.clone(), record)).collect();
    let found = names.into_iter().filter_map(|name| match name {
        Name::Outgoing(id) => transfers.remove(&id).map(|record| Item::Outgoing(Box::new(record))),
        Name::Incoming(key) => arrivals.remove(&key).map(|record| Item::Incoming(Box::new(record))),
    });
    Ok(found.collect())
}

pub(super) async fn summary(desk: &Desk) -> Result<Response, AdminError> {
    let mut tally = Tally::default();
    let mut complete = true;
    for direction in Direction::BOTH {
        let mut pages = Pages::new(desk, direction);
        while let Some(page) = pages.next().await? {
            page.into_iter().filter(Line::is_open).for_each(|line| tally.add(line));
        }
        complete &= !pages.is_cut_off();
    }
    let Tally { states, domains, outgoing, incoming } = tally;
    let more_domains = domains.len().saturating_sub(NAMED_MAX);
    let mut by_domain: Vec<DomainCount> = domains.into_values().collect();
    by_domain.sort_by_key(|count| std::cmp::Reverse(count.outgoing + count.incoming));
    by_domain.truncate(NAMED_MAX);
    let by_state = states.into_iter().map(|((direction, state), count)| StateCount { direction, state, count });
    Ok(Response::of(Summary {
        total: outgoing + incoming,
        outgoing,
        incoming,
        by_state: by_state.collect(),
        by_domain,
        more_domains,
        resting: peers::all_resting(desk, NAMED_MAX),
        complete,
    }))
}

/// What has this id, outgoing first. A message between two mailboxes here is both.
async fn find(desk: &Desk, id: &str) -> Result<Vec<Item>, AdminError> {
    let unknown = || AdminError::refused("no-such-item", format!("nothing with the id {id} is on its way, or was of late"));
    let Ok(notice) = id.parse::<NoticeId>() else { return Err(unknown()) };
    let mut items: Vec<Item> = Vec::new();
    items.extend(desk.store.transfers_of(vec![notice.clone()]).await?.into_iter().map(|record| Item::Outgoing(Box::new(record))));
    let keys = match items.first() {
        Some(Item::Outgoing(record)) => key_of_neighbour(desk, record).await?.into_iter().collect(),
        Some(Item::Incoming(_)) | None => pages::arrivals_named(desk, &notice).await?,
    };
    items.extend(desk.store.arrivals_of(keys).await?.into_iter().map(|record| Item::Incoming(Box::new(record))));
    if items.is_empty() { Err(unknown()) } else { Ok(items) }
}

/// The arrival at a mailbox of this server that a transfer leads to.
async fn key_of_neighbour(desk: &Desk, record: &TransferRecord) -> Result<Option<ArrivalKey>, AdminError> {
    let recipient = &record.recipient.mailbox;
    if !desk.config.domains.contains(recipient.domain()) {
        return Ok(None);
    }
    let account = desk.store.resolve(recipient).await?;
    Ok(account.map(|account| ArrivalKey {
        account: account.id,
        origin: record.from.domain().clone(),
        id: record.id.clone(),
        recipient: recipient.key(),
    }))
}
