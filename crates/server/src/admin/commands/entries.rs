//! `allow`, `block`, `expected`: the lists that decide who gets in.

use delivery::consent::{Entry, EntryList, Who};
use mail::address::Mailbox;
use mail::id::NoticeId;
use mail::time::Timestamp;
use serde::Serialize;

use crate::acts::{Acts, Changed, Wish, verb};
use crate::admin::request::List;
use crate::admin::{AdminError, Desk, Response};
use crate::config::parse_moment;

#[derive(Serialize)]
struct Row {
    who: Who,
    until: Option<Timestamp>,
    count: Option<u32>,
    made: Timestamp,
    through: String,
    reason: String,
    proof: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
}

/// For how long, how often and for what somebody is expected.
pub(super) struct Terms<'a> {
    /// RFC 3339, or a length of time from now; an hour from now if none.
    pub(super) until: Option<&'a str>,
    /// How many messages; 3 if none.
    pub(super) count: Option<u32>,
    /// The REF that a notice must carry, if any.
    pub(super) reference: Option<NoticeId>,
}

#[derive(Serialize)]
struct Change {
    who: Who,
    changed: bool,
    released: u32,
    warnings: Vec<String>,
}

impl List {
    const fn entries(self) -> EntryList {
        match self {
            Self::Allow => EntryList::Allow,
            Self::Block => EntryList::Block,
            Self::Expected => EntryList::Expected,
        }
    }
}

pub(super) async fn add(desk: &Desk, address: &Mailbox, list: List, who: Who) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let reason = reason(list);
    insert(&desk.acts(&account), Wish::new(list.entries(), who, reason)).await
}

pub(super) async fn expect(desk: &Desk, address: &Mailbox, who: Who, terms: Terms<'_>) -> Result<Response, AdminError> {
    let Terms { until, count, reference } = terms;
    let now = desk.means.now();
    let read = |text: &str| {
        parse_moment(text, now).ok_or_else(|| {
            AdminError::usage("until", format!("not a time: {text:?}; expected RFC 3339, or a length of time from now such as 1h"))
        })
    };
    let until = until.map(read).transpose()?;
    let account = desk.account(address).await?;
    let wish = Wish { until, count, reference, ..Wish::new(EntryList::Expected, who, reason(List::Expected)) };
    insert(&desk.acts(&account), wish).await
}

fn reason(list: List) -> String {
    format!("twoway {}", verb(list.entries()))
}

async fn insert(acts: &Acts<'_>, wish: Wish) -> Result<Response, AdminError> {
    let who = wish.who.clone();
    let changed = acts.add(wish).await?;
    let warnings: Vec<String> = changed.caution.iter().map(ToString::to_string).collect();
    Ok(Response { warnings: warnings.clone(), ..told(who, &changed, warnings) })
}

pub(super) async fn remove(desk: &Desk, address: &Mailbox, list: List, who: Who) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let changed = desk.acts(&account).remove(list.entries(), &who).await?;
    Ok(told(who, &changed, Vec::new()))
}

fn told(who: Who, changed: &Changed, warnings: Vec<String>) -> Response {
    let Changed { changed, released, .. } = *changed;
    Response::of(Change { who, changed, released, warnings })
}

pub(super) async fn list(desk: &Desk, address: &Mailbox, list: List) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let entries = desk.acts(&account).entries(list.entries()).await?;
    let row = |entry: Entry| Row {
        who: entry.who,
        until: entry.until,
        count: entry.remaining,
        made: entry.made,
        through: entry.through,
        reason: entry.reason,
        proof: entry.proof,
        reference: entry.reference,
    };
    Ok(Response::of(entries.into_iter().map(row).collect::<Vec<_>>()))
}
