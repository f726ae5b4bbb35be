//! Where simulated servers keep large contents: an object store that may fail and be slow, and that may be their own disk.

use std::fmt;
use std::future::{poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use crate::chance::Chance;
use crate::network::{Host, Network};

const STORE: &str = "contents";

/// How the object store is.
#[derive(Debug)]
pub(crate) struct Mood {
    /// One operation in so many fails; 0: none does.
    pub(crate) fails_once_in: u64,
    /// An operation takes up to so long.
    pub(crate) slow_millis_max: u64,
    chance: Chance,
}

impl Mood {
    /// All is well.
    pub(crate) fn well(chance: Chance) -> Self {
        Self { fails_once_in: 0, slow_millis_max: 0, chance }
    }

    fn draw(&mut self) -> (Duration, Fate) {
        let delay = Duration::from_millis(self.chance.below(self.slow_millis_max));
        let fate = match (self.chance.once_in(self.fails_once_in), self.chance.once_in(2)) {
            (false, _) => Fate::Done,
            (true, false) => Fate::NotDone,
            (true, true) => Fate::DoneUnheard,
        };
        (delay, fate)
    }
}

/// What becomes of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    NotDone,
    /// It is done, and whoever asked hears that it failed.
    DoneUnheard,
}

/// The object store of one server.
#[derive(Clone)]
pub(crate) struct Contents {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) mood: Arc<Mutex<Mood>>,
    pub(crate) host: Host,
    /// The network holds the nodes, which hold this.
    pub(crate) network: Weak<Network>,
    /// The disk that the objects are on.
    pub(crate) disk: Option<faultdisk::Disk>,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// What the object store does: it has memory of its own.
async fn elsewhere<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| heap::unbooked(|| work.as_mut().poll(context))).await
}

/// What arrives where the object store is.
fn sent(payload: &PutPayload) -> PutPayload {
    heap::unbooked(|| payload.iter().map(|octets| Bytes::copy_from_slice(octets)).collect())
}

fn failure() -> Error {
    Error::Generic { store: STORE, source: "503 the object store is not well".into() }
}

impl Contents {
    /// Waits as long as it takes today, and draws what becomes of it.
    async fn begin(&self) -> Fate {
        let (delay, fate) = self.mood.lock().unwrap_or_else(PoisonError::into_inner).draw();
        let Some(network) = self.network.upgrade() else { return fate };
        if fate != Fate::Done {
            network.strike("object store that failed");
        }
        if !delay.is_zero() {
            network.strike("object store that was slow");
            let executor = Arc::clone(&network.executor);
            drop(network);
            executor.sleep_until(executor.now() + delay).await;
        }
        fate
    }

    async fn around<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let fate = self.begin().await;
        if fate == Fate::NotDone {
            return Err(failure());
        }
        let done = elsewhere(work).await;
        self.look_at_the_power();
        if fate == Fate::DoneUnheard { Err(failure()) } else { done }
    }

    /// Without power nobody takes another step.
    fn look_at_the_power(&self) {
        if let (Some(disk), Some(network)) = (&self.disk, self.network.upgrade())
            && !disk.is_on()
        {
            network.doom(self.host);
        }
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(formatter)
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(STORE)
    }
}

// The trait is written with `async fn`, which `async_trait` turns into these.
impl ObjectStore for Contents {
    fn put_opts<'a, 'b, 'c>(&'a self, location: &'b Path, payload: PutPayload, options: PutOptions) -> Answer<'c, PutResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let arriving = sent(&payload);
            let put = self.around(async { self.inner.put_opts(location, arriving, options).await }).await;
            // The server holds it until it has heard.
            drop(payload);
            put
        })
    }

    fn put_multipart_opts<'a, 'b, 'c>(&'a self, location: &'b Path, options: PutMultipartOptions) -> Answer<'c, Box<dyn MultipartUpload>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let inner = self.around(async { self.inner.put_multipart_opts(location, options).await }).await?;
            Ok(Box::new(Upload { inner: Arc::new(Mutex::new(inner)), contents: self.clone() }) as Box<dyn MultipartUpload>)
        })
    }

    fn get_opts<'a, 'b, 'c>(&'a self, location: &'b Path, options: GetOptions) -> Answer<'c, GetResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let fate = self.begin().await;
            if fate == Fate::NotDone {
                return Err(failure());
            }
            let mut found = elsewhere(self.inner.get_opts(location, options)).await?;
            if fate == Fate::DoneUnheard {
                // It breaks off when it is read.
                found.payload = GetResultPayload::Stream(stream::once(ready(Err(failure()))).boxed());
            }
            Ok(found)
        })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let contents = self.clone();
        let delete = move |location: Result<Path>| {
            let contents = contents.clone();
            async move {
                let location = location?;
                contents.around(contents.inner.delete(&location)).await.map(|()| location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_delimiter<'a, 'b, 'c>(&'a self, prefix: Option<&'b Path>) -> Answer<'c, ListResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.inner.list_with_delimiter(prefix)
    }

    fn copy_opts<'a, 'b, 'd, 'c>(&'a self, from: &'b Path, to: &'d Path, options: CopyOptions) -> Answer<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        'd: 'c,
        Self: 'c,
    {
        Box::pin(self.around(async { self.inner.copy_opts(from, to, options).await }))
    }
}

/// An object that comes in parts.
#[derive(Debug)]
struct Upload {
    inner: Arc<Mutex<Box<dyn MultipartUpload>>>,
    contents: Contents,
}

impl MultipartUpload for Upload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let (inner, contents) = (Arc::clone(&self.inner), self.contents.clone());
        Box::pin(async move {
            let arriving = sent(&payload);
            let put = async {
                let part = inner.lock().unwrap_or_else(PoisonError::into_inner).put_part(arriving);
                part.await
            };
            let put = contents.around(put).await;
            drop(payload);
            put
        })
    }

    fn complete<'a, 'c>(&'a mut self) -> Answer<'c, PutResult>
    where
        'a: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let contents = self.contents.clone();
            let Some(inner) = Arc::get_mut(&mut self.inner) else { return Err(failure()) };
            let inner = inner.get_mut().unwrap_or_else(PoisonError::into_inner);
            contents.around(async { inner.complete().await }).await
        })
    }

    fn abort<'a, 'c>(&'a mut self) -> Answer<'c, ()>
    where
        'a: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let contents = self.contents.clone();
            let Some(inner) = Arc::get_mut(&mut self.inner) else { return Err(failure()) };
            let inner = inner.get_mut().unwrap_or_else(PoisonError::into_inner);
            contents.around(async { inner.abort().await }).await
        })
    }
}
