//! One message for the next server: its recipients there, and its octets, small ones in memory and large ones as a stream.

use std::time::Duration;

use delivery::transfer::Transfer;
use mail::downgrade::{Downgrade, HeaderSurvey, Plan, Survey, Unconvertible};
use mail::octets::{Octets, Scanner};
use store::content::{ContentReader, StoredContent};
use store::{StoreError, TransferRecord};

use crate::node::Node;
use crate::retrievals::RetrievalLease;

/// Content up to this size is read at once.
const SMALL_OCTETS_MAX: u64 = 256 * 1024;

/// How long what is being passed on can't be taken back; it ends with the session, and no session is that long.
const HELD_FOR: Duration = Duration::from_hours(24);

/// A message that waits for its turn, with the recipients who are reached in the same way.
#[derive(Debug)]
pub(super) struct Batch {
    /// All of one message.
    pub(super) records: Vec<TransferRecord>,
    /// Why the servers that were reached can't have it, if that is so; others may.
    pub(super) unfit: Option<delivery::relay::Unfit>,
}

/// A message about to be passed on.
pub(super) struct Letter {
    /// As they are now; at least one.
    pub(super) records: Vec<TransferRecord>,
    /// What the content is.
    pub(super) octets: Octets,
    /// Whether header fields are in UTF-8, and were announced as that.
    pub(super) has_utf8_header: bool,
    body: Body,
    /// Nobody takes it back while it leaves.
    _held: Vec<RetrievalLease>,
}

enum Body {
    Small(Vec<u8>),
    Large(StoredContent),
}

/// Where content comes from, piece by piece.
pub(super) enum Source {
    /// All at once; empty when it is gone.
    Whole(Vec<u8>),
    /// From the store.
    Stored(ContentReader),
    /// Made into lines of ASCII on the way.
    Converted {
        /// The octets as they are.
        from: Box<Source>,
        /// What has come to its end is none any more.
        by: Option<Box<Downgrade>>,
    },
}

/// Why content can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the message can't be read: {0}")]
pub(super) struct SourceError(#[from] StoreError);

/// Groups transfers by message: each message has one transaction for all its recipients.
pub(super) fn by_message(records: Vec<TransferRecord>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for record in records {
        match batches.iter_mut().find(|batch| batch.records.first().is_some_and(|first| first.message == record.message)) {
            Some(batch) => batch.records.push(record),
            None => batches.push(Batch { records: vec![record], unfit: None }),
        }
    }
    batches
}

impl Letter {
    /// Reads what is to be sent, of those transfers that are still to be relayed; `None` if none is.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn open(node: &Node, batch: &Batch) -> Result<Option<Self>, StoreError> {
        let (mut records, mut held) = (Vec::with_capacity(batch.records.len()), Vec::new());
        let mut content = None;
        for record in &batch.records {
            // First held, then looked at: a withdrawal is seen, or refused.
            let Some(lease) = node.retrievals.take(&record.id, node.world.now(), HELD_FOR) else { continue };
            let Some(mut now) = node.store.transfer(&record.id).await? else { continue };
            let Transfer::Relaying { taking, .. } = &mut now.transfer else { continue };
            // An attempt of this round that broke off before the end was recorded as if it might not: this round knows better.
            if let Transfer::Relaying { taking: known, .. } = record.transfer {
                *taking = known;
            }
            // The octets once, for all recipients.
            let octets = std::mem::replace(&mut now.content, record.content.clone());
            content.get_or_insert(octets);
            records.push(now);
            held.push(lease);
        }
        let Some(content) = content else { return Ok(None) };
        let mut scanner = Scanner::default();
        // Without that word of its author's, what is beyond ASCII is none of SMTPUTF8, whatever it is.
        let mut headers = records.first().filter(|record| record.smtputf8).map(|_record| HeaderSurvey::default());
        let mut reader = ContentReader::new(&node.store, &content, 0);
        let is_small = content.size_octets <= SMALL_OCTETS_MAX;
        let mut whole = Vec::new();
        loop {
            let piece = reader.next().await?;
            if piece.is_empty() {
                break;
            }
            scanner.take(&piece);
            if let Some(headers) = &mut headers {
                headers.take(&piece);
            }
            if is_small {
                whole.extend_from_slice(&piece);
            }
        }
        let body = if is_small { Body::Small(whole) } else { Body::Large(content) };
        let has_utf8_header = headers.is_some_and(HeaderSurvey::finish);
        Ok(Some(Self { records, octets: scanner.finish(), has_utf8_header, body, _held: held }))
    }

    /// The octets as they are made for a server by this plan.
    pub(super) fn converted(&self, node: &Node, plan: &Plan) -> Source {
        Source::Converted { from: Box::new(self.source(node)), by: Some(Box::new(Downgrade::new(plan))) }
    }

    /// How the content can be made into lines of ASCII, if it can.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) async fn plan(&self, node: &Node) -> Result<Result<Plan, Unconvertible>, SourceError> {
        let mut source = self.source(node);
        let mut survey = Survey::default();
        loop {
            let piece = source.next().await?;
            if piece.is_empty() {
                return Ok(survey.finish());
            }
            survey.take(&piece);
        }
    }

    /// The octets as they are.
    pub(super) fn source(&self, node: &Node) -> Source {
        match &self.body {
            Body::Small(octets) => Source::Whole(octets.clone()),
            Body::Large(content) => Source::Stored(ContentReader::new(&node.store, content, 0)),
        }
    }
}

impl Source {
    /// The next piece; empty at the end.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) async fn next(&mut self) -> Result<Vec<u8>, SourceError> {
        match self {
            Self::Whole(octets) => Ok(std::mem::take(octets)),
            Self::Stored(reader) => Ok(reader.next().await?),
            Self::Converted { from, by } => {
                let mut made = Vec::new();
                while made.is_empty()
                    && let Some(mut downgrade) = by.take()
                {
                    let piece = Box::pin(from.next()).await?;
                    if piece.is_empty() {
                        downgrade.finish(&mut made);
                    } else {
                        downgrade.take(&piece, &mut made);
                        *by = Some(downgrade);
                    }
                }
                Ok(made)
            }
        }
    }
}
