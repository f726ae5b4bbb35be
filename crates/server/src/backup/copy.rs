//! Files on their way into a backup and out of it: linked or copied, measured, durable.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mail::digest::{ContentDigest, Digester};
use store::backup::NamedObject;

use super::manifest::Listed;
use super::{CONTENT, DATABASE, LOST_AND_FOUND, Objects};
use crate::admin::AdminError;

/// What of `data_dir` is of no use in a backup: locks, the socket, what repairs and restores have put aside.
const LEFT_OUT: &[&str] = &["lock", "admin.sock", "admin.new", LOST_AND_FOUND, "restore.tmp", CONTENT];
/// The same, by how they begin: the database and what stands beside it, and stores that were replaced.
const LEFT_OUT_PREFIXES: &[&str] = &[DATABASE, "replaced-"];
/// Octets read at once.
const PIECE_OCTETS: usize = 256 * 1024;

pub(super) fn unusable(path: &Path) -> impl Fn(io::Error) -> AdminError + '_ {
    move |error| AdminError::refused("file", format!("{}: {error}", path.display()))
}

/// Copies from `data_dir` to a backup, and remembers what.
pub(super) struct Copier<'a> {
    from: &'a Path,
    to: &'a Path,
    files: Vec<Listed>,
}

impl<'a> Copier<'a> {
    pub(super) fn new(from: &'a Path, to: &'a Path) -> Self {
        Self { from, to, files: Vec::new() }
    }

    pub(super) fn files(self) -> Vec<Listed> {
        self.files
    }

    /// Lists a file that is in the backup already.
    pub(super) fn measure(&mut self, path: impl Into<PathBuf>) -> Result<(), AdminError> {
        let path = path.into();
        let whole = self.to.join(&path);
        let (size_octets, digest) = measure(&whole).map_err(unusable(&whole))?;
        self.files.push(Listed { path, size_octets, digest: digest.to_string() });
        Ok(())
    }

    /// One object; what is wrong with it, if something is.
    pub(super) fn object(&mut self, object: &str, expected: Option<&NamedObject>) -> Result<Option<String>, AdminError> {
        let path = Path::new(CONTENT).join(object);
        let (from, to) = (self.from.join(&path), self.to.join(&path));
        let parent = to.parent().unwrap_or(self.to);
        private(parent).map_err(unusable(parent))?;
        match link_or_copy(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && expected.is_some() => {
                return Ok(Some(format!("an object is named by a row, and is not there: {object}")));
            }
            // Listed, and removed since: nothing named it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(unusable(&from))?,
        }
        let (size_octets, digest) = measure(&to).map_err(unusable(&to))?;
        self.files.push(Listed { path, size_octets, digest: digest.to_string() });
        let is_same = expected.is_none_or(|(size, named)| *size == size_octets && named.is_none_or(|named| named == digest));
        Ok((!is_same).then(|| format!("an object is not what was stored: {object}")))
    }

    /// All objects there are.
    pub(super) fn all_objects(&self) -> Result<Objects, AdminError> {
        let root = self.from.join(CONTENT);
        let mut objects = Objects::new();
        if !root.exists() {
            return Ok(objects);
        }
        for path in files_below(&root).map_err(unusable(&root))? {
            // What is being written has a `#` in its name.
            if let Some(name) = path.to_str().filter(|name| !name.contains('#')) {
                objects.insert(name.to_owned(), None);
            }
        }
        Ok(objects)
    }

    /// Keys, certificates and all that a server keeps besides its database and contents.
    pub(super) fn everything_else(&mut self) -> Result<(), AdminError> {
        let unreadable = unusable(self.from);
        let mut paths = Vec::new();
        for entry in fs::read_dir(self.from).map_err(&unreadable)? {
            let entry = entry.map_err(&unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_left_out = LEFT_OUT.contains(&name.as_str()) || LEFT_OUT_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            let facts = entry.file_type().map_err(&unreadable)?;
            if facts.is_file() && !is_left_out {
                paths.push(PathBuf::from(name));
            } else if facts.is_dir() && !is_left_out {
                let below = files_below(&entry.path()).map_err(&unreadable)?;
                paths.extend(below.into_iter().map(|path| Path::new(&name).join(path)));
            }
        }
        for path in paths {
            let (from, to) = (self.from.join(&path), self.to.join(&path));
            let parent = to.parent().unwrap_or(self.to);
            private(parent).map_err(unusable(parent))?;
            copy(&from, &to).map_err(unusable(&from))?;
            self.measure(path)?;
        }
        Ok(())
    }
}

/// A directory for nobody but its owner; and those above it.
pub(super) fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A file for nobody but its owner.
pub(super) fn restrict(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

/// A second name for a file that never changes; or its octets, where there can be none.
pub(super) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        Err(_another_file_system) => copy(from, to),
    }
}

/// The octets of a file, durable.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.flush()?;
    target.sync_all()
}

/// The size and digest of a file.
pub(super) fn measure(path: &Path) -> io::Result<(u64, ContentDigest)> {
    let mut file = File::open(path)?;
    let (mut size_octets, mut digester) = (0, Digester::new());
    let mut piece = vec![0; PIECE_OCTETS];
    loop {
        let octets = file.read(&mut piece)?;
        if octets == 0 {
            return Ok((size_octets, digester.finish()));
        }
        digester.update(piece.get(..octets).unwrap_or_default());
        size_octets += octets as u64;
    }
}

/// The names in a directory are durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The names in a directory and in those below it are durable.
pub(super) fn sync_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    sync_directory(path)
}

/// The files of a directory and of those below it, by their paths below it.
pub(super) fn files_below(root: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut directories) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            let facts = entry.file_type()?;
            if facts.is_dir() {
                directories.push(path);
            } else if facts.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
