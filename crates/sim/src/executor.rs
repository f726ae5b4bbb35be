//! Runs tasks one step at a time, in an order that the seed chooses, under a clock that only moves when nothing can run.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use heap::{Account, Unbooked};
use mail::time::Timestamp;
use server::world::Boxed;

use crate::chance::Chance;

/// Whose a task is: it ends with its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The test's own: it asks, and plays people's programs.
    Test,
    /// The server of this number.
    Host(usize),
}

/// The tasks, the timers and the clock of one simulation.
pub struct Executor {
    core: Mutex<Core>,
    ready: Arc<Ready>,
}

struct Core {
    now: Timestamp,
    chance: Chance,
    tasks: BTreeMap<u64, Task>,
    timers: BTreeMap<(Timestamp, u64), Waker>,
    numbers: u64,
    /// Owners that die when their tasks have taken so many steps.
    doomed: BTreeMap<Owner, u64>,
    /// What memory of each owner is booked on.
    accounts: BTreeMap<Owner, Account>,
}

struct Task {
    owner: Owner,
    future: Boxed<'static, ()>,
}

/// The tasks that asked to be polled.
#[derive(Default)]
struct Ready(Mutex<BTreeSet<u64>>);

struct Waking {
    task: u64,
    ready: Arc<Ready>,
}

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.lock().insert(self.task);
    }
}

impl Ready {
    fn lock(&self) -> Unbooked<MutexGuard<'_, BTreeSet<u64>>> {
        Unbooked::new(|| self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Executor {
    /// Nothing runs yet, and it is `now`.
    pub fn new(now: Timestamp, chance: Chance) -> Arc<Self> {
        let core = Core {
            now,
            chance,
            tasks: BTreeMap::new(),
            timers: BTreeMap::new(),
            numbers: 0,
            doomed: BTreeMap::new(),
            accounts: BTreeMap::new(),
        };
        Arc::new(Self { core: Mutex::new(core), ready: Arc::default() })
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.core().now
    }

    /// Draws from the chance that orders things.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut self.core().chance)
    }

    /// Adds a task.
    pub fn spawn(&self, owner: Owner, future: Boxed<'static, ()>) {
        let mut core = self.core();
        let number = core.number();
        core.tasks.insert(number, Task { owner, future });
        drop(core);
        self.ready.lock().insert(number);
    }

    /// Ends all tasks of an owner where they stand.
    pub fn kill(&self, owner: Owner) {
        let mut core = self.core();
        let (dead, alive) = std::mem::take(&mut core.tasks).into_iter().partition(|(_, task)| task.owner == owner);
        core.tasks = alive;
        drop(core);
        // What they hold may wake others: not under the lock.
        let dead: BTreeMap<u64, Task> = dead;
        drop(dead);
    }

    /// Ends all tasks of everybody.
    pub(crate) fn kill_all(&self) {
        let dead = std::mem::take(&mut self.core().tasks);
        drop(dead);
    }

    /// How many tasks can run now.
    pub fn runnable(&self) -> usize {
        self.ready.lock().len()
    }

    /// Polls the runnable task at this place in their order.
    pub fn run(self: &Arc<Self>, place: usize) {
        let mut ready = self.ready.lock();
        let Some(number) = ready.iter().nth(place).copied() else { return };
        ready.remove(&number);
        drop(ready);
        // Of a task that has ended in the meantime only the wish to run is left.
        let Some(mut task) = self.core().tasks.remove(&number) else { return };
        let owner = task.owner;
        let waker = Waker::from(Arc::new(Waking { task: number, ready: Arc::clone(&self.ready) }));
        let polled = self.booked(owner, || task.future.as_mut().poll(&mut Context::from_waker(&waker)));
        if polled.is_pending() {
            self.core().tasks.insert(number, task);
        }
        self.core().doomed.entry(owner).and_modify(|steps| *steps = steps.saturating_sub(1));
    }

    /// What the memory of an owner is booked on.
    pub fn account(&self, owner: Owner) -> Account {
        *self.core().accounts.entry(owner).or_insert_with(Account::open)
    }

    /// Works with memory that is this owner's.
    pub fn booked<T>(&self, owner: Owner, work: impl FnOnce() -> T) -> T {
        match owner {
            Owner::Test => heap::unbooked(work),
            Owner::Host(_) => self.account(owner).booked(work),
        }
    }

    /// This owner's tasks take so many steps more, wherever they then stand.
    pub fn doom(&self, owner: Owner, steps: u64) {
        self.core().doomed.insert(owner, steps);
    }

    /// Nobody dies of his steps any more.
    pub fn reprieve(&self) {
        self.core().doomed.clear();
    }

    /// An owner that has taken its last step.
    pub fn exhausted(&self) -> Option<Owner> {
        let mut core = self.core();
        let owner = core.doomed.iter().find(|(_, steps)| **steps == 0).map(|(owner, _)| *owner)?;
        core.doomed.remove(&owner);
        Some(owner)
    }

    /// How many tasks an owner has.
    pub fn tasks_of(&self, owner: Owner) -> usize {
        self.core().tasks.values().filter(|task| task.owner == owner).count()
    }

    /// When the next timer is due.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.core().timers.keys().next().map(|(at, _)| *at)
    }

    /// Moves the clock, and wakes what has become due.
    pub fn advance(&self, to: Timestamp) {
        let mut core = self.core();
        core.now = core.now.max(to);
        let last_due = (core.now, u64::MAX);
        let later = core.timers.split_off(&last_due);
        let due = std::mem::replace(&mut core.timers, later);
        drop(core);
        due.into_values().for_each(Waker::wake);
    }

    /// Wakes this waker then, whatever becomes of its task.
    pub fn wake_at(&self, at: Timestamp, waker: Waker) {
        let mut core = self.core();
        let number = core.number();
        core.timers.insert((at, number), waker);
    }

    /// Waits until then.
    pub fn sleep_until(self: &Arc<Self>, at: Timestamp) -> Sleep {
        Sleep { executor: Arc::clone(self), at, timer: None }
    }

    fn core(&self) -> Unbooked<MutexGuard<'_, Core>> {
        Unbooked::new(|| self.core.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Core {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

/// Waits until a time has come.
pub struct Sleep {
    executor: Arc<Executor>,
    at: Timestamp,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let executor = Arc::clone(&self.executor);
        let mut core = executor.core();
        if self.at <= core.now {
            return Poll::Ready(());
        }
        let number = *self.timer.get_or_insert_with(|| core.number());
        core.timers.insert((self.at, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.timer.and_then(|number| self.executor.core().timers.remove(&(self.at, number)));
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run_all(executor: &Arc<Executor>) {
        loop {
            match executor.runnable() {
                0 => match executor.next_timer() {
                    Some(at) => executor.advance(at),
                    None => return,
                },
                runnable => {
                    let place = executor.draw(|chance| chance.index(runnable));
                    executor.run(place);
                }
            }
        }
    }

    fn order(seed: u64) -> Vec<u64> {
        let executor = Executor::new(Timestamp::EPOCH, Chance::new(seed));
        let done = Arc::new(Mutex::new(vec![]));
        for task in 0..6 {
            let (executor, done) = (Arc::clone(&executor), Arc::clone(&done));
            let sleeper = Arc::clone(&executor);
            let future = async move {
                sleeper.sleep_until(Timestamp::EPOCH + Duration::from_secs(task % 2)).await;
                done.lock().unwrap().push(task);
            };
            executor.spawn(Owner::Test, Box::pin(future));
        }
        run_all(&executor);
        let done = done.lock().unwrap();
        done.clone()
    }

    #[test]
    fn the_seed_chooses_the_order_and_the_clock_jumps_to_what_is_next() {
        assert_eq!(order(1), order(1));
        assert!((2..20).any(|seed| order(seed) != order(1)));
        assert!(order(1).iter().take(3).all(|task| task % 2 == 0), "those that sleep come last");
    }

    #[test]
    fn a_killed_owner_takes_its_tasks_and_timers_along() {
        let executor = Executor::new(Timestamp::EPOCH, Chance::new(1));
        for owner in [Owner::Host(1), Owner::Host(2)] {
            let sleep = executor.sleep_until(Timestamp::EPOCH + Duration::from_secs(1));
            executor.spawn(owner, Box::pin(sleep));
        }
        while executor.runnable() > 0 {
            executor.run(0);
        }
        executor.kill(Owner::Host(1));
        assert_eq!(executor.core().tasks.len(), 1);
        assert_eq!(executor.core().timers.len(), 1);
    }
}
