//! Maildir: a directory with `cur`, `new` and `tmp`, a file for each message, and a directory `.NAME` beside them for
//! each other mailbox (Maildir++).

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use mail::folder;
use mail::time::Timestamp;

use super::{INBOX, from_system, sync_directory, to_system};

/// What separates the name of a message from its flags.
const BEFORE_FLAGS: char = ':';

/// One mailbox, to add messages to.
pub(super) struct Folder {
    path: PathBuf,
    /// The names of its messages, without their flags.
    there: BTreeSet<String>,
}

/// A message being written: under its name once it is complete and durable.
pub(super) struct Delivery {
    file: File,
    beside: PathBuf,
    name: PathBuf,
}

/// One message of a mailbox.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// When it was received.
    pub(super) received: Timestamp,
    /// Its file.
    pub(super) path: PathBuf,
    /// Whether other programs have noted something of it: seen, answered.
    pub(super) has_flags: bool,
}

impl Folder {
    /// The folder of a mailbox in the Maildir `root`; made, if it is not there.
    pub(super) fn open(root: &Path, mailbox: &str) -> io::Result<Self> {
        let path = path_of(root, mailbox)?;
        for part in ["tmp", "new", "cur"] {
            DirBuilder::new().recursive(true).mode(0o700).create(path.join(part))?;
        }
        if mailbox != INBOX {
            // Maildir++: says that the directory above is the Maildir.
            OpenOptions::new().create(true).append(true).mode(0o600).open(path.join("maildirfolder"))?;
        }
        let mut there = BTreeSet::new();
        for part in ["new", "cur"] {
            for entry in fs::read_dir(path.join(part))? {
                let name = entry?.file_name();
                let name = name.to_string_lossy();
                there.insert(name.split(BEFORE_FLAGS).next().unwrap_or_default().to_owned());
            }
        }
        Ok(Self { path, there })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.there.contains(name)
    }

    /// Begins a message: in `tmp`, as every Maildir is written.
    pub(super) fn begin(&self, name: &str) -> io::Result<Delivery> {
        let beside = self.path.join("tmp").join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        Ok(Delivery { file, beside, name: self.path.join("new").join(name) })
    }

    /// All that was added is durable under its name.
    pub(super) fn close(self) -> io::Result<()> {
        sync_directory(&self.path.join("new"))?;
        sync_directory(&self.path)
    }
}

impl Delivery {
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// It is complete. Other programs read from the time of the file when it was received.
    pub(super) fn finish(self, received: Timestamp) -> io::Result<()> {
        self.file.set_modified(to_system(received))?;
        self.file.sync_all()?;
        fs::rename(&self.beside, &self.name)
    }

    pub(super) fn discard(self) -> io::Result<()> {
        fs::remove_file(&self.beside)
    }
}

fn path_of(root: &Path, mailbox: &str) -> io::Result<PathBuf> {
    if mailbox == INBOX {
        return Ok(root.to_owned());
    }
    let unfit = || io::Error::other(format!("the mailbox {mailbox:?} has a name that no folder can have"));
    Ok(root.join(format!(".{}", folder::to_file_name(mailbox).ok_or_else(unfit)?)))
}

/// Whether this is one: it has messages' directories.
pub(super) fn is_maildir(path: &Path) -> bool {
    path.join("cur").is_dir() || path.join("new").is_dir()
}

/// The mailboxes of a Maildir, with where they are.
pub(super) fn folders(root: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut folders = vec![(INBOX.to_owned(), root.to_owned())];
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if let Some(name) = name.strip_prefix('.').filter(|_| is_maildir(&entry.path())) {
            folders.push((folder::from_file_name(name), entry.path()));
        }
    }
    folders.sort();
    Ok(folders)
}

/// The messages of a folder in the order in which they were received, and what there is that is none.
pub(super) fn messages(path: &Path) -> io::Result<(Vec<Found>, Vec<PathBuf>)> {
    let (mut found, mut strange) = (Vec::new(), Vec::new());
    for part in ["cur", "new"] {
        let directory = path.join(part);
        if !directory.is_dir() {
            continue;
        }
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            // Not followed: a link could lead to a file that the server's owner may read, and nobody else.
            let facts = entry.metadata()?;
            if !facts.is_file() {
                strange.push(entry.path());
                continue;
            }
            let has_flags = name.split_once(":2,").is_some_and(|(_name, flags)| !flags.is_empty());
            found.push(Found { received: from_system(facts.modified()?), path: entry.path(), has_flags });
        }
    }
    found.sort();
    strange.sort();
    Ok((found, strange))
}
