//! `twoway restore`: a backup in the place of a store, and a store that knows that it is one.
//!
//! Everything is made ready in `data_dir/restore.tmp`, and only then put in place; while that directory is there, no server
//! starts. So a restore that was cut short is repeated, and nothing half restored ever runs. What was there before is put
//! aside, and nothing of it deleted.

use std::fs;
use std::path::{Path, PathBuf};

use mail::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use store::check::stray;

use super::copy::{copy, link_or_copy, private, sync_directory, sync_tree, unusable};
use super::manifest::{Engine, Manifest};
use super::{CONTENT, DATABASE, LOST_AND_FOUND};
use crate::admin::{AdminError, Fault};
use crate::config::{Config, Database};
use crate::progress::{Progress, Shown};
use crate::real::Machine;
use crate::serve::{StartError, open};

/// What to do with a store that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// Nothing is restored over it.
    Kept,
    /// It is put aside.
    Replaced,
}

#[derive(Serialize)]
struct Done {
    ok: bool,
    /// The moment of the backup.
    made: Timestamp,
    files: usize,
    mailboxes: u64,
    relaying: u64,
    /// Contents that the database does not name, now in `lost+found`: what was written after PostgreSQL's was copied.
    superfluous: usize,
    /// Where what was there before is now.
    replaced: Option<PathBuf>,
    violations: Vec<String>,
}

/// Puts a backup in the place of the store. No server may run.
///
/// # Errors
/// The backup is not complete, or not as it was made; there is a store; a server runs; a file cannot be written.
pub fn restore(config: &Config, directory: &Path, present: Present, shown: Shown) -> Result<Value, AdminError> {
    let manifest = Manifest::read(directory).map_err(|error| AdminError::refused("backup", format!("{}: {error}", directory.display())))?;
    require_engine(config, &manifest)?;
    verify(directory, &manifest, shown)?;
    let data_dir = &config.data_dir;
    private(data_dir).map_err(unusable(data_dir))?;
    let unopened = |error: StartError| AdminError { fault: error.fault(), code: "store".to_owned(), message: error.to_string() };
    let lock = open::lock(data_dir).map_err(unopened)?;
    let ready = data_dir.join(open::RESTORING);
    let was_cut_short = ready.exists();
    if present == Present::Kept && !was_cut_short && has_store(data_dir).map_err(unusable(data_dir))? {
        let text = format!("{}: there is a store; --replace puts it aside", data_dir.display());
        return Err(AdminError::refused("store-present", text));
    }
    if was_cut_short {
        fs::remove_dir_all(&ready).map_err(unusable(&ready))?;
    }
    private(&ready).map_err(unusable(&ready))?;
    sync_directory(data_dir).map_err(unusable(data_dir))?;
    unpack(directory, &ready, &manifest, shown)?;
    let renewed = renew(config, &ready)?;
    let has_contents = manifest.files.iter().any(|listed| listed.path.starts_with(CONTENT));
    if renewed.mailboxes == 0 && has_contents && matches!(config.store, Database::Postgres(_)) {
        let text = "the database has no mailboxes, and the backup has contents: load what pg_dump has written, then repeat this";
        return Err(AdminError::refused("database-empty", text));
    }
    lose(&ready, &renewed.superfluous)?;
    let replaced = put_aside(data_dir, renewed.now)?;
    put_in_place(&ready, data_dir)?;
    drop(lock);
    let done = Done {
        ok: renewed.violations.is_empty(),
        made: manifest.made,
        files: manifest.files.len(),
        mailboxes: renewed.mailboxes,
        relaying: renewed.relaying,
        superfluous: renewed.superfluous.len(),
        replaced,
        violations: renewed.violations,
    };
    Ok(serde_json::to_value(done).unwrap_or_default())
}

fn require_engine(config: &Config, manifest: &Manifest) -> Result<(), AdminError> {
    if Engine::of(&config.store) == manifest.engine {
        return Ok(());
    }
    let text = format!("the backup is of a store on {:?}, and the configuration names another", manifest.engine);
    Err(AdminError { fault: Fault::Usage, code: "engine".to_owned(), message: text })
}

fn verify(directory: &Path, manifest: &Manifest, shown: Shown) -> Result<(), AdminError> {
    let progress = Progress::begin(shown, "verifying the backup", manifest.files.len() as u64);
    let mut wrong = Vec::new();
    for listed in &manifest.files {
        wrong.extend(Manifest::verify(directory, listed));
        progress.advance(1);
    }
    if wrong.is_empty() { Ok(()) } else { Err(AdminError::refused("backup", format!("the backup is damaged:\n{}", wrong.join("\n")))) }
}

/// Whether something is there that a restore would take the place of.
fn has_store(data_dir: &Path) -> std::io::Result<bool> {
    let content = data_dir.join(CONTENT);
    Ok(data_dir.join(DATABASE).exists() || (content.exists() && !super::copy::files_below(&content)?.is_empty()))
}

fn unpack(directory: &Path, ready: &Path, manifest: &Manifest, shown: Shown) -> Result<(), AdminError> {
    let progress = Progress::begin(shown, "copying files", manifest.files.len() as u64);
    for listed in &manifest.files {
        let (from, to) = (directory.join(&listed.path), ready.join(&listed.path));
        let parent = to.parent().unwrap_or(ready);
        private(parent).map_err(unusable(parent))?;
        // Contents never change: a second name is as good as a copy. All else does.
        let placed = if listed.path.starts_with(CONTENT) { link_or_copy(&from, &to) } else { copy(&from, &to) };
        placed.map_err(unusable(&from))?;
        progress.advance(1);
    }
    sync_tree(ready).map_err(unusable(ready))
}

struct Renewed {
    now: Timestamp,
    mailboxes: u64,
    relaying: u64,
    /// Those that are of contents which no row names.
    superfluous: Vec<String>,
    /// All others.
    violations: Vec<String>,
}

/// Opens the store where it is made ready, and tells it what it is.
fn renew(config: &Config, ready: &Path) -> Result<Renewed, AdminError> {
    let config = Config { data_dir: ready.to_owned(), ..config.clone() };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| AdminError::temporary("runtime", error.to_string()))?;
    runtime.block_on(async {
        let machine = Machine::new();
        let unopened = |error: StartError| AdminError { fault: error.fault(), code: "store".to_owned(), message: error.to_string() };
        let opened = open::open(&config, &machine).await.map_err(unopened)?;
        let worked = async {
            let store::backup::Renewed { mailboxes, relaying } = opened.store.renew_after_restore().await?;
            let found = opened.store.check().await?;
            let (superfluous, violations) = found.into_iter().partition(|found| stray(found).is_some());
            Ok::<_, AdminError>(Renewed { now: machine.now(), mailboxes, relaying, superfluous, violations })
        };
        let renewed = worked.await;
        opened.close().await;
        renewed
    })
}

/// Moves contents that no row names to where somebody may look at them.
fn lose(ready: &Path, superfluous: &[String]) -> Result<(), AdminError> {
    if superfluous.is_empty() {
        return Ok(());
    }
    let lost = ready.join(LOST_AND_FOUND);
    for object in superfluous.iter().filter_map(|found| stray(found)) {
        let to = lost.join(object);
        let parent = to.parent().unwrap_or(&lost);
        private(parent).map_err(unusable(parent))?;
        fs::rename(ready.join(CONTENT).join(object), &to).map_err(unusable(&to))?;
    }
    sync_tree(ready).map_err(unusable(ready))
}

/// Moves what is in `data_dir` to a directory of its own. `None` if there was nothing.
fn put_aside(data_dir: &Path, now: Timestamp) -> Result<Option<PathBuf>, AdminError> {
    let unusable = unusable(data_dir);
    let mut old = Vec::new();
    for entry in fs::read_dir(data_dir).map_err(&unusable)? {
        let name = entry.map_err(&unusable)?.file_name();
        let is_kept = name == "lock" || name == open::RESTORING || name.to_string_lossy().starts_with("replaced-");
        if !is_kept {
            old.push(name);
        }
    }
    if old.is_empty() {
        return Ok(None);
    }
    // A repeat within the second goes on with the directory that is there; what it would write over has another name.
    let stamp = now.to_stamp();
    let names = (0..1_000_u32)
        .map(|number| data_dir.join(if number == 0 { format!("replaced-{stamp}") } else { format!("replaced-{stamp}-{number}") }));
    let mut names = names.filter(|path| !path.exists());
    let aside = names.next().ok_or_else(|| AdminError::refused("file", "too many stores were put aside"))?;
    private(&aside).map_err(&unusable)?;
    // The database first: without it nothing there is a store any more.
    old.sort_by_key(|name| !name.to_string_lossy().starts_with(DATABASE));
    for name in old {
        fs::rename(data_dir.join(&name), aside.join(&name)).map_err(&unusable)?;
    }
    sync_directory(&aside).and_then(|()| sync_directory(data_dir)).map_err(&unusable)?;
    Ok(Some(aside))
}

/// Moves what was made ready to where it belongs, the database last; then a server may start.
fn put_in_place(ready: &Path, data_dir: &Path) -> Result<(), AdminError> {
    let unusable = unusable(data_dir);
    let mut names = Vec::new();
    for entry in fs::read_dir(ready).map_err(&unusable)? {
        let name = entry.map_err(&unusable)?.file_name();
        let is_lock = name == "lock" || name.to_string_lossy().ends_with(".lock");
        if !is_lock {
            names.push(name);
        }
    }
    names.sort_by_key(|name| name.to_string_lossy().starts_with(DATABASE));
    for name in names {
        fs::rename(ready.join(&name), data_dir.join(&name)).map_err(&unusable)?;
    }
    sync_directory(data_dir).map_err(&unusable)?;
    fs::remove_dir_all(ready).map_err(&unusable)?;
    sync_directory(data_dir).map_err(&unusable)
}
