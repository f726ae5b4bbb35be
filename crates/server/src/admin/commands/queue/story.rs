//! `queue why`: the whole story of one thing on its way, in plain words and for programs.

use mail::id::MessageId;
use mail::time::Timestamp;
use serde::Serialize;

use super::peers::{self, Resting};
use super::{Item, Row, find};
use crate::admin::{AdminError, Desk, Response};

#[derive(Serialize)]
struct Story {
    #[serde(flatten)]
    row: Row,
    /// When this server took it in, or first heard of it.
    received: Timestamp,
    /// Of an outgoing one: its message, which other recipients may share.
    message: Option<MessageId>,
    /// What the state means.
    meaning: String,
    /// What happens at `gives_up`.
    then: &'static str,
    /// What `queue give-up` would do; none where there is nothing to give up.
    on_give_up: Option<&'static str>,
    /// Whether this server still has something to do about it.
    open: bool,
    /// Peers it needs that are left alone for a while.
    resting: Vec<Resting>,
    /// Until when the domain is remembered as one that speaks two-way mail.
    pinned_until: Option<Timestamp>,
    /// By what the giver of an incoming notice proved its right.
    evidence: Option<String>,
    /// The same message at its other end, where that is here too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<Self>,
}

pub(in crate::admin::commands) async fn why(desk: &Desk, id: &str) -> Result<Response, AdminError> {
    let mut stories = Vec::new();
    for item in find(desk, id).await? {
        stories.push(story(desk, &item).await?);
    }
    let mut stories = stories.into_iter();
    let first = stories.next().map(|first| Story { also: stories.collect(), ..first });
    Ok(Response::of(first))
}

async fn story(desk: &Desk, item: &Item) -> Result<Story, AdminError> {
    let outlook = item.outlook(desk);
    let now = desk.means.now();
    let pin = desk.store.pin(item.domain()).await?.filter(|pin| pin.is_live(now));
    let (received, message, evidence) = match item {
        Item::Outgoing(record) => (record.kept, Some(record.message), None),
        Item::Incoming(record) => (record.noted_at, None, Some(format!("{}: {}", record.evidence.rule, record.evidence.detail))),
    };
    let open = outlook.on_give_up.is_some();
    Ok(Story {
        row: item.row(desk),
        received,
        message,
        meaning: outlook.meaning,
        then: outlook.then,
        on_give_up: outlook.on_give_up,
        open,
        resting: if open { peers::resting(desk, item).await } else { Vec::new() },
        pinned_until: pin.map(|pin| pin.until),
        evidence,
        also: Vec::new(),
    })
}
