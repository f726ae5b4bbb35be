//! An allocator that knows whose memory it is; for tests. Like `faultdisk`, it may use unsafe code.
//!
//! Each allocation is booked on the [`Account`] in whose name its thread works, or on none, and stays on it until it is freed,
//! wherever that is; who makes it larger or smaller has a new one, and for a moment there are both. What C libraries allocate is not
//! seen.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};

/// Accounts that there can be at one time; then the first is used anew.
const ACCOUNTS: usize = 1 << 16;

/// Octets that each has, and the most that it ever had. The first is nobody's, and is not kept.
static HELD: [AtomicIsize; ACCOUNTS] = [const { AtomicIsize::new(0) }; ACCOUNTS];
static MOST: [AtomicIsize; ACCOUNTS] = [const { AtomicIsize::new(0) }; ACCOUNTS];
static OPENED: AtomicUsize = AtomicUsize::new(0);

const NOBODY: usize = 0;

thread_local! {
    /// In whose name this thread works. Without a destructor, or it could not be read while the thread ends.
    static CURRENT: Cell<usize> = const { Cell::new(NOBODY) };
}

fn current() -> usize {
    CURRENT.try_with(Cell::get).unwrap_or(NOBODY)
}

/// One that memory is booked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    number: usize,
    /// What its predecessor has left: what lives as long as the program, if anything.
    left: usize,
}

impl Account {
    /// One that has nothing yet.
    pub fn open() -> Self {
        let number = 1 + OPENED.fetch_add(1, Relaxed) % (ACCOUNTS - 1);
        let left = HELD.get(number).map_or(0, |held| held.load(Relaxed));
        MOST.get(number).into_iter().for_each(|most| most.store(left, Relaxed));
        Self { number, left: octets(left) }
    }

    /// Works in its name.
    pub fn booked<T>(self, work: impl FnOnce() -> T) -> T {
        let _name = Name::take(self.number);
        work()
    }

    /// Octets that it has. Always 0 where [`Heap`] is not the allocator of the program.
    pub fn held(self) -> usize {
        HELD.get(self.number).map_or(0, |held| octets(held.load(Relaxed)).saturating_sub(self.left))
    }

    /// The most that it ever had.
    pub fn most(self) -> usize {
        MOST.get(self.number).map_or(0, |most| octets(most.load(Relaxed)).saturating_sub(self.left))
    }
}

fn octets(held: isize) -> usize {
    usize::try_from(held).unwrap_or(0)
}

/// In whose name a thread works, until it is dropped: there, and the last that was taken first.
struct Name {
    before: usize,
    _stays: PhantomData<*const ()>,
}

impl Name {
    fn take(account: usize) -> Self {
        Self { before: CURRENT.replace(account), _stays: PhantomData }
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// Works in nobody's name.
pub fn unbooked<T>(work: impl FnOnce() -> T) -> T {
    let _name = Name::take(NOBODY);
    work()
}

/// A guard of something that is nobody's: while it lives, its thread works in nobody's name. Those that nest end in reverse order.
pub struct Unbooked<G> {
    // It goes first.
    guard: G,
    _name: Name,
}

impl<G> Unbooked<G> {
    /// From now on; `guard` is what `take` gives.
    pub fn new(take: impl FnOnce() -> G) -> Self {
        let name = Name::take(NOBODY);
        Self { guard: take(), _name: name }
    }
}

impl<G: Deref> Deref for Unbooked<G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Unbooked<G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}

/// The allocator: the system's, with the account in front of each allocation.
pub struct Heap;

/// What stands in front: the account's number, in as many octets as keep what follows aligned.
const fn front(layout: Layout) -> usize {
    if layout.align() > size_of::<usize>() { layout.align() } else { size_of::<usize>() }
}

/// The same with what stands in front; none if that is too large.
fn whole(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(front(layout))?;
    Layout::from_size_align(size, layout.align().max(align_of::<usize>())).ok()
}

fn book(account: usize, octets: usize, sign: isize) {
    if account == NOBODY {
        return;
    }
    let change = isize::try_from(octets).unwrap_or(isize::MAX) * sign;
    if let (Some(held), Some(most)) = (HELD.get(account), MOST.get(account)) {
        let now = held.fetch_add(change, Relaxed) + change;
        if sign > 0 {
            most.fetch_max(now, Relaxed);
        }
    }
}

/// Writes in front whose it is, and returns what is behind.
///
/// # Safety
/// `made` is null, or a new allocation of [`whole`] of `layout`.
unsafe fn label(made: *mut u8, layout: Layout) -> *mut u8 {
    if made.is_null() {
        return made;
    }
    let account = current();
    book(account, layout.size(), 1);
    // SAFETY: there are `front` octets before what the caller asked for, room for a number.
    unsafe {
        made.cast::<usize>().write_unaligned(account);
        made.add(front(layout))
    }
}

// SAFETY: all memory is the system allocator's; what is handed out begins `front` octets into it, a multiple of its alignment.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(whole) = whole(layout) else { return std::ptr::null_mut() };
        // SAFETY: it is not empty: a number stands in front.
        unsafe { label(System.alloc(whole), layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(whole) = whole(layout) else { return std::ptr::null_mut() };
        // SAFETY: as above.
        unsafe { label(System.alloc_zeroed(whole), layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let Some(whole) = whole(layout) else { return };
        // SAFETY: `memory` was handed out above for this layout: it begins so far into its allocation.
        unsafe {
            let made = memory.sub(front(layout));
            book(made.cast::<usize>().read_unaligned(), layout.size(), -1);
            System.dealloc(made, whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::panic::catch_unwind;

    use super::*;

    #[global_allocator]
    static HEAP: Heap = Heap;

    #[test]
    fn memory_is_that_of_the_name_it_was_taken_in_until_it_is_freed() {
        let (one, other) = (Account::open(), Account::open());
        let mut first = one.booked(|| vec![0_u8; 1_000]);
        let second = one.booked(|| other.booked(|| black_box(vec![1_u8; 500])));
        let nobodys = one.booked(|| unbooked(|| black_box(vec![1_u8; 300])));
        assert_eq!([one.held(), other.held()], [1_000, 500]);
        assert_eq!(first.iter().map(|octet| usize::from(*octet)).sum::<usize>() + second.len() + nobodys.len(), 800);
        // Who makes it larger has it from then on.
        other.booked(|| first.resize(3_000, 7));
        assert_eq!([one.held(), other.held()], [0, 3_500]);
        drop((first, second, nobodys));
        assert_eq!([one.held(), one.most(), other.held()], [0, 1_000, 0]);
        assert!(other.most() >= 3_500);
    }

    #[test]
    fn what_is_aligned_stays_so_and_what_is_freed_elsewhere_is_freed() {
        #[repr(align(256))]
        struct Wide([u8; 256]);
        let account = Account::open();
        let wide = account.booked(|| vec![Box::new(Wide([3; 256])), Box::new(Wide([4; 256]))]);
        assert!(wide.iter().all(|wide| std::ptr::from_ref(&wide.0).addr() % 256 == 0));
        assert_eq!(account.held(), 2 * 256 + 2 * size_of::<usize>());
        std::thread::spawn(move || drop(wide)).join().unwrap();
        assert_eq!(account.held(), 0);
    }

    #[test]
    fn a_panic_gives_the_name_back_and_a_number_begins_with_nothing() {
        let account = Account::open();
        assert!(catch_unwind(|| account.booked(|| panic!("in its name"))).is_err());
        assert_eq!(current(), NOBODY);
        let left = account.booked(|| black_box(vec![1_u8; 700]));
        let before = account.held();
        let again = std::iter::repeat_with(Account::open).take(ACCOUNTS).find(|next| next.number == account.number).unwrap();
        assert_eq!([again.held(), again.most(), again.left], [0, 0, before]);
        let more = again.booked(|| black_box(vec![1_u8; 50]));
        assert_eq!([again.held(), again.most()], [50, 50]);
        drop((left, more));
    }

    #[test]
    fn a_guard_works_in_nobodys_name_for_as_long_as_it_lives() {
        let account = Account::open();
        let shelf = std::sync::Mutex::new(vec![]);
        account.booked(|| {
            let mut held = Unbooked::new(|| shelf.lock().unwrap());
            held.push(vec![0_u8; 2_000]);
            drop(held);
            assert_eq!(account.held(), 0);
            shelf.lock().unwrap().push(vec![0_u8; 100]);
        });
        assert_eq!(account.held(), 100);
    }
}
