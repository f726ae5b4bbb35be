//! The octets of messages: small ones in rows, large ones as objects; written and read as streams.

mod local;
mod partial;

use std::sync::Arc;

use mail::digest::{ContentDigest, Digester};
use mail::id::{AccountId, Partition};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _};

use crate::backend::Sql;
use crate::{Result, Store, StoreError};

pub use local::LocalContent;
pub use partial::PartialContent;

pub(crate) const STATEMENTS: &[Sql] = partial::STATEMENTS;

/// Octets up to this many stand in the row, in the same transaction.
pub const INLINE_OCTETS_MAX: u64 = 32 * 1024;
/// Octets that go to the object store at once, and all that a writer holds.
const PART_OCTETS: usize = 1 << 20;
/// Octets of one piece that a reader gives.
const PIECE_OCTETS: u64 = 256 * 1024;

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
    /// In the row, and not read with a listing: the record itself has them (`Store::transfer`, `Store::mail`).
    Unread,
    /// In the object store, under this name. Durable; named by an `orphan` row until a row adopts it.
    Object(String),
    /// Nowhere any more.
    Freed,
}

fn failed(error: object_store::Error) -> StoreError {
    match error {
        object_store::Error::NotFound { path, .. } => StoreError::Damaged(format!("the object {path} is not there")),
        other if is_full(&other) => StoreError::Full(format!("objects: {other}")),
        other => StoreError::Unavailable(format!("objects: {other}")),
    }
}

/// Whether an error goes back to a disk that is full.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let is_here = error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::StorageFull);
    is_here || error.source().is_some_and(is_full)
}

impl Store {
    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.inner.surroundings.objects
    }

    /// A name for a new object of this partition, noted before there is one.
    async fn new_object(&self, part: Partition) -> Result<String> {
        let name = format!("{:04}/{}", part.number(), uuid::Builder::from_random_bytes(self.entropy()).into_uuid());
        self.note_orphan(part, &name).await?;
        Ok(name)
    }

    async fn put_object(&self, part: Partition, octets: Vec<u8>) -> Result<String> {
        let name = self.new_object(part).await?;
        self.objects().put(&Path::from(name.as_str()), octets.into()).await.map_err(failed)?;
        Ok(name)
    }

    async fn read_object(&self, name: &str) -> Result<Vec<u8>> {
        let found = self.objects().get(&Path::from(name)).await.map_err(failed)?;
        Ok(found.bytes().await.map_err(failed)?.to_vec())
    }

    /// The same content for another account: what is shared across accounts is octets on the disk, and no row.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn copy_content(&self, content: &StoredContent, account: AccountId) -> Result<StoredContent> {
        let place = match &content.place {
            Place::Object(from) => {
                let to = self.new_object(Partition::of(account)).await?;
                // A hard link in the local store, a copy on the other side in another.
                self.objects().copy(&Path::from(from.as_str()), &Path::from(to.as_str())).await.map_err(failed)?;
                Place::Object(to)
            }
            here @ (Place::Row(_) | Place::Unread | Place::Freed) => here.clone(),
        };
        Ok(StoredContent { place, ..content.clone() })
    }

    /// The object is gone, or was.
    pub(crate) async fn remove_object(&self, name: &str) -> Result<()> {
        match self.objects().delete(&Path::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// A new object, written in parts of at most [`PART_OCTETS`].
struct ObjectWriter {
    name: String,
    upload: Box<dyn MultipartUpload>,
    buffer: Vec<u8>,
}

impl ObjectWriter {
    async fn begin(store: &Store, part: Partition) -> Result<Self> {
        let name = store.new_object(part).await?;
        let upload = store.objects().put_multipart(&Path::from(name.as_str())).await.map_err(failed)?;
        Ok(Self { name, upload, buffer: Vec::new() })
    }

    async fn write(&mut self, mut octets: &[u8]) -> Result<()> {
        while !octets.is_empty() {
            let (now, later) = octets.split_at(octets.len().min(PART_OCTETS - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            octets = later;
            if self.buffer.len() == PART_OCTETS {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let part = std::mem::take(&mut self.buffer);
        self.upload.put_part(part.into()).await.map_err(failed)
    }

    /// The object is durable. Returns its name.
    async fn finish(mut self) -> Result<String> {
        if !self.buffer.is_empty() {
            self.flush().await?;
        }
        self.upload.complete().await.map_err(failed)?;
        Ok(self.name)
    }
}

/// Takes in content as it streams by; holds at most 1 MiB of it in memory.
///
/// One that is dropped leaves an orphan at most.
pub struct ContentWriter {
    store: Store,
    part: Partition,
    digester: Digester,
    size_octets: u64,
    sink: Sink,
}

enum Sink {
    Memory(Vec<u8>),
    Object(ObjectWriter),
}

impl ContentWriter {
    /// For content that will belong to this account.
    pub fn new(store: &Store, account: AccountId) -> Self {
        let part = Partition::of(account);
        Self { store: store.clone(), part, digester: Digester::new(), size_octets: 0, sink: Sink::Memory(Vec::new()) }
    }

    /// How many octets were taken in.
    pub fn size_octets(&self) -> u64 {
        self.size_octets
    }

    /// Takes in the next octets.
    ///
    /// # Errors
    /// The object store is not available.
    pub async fn write(&mut self, octets: &[u8]) -> Result<()> {
        self.digester.update(octets);
        self.size_octets += octets.len() as u64;
        match &mut self.sink {
            Sink::Object(object) => object.write(octets).await,
            Sink::Memory(held) if self.size_octets <= INLINE_OCTETS_MAX => {
                held.extend_from_slice(octets);
                Ok(())
            }
            Sink::Memory(held) => {
                let held = std::mem::take(held);
                let mut object = ObjectWriter::begin(&self.store, self.part).await?;
                object.write(&held).await?;
                object.write(octets).await?;
                self.sink = Sink::Object(object);
                Ok(())
            }
        }
    }

    /// Takes in all that a reader has left.
    ///
    /// # Errors
    /// The object store is not available, or what is read is not what was stored.
    pub(crate) async fn write_rest(&mut self, mut reader: ContentReader) -> Result<()> {
        loop {
            let piece = reader.next().await?;
            if piece.is_empty() {
                return Ok(());
            }
            self.write(&piece).await?;
        }
    }

    /// All is taken in: durable, if it is an object.
    ///
    /// # Errors
    /// The object store is not available.
    pub async fn finish(self) -> Result<StoredContent> {
        let place = match self.sink {
            Sink::Memory(octets) => Place::Row(octets),
            Sink::Object(object) => Place::Object(object.finish().await?),
        };
        Ok(StoredContent { size_octets: self.size_octets, digest: self.digester.finish(), place })
    }
}

/// Reads content piece by piece.
pub struct ContentReader {
    store: Store,
    place: Place,
    size_octets: u64,
    offset: u64,
}

impl ContentReader {
    /// From this octet on.
    pub fn new(store: &Store, content: &StoredContent, offset: u64) -> Self {
        Self { store: store.clone(), place: content.place.clone(), size_octets: content.size_octets, offset }
    }

    /// Of these octets.
    pub fn within(store: &Store, content: &StoredContent, range: std::ops::Range<u64>) -> Self {
        Self { size_octets: content.size_octets.min(range.end), ..Self::new(store, content, range.start) }
    }

    /// The next piece, at most 256 KiB; empty at the end.
    ///
    /// # Errors
    /// The object store is not available, or the object is not what was stored.
    pub async fn next(&mut self) -> Result<Vec<u8>> {
        let end = self.size_octets.min(self.offset.saturating_add(PIECE_OCTETS));
        if end <= self.offset {
            return Ok(Vec::new());
        }
        let piece = match &self.place {
            Place::Row(octets) => piece_of(octets, self.offset, end),
            Place::Object(name) => {
                let path = Path::from(name.as_str());
                match self.store.objects().get_range(&path, self.offset..end).await {
                    Ok(piece) => piece.to_vec(),
                    Err(error) => return Err(self.why(&path, error).await),
                }
            }
            Place::Unread => return Err(StoreError::Damaged("content was not read with its listing".to_owned())),
            Place::Freed => return Err(StoreError::Damaged("content was freed".to_owned())),
        };
        if piece.len() as u64 != end - self.offset {
            return Err(shortened());
        }
        self.offset = end;
        Ok(piece)
    }

    /// Why a piece could not be read: what is asked for behind the end of an object is refused in words of each store's own.
    async fn why(&self, path: &Path, error: object_store::Error) -> StoreError {
        match self.store.objects().head(path).await {
            Ok(object) if object.size < self.size_octets => shortened(),
            Ok(_) | Err(_) => failed(error),
        }
    }

    /// Shows every piece that is left.
    ///
    /// # Errors
    /// As those of [`next`](Self::next).
    pub async fn each(mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        loop {
            let piece = self.next().await?;
            if piece.is_empty() {
                return Ok(());
            }
            take(&piece);
        }
    }
}

fn shortened() -> StoreError {
    StoreError::Damaged("content is shorter than it was".to_owned())
}

fn piece_of(octets: &[u8], from: u64, to: u64) -> Vec<u8> {
    let index = |octet: u64| usize::try_from(octet).unwrap_or(usize::MAX);
    octets.get(index(from)..index(to)).map(<[u8]>::to_vec).unwrap_or_default()
}

/// Removes what uploads that a crash cut short have left in the directory of a local object store: it stages each
/// upload beside its object, under a name with `#` and a number. Only while no other process writes there.
///
/// # Errors
/// The directory cannot be read, or a file not be removed.
pub fn remove_staged(directory: &std::path::Path) -> std::io::Result<u32> {
    let mut removed = 0;
    for part in std::fs::read_dir(directory)? {
        let part = part?;
        if !part.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(part.path())? {
            let file = file?;
            let is_staged = file
                .file_name()
                .to_str()
                .and_then(|name| name.rsplit_once('#'))
                .is_some_and(|(_object, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
            if is_staged {
                std::fs::remove_file(file.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}
