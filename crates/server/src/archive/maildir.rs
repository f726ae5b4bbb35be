//! Maildir: a directory with `cur`, `new` and `tmp`, a file for each message, and a directory `.NAME` beside them for
//! each other mailbox (Maildir++).

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use mail::flag::Flags;
use mail::folder;
use mail::marks::Lettered;
use mail::time::Timestamp;

use super::{INBOX, from_system, sync_directory, to_system};

/// What separates the name of a message from its flags.
const BEFORE_FLAGS: char = ':';
/// What stands between the name and the letters of the flags.
const LETTERS: &str = ":2,";
/// Where the names of keywords stand, in a folder.
const KEYWORDS: &str = "dovecot-keywords";
/// Octets of that file that are read: 26 names, and room.
const KEYWORDS_OCTETS_MAX: u64 = 64 * 1024;

/// One mailbox, to add messages to.
pub(super) struct Folder {
    path: PathBuf,
    /// The names of its messages, without their flags, and their files.
    there: BTreeMap<String, PathBuf>,
    lettered: Lettered,
}

/// A message being written: under its name once it is complete and durable.
pub(super) struct Delivery {
    file: File,
    beside: PathBuf,
    name: PathBuf,
}

/// One message of a mailbox.
#[derive(Debug)]
pub(super) struct Found {
    /// When it was received.
    pub(super) received: Timestamp,
    /// Its file.
    pub(super) path: PathBuf,
    /// What other programs have noted of it: seen, answered.
    pub(super) flags: Flags,
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
        let mut there = BTreeMap::new();
        for part in ["new", "cur"] {
            for entry in fs::read_dir(path.join(part))? {
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_string_lossy();
                there.insert(name.split(BEFORE_FLAGS).next().unwrap_or_default().to_owned(), entry.path());
            }
        }
        let lettered = lettered(&path)?;
        Ok(Self { path, there, lettered })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.there.contains_key(name)
    }

    /// Gives a message that is there these flags and no others. `false` if it has them already.
    pub(super) fn mark(&mut self, name: &str, flags: &Flags) -> io::Result<bool> {
        let Some(path) = self.there.get(name) else { return Ok(false) };
        let letters = self.lettered.letters(flags);
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if file.split_once(LETTERS).map_or("", |(_name, letters)| letters) == letters {
            return Ok(false);
        }
        let marked = self.marked(name, &letters);
        fs::rename(path, &marked)?;
        self.there.insert(name.to_owned(), marked);
        Ok(true)
    }

    /// The file of a message of which a program has noted something.
    fn marked(&self, name: &str, letters: &str) -> PathBuf {
        self.path.join("cur").join(format!("{name}{LETTERS}{letters}"))
    }

    /// Begins a message: in `tmp`, as every Maildir is written.
    pub(super) fn begin(&mut self, name: &str, flags: &Flags) -> io::Result<Delivery> {
        let beside = self.path.join("tmp").join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        // One of which something is noted was seen by a program, if not by its reader: it lies in `cur`.
        let place = match self.lettered.letters(flags) {
            letters if letters.is_empty() => self.path.join("new").join(name),
            letters => self.marked(name, &letters),
        };
        Ok(Delivery { file, beside, name: place })
    }

    /// All that was added is durable under its name.
    pub(super) fn close(self) -> io::Result<()> {
        if lettered(&self.path)? != self.lettered {
            let beside = self.path.join("tmp").join(KEYWORDS);
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(self.lettered.write().as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, self.path.join(KEYWORDS))?;
        }
        sync_directory(&self.path.join("new"))?;
        sync_directory(&self.path.join("cur"))?;
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

/// The keywords of a folder that have letters. Not followed, if it is a link, as messages are not.
fn lettered(path: &Path) -> io::Result<Lettered> {
    let path = path.join(KEYWORDS);
    if !fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_file()) {
        return Ok(Lettered::default());
    }
    let mut octets = Vec::new();
    File::open(path)?.take(KEYWORDS_OCTETS_MAX).read_to_end(&mut octets)?;
    Ok(Lettered::read(&String::from_utf8_lossy(&octets)))
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
    let lettered = lettered(path)?;
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
            let flags = name.split_once(LETTERS).map(|(_name, letters)| lettered.flags(letters)).unwrap_or_default();
            found.push(Found { received: from_system(facts.modified()?), path: entry.path(), flags });
        }
    }
    found.sort_by(|one: &Found, other| (one.received, &one.path).cmp(&(other.received, &other.path)));
    strange.sort();
    Ok((found, strange))
}
