//! The disk as an `object_store`: one file an object, written sync by sync as a server's own are.

use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use crate::disk::{Disk, Fault};
use crate::tree::parent;

const STORE: &str = "faultdisk";

/// What is synced before a write is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    /// The file before its name is set, the directory after; and after a removal.
    All,
    /// All but removals, and a directory only by whoever makes it: as `LocalFileSystem` does alone.
    Writes,
    /// Nothing.
    None,
    /// The directory only.
    Names,
    /// The file only.
    Files,
}

/// Objects below one directory of a disk.
#[derive(Debug)]
pub struct Objects {
    disk: Disk,
    directory: String,
    syncs: Syncs,
    staged: AtomicU64,
    /// Directories that are known to be durable: one that is there may not be.
    durable: Arc<Mutex<BTreeSet<String>>>,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl Objects {
    /// In this directory, which is there.
    pub fn new(disk: &Disk, directory: &str, syncs: Syncs) -> Self {
        let durable = Arc::default();
        Self { disk: disk.clone(), directory: directory.to_owned(), syncs, staged: AtomicU64::new(0), durable }
    }

    fn another(&self) -> Self {
        Self { durable: Arc::clone(&self.durable), ..Self::new(&self.disk, &self.directory, self.syncs) }
    }

    /// Removes what uploads that were cut short have left, as a server does when it starts.
    ///
    /// # Errors
    /// As the disk is.
    pub fn remove_staged(&self) -> std::result::Result<(), Fault> {
        let files = self.disk.list(&self.directory)?;
        files.iter().filter(|(path, _)| path.contains('#')).try_for_each(|(path, _)| self.disk.remove(path))
    }

    fn file_of(&self, location: &Path) -> String {
        format!("{}/{location}", self.directory)
    }

    fn stage(&self, location: &Path) -> String {
        format!("{}#{}", self.file_of(location), self.staged.fetch_add(1, Ordering::SeqCst))
    }

    fn names_are_synced(&self) -> bool {
        matches!(self.syncs, Syncs::All | Syncs::Writes | Syncs::Names)
    }

    fn make_parent(&self, path: &str) -> std::result::Result<(), Fault> {
        let directory = parent(path);
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = self.disk.is_directory(directory);
        if directory == self.directory || durable.contains(directory) || is_there && self.syncs != Syncs::All {
            return Ok(());
        }
        if !is_there {
            self.disk.make_directory(directory)?;
        }
        if self.names_are_synced() {
            self.disk.sync_parent(directory)?;
        }
        if self.syncs == Syncs::All {
            durable.insert(directory.to_owned());
        }
        Ok(())
    }

    fn write(&self, staged: &str, offset: usize, payload: &PutPayload) -> std::result::Result<usize, Fault> {
        self.make_parent(staged)?;
        let inode = self.disk.open(staged, true)?;
        let mut at = offset;
        let written = payload.iter().try_for_each(|octets: &Bytes| {
            let here = at;
            at += octets.len();
            self.disk.write(inode, here, octets)
        });
        self.disk.close(inode);
        written.map(|()| at)
    }

    fn publish(&self, staged: &str, path: &str) -> std::result::Result<(), Fault> {
        if matches!(self.syncs, Syncs::All | Syncs::Writes | Syncs::Files) {
            let inode = self.disk.open(staged, false)?;
            let synced = self.disk.sync(inode);
            self.disk.close(inode);
            synced?;
        }
        self.disk.rename(staged, path)?;
        if self.names_are_synced() { self.disk.sync_parent(path) } else { Ok(()) }
    }

    fn put(&self, location: &Path, payload: &PutPayload) -> Result<PutResult> {
        let staged = self.stage(location);
        let put = self.write(&staged, 0, payload).and_then(|_octets| self.publish(&staged, &self.file_of(location)));
        put.map(|()| nothing_to_say()).map_err(|fault| {
            self.disk.remove_if_possible(&staged);
            failed(fault, location)
        })
    }

    fn meta(&self, location: &Path) -> Result<ObjectMeta> {
        let inode = self.disk.open(&self.file_of(location), false).map_err(|fault| failed(fault, location))?;
        let len = self.disk.len(inode);
        self.disk.close(inode);
        Ok(meta(location.clone(), len.map_err(|fault| failed(fault, location))?))
    }

    fn get(&self, location: &Path, options: &GetOptions) -> Result<GetResult> {
        let meta = self.meta(location)?;
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range.as_range(meta.size).map_err(|error| Error::Generic { store: STORE, source: Box::new(error) })?,
            None => 0..meta.size,
        };
        let index = |octet: u64| usize::try_from(octet).unwrap_or(usize::MAX);
        let inode = self.disk.open(&self.file_of(location), false).map_err(|fault| failed(fault, location))?;
        let octets = self.disk.read(inode, index(range.start), index(range.end - range.start));
        self.disk.close(inode);
        let octets = Bytes::from(octets.map_err(|fault| failed(fault, location))?);
        let payload = GetResultPayload::Stream(stream::once(ready(Ok(octets))).boxed());
        Ok(GetResult {
            payload,
            meta,
            range,
            attributes: object_store::Attributes::default(),
            extensions: object_store::Extensions::default(),
        })
    }

    fn all(&self, prefix: Option<&Path>) -> Result<Vec<ObjectMeta>> {
        let files = self.disk.list(&self.directory).map_err(|fault| failed(fault, &Path::default()))?;
        let located = files.into_iter().filter(|(path, _)| !path.contains('#')).filter_map(|(path, len)| {
            let location = Path::from(path.strip_prefix(&self.directory)?);
            Some(meta(location, len))
        });
        Ok(located.filter(|meta| prefix.is_none_or(|prefix| meta.location.prefix_matches(prefix))).collect())
    }

    fn copy(&self, from: &Path, to: &Path) -> std::result::Result<(), Fault> {
        let to = self.file_of(to);
        self.make_parent(&to)?;
        self.disk.link(&self.file_of(from), &to)?;
        if self.names_are_synced() { self.disk.sync_parent(&to) } else { Ok(()) }
    }
}

fn meta(location: Path, len: usize) -> ObjectMeta {
    let (last_modified, size) = (SystemTime::UNIX_EPOCH.into(), len as u64);
    ObjectMeta { location, last_modified, size, e_tag: None, version: None }
}

fn nothing_to_say() -> PutResult {
    PutResult { e_tag: None, version: None, extensions: object_store::Extensions::default() }
}

fn failed(fault: Fault, location: &Path) -> Error {
    let source = Box::new(fault);
    match fault {
        Fault::NotFound => Error::NotFound { path: location.to_string(), source },
        Fault::Off | Fault::Full | Fault::Io | Fault::ReadOnly => Error::Generic { store: STORE, source },
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{STORE}:{}", self.directory)
    }
}

// The trait is written with `async fn`, which `async_trait` turns into these.
impl ObjectStore for Objects {
    fn put_opts<'a, 'b, 'c>(&'a self, location: &'b Path, payload: PutPayload, _options: PutOptions) -> Answer<'c, PutResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(ready(self.put(location, &payload)))
    }

    fn put_multipart_opts<'a, 'b, 'c>(&'a self, location: &'b Path, _options: PutMultipartOptions) -> Answer<'c, Box<dyn MultipartUpload>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        let objects = self.another();
        let upload = Upload { objects, staged: Some(self.stage(location)), location: location.clone(), octets: 0 };
        Box::pin(ready(Ok(Box::new(upload) as Box<dyn MultipartUpload>)))
    }

    fn get_opts<'a, 'b, 'c>(&'a self, location: &'b Path, options: GetOptions) -> Answer<'c, GetResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(ready(self.get(location, &options)))
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let objects = self.another();
        let delete = move |location: Result<Path>| {
            let location = location?;
            let path = objects.file_of(&location);
            let removed = objects.disk.remove(&path);
            // One that is not there may have been removed by an attempt whose sync failed.
            let synced = match removed {
                Ok(()) | Err(Fault::NotFound) if objects.syncs == Syncs::All => objects.disk.sync_parent(&path),
                Ok(()) | Err(_) => Ok(()),
            };
            synced.and(removed).map(|()| location.clone()).map_err(|fault| failed(fault, &location))
        };
        locations.map(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.all(prefix) {
            Ok(found) => stream::iter(found.into_iter().map(Ok)).boxed(),
            Err(error) => stream::once(ready(Err(error))).boxed(),
        }
    }

    fn list_with_delimiter<'a, 'b, 'c>(&'a self, prefix: Option<&'b Path>) -> Answer<'c, ListResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        let objects = self.all(prefix);
        Box::pin(ready(objects.map(|objects| ListResult {
            objects,
            common_prefixes: Vec::new(),
            extensions: object_store::Extensions::default(),
        })))
    }

    fn copy_opts<'a, 'b, 'd, 'c>(&'a self, from: &'b Path, to: &'d Path, _options: CopyOptions) -> Answer<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        'd: 'c,
        Self: 'c,
    {
        Box::pin(ready(self.copy(from, to).map_err(|fault| failed(fault, from))))
    }
}

/// An object that comes in parts.
#[derive(Debug)]
struct Upload {
    objects: Objects,
    /// Until it has its name.
    staged: Option<String>,
    location: Path,
    octets: usize,
}

impl MultipartUpload for Upload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let Some(staged) = &self.staged else { return Box::pin(ready(Ok(()))) };
        let written = self.objects.write(staged, self.octets, &payload);
        self.octets += payload.content_length();
        Box::pin(ready(written.map(drop).map_err(|fault| failed(fault, &self.location))))
    }

    fn complete<'a, 'c>(&'a mut self) -> Answer<'c, PutResult>
    where
        'a: 'c,
        Self: 'c,
    {
        let published = match self.staged.take() {
            Some(staged) => self.objects.publish(&staged, &self.objects.file_of(&self.location)),
            None => Ok(()),
        };
        Box::pin(ready(published.map(|()| nothing_to_say()).map_err(|fault| failed(fault, &self.location))))
    }

    fn abort<'a, 'c>(&'a mut self) -> Answer<'c, ()>
    where
        'a: 'c,
        Self: 'c,
    {
        let removed = self.staged.take().map_or(Ok(()), |staged| self.objects.disk.remove(&staged));
        Box::pin(ready(removed.map_err(|fault| failed(fault, &self.location))))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(staged) = self.staged.take() {
            self.objects.disk.remove_if_possible(&staged);
        }
    }
}
