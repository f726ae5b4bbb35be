//! RETRIEVE over one session: small messages in a sliding window, large ones one by one and resumable; each is
//! checked, and stored before anybody hears of it.

use std::time::Duration;

use delivery::arrival::{ArrivalEvent, Received, Stage};
use delivery::mutant::Mutant;
use futures_util::future::{join, try_join_all};
use mail::digest::ContentDigest;
use mail::time::Timestamp;
use proto::smtp::reply::Reply;
use proto::twoway::retrieve::{Announcement, Retrieve};
use proto::twoway::{self, Command};
use store::content::{INLINE_OCTETS_MAX, PartialContent, Place, StoredContent};
use store::{ArrivalRecord, Delivered, StoreError};

use crate::events::Event;
use crate::peer::{PeerError, PeerSession};
use crate::work::accept::{Provenance, judge};
use crate::work::retrieve::{MAILBOX_FULL, Round};

/// RETRIEVEs without an answer (protocol section 3).
const WINDOW: usize = 4;

/// The slowest an origin may be, before its connection is better used by another.
const RATE_MIN_OCTETS_PER_SECOND: u64 = 1024;

/// The longest that one message may keep a connection. What came by then is kept, and gone on with later.
const CONNECTION_MAX: Duration = Duration::from_mins(30);

/// What even the smallest message may take.
const CONTENT_MAX: Duration = Duration::from_mins(1);

/// The retrievals of one session.
pub(super) struct Fetch<'a> {
    round: &'a Round,
    peer: &'a mut PeerSession,
    small: Vec<(ArrivalRecord, Received)>,
    large: Vec<(ArrivalRecord, Received)>,
}

/// What became of one retrieval.
pub(super) enum Fetched {
    /// This is to be recorded; without an event, it is.
    Ended { record: ArrivalRecord, event: Option<ArrivalEvent>, detail: String },
    /// Another target may have it. With a reason: this session is of no more use.
    Open { record: ArrivalRecord, received: Received, reason: Option<String> },
}

/// Why one RETRIEVE brings nothing that can be used, though the session goes on.
enum Unusable {
    /// It was refused.
    Refused(Reply),
    /// What was announced is not what the notice said. Its octets were read, and went nowhere.
    Lie(String),
}

/// Content that came in whole, with the announced digest.
struct Complete {
    record: ArrivalRecord,
    announcement: Announcement,
    content: StoredContent,
}

/// What one RETRIEVE brought.
enum Brought {
    Complete(Box<Complete>),
    Other(Box<Fetched>),
}

impl Brought {
    /// Whether the session is of no more use after this.
    fn is_broken(&self) -> bool {
        matches!(self, Self::Other(fetched) if matches!(**fetched, Fetched::Open { reason: Some(_), .. }))
    }
}

impl<'a> Fetch<'a> {
    pub(super) fn new(round: &'a Round, peer: &'a mut PeerSession) -> Self {
        Self { round, peer, small: Vec::new(), large: Vec::new() }
    }

    /// Puts an arrival in line.
    pub(super) fn add(&mut self, record: ArrivalRecord, received: Received) {
        let line = if record.notice.size_octets <= INLINE_OCTETS_MAX { &mut self.small } else { &mut self.large };
        line.push((record, received));
    }

    /// Retrieves all, as far as the session lasts.
    pub(super) async fn run(mut self) -> Result<Vec<Fetched>, StoreError> {
        let small = self.retrieve_small().await;
        let is_broken = small.iter().any(Brought::is_broken);
        let large = std::mem::take(&mut self.large);
        let (round, host) = (self.round, self.peer.host.clone());
        if is_broken {
            let mut fetched = store_all(round, &host, small).await?;
            fetched.extend(large.into_iter().map(|(record, received)| Fetched::Open { record, received, reason: None }));
            return Ok(fetched);
        }
        // What is here is not to wait, in memory alone, for what may take half an hour.
        let (fetched, large) = join(store_all(round, &host, small), self.retrieve_large(large)).await;
        let mut fetched = fetched?;
        fetched.extend(store_all(round, &host, large?).await?);
        Ok(fetched)
    }

    async fn retrieve_small(&mut self) -> Vec<Brought> {
        let line = std::mem::take(&mut self.small);
        let mut brought = Vec::with_capacity(line.len());
        let mut asked = 0;
        let mut unread = line.into_iter();
        let records: Vec<_> = unread.as_slice().iter().map(|(record, _)| record.clone()).collect();
        while let Some((record, received)) = unread.next() {
            let one = async {
                while asked < records.len() && asked < brought.len() + WINDOW {
                    if let Some(next) = records.get(asked) {
                        self.peer.send(retrieve(next, 0))?;
                    }
                    asked += 1;
                }
                self.read_small(&record).await
            };
            match one.await {
                Ok(Ok((announcement, content))) => {
                    brought.push(Brought::Complete(Box::new(Complete { record, announcement, content })));
                }
                Ok(Err(unusable)) => brought.push(Brought::Other(Box::new(answered(record, received, &unusable)))),
                Err(Cut { received: now, error }) => {
                    brought.push(open(record, more(received, now), Some(error.to_string())));
                    brought.extend(unread.by_ref().map(|(record, received)| open(record, received, None)));
                }
            }
        }
        brought
    }

    /// The reply to one RETRIEVE, and its octets; or why there are none.
    async fn read_small(&mut self, record: &ArrivalRecord) -> Result<Result<(Announcement, StoredContent), Unusable>, Cut> {
        let announcement = match self.announcement(record, 0).await? {
            Ok(announcement) => announcement,
            Err(unusable) => return Ok(Err(unusable)),
        };
        self.peer.expect_octets(announcement.size_octets)?;
        let deadline = self.deadline(announcement.size_octets);
        let mut octets = Vec::new();
        let cut = |octets: &[u8], error| Cut { received: if octets.is_empty() { Received::Nothing } else { Received::Octets }, error };
        while let Some(piece) = self.peer.octets(deadline).await.map_err(|error| cut(&octets, error))? {
            octets.extend_from_slice(&piece);
        }
        let digest = ContentDigest::of(&octets);
        let size_octets = announcement.size_octets;
        Ok(Ok((announcement, StoredContent { size_octets, digest, place: Place::Row(octets) })))
    }

    async fn retrieve_large(&mut self, line: Vec<(ArrivalRecord, Received)>) -> Result<Vec<Brought>, StoreError> {
        let mut brought = Vec::with_capacity(line.len());
        let mut is_broken = false;
        for (record, received) in line {
            if is_broken {
                brought.push(open(record, received, None));
                continue;
            }
            // Those before it may have taken half an hour each.
            let again = record.clone();
            let (record, received) = match self.round.wanted(vec![(record, received)]).await {
                Ok(mut wanted) => match wanted.pop() {
                    Some(wanted) => wanted,
                    None => continue,
                },
                Err(StoreError::LeaseLost) => return Err(StoreError::LeaseLost),
                // What was brought before is not to be lost for this.
                Err(error) => {
                    tracing::warn!(%error, id = %again.key.id, "not asked whether it is still wanted");
                    brought.push(open(again, received, None));
                    continue;
                }
            };
            let one = match self.read_large(record, received).await {
                Ok(one) => one,
                Err(StoreError::LeaseLost) => return Err(StoreError::LeaseLost),
                // Octets may be left in the connection that nobody can put anywhere.
                Err(error) => open(again, Received::Octets, Some(error.to_string())),
            };
            is_broken = one.is_broken();
            brought.push(one);
        }
        Ok(brought)
    }

    /// One large message, from where an earlier connection broke off.
    async fn read_large(&mut self, record: ArrivalRecord, received: Received) -> Result<Brought, StoreError> {
        let mut partial = PartialContent::open(&self.round.node.store, &record.key).await?;
        let offset = partial.received_octets();
        let received = if offset > 0 { Received::Octets } else { received };
        let asked = async {
            self.peer.send(retrieve(&record, offset))?;
            let announcement = match self.announcement(&record, offset).await? {
                Ok(announcement) => announcement,
                Err(unusable) => return Ok(Err(unusable)),
            };
            self.peer.expect_octets(announcement.size_octets.saturating_sub(offset))?;
            Ok::<_, Cut>(Ok(announcement))
        };
        let announcement = match asked.await {
            Ok(Ok(announcement)) => announcement,
            Ok(Err(unusable)) => {
                partial.suspend().await?;
                return Ok(Brought::Other(Box::new(answered(record, received, &unusable))));
            }
            Err(cut) => {
                partial.suspend().await?;
                return Ok(open(record, received, Some(cut.error.to_string())));
            }
        };
        let deadline = self.deadline(announcement.size_octets.saturating_sub(offset));
        loop {
            match self.peer.octets(deadline).await {
                Ok(Some(piece)) => partial.append(&piece).await?,
                Ok(None) => break,
                Err(error) => {
                    partial.suspend().await?;
                    return Ok(open(record, Received::Octets, Some(error.to_string())));
                }
            }
        }
        if partial.digest() != announcement.digest {
            // Kept, it would be the beginning of every later attempt.
            partial.discard().await?;
            return Ok(Brought::Other(Box::new(altered(record, self.peer.host.as_str()))));
        }
        let content = partial.finish().await?;
        Ok(Brought::Complete(Box::new(Complete { record, announcement, content })))
    }

    /// The announcement of what follows; or why it is of no use.
    async fn announcement(&mut self, record: &ArrivalRecord, offset: u64) -> Result<Result<Announcement, Unusable>, Cut> {
        let reply = self.peer.reply().await?;
        if !reply.is_success() {
            return Ok(Err(Unusable::Refused(reply)));
        }
        let announcement = Announcement::decode(reply.text()).map_err(|error| Cut::because(error.to_string()))?;
        let (announced, noticed) = (announcement.size_octets, record.notice.size_octets);
        // What was consented to is what was noticed, and its size is what memory and disk were lent for.
        if announced != noticed {
            let lie = format!("{} announces {announced} octets, its notice said {noticed}", self.peer.host);
            // The messages behind it are not to blame. It costs no more than the same notice without the lie would have.
            if announced > self.round.node.settings.limits.message_octets_max {
                return Err(Cut::because(lie));
            }
            self.drop_octets(announced.saturating_sub(offset)).await?;
            return Ok(Err(Unusable::Lie(lie)));
        }
        Ok(Ok(announcement))
    }

    /// Reads past so many octets.
    async fn drop_octets(&mut self, octets: u64) -> Result<(), PeerError> {
        self.peer.expect_octets(octets)?;
        let deadline = self.deadline(octets);
        while self.peer.octets(deadline).await?.is_some() {}
        Ok(())
    }

    fn deadline(&self, octets: u64) -> Timestamp {
        let patience = CONTENT_MAX + Duration::from_secs(octets / RATE_MIN_OCTETS_PER_SECOND);
        self.round.node.world.after(patience.min(CONNECTION_MAX))
    }
}

/// A session that broke off within a message.
struct Cut {
    received: Received,
    error: PeerError,
}

impl Cut {
    fn because(reason: String) -> Self {
        Self { received: Received::Nothing, error: PeerError::Wire(crate::world::WireError::Lost(reason)) }
    }
}

impl From<PeerError> for Cut {
    fn from(error: PeerError) -> Self {
        Self { received: Received::Nothing, error }
    }
}

async fn store_all(round: &Round, host: &str, brought: Vec<Brought>) -> Result<Vec<Fetched>, StoreError> {
    try_join_all(brought.into_iter().map(|one| async {
        match one {
            Brought::Complete(complete) => {
                let record = complete.record.clone();
                let stored = store(round, host, *complete).await;
                stored.or_else(|error| put_off(record, error))
            }
            Brought::Other(fetched) => Ok(*fetched),
        }
    }))
    .await
}

/// Checks what came, and stores it: after this it is confirmed, or declined.
async fn store(round: &Round, host: &str, complete: Complete) -> Result<Fetched, StoreError> {
    let Complete { record, announcement, content } = complete;
    let node = &round.node;
    if content.digest != announcement.digest && !Mutant::DigestIgnored.is_in() {
        return Ok(altered(record, host));
    }
    let provenance = Provenance { host, protocol: twoway::wire::KEYWORD, reverse_path: &announcement.mail_from };
    let acceptable = match judge(node, &record, &content, &provenance).await? {
        Ok(acceptable) => acceptable,
        Err(refusal) => {
            let (status, text) = (refusal.status, refusal.text);
            let event = ArrivalEvent::ContentRefused { target: host.to_owned(), status, text: text.clone() };
            return Ok(Fetched::Ended { record, event: Some(event), detail: text });
        }
    };
    let size_octets = content.size_octets;
    let delivery = acceptable.into_delivery(node, &round.lease, &record.key, content, host.to_owned());
    let now = delivery.now;
    let detail = String::new();
    if Mutant::ConfirmBeforeStore.is_in() {
        let (store, later) = (node.store.clone(), node.world.sleep_until(node.world.after(Duration::from_secs(1))));
        node.world.spawn("store", Box::pin(async move { (later.await, drop(store.deliver(delivery).await)).1 }));
    } else {
        match node.store.deliver(delivery).await? {
            Delivered::Stored => {}
            Delivered::NotDue => return Ok(Fetched::Ended { record, event: None, detail }),
            Delivered::OverQuota => {
                let event = Some(ArrivalEvent::Deferred { received: Received::Octets });
                return Ok(Fetched::Ended { record, event, detail: MAILBOX_FULL.to_owned() });
            }
        }
    }
    node.events.tell(&Event::Stored { transfer: record.key.id.clone(), to: record.notice.to.clone(), size_octets });
    let mut record = record;
    record.arrival.stage = Stage::Stored { since: now, attempts: 0, retry_at: now, target: host.to_owned() };
    Ok(Fetched::Ended { record, event: None, detail })
}

/// What came is not what was announced: damaged on its way, or by whoever stands there.
fn altered(record: ArrivalRecord, host: &str) -> Fetched {
    let detail = format!("{host} sent other octets than it announced");
    Fetched::Ended { record, event: Some(ArrivalEvent::Deferred { received: Received::Octets }), detail }
}

/// Our own trouble with one message puts it off, and must not keep the others from being stored and confirmed.
fn put_off(record: ArrivalRecord, error: StoreError) -> Result<Fetched, StoreError> {
    match error {
        StoreError::LeaseLost => Err(StoreError::LeaseLost),
        StoreError::Unavailable(detail) | StoreError::Full(detail) | StoreError::Damaged(detail) => {
            let event = Some(ArrivalEvent::Deferred { received: Received::Octets });
            Ok(Fetched::Ended { record, event, detail })
        }
    }
}

/// What an answer that brings no content means.
fn answered(record: ArrivalRecord, received: Received, unusable: &Unusable) -> Fetched {
    let reply = match unusable {
        Unusable::Refused(reply) => reply,
        // The origin may have committed Served.
        Unusable::Lie(detail) => {
            let event = Some(ArrivalEvent::Deferred { received: Received::Octets });
            return Fetched::Ended { record, event, detail: detail.clone() };
        }
    };
    match reply.code {
        // This target does not have it, or does not know us: another may.
        550 => Fetched::Open { record, received, reason: None },
        554 => Fetched::Ended { record, event: Some(ArrivalEvent::Vanished), detail: reply.to_string() },
        _ => Fetched::Ended { record, event: Some(ArrivalEvent::Deferred { received }), detail: reply.to_string() },
    }
}

fn open(record: ArrivalRecord, received: Received, reason: Option<String>) -> Brought {
    Brought::Other(Box::new(Fetched::Open { record, received, reason }))
}

fn more(before: Received, now: Received) -> Received {
    if before == Received::Octets { before } else { now }
}

fn retrieve(record: &ArrivalRecord, offset: u64) -> Command {
    Command::Retrieve(Retrieve { id: record.key.id.clone(), to: record.notice.to.clone(), offset })
}
