//! Objects as files of one directory: `object_store`'s own, and durable where it leaves that to chance.
//!
//! It syncs what it writes, and neither the removal of an object, which a power cut may undo after nobody remembers it,
//! nor a directory that another upload has just made, and has not synced yet.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

const STORE: &str = "content";

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// The objects of one server, in a directory of its own.
#[derive(Debug)]
pub struct LocalContent {
    files: Arc<LocalFileSystem>,
    directories: Arc<Directories>,
}

/// The directory, and those in it that are known to be durable.
#[derive(Debug)]
struct Directories {
    root: PathBuf,
    durable: Mutex<BTreeSet<String>>,
}

impl LocalContent {
    /// In this directory, which is there.
    ///
    /// # Errors
    /// It is not, or cannot be read.
    pub fn open(directory: &FilePath) -> Result<Self> {
        // Its default is not to sync, and what is acknowledged must be durable.
        let files = LocalFileSystem::new_with_prefix(directory)?.with_fsync(true);
        let directories = Directories { root: directory.to_owned(), durable: Mutex::default() };
        Ok(Self { files: Arc::new(files), directories: Arc::new(directories) })
    }

    async fn make_durable(&self, location: &Path) -> Result<()> {
        // Nearly always it is, and no thread need be asked to wait.
        if self.directories.is_durable(location) {
            return Ok(());
        }
        let (directories, location) = (Arc::clone(&self.directories), location.clone());
        beside(move || directories.make(&location)).await
    }
}

impl Directories {
    fn is_durable(&self, location: &Path) -> bool {
        let durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        location.as_ref().rsplit_once('/').is_none_or(|(part, _name)| durable.contains(part))
    }

    /// Makes the directory of an object, and its name durable, once in the life of this process.
    fn make(&self, location: &Path) -> io::Result<()> {
        let Some((part, _name)) = location.as_ref().rsplit_once('/') else { return Ok(()) };
        // Two at once do it twice; the lock is not held while a disk is waited for.
        std::fs::create_dir_all(self.root.join(part))?;
        sync(&self.root)?;
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(part.to_owned());
        Ok(())
    }

    /// That an object is gone is durable.
    fn forget(&self, location: &Path) -> io::Result<()> {
        let part = location.as_ref().rsplit_once('/').map_or("", |(part, _name)| part);
        match sync(&self.root.join(part)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

fn sync(directory: &FilePath) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// On a thread that may wait for a disk.
async fn beside(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<()> {
    let done = match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.map_err(io::Error::other).flatten(),
        Err(_no_runtime) => work(),
    };
    done.map_err(|source| Error::Generic { store: STORE, source: Box::new(source) })
}

impl fmt::Display for LocalContent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(formatter)
    }
}

// The trait is written with `async fn`, which `async_trait` turns into these.
impl ObjectStore for LocalContent {
    fn put_opts<'a, 'b, 'c>(&'a self, location: &'b Path, payload: PutPayload, options: PutOptions) -> Answer<'c, PutResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            self.make_durable(location).await?;
            self.files.put_opts(location, payload, options).await
        })
    }

    fn put_multipart_opts<'a, 'b, 'c>(&'a self, location: &'b Path, options: PutMultipartOptions) -> Answer<'c, Box<dyn MultipartUpload>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            self.make_durable(location).await?;
            self.files.put_multipart_opts(location, options).await
        })
    }

    fn get_opts<'a, 'b, 'c>(&'a self, location: &'b Path, options: GetOptions) -> Answer<'c, GetResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.files.get_opts(location, options)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (files, directories) = (Arc::clone(&self.files), Arc::clone(&self.directories));
        let delete = move |location: Result<Path>| {
            let (files, directories) = (Arc::clone(&files), Arc::clone(&directories));
            async move {
                let location = location?;
                let deleted = files.delete(&location).await;
                // One that is not there may have been removed by an attempt whose sync failed.
                if matches!(deleted, Ok(()) | Err(Error::NotFound { .. })) {
                    let of = location.clone();
                    beside(move || directories.forget(&of)).await?;
                }
                deleted.map(|()| location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    fn list_with_delimiter<'a, 'b, 'c>(&'a self, prefix: Option<&'b Path>) -> Answer<'c, ListResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.files.list_with_delimiter(prefix)
    }

    fn copy_opts<'a, 'b, 'd, 'c>(&'a self, from: &'b Path, to: &'d Path, options: CopyOptions) -> Answer<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        'd: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            self.make_durable(to).await?;
            self.files.copy_opts(from, to, options).await
        })
    }
}
