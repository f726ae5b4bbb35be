//! What connections to one database share: its locks, and the index of its journal in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, PoisonError};

use heap::Unbooked;
use rusqlite::ffi;

use crate::tree::Inode;

const SLOTS: usize = 8;

/// One connection to a database.
pub(super) type Holder = u64;

/// All that is shared, by file.
#[derive(Default)]
pub(super) struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    last_holder: Holder,
    open: u64,
    files: BTreeMap<Inode, Node>,
}

#[derive(Default)]
struct Node {
    /// How far each connection has locked the file, where it has.
    levels: BTreeMap<Holder, c_int>,
    index: Option<Index>,
}

/// A piece of the index: SQLite keeps pointers into it, and reads and writes through them from any thread.
struct Region {
    start: *mut u64,
    words: usize,
}

// SAFETY: who may touch what is settled among SQLite's connections by the locks.
unsafe impl Send for Region {}

impl Region {
    fn zeroed(octets: usize) -> Self {
        let words = octets.div_ceil(8);
        Self { start: Box::into_raw(vec![0u64; words].into_boxed_slice()).cast(), words }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: it came from such a box, and the last connection has let go of it.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.start, self.words)) });
    }
}

#[derive(Default)]
struct Index {
    regions: Vec<Region>,
    shared: [BTreeSet<Holder>; SLOTS],
    exclusive: [Option<Holder>; SLOTS],
    users: BTreeSet<Holder>,
}

impl Shared {
    fn state(&self) -> Unbooked<MutexGuard<'_, State>> {
        Unbooked::new(|| self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn is_unused(&self) -> bool {
        self.state().open == 0
    }

    pub(super) fn join(&self) -> Holder {
        let mut state = self.state();
        state.open += 1;
        state.last_holder += 1;
        state.last_holder
    }

    pub(super) fn leave(&self, inode: Inode, holder: Holder) {
        self.unmap(inode, holder);
        let mut state = self.state();
        state.open -= 1;
        if let Some(node) = state.files.get_mut(&inode) {
            node.levels.remove(&holder);
            if node.levels.is_empty() && node.index.is_none() {
                state.files.remove(&inode);
            }
        }
    }

    /// Takes a lock on the file, if nobody has one that is against it.
    pub(super) fn lock(&self, inode: Inode, holder: Holder, level: c_int) -> c_int {
        let mut state = self.state();
        let node = state.files.entry(inode).or_default();
        let highest_other = node.levels.iter().filter(|(other, _)| **other != holder).map(|(_, level)| *level).max();
        let highest_other = highest_other.unwrap_or(ffi::SQLITE_LOCK_NONE);
        let is_free = match level {
            ffi::SQLITE_LOCK_SHARED => highest_other < ffi::SQLITE_LOCK_PENDING,
            ffi::SQLITE_LOCK_RESERVED => highest_other < ffi::SQLITE_LOCK_RESERVED,
            _ => highest_other == ffi::SQLITE_LOCK_NONE,
        };
        let own = node.levels.entry(holder).or_default();
        if is_free {
            *own = level.max(*own);
            return ffi::SQLITE_OK;
        }
        if level == ffi::SQLITE_LOCK_EXCLUSIVE && highest_other == ffi::SQLITE_LOCK_SHARED {
            // Nobody may come to read any more, until those who read have left.
            *own = ffi::SQLITE_LOCK_PENDING;
        }
        ffi::SQLITE_BUSY
    }

    pub(super) fn unlock(&self, inode: Inode, holder: Holder, level: c_int) {
        if let Some(own) = self.state().files.get_mut(&inode).and_then(|node| node.levels.get_mut(&holder)) {
            *own = level.min(*own);
        }
    }

    pub(super) fn is_reserved(&self, inode: Inode) -> bool {
        self.state().files.get(&inode).is_some_and(|node| node.levels.values().any(|level| *level >= ffi::SQLITE_LOCK_RESERVED))
    }

    /// A piece of the index, of this size; null if it is not there and must not be made.
    pub(super) fn map(&self, inode: Inode, holder: Holder, number: usize, octets: usize, may_make: bool) -> *mut u64 {
        let mut state = self.state();
        let index = state.files.entry(inode).or_default().index.get_or_insert_default();
        index.users.insert(holder);
        while may_make && index.regions.len() <= number {
            index.regions.push(Region::zeroed(octets));
        }
        index.regions.get(number).map_or(std::ptr::null_mut(), |region| region.start)
    }

    /// The last to leave takes the index away.
    pub(super) fn unmap(&self, inode: Inode, holder: Holder) {
        let mut state = self.state();
        let Some(node) = state.files.get_mut(&inode) else { return };
        let Some(index) = &mut node.index else { return };
        index.users.remove(&holder);
        index.shared.iter_mut().for_each(|holders| holders.retain(|other| *other != holder));
        index.exclusive.iter_mut().for_each(|slot| *slot = slot.filter(|other| *other != holder));
        if index.users.is_empty() {
            node.index = None;
        }
    }

    /// Takes or frees locks of the index.
    pub(super) fn lock_index(&self, inode: Inode, holder: Holder, slots: std::ops::Range<usize>, flags: c_int) -> c_int {
        let mut state = self.state();
        let Some(index) = state.files.get_mut(&inode).and_then(|node| node.index.as_mut()) else { return ffi::SQLITE_IOERR_SHMLOCK };
        let of_others = |slot: usize| {
            let exclusive = index.exclusive.get(slot).copied().flatten().is_some_and(|other| other != holder);
            let shared = index.shared.get(slot).is_some_and(|holders| holders.iter().any(|other| *other != holder));
            (exclusive, shared)
        };
        let wants_exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
        let takes = flags & ffi::SQLITE_SHM_LOCK != 0;
        if takes && slots.clone().map(of_others).any(|(exclusive, shared)| exclusive || wants_exclusive && shared) {
            return ffi::SQLITE_BUSY;
        }
        for slot in slots {
            let (Some(exclusive), Some(shared)) = (index.exclusive.get_mut(slot), index.shared.get_mut(slot)) else {
                return ffi::SQLITE_IOERR_SHMLOCK;
            };
            if !takes {
                *exclusive = exclusive.filter(|other| *other != holder);
                shared.remove(&holder);
            } else if wants_exclusive {
                *exclusive = Some(holder);
            } else {
                shared.insert(holder);
            }
        }
        ffi::SQLITE_OK
    }
}
