//! The octets of one file: as written, as durable, and the changes between.

use crate::chance::Chance;

/// A change that no sync has made durable.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, octets: Vec<u8> },
    Resize { len: usize },
}

/// Which of the changes a power cut leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Survivors {
    /// All up to a random one: the disk wrote in order.
    FirstOnes,
    /// Each sector with this chance, of a hundred.
    Some(u64),
}

/// One file.
#[derive(Debug, Clone, Default)]
pub(crate) struct File {
    written: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
}

impl File {
    pub(crate) fn len(&self) -> usize {
        self.written.len()
    }

    /// Octets from an offset on, as many as there are.
    pub(crate) fn read(&self, offset: usize, len: usize) -> &[u8] {
        let end = self.written.len().min(offset.saturating_add(len));
        self.written.get(offset..end).unwrap_or_default()
    }

    pub(crate) fn write(&mut self, offset: usize, octets: &[u8]) {
        put(&mut self.written, offset, octets);
        self.changes.push(Change::Write { offset, octets: octets.to_vec() });
    }

    pub(crate) fn resize(&mut self, len: usize) {
        self.written.resize(len, 0);
        self.changes.push(Change::Resize { len });
    }

    /// All that was written is durable.
    pub(crate) fn sync(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            match change {
                Change::Write { offset, octets } => put(&mut self.durable, offset, &octets),
                Change::Resize { len } => self.durable.resize(len, 0),
            }
        }
    }

    /// The same octets, all of them durable.
    pub(crate) fn copied(&self) -> Self {
        Self { written: self.written.clone(), durable: self.written.clone(), changes: Vec::new() }
    }

    /// A sync failed: all, some or no sectors reached the disk, the others never will, and whoever reads still finds them all.
    pub(crate) fn drop_changes(&mut self, sector: usize, chance: &mut Chance) {
        let percent = match chance.below(4) {
            0 => 0,
            1 => 100,
            _ => 50,
        };
        self.settle(sector, Survivors::Some(percent), false, chance);
        self.changes.clear();
    }

    /// What a power cut leaves. If it fell into the last change of this file, that one is torn within a sector.
    pub(crate) fn lose_power(&mut self, sector: usize, survivors: Survivors, torn: bool, chance: &mut Chance) {
        self.settle(sector, survivors, torn, chance);
        self.changes.clear();
        self.written.clone_from(&self.durable);
    }

    fn settle(&mut self, sector: usize, survivors: Survivors, torn: bool, chance: &mut Chance) {
        let count = self.changes.len() as u64;
        let first_ones = chance.below(count + 1);
        for (index, change) in (0u64..).zip(&self.changes) {
            let is_kept = |chance: &mut Chance| match survivors {
                Survivors::FirstOnes => index < first_ones,
                Survivors::Some(percent) => chance.percent(percent),
            };
            match change {
                Change::Write { offset, octets } if torn && index + 1 == count => {
                    let end = usize::try_from(chance.below(octets.len() as u64 + 1)).unwrap_or(0);
                    put(&mut self.durable, *offset, octets.get(..end).unwrap_or_default());
                }
                Change::Write { offset, octets } => {
                    let mut at = 0;
                    while at < octets.len() {
                        // Sectors are those of the disk, not of the write.
                        let end = octets.len().min((offset + at) / sector * sector + sector - offset);
                        if is_kept(chance) {
                            put(&mut self.durable, offset + at, octets.get(at..end).unwrap_or_default());
                        }
                        at = end;
                    }
                }
                Change::Resize { len } => {
                    if is_kept(chance) {
                        self.durable.resize(*len, 0);
                    }
                }
            }
        }
    }
}

fn put(image: &mut Vec<u8>, offset: usize, octets: &[u8]) {
    let end = offset + octets.len();
    if octets.is_empty() {
        return;
    }
    if image.len() < end {
        image.resize(end, 0);
    }
    if let Some(place) = image.get_mut(offset..end) {
        place.copy_from_slice(octets);
    }
}
