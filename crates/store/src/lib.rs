//! Durable state: one public method, one transaction; SQLite and PostgreSQL behind one small trait.
//!
//! A [`Store`] is a handle. Its methods put an operation on a queue and wait; whoever owns the database (a
//! thread of the server, the scheduler of the simulation) drains the queue with [`queue::drain`], many
//! operations to a transaction, and answers each after the commit. What a method has answered is durable.
//!
//! Every method may be called again with the same arguments after a crash or an answer that was lost: ids are
//! the caller's, and a repeat changes nothing.

pub mod backend;
pub mod backup;
pub mod content;
pub mod postgres;
pub mod queue;
pub mod records;
pub mod schema;
pub mod sqlite;
pub mod threads;

mod accounts;
mod acquaintance;
pub mod annotations;
mod app_passwords;
mod arrival_row;
pub mod backlog;
mod census;
pub mod check;

mod codec;
pub mod consent;
mod contacts;
mod destination;
mod directory;
mod domains;
mod due;
mod errands;
mod filing;
mod former;
mod import;
pub mod items;
pub mod kept;
mod lease;
pub mod made;
mod mailbox;
pub mod mailboxes;
mod observed;
mod origin;
mod orphans;
mod outline;
pub mod quota;
mod reception;
mod redecision;
mod report;
mod rules;
pub mod search_index;
mod settle;
mod transfer_row;
mod wanted;
pub mod watch;

use std::sync::Arc;

use delivery::schedule::{Jitter, Moment, Timers};
use mail::address::Domain;
use mail::id::Partition;
use mail::time::Timestamp;
use object_store::ObjectStore;

use backend::{Access, Backend, Sql, Tx};
use queue::{Haste, Hook, Queue};
use watch::{Sharing, Watchers};

pub use app_passwords::{APP_PASSWORDS_MAX, AppCredentials, AppPassword, AppPasswordAdded, NewAppPassword, Scope};
pub use backlog::{ArrivalLine, Belongings, TransferLine};
pub use census::{Census, InState};
pub use due::Due;
pub use errands::{Errand, Task};
pub use import::{Import, Imported};
pub use items::Item;
pub use mailboxes::{MAILBOXES_MAX, MailboxRow};
pub use outline::{KeptOutline, OutlineWant};
pub use records::*;
pub use rules::{Wished, Wishes};
pub use wanted::Wanted;

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Trouble of the moment: the backend is away, busy or full. The same may succeed later. Nothing was
    /// recorded, unless the connection broke during the commit; a repeat is right in both cases.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// There is no room. The same succeeds when there is; nothing was recorded.
    #[error("the store is full: {0}")]
    Full(String),
    /// Another node has taken over this partition: whoever asked must stop.
    #[error("the lease of the partition has passed to another")]
    LeaseLost,
    /// What is stored is not what we stored.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// Why a store cannot be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{0} is open in another process")]
    Locked(String),
    /// A newer program has written it.
    #[error("the schema has version {found}, this program knows versions up to {known}: run the newer program again")]
    NewerSchema {
        /// Its version.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// The URL of the database is not one.
    #[error("{0}")]
    Url(String),
    /// The database is not available, or damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a store takes from outside: it has no clock and no chance of its own.
#[derive(Clone)]
pub struct Surroundings {
    /// The time, for what no caller dates.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Random octets, for the names of objects.
    pub entropy: Arc<dyn Fn() -> [u8; 16] + Send + Sync>,
    /// Our name: what a report calls the reporting MTA.
    pub host: Domain,
    /// Where large contents are.
    pub objects: Arc<dyn ObjectStore>,
    /// The timers of the state machines.
    pub timers: Arc<Timers>,
    /// The limits of accounts that have none of their own.
    pub quota: quota::Quota,
}

/// A handle of the store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// One for each lane: the writes of partition p go to number p mod their number.
    writes: Vec<Arc<Queue>>,
    reads: Arc<Queue>,
    surroundings: Surroundings,
    watchers: Arc<Watchers>,
    fresh: Arc<search_index::Fresh>,
    sharing: Sharing,
}

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// A store whose operations wait until somebody drains its queues: of so many lanes, at least one.
    pub fn new(lanes: usize, surroundings: Surroundings) -> Self {
        Self::of(lanes, surroundings, Sharing::Alone)
    }

    pub(crate) fn of(lanes: usize, surroundings: Surroundings, sharing: Sharing) -> Self {
        let watchers = Arc::<Watchers>::default();
        let queue = |access| Arc::new(Queue::new(access, Arc::clone(&watchers)));
        let (writes, reads) = ((0..lanes.max(1)).map(|_lane| queue(Access::Write)).collect(), queue(Access::Read));
        Self { inner: Arc::new(Inner { writes, reads, surroundings, watchers, fresh: Arc::default(), sharing }) }
    }

    /// The queues of what writes, one for each lane.
    pub fn writes(&self) -> &[Arc<Queue>] {
        &self.inner.writes
    }

    /// The queue of what only reads.
    pub fn reads(&self) -> &Arc<Queue> {
        &self.inner.reads
    }

    /// Carries out what waits now, reads first, over one connection. Returns how many operations that were.
    pub fn drain(&self, backend: &mut dyn Backend, hook: &mut Hook<'_>) -> usize {
        let reads = queue::drain(&self.inner.reads, backend, hook);
        self.inner.writes.iter().fold(reads, |count, queue| count + queue::drain(queue, backend, hook))
    }

    /// Why the last transaction that wrote could not be committed; none, if it was. Then responsibility is refused, and what
    /// was recorded can be read.
    pub fn write_trouble(&self) -> Option<StoreError> {
        self.inner.writes.iter().find_map(|queue| queue.trouble())
    }

    /// Whether nothing waits to be drained.
    pub fn is_idle(&self) -> bool {
        self.inner.reads.is_empty() && self.inner.writes.iter().all(|queue| queue.is_empty())
    }

    /// Every statement, for the test that prepares them on both engines.
    pub fn statements() -> Vec<Sql> {
        [
            accounts::STATEMENTS,
            acquaintance::STATEMENTS,
            annotations::STATEMENTS,
            app_passwords::STATEMENTS,
            arrival_row::STATEMENTS,
            census::STATEMENTS,
            backlog::STATEMENTS,
            backup::STATEMENTS,
            check::STATEMENTS,
            check::index::STATEMENTS,
            check::mailboxes::STATEMENTS,
            check::names::STATEMENTS,
            check::objects::STATEMENTS,
            check::repair::STATEMENTS,
            check::rows::STATEMENTS,
            &consent::all_statements(),
            contacts::STATEMENTS,
            content::STATEMENTS,
            directory::STATEMENTS,
            domains::STATEMENTS,
            due::STATEMENTS,
            errands::STATEMENTS,
            former::STATEMENTS,
            import::STATEMENTS,
            &items::all_statements(),
            kept::STATEMENTS,
            kept::release::STATEMENTS,
            lease::STATEMENTS,
            mailbox::STATEMENTS,
            &made::all_statements(),
            &mailboxes::all_statements(),
            observed::STATEMENTS,
            orphans::STATEMENTS,
            outline::STATEMENTS,
            quota::STATEMENTS,
            reception::STATEMENTS,
            redecision::STATEMENTS,
            rules::STATEMENTS,
            schema::STATEMENTS,
            &search_index::all_statements(),
            transfer_row::STATEMENTS,
            watch::STATEMENTS,
        ]
        .concat()
    }

    /// Runs `work` in a transaction of this partition, and returns its result after the commit.
    async fn write<T, F>(&self, part: Partition, octets: usize, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T> + Send + 'static,
    {
        self.write_in(Haste::Now, part, octets, work).await
    }

    /// The same, when that is.
    async fn write_in<T, F>(&self, haste: Haste, part: Partition, octets: usize, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T> + Send + 'static,
    {
        let lane = usize::from(part.number()) % self.inner.writes.len();
        let queue = self.inner.writes.get(lane).ok_or_else(closed)?;
        queue.push(haste, octets, work)?.await.map_err(|_dropped| closed())?
    }

    /// Runs `work` in a transaction that only reads.
    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T> + Send + 'static,
    {
        self.inner.reads.push(Haste::Now, 0, work)?.await.map_err(|_dropped| closed())?
    }

    /// As [`read`](Self::read), where that is of whole tables, and takes as long as it takes.
    async fn read_whole<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T> + Send + 'static,
    {
        let at_length = move |tx: &mut dyn Tx| {
            tx.take_time()?;
            work(tx)
        };
        self.read(at_length).await
    }

    /// As [`write`](Self::write), where that is about whole tables, of all partitions, and takes as long as it takes.
    async fn write_whole<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T> + Send + 'static,
    {
        let at_length = move |tx: &mut dyn Tx| {
            tx.take_time()?;
            work(tx)
        };
        self.write(lease::zero(), 0, at_length).await
    }

    fn now(&self) -> Timestamp {
        (self.inner.surroundings.clock)()
    }

    fn entropy(&self) -> [u8; 16] {
        (self.inner.surroundings.entropy)()
    }

    fn host(&self) -> Domain {
        self.inner.surroundings.host.clone()
    }

    fn timers(&self) -> Arc<Timers> {
        Arc::clone(&self.inner.surroundings.timers)
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("closed".to_owned())
}

fn moment(now: Timestamp, jitter: Jitter, timers: &Timers) -> Moment<'_> {
    Moment { now, jitter, timers }
}
