//! What a backup says of itself: written last, verified before anything is restored.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use mail::digest::ContentDigest;
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::copy;
use crate::config::Database;

/// Its name in a backup.
pub const MANIFEST: &str = "manifest.json";
/// The form of manifests that this program writes, and reads.
pub const FORMAT: u32 = 1;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of this file.
    pub format: u32,
    /// The version of the program that made the backup.
    pub program: String,
    /// The moment it is of.
    pub made: Timestamp,
    /// The version of the schema.
    pub schema: u64,
    /// Which database.
    pub engine: Engine,
    /// The server's name.
    pub hostname: String,
    /// Its domains.
    pub domains: Vec<String>,
    /// The configuration, which is not in the backup.
    pub configuration: PathBuf,
    /// Files that the configuration names, which are not in the backup either: certificates, keys.
    pub configured: Vec<PathBuf>,
    /// Every file of the backup but this one.
    pub files: Vec<Listed>,
    /// What was wrong when the backup was made: contents that were missing or damaged then.
    pub faults: Vec<String>,
}

/// Which database a backup is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// In the backup.
    Sqlite,
    /// Backed up by its own programs.
    Postgresql,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Below the directory of the backup.
    pub path: PathBuf,
    /// Its size.
    pub size_octets: u64,
    /// `sha-256:` and 43 characters of base64url.
    pub digest: String,
}

impl Engine {
    /// Of a configuration.
    pub const fn of(database: &Database) -> Self {
        match database {
            Database::Sqlite => Self::Sqlite,
            Database::Postgres(_) => Self::Postgresql,
        }
    }
}

impl Manifest {
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = File::create_new(path)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        copy::restrict(path)
    }

    /// That of the backup in this directory.
    ///
    /// # Errors
    /// There is none: the backup is not complete. Or it is of another form.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let text = fs::read(directory.join(MANIFEST)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(error.kind(), format!("no {MANIFEST}: no backup, or one that was cut short")),
            _ => error,
        })?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| io::Error::other(format!("{MANIFEST}: {error}")))?;
        if manifest.format != FORMAT {
            return Err(io::Error::other(format!("{MANIFEST} has form {}, this program knows form {FORMAT}", manifest.format)));
        }
        // A manifest that somebody has altered must not lead out of its directory.
        let is_inside = |listed: &Listed| listed.path.components().all(|part| matches!(part, Component::Normal(_)));
        if !manifest.files.iter().all(is_inside) {
            return Err(io::Error::other(format!("{MANIFEST} names a file that is not below it")));
        }
        Ok(manifest)
    }

    /// What of a file is not as it is listed.
    pub(super) fn verify(directory: &Path, listed: &Listed) -> Option<String> {
        let why = match copy::measure(&directory.join(&listed.path)) {
            Err(error) => error.to_string(),
            Ok((size_octets, _digest)) if size_octets != listed.size_octets => {
                format!("has {size_octets} octets, and had {}", listed.size_octets)
            }
            Ok((_size, digest)) if Some(digest) != listed.digest.parse::<ContentDigest>().ok() => "is not what was backed up".to_owned(),
            Ok(_same) => return None,
        };
        Some(format!("{}: {why}", listed.path.display()))
    }
}
