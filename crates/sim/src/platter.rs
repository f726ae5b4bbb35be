//! A server's disk that forgets what was not synced, and the database on it while the server runs.

use std::path::Path;
use std::sync::Arc;

use faultdisk::objects::{Objects, Syncs};
use faultdisk::vfs::{Registered, register};
use faultdisk::{Fault, Sector};
use store::sqlite::{FileLayer, Sqlite, SqliteFile};
use store::threads::open_writer;

use crate::chance::Chance;

const DATABASE: &str = "data/store.sqlite";
const CONTENTS: &str = "contents";

/// A disk that is full still has room for less than so much.
const ROOM_OCTETS: u64 = 200_000;
/// A sync that fails is one of the next few.
const SYNCS: u64 = 6;

/// The disk, and what has it open.
pub(crate) struct Platter {
    /// While the server runs. Before the layer: it needs that to close.
    database: Option<Sqlite>,
    layer: Registered,
    disk: faultdisk::Disk,
    chance: Chance,
}

impl Platter {
    /// An empty one; one that lies says that it has synced, and has not.
    pub(crate) fn new(mut chance: Chance, lies: bool) -> Result<Self, String> {
        let sector = if chance.once_in(2) { Sector::Octets512 } else { Sector::Octets4096 };
        let disk = faultdisk::Disk::new(sector, chance.draw());
        disk.ignore_syncs_of(lies.then_some(""));
        Self::of(disk, chance)
    }

    fn of(disk: faultdisk::Disk, chance: Chance) -> Result<Self, String> {
        let layer = register(&disk).map_err(|error| error.to_string())?;
        Ok(Self { database: None, layer, disk, chance })
    }

    /// Opens what is there, as a server does when it starts.
    pub(crate) fn open(&mut self) -> Result<(), String> {
        let removed = Objects::new(&self.disk, CONTENTS, Syncs::All).remove_staged();
        removed.map_err(|fault| fault.to_string())?;
        self.database = Some(open_writer(&self.file()).map_err(|error| error.to_string())?);
        Ok(())
    }

    fn file(&self) -> SqliteFile {
        let (rewritten, named) = (self.disk.clone(), self.disk.clone());
        let rewrite = move |path: &Path| match rewritten.rewrite(&path.to_string_lossy()) {
            Err(Fault::NotFound) => Ok(()),
            done => done.map_err(std::io::Error::other),
        };
        let sync_names = move |path: &Path| named.sync_parent(&path.to_string_lossy()).map_err(std::io::Error::other);
        let layer = FileLayer { vfs: self.layer.name(), rewrite: Arc::new(rewrite), sync_names: Arc::new(sync_names) };
        SqliteFile { path: DATABASE.into(), layer: Some(layer) }
    }

    /// The program is killed by `kill`. If that is because the power has failed, it comes back now, with what was durable
    /// and by chance some of the rest.
    pub(crate) fn end(&mut self, kill: impl FnOnce()) -> Result<(), String> {
        let database = self.database.take();
        self.disk.kill(|| {
            kill();
            drop(database);
        });
        if self.disk.is_on() { Ok(()) } else { self.disk.power_cut(self.chance.draw()).map_err(|error| error.to_string()) }
    }

    /// The database, while the server runs.
    pub(crate) fn database(&mut self) -> Option<&mut Sqlite> {
        self.database.as_mut()
    }

    /// The disk, for whoever asks whether it has power.
    pub(crate) fn disk(&self) -> &faultdisk::Disk {
        &self.disk
    }

    /// Large contents, as files of the disk.
    pub(crate) fn contents(&self) -> Objects {
        Objects::new(&self.disk, CONTENTS, Syncs::All)
    }

    /// From now on it has next to no room.
    pub(crate) fn fill(&mut self) {
        self.disk.set_capacity(Some(self.disk.used_octets() + self.chance.below(ROOM_OCTETS)));
    }

    /// One of the next syncs fails; or all do, until it is mended.
    pub(crate) fn fail_syncs(&mut self, times: u32) {
        if times == 1 {
            self.disk.fail_sync(1 + self.chance.below(SYNCS));
        } else {
            self.disk.fail_syncs(true);
        }
    }

    /// A copy of all that it holds, as a backup has it.
    pub(crate) fn copied(&mut self) -> faultdisk::Disk {
        self.disk.copied(self.chance.draw())
    }

    /// This holds what the copy holds, and nothing has it open.
    pub(crate) fn put_back(&mut self, copy: faultdisk::Disk) -> Result<(), String> {
        *self = Self::of(copy, self.chance.fork())?;
        Ok(())
    }
}
