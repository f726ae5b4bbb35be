//! `twoway backup`: everything durable, as it is at one moment, while the server goes on.
//!
//! In this order: the store is told not to remove objects; the database is copied, in one snapshot; then the objects that
//! the copy names. What is freed in between stays until it is copied. Last of all the manifest: a backup without one is
//! not complete.

mod copy;
pub mod manifest;
pub mod restore;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mail::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use store::backup::NamedObject;
use store::sqlite::SqliteFile;

use crate::admin::{AdminError, Request, client};
use crate::config::{Config, Database};
use crate::progress::{Progress, Shown};
use copy::{Copier, private, sync_tree, unusable};
use manifest::{Engine, FORMAT, MANIFEST, Manifest};

/// The database, in `data_dir` and in a backup.
const DATABASE: &str = "twoway.sqlite";
/// Large contents, in `data_dir` and in a backup.
const CONTENT: &str = "content";
/// Contents that nobody knows of, in `data_dir`.
pub const LOST_AND_FOUND: &str = "lost+found";
/// A backup that is being made has this in it.
const INCOMPLETE: &str = "INCOMPLETE";
/// Objects copied between two words to the store that we are still at it. It keeps them for an hour each time.
const OBJECTS_PER_HOLD: usize = 1_000;

#[derive(Serialize)]
struct Done {
    ok: bool,
    backup: PathBuf,
    made: Timestamp,
    files: usize,
    size_octets: u64,
    faults: Vec<String>,
    /// What is needed besides, and not in the backup.
    configured: Vec<PathBuf>,
}

/// Makes a backup in a directory that is not there yet.
///
/// # Errors
/// The directory is there, a file cannot be read or written, or the server or the store cannot be reached. Nothing is left
/// under the name of the directory.
pub fn back_up(config: &Config, directory: &Path, shown: Shown) -> Result<Value, AdminError> {
    if config.store == Database::Sqlite && !config.data_dir.join(DATABASE).exists() {
        return Err(AdminError::refused("no-store", format!("{}: there is no store", config.data_dir.display())));
    }
    if directory.exists() {
        return Err(AdminError::refused("exists", format!("{}: is there already", directory.display())));
    }
    let beside = begin(directory)?;
    let made = hold(config)?;
    let manifest = fill(config, &beside, made, shown)?;
    release(config)?;
    fs::rename(&beside, directory).map_err(unusable(directory))?;
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    copy::sync_directory(parent).map_err(unusable(parent))?;
    let done = Done {
        ok: manifest.faults.is_empty(),
        backup: directory.to_owned(),
        made,
        files: manifest.files.len(),
        size_octets: manifest.files.iter().map(|file| file.size_octets).sum(),
        configured: [vec![manifest.configuration], manifest.configured].concat(),
        faults: manifest.faults,
    };
    Ok(serde_json::to_value(done).unwrap_or_default())
}

/// Beside the directory, with a name that says so. What an earlier one has left there is removed: it is known by its mark.
fn begin(directory: &Path) -> Result<PathBuf, AdminError> {
    let mut beside = directory.to_owned().into_os_string();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    if beside.exists() {
        if !beside.join(INCOMPLETE).exists() {
            return Err(AdminError::refused("exists", format!("{}: is in the way, and no backup that was cut short", beside.display())));
        }
        fs::remove_dir_all(&beside).map_err(unusable(&beside))?;
    }
    private(&beside).map_err(unusable(&beside))?;
    fs::write(beside.join(INCOMPLETE), "A backup was being made here, and is not complete.\n").map_err(unusable(&beside))?;
    Ok(beside)
}

/// Nothing is removed for an hour. Returns the store's time.
fn hold(config: &Config) -> Result<Timestamp, AdminError> {
    let held = client::carry_out(config, &Request::BackupHold, &mut std::io::sink())?;
    let now = held.document.get("now").and_then(Value::as_str).and_then(|now| now.parse().ok());
    now.ok_or_else(|| AdminError::temporary("connection", "an answer of another form"))
}

fn release(config: &Config) -> Result<(), AdminError> {
    client::carry_out(config, &Request::BackupRelease, &mut std::io::sink()).map(drop)
}

fn fill(config: &Config, beside: &Path, made: Timestamp, shown: Shown) -> Result<Manifest, AdminError> {
    let mut copier = Copier::new(&config.data_dir, beside);
    let objects = match &config.store {
        Database::Sqlite => {
            let progress = Progress::begin(shown, "copying the database", 1);
            let (from, to) = (SqliteFile::new(config.data_dir.join(DATABASE)), beside.join(DATABASE));
            let told = &mut |done, of| progress.set("copying the database".to_owned(), done, of);
            store::backup::snapshot(&from, &to, told)?;
            copy::restrict(&to).map_err(unusable(&to))?;
            copier.measure(DATABASE)?;
            store::backup::objects_of(&to)?.into_iter().map(|(object, facts)| (object, Some(facts))).collect()
        }
        // Its own programs copy it, before this one runs: then all that it names is here.
        Database::Postgres(_) => copier.all_objects()?,
    };
    copier.everything_else()?;
    let mut faults = Vec::new();
    let progress = Progress::begin(shown, "copying contents", objects.len() as u64);
    for (count, (object, expected)) in objects.iter().enumerate() {
        if count % OBJECTS_PER_HOLD == OBJECTS_PER_HOLD - 1 {
            hold(config)?;
        }
        faults.extend(copier.object(object, expected.as_ref())?);
        progress.advance(1);
    }
    drop(progress);
    let (cert, key) = config.tls.identity.clone().map(|identity| (identity.cert, identity.key)).unzip();
    let configured = [cert, key, config.tls.extra_ca.clone(), config.dns.trust_anchor.clone()];
    let manifest = Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made,
        schema: store::schema::version(),
        engine: Engine::of(&config.store),
        hostname: config.hostname.to_string(),
        domains: config.domains.iter().map(ToString::to_string).collect(),
        configuration: config.file.clone(),
        configured: configured.into_iter().flatten().collect(),
        files: copier.files(),
        faults,
    };
    // Everything is durable before the file that says that everything is there.
    sync_tree(beside).map_err(unusable(beside))?;
    manifest.write(&beside.join(MANIFEST)).map_err(unusable(beside))?;
    fs::remove_file(beside.join(INCOMPLETE)).map_err(unusable(beside))?;
    copy::sync_directory(beside).map_err(unusable(beside))?;
    Ok(manifest)
}

/// Objects, by name.
type Objects = BTreeMap<String, Option<NamedObject>>;

#[cfg(test)]
mod tests;
