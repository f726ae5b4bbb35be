//! `queue retry` and `queue give-up`: what is on its way is tried at once, or not any more.

use std::collections::BTreeSet;

use delivery::arrival::ArrivalEvent;
use delivery::report::SentStatus;
use delivery::transfer::{GIVEN_UP, Outcome, Transfer, TransferEvent};
use futures_util::future::try_join_all;
use mail::address::Domain;
use mail::id::NoticeId;
use mail::time::Timestamp;
use serde::Serialize;
use store::{ArrivalKey, SettleArrival, StoreError, Writer};

use super::pages::{Direction, LOOKED_AT_MAX, Line, Name, Pages};
use super::{Item, find, peers};
use crate::admin::request::Retried;
use crate::admin::{AdminError, Desk, Response};
use crate::events::Event;

/// Changes under way at a time: they share their transactions.
const TOGETHER_MAX: usize = 100;

#[derive(Serialize)]
struct GivenUp {
    id: NoticeId,
    direction: &'static str,
    /// What it is now: `failed`, `handed-over`; of what came in, the name of its stage.
    status: &'static str,
    /// Whether a report went to the author.
    reported: bool,
}

pub(in crate::admin::commands) async fn retry(desk: &Desk, what: &Retried) -> Result<Response, AdminError> {
    let (retried, woken, is_all) = match what {
        Retried::One { id } => {
            let items = find(desk, id).await?;
            let open: Vec<&Item> = items.iter().filter(|item| item.outlook(desk).on_give_up.is_some()).collect();
            if open.is_empty() {
                return Err(not_open(desk, &items));
            }
            let woken = wake_all(desk, open.iter().map(|item| item.domain().clone()).collect()).await;
            let now = desk.means.now();
            try_join_all(open.iter().map(|item| retry_one(desk, name_of(item), now))).await?;
            (open.len(), woken, true)
        }
        Retried::Domain { domain } => {
            let woken = wake_all(desk, BTreeSet::from([domain.clone()])).await;
            let (retried, is_all) = retry_where(desk, |line| line.domain == domain.as_str()).await?;
            (retried, woken, is_all)
        }
        Retried::All => {
            let woken = desk.budgets.as_ref().map(|budgets| budgets.wake_all(desk.means.now())).unwrap_or_default();
            let (retried, is_all) = retry_where(desk, |_| true).await?;
            (retried, woken.iter().map(ToString::to_string).collect(), is_all)
        }
    };
    desk.due.raise();
    let mut response = Response::of(serde_json::json!({ "retried": retried, "woken": woken, "complete": is_all }));
    if !is_all {
        response.warnings.push(format!("only the first {LOOKED_AT_MAX} of all that is kept were looked at; retry again for the rest"));
    }
    Ok(response)
}

async fn wake_all(desk: &Desk, domains: BTreeSet<Domain>) -> Vec<String> {
    let mut woken = Vec::new();
    for domain in domains {
        woken.extend(peers::wake(desk, &domain).await);
    }
    woken
}

/// Makes all of these due. How many, and whether everything was looked at.
async fn retry_where(desk: &Desk, fits: impl Fn(&Line) -> bool) -> Result<(usize, bool), AdminError> {
    // One time for all: what it makes due lies behind the walk, which goes on to what would be due later.
    let now = desk.means.now();
    let (mut retried, mut is_all) = (0, true);
    for direction in Direction::BOTH {
        let mut pages = Pages::new(desk, direction);
        while let Some(page) = pages.next().await? {
            let mut names: Vec<Name> = Vec::new();
            for line in page.into_iter().filter(|line| line.is_open() && fits(line)) {
                retried += 1;
                // What is due already needs no more than a peer that may be dialled.
                if now < line.due_at {
                    names.push(line.name);
                }
            }
            while !names.is_empty() {
                let some: Vec<Name> = names.drain(..names.len().min(TOGETHER_MAX)).collect();
                try_join_all(some.into_iter().map(|name| retry_one(desk, name, now))).await?;
            }
        }
        is_all &= !pages.is_cut_off();
    }
    Ok((retried, is_all))
}

fn name_of(item: &Item) -> Name {
    match item {
        Item::Outgoing(record) => Name::Outgoing(record.id.clone()),
        Item::Incoming(record) => Name::Incoming(record.key.clone()),
    }
}

async fn retry_one(desk: &Desk, name: Name, now: Timestamp) -> Result<(), StoreError> {
    match name {
        Name::Outgoing(id) => desk.settle_event(&id, TransferEvent::RetryAsked, None, now).await.map(drop),
        Name::Incoming(key) => desk.store.settle_arrival(settle_arrival(desk, key, ArrivalEvent::RetryAsked, None, now)).await.map(drop),
    }
}

fn settle_arrival(desk: &Desk, key: ArrivalKey, event: ArrivalEvent, detail: Option<&str>, now: Timestamp) -> SettleArrival {
    SettleArrival { key, event, detail: detail.map(str::to_owned), now, jitter: desk.jitter(), writer: Writer::Session }
}

/// Why there is nothing to do about these.
fn not_open(desk: &Desk, items: &[Item]) -> AdminError {
    let words: Vec<String> = items.iter().map(|item| item.outlook(desk).meaning).collect();
    AdminError::refused("not-queued", format!("there is nothing to do: {}", words.join(" ")))
}

pub(in crate::admin::commands) async fn give_up(desk: &Desk, id: &str) -> Result<Response, AdminError> {
    let items = find(desk, id).await?;
    let mut given_up = Vec::new();
    for item in &items {
        match item {
            Item::Outgoing(record) => given_up.extend(give_up_transfer(desk, &record.id).await?),
            Item::Incoming(record) => given_up.extend(give_up_arrival(desk, item, record.key.clone()).await?),
        }
    }
    if given_up.is_empty() {
        return Err(not_open(desk, &items));
    }
    desk.due.raise();
    Ok(Response::of(serde_json::json!({ "given_up": given_up })))
}

/// `None` if it had ended otherwise, or is not there any more.
async fn give_up_transfer(desk: &Desk, id: &NoticeId) -> Result<Option<GivenUp>, AdminError> {
    if (desk.is_being_retrieved)(id) {
        // What leaves at this moment may be confirmed in the next.
        return Err(AdminError::temporary(
            "being-collected",
            format!("{id} is being collected or passed on at this moment; try again in a minute"),
        ));
    }
    let Some(settled) = desk.settle_event(id, TransferEvent::GivenUp, Some(GIVEN_UP), desk.means.now()).await? else { return Ok(None) };
    let status = SentStatus::of(&settled.after).as_str();
    let given_up = GivenUp { id: id.clone(), direction: "outgoing", status, reported: settled.reported };
    Ok(match &settled.before {
        // A repeat of this command says the same again.
        Transfer::Ended { outcome: Outcome::Closed, .. } => Some(given_up),
        Transfer::Ended { outcome: Outcome::Failed { text, .. }, .. } if text == GIVEN_UP => Some(given_up),
        Transfer::Ended { .. } => None,
        Transfer::Notifying { .. }
        | Transfer::Waiting { .. }
        | Transfer::Served { .. }
        | Transfer::Uncertain { .. }
        | Transfer::Relaying { .. } => {
            desk.events.tell(&Event::Ended { transfer: id.clone(), status, detail: GIVEN_UP.to_owned() });
            Some(given_up)
        }
    })
}

/// What an arrival that was given up says of itself.
const PUT_AWAY: &str = "given up by the administrator of this server";

async fn give_up_arrival(desk: &Desk, item: &Item, key: ArrivalKey) -> Result<Option<GivenUp>, AdminError> {
    let Item::Incoming(record) = item else { return Ok(None) };
    if item.outlook(desk).on_give_up.is_none() && record.detail != PUT_AWAY {
        return Ok(None);
    }
    let asked = settle_arrival(desk, key, ArrivalEvent::GivenUp, Some(PUT_AWAY), desk.means.now());
    let Some(after) = desk.store.settle_arrival(asked).await? else { return Ok(None) };
    let status = delivery::outlook::of_arrival(&after.arrival, &desk.config.timers).state;
    Ok(Some(GivenUp { id: item.id().clone(), direction: "incoming", status, reported: false }))
}
