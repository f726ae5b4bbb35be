//! Names: which file each path leads to, as it is and as a power cut leaves it.
//!
//! A name belongs to its directory, and is durable once that is synced; so is its absence. What was there before the disk
//! began (the directory of the database) needs no name.

use std::collections::{BTreeMap, BTreeSet};

use crate::chance::Chance;
use crate::file::Survivors;

/// A file, whatever its names.
pub(crate) type Inode = u64;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    File(Inode),
    Directory,
}

/// Names set and removed at one moment: a rename is one change.
#[derive(Debug, Clone)]
struct Change(Vec<(String, Option<Entry>)>);

/// All names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    written: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
    /// By directory.
    changes: BTreeMap<String, Vec<Change>>,
}

/// The directory that a path stands in.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _name)| parent)
}

impl Tree {
    pub(crate) fn file(&self, path: &str) -> Option<Inode> {
        match self.written.get(path) {
            Some(Entry::File(inode)) => Some(*inode),
            Some(Entry::Directory) | None => None,
        }
    }

    pub(crate) fn is_directory(&self, path: &str) -> bool {
        self.written.get(path) == Some(&Entry::Directory)
    }

    /// The files below a directory, by path.
    pub(crate) fn below<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = (&'a str, Inode)> {
        self.written.iter().filter_map(move |(path, entry)| match entry {
            Entry::File(inode) if path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/')) => Some((path.as_str(), *inode)),
            Entry::File(_) | Entry::Directory => None,
        })
    }

    pub(crate) fn set(&mut self, path: &str, entry: Entry) {
        self.change(parent(path), vec![(path.to_owned(), Some(entry))]);
    }

    pub(crate) fn remove(&mut self, path: &str) {
        self.change(parent(path), vec![(path.to_owned(), None)]);
    }

    /// Within one directory.
    pub(crate) fn rename(&mut self, from: &str, to: &str, inode: Inode) {
        self.change(parent(to), vec![(to.to_owned(), Some(Entry::File(inode))), (from.to_owned(), None)]);
    }

    fn change(&mut self, directory: &str, names: Vec<(String, Option<Entry>)>) {
        apply(&mut self.written, &names);
        self.changes.entry(directory.to_owned()).or_default().push(Change(names));
    }

    /// The names in this directory are durable.
    pub(crate) fn sync(&mut self, directory: &str) {
        for Change(names) in self.changes.remove(directory).unwrap_or_default() {
            apply(&mut self.durable, &names);
        }
    }

    /// What a power cut leaves.
    pub(crate) fn lose_power(&mut self, survivors: Survivors, chance: &mut Chance) {
        for changes in std::mem::take(&mut self.changes).into_values() {
            let first_ones = chance.below(changes.len() as u64 + 1);
            for (index, Change(names)) in (0u64..).zip(changes) {
                let is_kept = match survivors {
                    Survivors::FirstOnes => index < first_ones,
                    Survivors::Some(percent) => chance.percent(percent),
                };
                if is_kept {
                    apply(&mut self.durable, &names);
                }
            }
        }
        // A directory that was made, and whose own name is lost, takes with it what is in it.
        let made: BTreeSet<String> =
            self.written.iter().filter(|(_, entry)| **entry == Entry::Directory).map(|(path, _)| path.clone()).collect();
        let lost: Vec<String> = made.into_iter().filter(|directory| !self.durable.contains_key(directory)).collect();
        self.durable.retain(|path, _| {
            !lost.iter().any(|directory| path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/')))
        });
        self.written.clone_from(&self.durable);
    }

    /// The same names, all of them durable.
    pub(crate) fn copied(&self) -> Self {
        Self { written: self.written.clone(), durable: self.written.clone(), changes: BTreeMap::new() }
    }

    /// The names of a file.
    pub(crate) fn names(&self, inode: Inode) -> impl Iterator<Item = &str> {
        self.written.iter().filter(move |(_, entry)| **entry == Entry::File(inode)).map(|(path, _)| path.as_str())
    }

    /// Every file that has a name, or will have one after a power cut.
    pub(crate) fn inodes(&self) -> BTreeSet<Inode> {
        let pending = self.changes.values().flatten().flat_map(|Change(names)| names.iter().filter_map(|(_, entry)| entry.as_ref()));
        let entries = self.written.values().chain(self.durable.values()).chain(pending);
        entries.filter_map(|entry| if let Entry::File(inode) = entry { Some(*inode) } else { None }).collect()
    }
}

fn apply(names: &mut BTreeMap<String, Entry>, change: &[(String, Option<Entry>)]) {
    for (path, entry) in change {
        match entry {
            Some(entry) => names.insert(path.clone(), *entry),
            None => names.remove(path),
        };
    }
}
