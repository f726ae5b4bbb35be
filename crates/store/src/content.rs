//! The octets of messages: small ones in rows, large ones as objects; written and read as streams.

use mail::digest::ContentDigest;
use mail::id::{AccountId, Partition};

use crate::records::ArrivalKey;
use crate::{Store, StoreError};

/// Octets up to this many stand in the row, in the same transaction.
pub const INLINE_OCTETS_MAX: u64 = 32 * 1024;

/// Octets that are stored, or are to be with the row that names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredContent {
    /// How many.
    pub size_octets: u64,
    /// Over all of them.
    pub digest: ContentDigest,
    /// Where.
    pub place: Place,
}

/// Where octets are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Here.
    Row(Vec<u8>),
    /// In the object store, under this name. Durable; named by an `orphan` row until a row adopts it.
    Object(String),
    /// Nowhere any more.
    Freed,
}

/// Takes in content as it streams by; holds at most 1 MiB of it in memory.
pub struct ContentWriter {}

impl ContentWriter {
    /// For content that will belong to this account.
    pub fn new(store: &Store, account: AccountId) -> Self {
        todo!("{:?}", (Partition::of(account), std::ptr::from_ref(store)))
    }

    /// Takes in the next octets.
    ///
    /// # Errors
    /// The object store is not available.
    pub async fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        todo!("{octets:?}")
    }

    /// All is taken in: durable, if it is an object.
    ///
    /// # Errors
    /// The object store is not available.
    pub async fn finish(self) -> Result<StoredContent, StoreError> {
        todo!()
    }
}

/// Content that comes in over several connections, and survives a restart in between.
pub struct PartialContent {}

impl PartialContent {
    /// What of this arrival's content is here already: reads it back to go on with the digest.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn open(store: &Store, key: &ArrivalKey) -> Result<Self, StoreError> {
        todo!("{:?}", (key, std::ptr::from_ref(store)))
    }

    /// How many octets are here: the OFFSET to ask for.
    pub fn received_octets(&self) -> u64 {
        todo!()
    }

    /// Takes in the next octets; durable in steps of at most 1 MiB.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn append(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        todo!("{octets:?}")
    }

    /// The connection broke: what came is made durable.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn suspend(self) -> Result<(), StoreError> {
        todo!()
    }

    /// All is here.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn finish(self) -> Result<StoredContent, StoreError> {
        todo!()
    }

    /// It was not what the origin said it was: begin anew.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn discard(self) -> Result<(), StoreError> {
        todo!()
    }
}

/// Reads content piece by piece.
pub struct ContentReader {}

impl ContentReader {
    /// From this octet on.
    pub fn new(store: &Store, content: &StoredContent, offset: u64) -> Self {
        todo!("{:?}", (content, offset, std::ptr::from_ref(store)))
    }

    /// The next piece, at most 256 KiB; empty at the end.
    ///
    /// # Errors
    /// The object store is not available, or the object is not what was stored.
    pub async fn next(&mut self) -> Result<Vec<u8>, StoreError> {
        todo!()
    }
}
