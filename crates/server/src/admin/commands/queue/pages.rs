//! A walk over all that is on its way in one direction, page by page, in the order in which it is due.

use mail::id::NoticeId;
use mail::time::Timestamp;
use store::{ArrivalKey, ArrivalLine, TransferLine};

use crate::admin::{AdminError, Desk};

/// Rows in a page: few enough for a short transaction.
const PAGE: usize = 1000;
/// Rows that one command looks at, in each direction: some seconds' worth.
pub(super) const LOOKED_AT_MAX: usize = 1_000_000;
/// Arrivals of one id: origins choose their ids, and one could give the same again and again.
const NAMESAKES_MAX: usize = 20;

/// What of it every command looks at.
pub(super) struct Line {
    pub(super) due_at: Timestamp,
    pub(super) stage: String,
    /// `Mailbox::key` of the responsible address.
    pub(super) sender: String,
    /// The domain at its other end.
    pub(super) domain: String,
    pub(super) name: Name,
}

/// Which one.
pub(super) enum Name {
    Outgoing(NoticeId),
    Incoming(ArrivalKey),
}

impl Line {
    /// Whether this server still has something to do about it.
    pub(super) fn is_open(&self) -> bool {
        match self.name {
            Name::Outgoing(_) => self.stage != "ended",
            Name::Incoming(_) => matches!(self.stage.as_str(), "due" | "stored" | "declining"),
        }
    }

    pub(super) const fn direction(&self) -> &'static str {
        match self.name {
            Name::Outgoing(_) => "outgoing",
            Name::Incoming(_) => "incoming",
        }
    }
}

/// Which way things go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Outgoing,
    Incoming,
}

impl Direction {
    pub(super) const BOTH: [Self; 2] = [Self::Outgoing, Self::Incoming];
}

/// Behind which row the next page begins.
enum Place {
    Transfers(Option<TransferLine>),
    Arrivals(Option<ArrivalLine>),
    End,
}

/// The walk in one direction.
pub(super) struct Pages<'a> {
    desk: &'a Desk,
    place: Place,
    looked_at: usize,
}

impl<'a> Pages<'a> {
    pub(super) const fn new(desk: &'a Desk, direction: Direction) -> Self {
        let place = match direction {
            Direction::Outgoing => Place::Transfers(None),
            Direction::Incoming => Place::Arrivals(None),
        };
        Self { desk, place, looked_at: 0 }
    }

    /// The next page; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Line>>, AdminError> {
        if self.is_cut_off() {
            return Ok(None);
        }
        let lines: Vec<Line> = match &mut self.place {
            Place::Transfers(last) => {
                let page = self.desk.store.transfers_by_due(last.as_ref(), PAGE).await?;
                *last = page.last().cloned();
                page.into_iter().map(outgoing).collect()
            }
            Place::Arrivals(last) => {
                let page = self.desk.store.arrivals_by_due(last.as_ref(), PAGE).await?;
                *last = page.last().cloned();
                page.into_iter().map(incoming).collect()
            }
            Place::End => return Ok(None),
        };
        self.looked_at += lines.len();
        if lines.len() < PAGE {
            self.place = Place::End;
        }
        Ok(Some(lines))
    }

    /// Whether rows are left out because there are too many.
    pub(super) const fn is_cut_off(&self) -> bool {
        self.looked_at >= LOOKED_AT_MAX
    }
}

fn outgoing(line: TransferLine) -> Line {
    let TransferLine { due_at, id, stage, sender, recipient, .. } = line;
    let domain = recipient.rsplit_once('@').map_or(String::new(), |(_, domain)| domain.to_owned());
    Line { due_at, stage, sender, domain, name: Name::Outgoing(id) }
}

fn incoming(line: ArrivalLine) -> Line {
    let ArrivalLine { due_at, key, stage, sender, .. } = line;
    Line { due_at, stage, sender, domain: key.origin.to_string(), name: Name::Incoming(key) }
}

/// The arrivals of this id, in every stage.
pub(super) async fn arrivals_named(desk: &Desk, id: &NoticeId) -> Result<Vec<ArrivalKey>, AdminError> {
    let (mut keys, mut pages) = (Vec::new(), Pages::new(desk, Direction::Incoming));
    while let Some(page) = pages.next().await? {
        keys.extend(page.into_iter().filter_map(|line| match line.name {
            Name::Incoming(key) if key.id == *id => Some(key),
            Name::Incoming(_) | Name::Outgoing(_) => None,
        }));
        if keys.len() >= NAMESAKES_MAX {
            break;
        }
    }
    keys.truncate(NAMESAKES_MAX);
    Ok(keys)
}
