//! The disk: files by name, what was synced, and what goes wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heap::Unbooked;

use crate::chance::Chance;
use crate::file::{File, Survivors};
use crate::tree::{Entry, Inode, Tree, parent};

/// Why the disk did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no power.
    #[error("the power is off")]
    Off,
    /// No space is left (ENOSPC).
    #[error("no space left on the disk")]
    Full,
    /// The device failed (EIO).
    #[error("input/output error")]
    Io,
    /// It takes no writes (EROFS).
    #[error("read-only disk")]
    ReadOnly,
    /// There is no such file.
    #[error("no such file")]
    NotFound,
}

/// What the disk writes at once, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sector {
    /// 512 octets.
    Octets512,
    /// 4,096 octets.
    Octets4096,
}

impl Sector {
    fn octets(self) -> usize {
        match self {
            Self::Octets512 => 512,
            Self::Octets4096 => 4096,
        }
    }
}

/// Files that somebody still has open, when the power is to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} files are still open: end the program before the power comes back")]
pub struct StillOpen(pub usize);

/// A disk; its clones are the same one.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

struct State {
    sector: usize,
    tree: Tree,
    files: BTreeMap<Inode, File>,
    next_inode: Inode,
    open: BTreeMap<Inode, usize>,
    is_on: bool,
    /// Writes, resizes, changes of names and syncs, ever.
    operations: u64,
    cut_at: Option<u64>,
    /// The file of the write into which the power cut fell.
    torn: Option<Inode>,
    capacity_octets: Option<u64>,
    is_read_only: bool,
    syncs: u64,
    failed_syncs: u64,
    failing_sync: Option<u64>,
    are_syncs_failing: bool,
    /// Of files whose path ends so.
    ignored_syncs: Option<String>,
    chance: Chance,
}

impl fmt::Debug for Disk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        formatter.debug_struct("Disk").field("operations", &state.operations).field("is_on", &state.is_on).finish_non_exhaustive()
    }
}

impl Disk {
    /// An empty disk.
    pub fn new(sector: Sector, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            sector: sector.octets(),
            tree: Tree::default(),
            files: BTreeMap::new(),
            next_inode: 1,
            open: BTreeMap::new(),
            is_on: true,
            operations: 0,
            cut_at: None,
            torn: None,
            capacity_octets: None,
            is_read_only: false,
            syncs: 0,
            failed_syncs: 0,
            failing_sync: None,
            are_syncs_failing: false,
            ignored_syncs: None,
            chance: Chance::seeded(seed),
        })))
    }

    /// What a disk holds is no memory of whoever writes to it.
    fn state(&self) -> Unbooked<MutexGuard<'_, State>> {
        Unbooked::new(|| self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes, changes of names and syncs so far: the moments at which power can fail.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The power fails at the `number`th operation from now, the next being 1.
    pub fn cut_at(&self, number: u64) {
        let mut state = self.state();
        state.cut_at = Some(state.operations + number);
    }

    /// The power fails now.
    pub fn cut(&self) {
        self.state().is_on = false;
    }

    /// Whether there is power.
    pub fn is_on(&self) -> bool {
        self.state().is_on
    }

    /// Cuts the power if it is on, and turns it on again: what was synced is there, and by chance some of what was not. A
    /// cut or a failing sync that is still to come does not come any more.
    ///
    /// # Errors
    /// A program has not ended: it still has files open.
    pub fn power_cut(&self, seed: u64) -> Result<(), StillOpen> {
        let mut state = self.state();
        state.is_on = false;
        let open = state.open.values().sum();
        if open > 0 {
            return Err(StillOpen(open));
        }
        state.lose_power(seed);
        Ok(())
    }

    /// A program is killed: it lets go of its files by `end`, and nothing that it does on the way reaches the disk. What it had
    /// written is there, synced or not.
    pub fn kill<T>(&self, end: impl FnOnce() -> T) -> T {
        let was_on = std::mem::replace(&mut self.state().is_on, false);
        let ended = end();
        self.state().is_on = was_on;
        ended
    }

    /// Another disk with what the files of this one hold now, all of it durable.
    #[must_use]
    pub fn copied(&self, seed: u64) -> Self {
        let state = self.state();
        let sector = if state.sector == Sector::Octets512.octets() { Sector::Octets512 } else { Sector::Octets4096 };
        let copy = Self::new(sector, seed);
        let mut other = copy.state();
        other.tree = state.tree.copied();
        other.files = state.files.iter().map(|(inode, file)| (*inode, file.copied())).collect();
        other.next_inode = state.next_inode;
        other.forget_nameless();
        drop(other);
        copy
    }

    /// Files hold at most so many octets together; none is no limit.
    pub fn set_capacity(&self, octets: Option<u64>) {
        self.state().capacity_octets = octets;
    }

    /// What the files hold together.
    pub fn used_octets(&self) -> u64 {
        self.state().used_octets()
    }

    /// Refuses all writes from now on, or takes them again.
    pub fn set_read_only(&self, read_only: bool) {
        self.state().is_read_only = read_only;
    }

    /// The `number`th sync from now fails, the next being 1: what it should have made durable never will be, though it can
    /// still be read; the sync after it succeeds. So does Linux.
    pub fn fail_sync(&self, number: u64) {
        let mut state = self.state();
        state.failing_sync = Some(state.syncs + number);
    }

    /// The disk is well again, and what was planned to go wrong does not; what is lost stays lost, and power that is off, off.
    pub fn mend(&self) {
        let mut state = self.state();
        (state.capacity_octets, state.is_read_only, state.are_syncs_failing) = (None, false, false);
        (state.cut_at, state.failing_sync) = (None, None);
    }

    /// All syncs fail from now on, or work again.
    pub fn fail_syncs(&self, fail: bool) {
        self.state().are_syncs_failing = fail;
    }

    /// Syncs of files whose path ends so succeed, and do nothing: a disk that lies, or a program that leaves them out.
    /// Every path ends with the empty one; with none, all syncs work again.
    pub fn ignore_syncs_of(&self, ending: Option<&str>) {
        self.state().ignored_syncs = ending.map(str::to_owned);
    }

    /// Syncs that failed so far.
    pub fn failed_syncs(&self) -> u64 {
        self.state().failed_syncs
    }

    /// Writes all octets of a file again, and syncs it: what a failed sync has dropped, and can still be read, is durable
    /// then.
    ///
    /// # Errors
    /// As the disk is.
    pub fn rewrite(&self, path: &str) -> Result<(), Fault> {
        let inode = self.open(path, false)?;
        let octets = self.read(inode, 0, usize::MAX);
        let done = octets.and_then(|octets| self.write(inode, 0, &octets)).and_then(|()| self.sync(inode));
        self.close(inode);
        done
    }

    // What programs do.

    /// Whether there is such a file.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.state().tree.file(path).is_some()
    }

    /// Opens a file; makes it, if it may.
    pub(crate) fn open(&self, path: &str, may_make: bool) -> Result<Inode, Fault> {
        let mut state = self.state();
        state.powered()?;
        let found = state.tree.file(path);
        let inode = match found {
            Some(inode) => inode,
            None if may_make => state.make(path)?,
            None => return Err(Fault::NotFound),
        };
        *state.open.entry(inode).or_default() += 1;
        Ok(inode)
    }

    /// Closes it. One without a name is gone.
    pub(crate) fn close(&self, inode: Inode) {
        let mut state = self.state();
        let left = state.open.get(&inode).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            state.open.remove(&inode);
            state.forget_nameless();
        } else {
            state.open.insert(inode, left);
        }
    }

    pub(crate) fn len(&self, inode: Inode) -> Result<usize, Fault> {
        let state = self.state();
        state.powered()?;
        Ok(state.files.get(&inode).map_or(0, File::len))
    }

    /// Octets from an offset on, as many as there are.
    pub(crate) fn read(&self, inode: Inode, offset: usize, len: usize) -> Result<Vec<u8>, Fault> {
        let state = self.state();
        state.powered()?;
        Ok(state.files.get(&inode).map(|file| file.read(offset, len).to_vec()).unwrap_or_default())
    }

    pub(crate) fn write(&self, inode: Inode, offset: usize, octets: &[u8]) -> Result<(), Fault> {
        let mut state = self.state();
        state.writable()?;
        let grows = (offset + octets.len()).saturating_sub(state.files.get(&inode).map_or(0, File::len));
        state.has_room(grows as u64)?;
        let goes_on = state.count();
        if let Some(file) = state.files.get_mut(&inode) {
            file.write(offset, octets);
        }
        if goes_on.is_err() {
            state.torn = Some(inode);
        }
        goes_on
    }

    pub(crate) fn resize(&self, inode: Inode, len: usize) -> Result<(), Fault> {
        let mut state = self.state();
        state.writable()?;
        let goes_on = state.count();
        if let Some(file) = state.files.get_mut(&inode) {
            file.resize(len);
        }
        goes_on
    }

    pub(crate) fn sync(&self, inode: Inode) -> Result<(), Fault> {
        let mut state = self.state();
        let failed = state.sync_begins()?;
        if state.ignored_syncs.as_ref().is_some_and(|ending| state.tree.names(inode).any(|path| path.ends_with(ending))) {
            return Ok(());
        }
        let State { files, chance, sector, .. } = &mut *state;
        match files.get_mut(&inode) {
            Some(file) if failed => file.drop_changes(*sector, chance),
            Some(file) => file.sync(),
            None => {}
        }
        if failed { Err(Fault::Io) } else { Ok(()) }
    }

    /// Makes the names in a directory durable. One that fails leaves them for the next: file systems keep names in a
    /// journal.
    pub(crate) fn sync_directory(&self, directory: &str) -> Result<(), Fault> {
        let mut state = self.state();
        if state.sync_begins()? {
            return Err(Fault::Io);
        }
        if state.ignored_syncs.as_deref() != Some("") {
            state.tree.sync(directory);
        }
        Ok(())
    }

    pub(crate) fn is_directory(&self, path: &str) -> bool {
        self.state().tree.is_directory(path)
    }

    pub(crate) fn make_directory(&self, path: &str) -> Result<(), Fault> {
        let mut state = self.state();
        state.writable()?;
        state.count()?;
        state.tree.set(path, Entry::Directory);
        Ok(())
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        let mut state = self.state();
        state.writable()?;
        let inode = state.tree.file(from).ok_or(Fault::NotFound)?;
        state.count()?;
        state.tree.rename(from, to, inode);
        state.forget_nameless();
        Ok(())
    }

    /// Gives a file a second name.
    pub(crate) fn link(&self, from: &str, to: &str) -> Result<(), Fault> {
        let mut state = self.state();
        state.writable()?;
        let inode = state.tree.file(from).ok_or(Fault::NotFound)?;
        state.count()?;
        state.tree.set(to, Entry::File(inode));
        Ok(())
    }

    pub(crate) fn remove(&self, path: &str) -> Result<(), Fault> {
        let mut state = self.state();
        state.writable()?;
        if state.tree.file(path).is_none() {
            return Err(Fault::NotFound);
        }
        state.count()?;
        state.tree.remove(path);
        state.forget_nameless();
        Ok(())
    }

    /// For what is cleared away on the way out: without power it stays, as it would.
    pub(crate) fn remove_if_possible(&self, path: &str) {
        if self.remove(path).is_err() {
            // A start clears it away.
        }
    }

    /// Paths and sizes of the files below a directory.
    pub(crate) fn list(&self, directory: &str) -> Result<Vec<(String, usize)>, Fault> {
        let state = self.state();
        state.powered()?;
        let found = state.tree.below(directory);
        Ok(found.map(|(path, inode)| (path.to_owned(), state.files.get(&inode).map_or(0, File::len))).collect())
    }

    /// Makes the names beside a file durable.
    ///
    /// # Errors
    /// As the disk is.
    pub fn sync_parent(&self, path: &str) -> Result<(), Fault> {
        self.sync_directory(parent(path))
    }
}

impl State {
    fn powered(&self) -> Result<(), Fault> {
        if self.is_on { Ok(()) } else { Err(Fault::Off) }
    }

    fn writable(&self) -> Result<(), Fault> {
        self.powered()?;
        if self.is_read_only { Err(Fault::ReadOnly) } else { Ok(()) }
    }

    /// One more operation. An error: the power failed at it.
    fn count(&mut self) -> Result<(), Fault> {
        self.operations += 1;
        if self.cut_at.is_some_and(|cut_at| self.operations >= cut_at) {
            self.is_on = false;
        }
        self.powered()
    }

    fn used_octets(&self) -> u64 {
        let in_use = |inode: &Inode| self.open.contains_key(inode) || self.tree.names(*inode).next().is_some();
        self.files.iter().filter(|(inode, _)| in_use(inode)).map(|(_, file)| file.len() as u64).sum()
    }

    fn has_room(&self, octets: u64) -> Result<(), Fault> {
        match self.capacity_octets {
            Some(capacity) if octets > 0 && self.used_octets() + octets > capacity => Err(Fault::Full),
            Some(_) | None => Ok(()),
        }
    }

    fn make(&mut self, path: &str) -> Result<Inode, Fault> {
        self.writable()?;
        self.count()?;
        let inode = self.next_inode;
        self.next_inode += 1;
        self.files.insert(inode, File::default());
        self.tree.set(path, Entry::File(inode));
        Ok(inode)
    }

    /// Whether this sync is one that fails.
    fn sync_begins(&mut self) -> Result<bool, Fault> {
        self.powered()?;
        self.count()?;
        self.syncs += 1;
        let is_chosen = self.failing_sync == Some(self.syncs);
        let fails = is_chosen || self.are_syncs_failing || self.is_read_only;
        self.failed_syncs += u64::from(fails);
        Ok(fails)
    }

    fn forget_nameless(&mut self) {
        let named = self.tree.inodes();
        let open = &self.open;
        self.files.retain(|inode, _| named.contains(inode) || open.contains_key(inode));
    }

    fn lose_power(&mut self, seed: u64) {
        let mut chance = Chance::seeded(seed);
        let survivors = match chance.below(4) {
            0 => Survivors::FirstOnes,
            1 => Survivors::Some(0),
            2 => Survivors::Some(100),
            _ => Survivors::Some(chance.below(101)),
        };
        let (sector, torn) = (self.sector, self.torn.take());
        for (inode, file) in &mut self.files {
            file.lose_power(sector, survivors, torn == Some(*inode), &mut chance);
        }
        self.tree.lose_power(survivors, &mut chance);
        self.forget_nameless();
        (self.is_on, self.cut_at, self.failing_sync) = (true, None, None);
        self.chance = chance;
    }
}
