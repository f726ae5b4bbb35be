//! The octets of one message, wherever they are, and pieces of them.

use std::borrow::Cow;
use std::ops::Range;

use mail::decode::{Decoder, TransferEncoding};
use mail::message::HeaderSection;
use store::content::{ContentReader, Place};
use store::{Store, StoreError, StoredMail};
use tokio::sync::Semaphore;

/// Large messages that are held in memory at the same time, by all sessions together: only to find their parts for the first
/// time. With the largest message that is taken, this many are what it may cost.
pub(in super::super) const LARGE_MESSAGES_AT_ONCE: usize = 2;
/// Octets of a large message that are read first to find its header section.
const HEADER_OCTETS: u64 = 16 * 1024;
/// Octets of what is held that are given at once.
const PIECE_OCTETS: usize = 64 * 1024;

/// The octets of one message.
#[derive(Debug, Clone)]
pub(super) struct Octets {
    /// Its first ones; all, if there is nothing else.
    front: Vec<u8>,
    /// What follows, from an octet of this content on.
    rest: Option<(store::content::StoredContent, u64)>,
    size: u64,
}

/// Some octets of a message, or made of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chunk {
    /// These.
    Held(Vec<u8>),
    /// Those of the message.
    Range(Range<u64>),
    /// Those of the message, decoded; of what comes out, so many are passed over, and so many told.
    Decoded { range: Range<u64>, encoding: TransferEncoding, skip: u64, count: u64 },
}

impl Octets {
    /// Of a message that is held.
    pub(super) fn here(octets: Vec<u8>) -> Self {
        let size = octets.len() as u64;
        Self { front: octets, rest: None, size }
    }

    /// Of a message of the store.
    pub(super) fn of(mail: StoredMail) -> Self {
        let mut front = mail.head;
        if let Place::Row(octets) = &mail.content.place {
            let skip = usize::try_from(mail.skip_octets).unwrap_or(usize::MAX);
            front.extend_from_slice(octets.get(skip..).unwrap_or_default());
            return Self::here(front);
        }
        let size = front.len() as u64 + mail.content.size_octets.saturating_sub(mail.skip_octets);
        Self { front, rest: Some((mail.content, mail.skip_octets)), size }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// All of them, if they are held.
    pub(super) fn held(&self) -> Option<&[u8]> {
        if self.rest.is_none() { Some(&self.front) } else { None }
    }

    /// Some of them, read piece by piece.
    pub(super) fn pieces<'a>(&'a self, store: &Store, range: Range<u64>) -> RangePieces<'a> {
        let range = range.start.min(self.size)..range.end.min(self.size);
        let front = self.front.get(index(range.start)..index(range.end).min(self.front.len())).unwrap_or_default();
        let length = self.front.len() as u64;
        let reader = self.rest.as_ref().filter(|_| range.end > length).map(|(content, skip)| {
            let at = |octet: u64| octet.saturating_sub(length) + skip;
            ContentReader::within(store, content, at(range.start)..at(range.end))
        });
        RangePieces { front, reader }
    }

    /// Some of them, all at once.
    pub(super) async fn read(&self, store: &Store, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let mut all = Vec::new();
        let mut pieces = self.pieces(store, range);
        while let Some(piece) = pieces.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// All of them; for a large message, when it is its turn.
    pub(super) async fn whole<'a>(&'a self, store: &Store, turns: &'a Semaphore) -> Result<Whole<'a>, StoreError> {
        if let Some(octets) = self.held() {
            return Ok(Whole { octets: Cow::Borrowed(octets), _turn: None });
        }
        // It is never closed.
        let turn = turns.acquire().await.map_err(|_closed| StoreError::Unavailable("closing".to_owned()))?;
        // The parts of pieces that grow would be copied as they do.
        let mut octets = Vec::with_capacity(index(self.size));
        let mut pieces = self.pieces(store, 0..self.size);
        while let Some(piece) = pieces.next().await? {
            octets.extend_from_slice(&piece);
        }
        Ok(Whole { octets: Cow::Owned(octets), _turn: Some(turn) })
    }

    /// The header section, with the empty line behind it.
    pub(super) async fn header(&self, store: &Store) -> Result<Vec<u8>, StoreError> {
        let mut count = HEADER_OCTETS.max(self.front.len() as u64).min(self.size);
        loop {
            let mut octets = match self.held() {
                Some(octets) => {
                    return Ok(octets.get(..HeaderSection::find_end(octets).unwrap_or(octets.len())).unwrap_or_default().to_vec());
                }
                None => self.read(store, 0..count).await?,
            };
            if let Some(end) = HeaderSection::find_end(&octets) {
                octets.truncate(end);
                return Ok(octets);
            }
            if count == self.size {
                return Ok(octets);
            }
            count = count.saturating_mul(4).min(self.size);
        }
    }
}

/// All octets of a message, as long as it is their turn.
pub(super) struct Whole<'a> {
    octets: Cow<'a, [u8]>,
    _turn: Option<tokio::sync::SemaphorePermit<'a>>,
}

impl Whole<'_> {
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// Octets of a message, piece by piece.
pub(super) struct RangePieces<'a> {
    front: &'a [u8],
    reader: Option<ContentReader>,
}

impl<'a> RangePieces<'a> {
    /// The next piece; nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Cow<'a, [u8]>>, StoreError> {
        if !self.front.is_empty() {
            let (piece, rest) = self.front.split_at_checked(PIECE_OCTETS).unwrap_or((self.front, &[]));
            self.front = rest;
            return Ok(Some(Cow::Borrowed(piece)));
        }
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let piece = reader.next().await?;
        Ok(if piece.is_empty() { None } else { Some(Cow::Owned(piece)) })
    }
}

/// Chunks in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunks(Vec<Chunk>);

impl Chunks {
    pub(super) fn new(chunks: Vec<Chunk>) -> Self {
        Self(chunks)
    }

    /// How many octets they are.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(Chunk::count).sum()
    }

    /// Where the last octet is of those that are read of the message.
    pub(super) fn last_read(&self) -> Option<Range<u64>> {
        let ends = self.0.iter().filter_map(|chunk| match chunk {
            Chunk::Held(_) => None,
            Chunk::Range(range) | Chunk::Decoded { range, .. } => Some(range.end).filter(|end| *end > range.start),
        });
        ends.max().map(|end| end - 1..end)
    }

    /// Some of them, by their place.
    #[must_use]
    pub(super) fn cut(self, offset: u64, octets_max: u64) -> Self {
        let (mut skip, mut left) = (offset, octets_max);
        let mut chunks = Vec::new();
        for chunk in self.0 {
            let count = chunk.count();
            let (from, to) = (skip.min(count), skip.saturating_add(left).min(count));
            if to > from {
                chunks.push(chunk.cut(from..to));
            }
            skip -= from;
            left -= to - from;
        }
        Self(chunks)
    }

    /// Their octets, piece by piece.
    pub(super) fn pieces<'a>(self, octets: &'a Octets, store: &'a Store) -> Pieces<'a> {
        Pieces { octets, store, chunks: self.0.into_iter(), open: None }
    }
}

impl Chunk {
    fn count(&self) -> u64 {
        match self {
            Self::Held(octets) => octets.len() as u64,
            Self::Range(range) => range.end.saturating_sub(range.start),
            Self::Decoded { count, .. } => *count,
        }
    }

    fn cut(self, cut: Range<u64>) -> Self {
        match self {
            Self::Held(octets) => Self::Held(octets.get(index(cut.start)..index(cut.end)).unwrap_or_default().to_vec()),
            Self::Range(range) => Self::Range(range.start + cut.start..range.start + cut.end),
            Self::Decoded { range, encoding, skip, .. } => {
                Self::Decoded { range, encoding, skip: skip + cut.start, count: cut.end - cut.start }
            }
        }
    }
}

/// The octets of chunks, piece by piece.
pub(in super::super) struct Pieces<'a> {
    octets: &'a Octets,
    store: &'a Store,
    chunks: std::vec::IntoIter<Chunk>,
    open: Option<Open<'a>>,
}

struct Open<'a> {
    pieces: RangePieces<'a>,
    /// What is done to them; then so many octets are passed over, and so many told.
    decoding: Option<(Decoder, u64, u64)>,
}

impl<'a> Pieces<'a> {
    /// The next piece; nothing at the end.
    pub(in super::super) async fn next(&mut self) -> Result<Option<Cow<'a, [u8]>>, StoreError> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some(piece) = open.next().await? {
                    return Ok(Some(piece));
                }
                self.open = None;
            }
            match self.chunks.next() {
                None => return Ok(None),
                Some(Chunk::Held(octets)) => return Ok(Some(Cow::Owned(octets))),
                Some(Chunk::Range(range)) => {
                    self.open = Some(Open { pieces: self.octets.pieces(self.store, range), decoding: None });
                }
                Some(Chunk::Decoded { range, encoding, skip, count }) => {
                    let decoding = Some((Decoder::new(encoding), skip, count));
                    self.open = Some(Open { pieces: self.octets.pieces(self.store, range), decoding });
                }
            }
        }
    }
}

impl<'a> Open<'a> {
    async fn next(&mut self) -> Result<Option<Cow<'a, [u8]>>, StoreError> {
        let Some((decoder, skip, count)) = &mut self.decoding else { return self.pieces.next().await };
        while *count > 0 {
            let mut decoded = Vec::new();
            let piece = self.pieces.next().await?;
            let is_last = piece.is_none();
            match piece {
                Some(piece) => decoder.take(&piece, &mut decoded),
                None => std::mem::replace(decoder, Decoder::new(TransferEncoding::Identity)).finish(&mut decoded),
            }
            let passed = (*skip).min(decoded.len() as u64);
            let told = (*count).min(decoded.len() as u64 - passed);
            (*skip, *count) = (*skip - passed, *count - told);
            if told > 0 {
                let range = index(passed)..index(passed + told);
                return Ok(Some(Cow::Owned(decoded.get(range).unwrap_or_default().to_vec())));
            }
            if is_last {
                return Err(StoreError::Damaged("content is shorter than it was".to_owned()));
            }
        }
        Ok(None)
    }
}

fn index(octet: u64) -> usize {
    usize::try_from(octet).unwrap_or(usize::MAX)
}
