//! Operations on their way to a database, and the function that carries them there, many to a transaction.
//!
//! While one transaction commits, the next operations queue up: what comes together is committed together. What nobody
//! is kept waiting by may linger for company, and where a crowd of messages comes, each transaction waits a moment for more.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::backend::{Access, Backend, Trouble, Tx};
use crate::watch::Watchers;
use crate::{StoreError, watch};

/// Operations in one transaction: keeps it well under a second.
const BATCH_OPERATIONS_MAX: usize = 256;
/// Octets in one transaction, but for one operation that is larger alone.
const BATCH_OCTETS_MAX: usize = 4 << 20;
/// Operations that wait; whoever comes then is told to come later.
const WAITING_OPERATIONS_MAX: usize = 8_192;
/// Octets that wait.
const WAITING_OCTETS_MAX: usize = 128 << 20;
/// How long an operation waits for company that no peer and no person is kept waiting by. As long as the longest delay before
/// consent is decided: behind a notice that was taken, the retrieval comes.
const LINGER: Duration = Duration::from_millis(50);
/// How long a message waits for company where a crowd of them went before it: a sync that is shared, and a page that is written
/// once for several, save more then than this moment costs anybody.
const GATHER: Duration = Duration::from_millis(2);
/// So many messages in one transaction are a crowd. Two or three, one behind the other, would only wait.
const CROWD: usize = 4;
/// How often a transaction that met another, or whose connection broke, is run in all.
const ATTEMPTS_MAX: u32 = 8;

/// How soon an operation is to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// At once.
    Now,
    /// At once; a moment later behind a crowd of its like. For messages that come in, and nothing else: what is decided about
    /// notices must not show in the time of the next reply.
    WithCrowd,
    /// With the next that comes, or else a moment later: a sync less.
    WithNext,
}

/// Something to do in a transaction. It may run several times, and counts only as it ran last.
trait Operation: Send {
    /// Runs it, and keeps its answer. Whether it went well.
    fn run(&mut self, tx: &mut dyn Tx) -> bool;
    /// Replaces its answer.
    fn fail(&mut self, error: StoreError);
    /// Gives the answer to whoever waits for it.
    fn answer(self: Box<Self>);
    /// How much it writes, roughly.
    fn octets(&self) -> usize;
    /// How soon.
    fn haste(&self) -> Haste;
}

struct Call<T, F> {
    work: F,
    octets: usize,
    haste: Haste,
    result: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Operation for Call<T, F>
where
    T: Send,
    F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tx: &mut dyn Tx) -> bool {
        self.result = (self.work)(tx);
        self.result.is_ok()
    }

    fn fail(&mut self, error: StoreError) {
        self.result = Err(error);
    }

    fn answer(self: Box<Self>) {
        if self.reply.send(self.result).is_err() {
            tracing::debug!("nobody waits for the answer of an operation any more");
        }
    }

    fn octets(&self) -> usize {
        self.octets
    }

    fn haste(&self) -> Haste {
        self.haste
    }
}

/// Operations that wait for one connection.
pub struct Queue {
    access: Access,
    linger: Duration,
    gather: Duration,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    /// Why the last transaction failed; none, if it was committed.
    trouble: Mutex<Option<StoreError>>,
    /// Who is told of what was committed.
    watchers: Arc<Watchers>,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// There is something to drain.
    Arrived,
    /// Nothing came for as long as was waited.
    InVain,
    /// Nothing comes any more.
    Closed,
}

#[derive(Default)]
struct Waiting {
    operations: VecDeque<Box<dyn Operation>>,
    octets: usize,
    /// Of them, those that are in haste.
    hasty: usize,
    /// Of those, the ones that wait behind a crowd.
    messages: usize,
    /// How many of these were taken together last, if not too long ago.
    together: usize,
    closed: bool,
}

impl Queue {
    /// Of operations that need this access.
    pub(crate) fn new(access: Access, watchers: Arc<Watchers>) -> Self {
        Self {
            access,
            linger: LINGER,
            gather: GATHER,
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            trouble: Mutex::default(),
            watchers,
        }
    }

    /// What its operations need.
    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// Whether something waits.
    pub fn is_empty(&self) -> bool {
        self.lock().operations.is_empty()
    }

    /// How many operations wait.
    pub fn len(&self) -> usize {
        self.lock().operations.len()
    }

    /// Forgets everything that waits, as a crash would. Whoever waits for an answer is told that there is none.
    pub fn clear(&self) {
        let forgotten = std::mem::take(&mut *self.lock());
        drop(forgotten);
    }

    /// Puts an operation last.
    pub(crate) fn push<T, F>(&self, haste: Haste, octets: usize, work: F) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let result = Err(StoreError::Unavailable("not run yet".to_owned()));
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(StoreError::Unavailable("closing".to_owned()));
        }
        if waiting.operations.len() >= WAITING_OPERATIONS_MAX || waiting.octets >= WAITING_OCTETS_MAX {
            return Err(StoreError::Unavailable("too much is waiting for it".to_owned()));
        }
        waiting.octets += octets;
        waiting.hasty += usize::from(haste != Haste::WithNext);
        waiting.messages += usize::from(haste == Haste::WithCrowd);
        waiting.operations.push_back(Box::new(Call { work, octets, haste, result, reply }));
        // Only what can end a wait wakes the thread: that costs more than many an operation.
        let count = waiting.operations.len();
        let fills = |before: usize, now: usize, max: usize| before / max < now / max;
        let is_awaited = count == 1
            || haste != Haste::WithNext && waiting.hasty == 1
            || fills(count - 1, count, BATCH_OPERATIONS_MAX)
            || fills(waiting.octets - octets, waiting.octets, BATCH_OCTETS_MAX);
        drop(waiting);
        if is_awaited {
            self.arrived.notify_one();
        }
        Ok(answer)
    }

    /// Takes no more operations; those that wait are still carried out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Waits until there is something to drain, for as long as this if it is given; and then for company: long, if none of it is in
    /// haste, and a moment, if company is to be expected.
    pub(crate) fn wait(&self, patience: Option<Duration>) -> Waited {
        let nothing = |waiting: &mut Waiting| waiting.operations.is_empty() && !waiting.closed;
        let has_room = |waiting: &Waiting| {
            let is_filling = (1..BATCH_OPERATIONS_MAX).contains(&waiting.operations.len()) && waiting.octets < BATCH_OCTETS_MAX;
            is_filling && !waiting.closed
        };
        let may_linger = |waiting: &mut Waiting| waiting.hasty == 0 && has_room(waiting);
        let may_gather = |waiting: &mut Waiting| waiting.messages > 0 && waiting.together >= CROWD && has_room(waiting);
        let waiting = self.lock();
        let waiting = match patience {
            Some(patience) => self.arrived.wait_timeout_while(waiting, patience, nothing).unwrap_or_else(PoisonError::into_inner).0,
            None => self.arrived.wait_while(waiting, nothing).unwrap_or_else(PoisonError::into_inner),
        };
        let (waiting, _timeout) = self.arrived.wait_timeout_while(waiting, self.linger, may_linger).unwrap_or_else(PoisonError::into_inner);
        let (mut waiting, _timeout) =
            self.arrived.wait_timeout_while(waiting, self.gather, may_gather).unwrap_or_else(PoisonError::into_inner);
        match (waiting.operations.is_empty(), waiting.closed) {
            (false, _) => Waited::Arrived,
            // Or another thread has taken it.
            (true, false) => {
                waiting.together = 0;
                Waited::InVain
            }
            (true, true) => Waited::Closed,
        }
    }

    /// Why the last transaction failed; none, if it was committed.
    pub(crate) fn trouble(&self) -> Option<StoreError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How a transaction ended; logged when that is not how the last one did.
    fn ended(&self, outcome: &Attempt) {
        let now = match outcome {
            Attempt::Committed => None,
            Attempt::Away(error) => Some(error.clone()),
            Attempt::Crashed | Attempt::Spoiled | Attempt::Conflicted => return,
        };
        let mut before = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*before, &now, self.access) {
            (None, Some(error), Access::Write) => {
                tracing::error!(%error, "nothing can be recorded; what would need it is refused until it can");
            }
            (Some(_), None, Access::Write) => tracing::info!("the store records again"),
            _ => {}
        }
        *before = now;
    }

    fn take_batch(&self) -> Vec<Box<dyn Operation>> {
        let mut waiting = self.lock();
        let messages = waiting.messages;
        let (mut batch, mut octets) = (Vec::new(), 0);
        while let Some(next) = waiting.operations.front() {
            octets += next.octets();
            if !batch.is_empty() && (batch.len() == BATCH_OPERATIONS_MAX || octets > BATCH_OCTETS_MAX) {
                break;
            }
            let (size, haste) = (next.octets(), next.haste());
            waiting.octets = waiting.octets.saturating_sub(size);
            waiting.hasty = waiting.hasty.saturating_sub(usize::from(haste != Haste::WithNext));
            waiting.messages = waiting.messages.saturating_sub(usize::from(haste == Haste::WithCrowd));
            batch.extend(waiting.operations.pop_front());
        }
        let together = messages.saturating_sub(waiting.messages);
        if together > 0 {
            waiting.together = together;
        }
        batch
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing here panics half-way through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A moment of a transaction at which a crash makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// All is written, nothing is durable.
    BeforeCommit,
    /// All is durable, nobody knows it.
    AfterCommit,
}

/// What a test wants to happen there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Go on.
    Live,
    /// Stop here: nothing is answered, and what is not durable is lost.
    Crash,
}

/// Asked at every boundary of a transaction that writes.
pub type Hook<'a> = dyn FnMut(Boundary) -> Fate + 'a;

/// The hook of those who do not mean to crash.
pub fn live(_: Boundary) -> Fate {
    Fate::Live
}

enum Attempt {
    Committed,
    Crashed,
    /// An operation failed: the others are to be run without it.
    Spoiled,
    /// The database did.
    Away(StoreError),
    /// It met other transactions, again and again.
    Conflicted,
}

/// Carries out what waits, in one transaction, and answers it after the commit. Returns how many operations
/// were taken from the queue. An operation that fails does not fail the others: they run again without it.
pub fn drain(queue: &Queue, backend: &mut dyn Backend, hook: &mut Hook<'_>) -> usize {
    let mut batch = queue.take_batch();
    if batch.is_empty() {
        return 0;
    }
    let count = batch.len();
    let outcome = attempt(&mut batch, queue, backend, hook);
    queue.ended(&outcome);
    match outcome {
        Attempt::Committed => {}
        Attempt::Crashed => return count,
        Attempt::Away(error) => fail_all(&mut batch, &error),
        // Alone in its transaction, it has failed already, and nothing is recorded.
        Attempt::Spoiled if count == 1 => {}
        Attempt::Spoiled | Attempt::Conflicted => {
            for operation in &mut batch {
                let outcome = attempt(std::slice::from_mut(operation), queue, backend, hook);
                queue.ended(&outcome);
                match outcome {
                    Attempt::Committed | Attempt::Spoiled => {}
                    Attempt::Crashed => return count,
                    Attempt::Away(error) => operation.fail(error),
                    Attempt::Conflicted => operation.fail(StoreError::Unavailable("too many transactions at once".to_owned())),
                }
            }
        }
    }
    batch.into_iter().for_each(Operation::answer);
    count
}

fn attempt(batch: &mut [Box<dyn Operation>], queue: &Queue, backend: &mut dyn Backend, hook: &mut Hook<'_>) -> Attempt {
    let mut attempts = 1;
    loop {
        let outcome = once(batch, queue, backend, hook);
        if matches!(outcome, Attempt::Committed | Attempt::Crashed) {
            return outcome;
        }
        backend.rollback();
        match backend.trouble() {
            Trouble::None => return outcome,
            Trouble::Conflict if attempts == ATTEMPTS_MAX => return Attempt::Conflicted,
            Trouble::Lost if attempts == ATTEMPTS_MAX => return outcome,
            Trouble::Conflict | Trouble::Lost => attempts += 1,
        }
    }
}

fn once(batch: &mut [Box<dyn Operation>], queue: &Queue, backend: &mut dyn Backend, hook: &mut Hook<'_>) -> Attempt {
    let access = queue.access;
    if let Err(error) = backend.begin(access) {
        return Attempt::Away(error);
    }
    for operation in &mut *batch {
        if !operation.run(backend) {
            return Attempt::Spoiled;
        }
    }
    let touched = match watch::touched(backend) {
        Ok(touched) => touched,
        Err(error) => return Attempt::Away(error),
    };
    if access == Access::Write && hook(Boundary::BeforeCommit) == Fate::Crash {
        backend.rollback();
        return Attempt::Crashed;
    }
    if let Err(error) = backend.commit() {
        return Attempt::Away(error);
    }
    queue.watchers.tell(&touched);
    if access == Access::Write && hook(Boundary::AfterCommit) == Fate::Crash {
        return Attempt::Crashed;
    }
    Attempt::Committed
}

fn fail_all(batch: &mut [Box<dyn Operation>], error: &StoreError) {
    for operation in batch {
        operation.fail(error.clone());
    }
}

#[cfg(test)]
mod tests;
