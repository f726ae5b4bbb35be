//! A server's own clock: it may be wrong, and be set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mail::time::Timestamp;

use crate::executor::Executor;

/// As in production, long sleeps look at the clock again: it may be set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// The time as one host sees it.
#[derive(Clone)]
pub(crate) struct Clock {
    executor: Arc<Executor>,
    /// Negative if it is slow.
    ahead_millis: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that is right.
    pub(crate) fn new(executor: Arc<Executor>) -> Self {
        Self { executor, ahead_millis: Arc::default() }
    }

    /// From now on it is so far ahead.
    pub(crate) fn set_ahead(&self, millis: i64) {
        self.ahead_millis.store(millis, Ordering::SeqCst);
    }

    /// What it shows.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.executor.now().as_millis().saturating_add(self.ahead_millis.load(Ordering::SeqCst)))
    }

    /// Waits until it shows this.
    pub(crate) async fn sleep_until(self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            self.executor.sleep_until(self.executor.now() + left.min(LOOK_AGAIN)).await;
        }
    }

    /// When that is, however it is set meanwhile: a deadline counts from when it is given.
    pub(crate) fn moment_of(&self, deadline: Timestamp) -> Timestamp {
        self.executor.now() + deadline.since(self.now())
    }
}
