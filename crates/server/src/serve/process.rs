//! What the process may do: its user, its files' modes, its descriptors. Settled before there are threads or connections.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Group, Uid, User, geteuid, getresgid, getresuid, initgroups, setgroups, setresgid, setresuid, setuid};

use crate::config::{Config, Process};

/// Descriptors beside those of connections: the store, the log, DNS, connections to other servers.
const OTHER_DESCRIPTORS: u64 = 1_000;

/// Why the process does not become what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Nobody said that root may run it.
    #[error("started as root: set process.user to the user it is to run as once its ports are open (or to \"root\", if it must be root)")]
    Root,
    /// There is no such user or group.
    #[error("process.{key}: there is no {key} {name}")]
    Unknown {
        /// `user` or `group`.
        key: &'static str,
        /// Its name.
        name: String,
    },
    /// Only root can become somebody else.
    #[error("process.user is {wanted}, and only root can become another user; started as {current}")]
    NotRoot {
        /// Who it should be.
        wanted: String,
        /// Who it is.
        current: String,
    },
    /// The data is somebody else's.
    #[error("data_dir {} belongs to user {owner}, and the server runs as {user}: chown -R {user} {}", directory.display(), directory.display())]
    Owner {
        /// The data directory.
        directory: PathBuf,
        /// Whose it is.
        owner: String,
        /// Whose it should be.
        user: String,
    },
    /// The system refused.
    #[error("{what}: {error}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// Why it refused.
        error: io::Error,
    },
    /// It looks as if privileges were given up, and they were not.
    #[error("privileges were given up, and could be regained")]
    Regained,
}

/// Whether this process is root and is to become somebody else: then it opens its ports and reads its key first.
pub fn gives_up_privileges(config: &Config) -> bool {
    geteuid().is_root() && config.process.user.as_deref().is_some_and(|user| user != "root")
}

/// Makes the process what it is to be from here on. To be called before there are threads: the system keeps users by thread.
///
/// # Errors
/// It must not run like this.
pub fn settle(config: &Config) -> Result<(), ProcessError> {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    raise_descriptors(config);
    if geteuid().is_root() && config.process.user.is_none() {
        return Err(ProcessError::Root);
    }
    if let Some(user) = &config.process.user {
        become_user(&find_user(user)?, &config.process, &config.data_dir)?;
    }
    // Nothing that we start may gain what we gave up.
    prctl::set_no_new_privs().map_err(system("no_new_privs"))
}

/// As root and with data that is somebody else's, becomes them: a file made by root is one that the server cannot open.
///
/// # Errors
/// The system refused.
pub fn become_owner(directory: &Path) -> Result<(), ProcessError> {
    let Ok(metadata) = fs::metadata(directory) else { return Ok(()) };
    if !geteuid().is_root() || metadata.uid() == 0 {
        return Ok(());
    }
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let (uid, gid) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
    setgroups(&[gid]).map_err(system("setgroups"))?;
    drop_to(uid, gid)
}

fn find_user(name: &str) -> Result<User, ProcessError> {
    let found = User::from_name(name).map_err(system("process.user"))?;
    found.ok_or_else(|| ProcessError::Unknown { key: "user", name: name.to_owned() })
}

fn become_user(user: &User, process: &Process, data_dir: &Path) -> Result<(), ProcessError> {
    if !geteuid().is_root() && geteuid() != user.uid {
        return Err(ProcessError::NotRoot { wanted: user.name.clone(), current: name_of(geteuid()) });
    }
    let gid = match &process.group {
        Some(name) => {
            let group = Group::from_name(name).map_err(system("process.group"))?;
            group.ok_or_else(|| ProcessError::Unknown { key: "group", name: name.clone() })?.gid
        }
        None => user.gid,
    };
    own(data_dir, user, gid)?;
    if !geteuid().is_root() || user.uid.is_root() {
        return Ok(());
    }
    let name = std::ffi::CString::new(user.name.as_str());
    let name = name.map_err(|error| ProcessError::System { what: "process.user", error: error.into() })?;
    initgroups(&name, gid).map_err(system("initgroups"))?;
    drop_to(user.uid, gid)
}

/// Becomes somebody, in every sense of the word the system has, and makes sure that there is no way back.
fn drop_to(uid: Uid, gid: Gid) -> Result<(), ProcessError> {
    // The group first: afterwards we may not.
    setresgid(gid, gid, gid).map_err(system("setresgid"))?;
    setresuid(uid, uid, uid).map_err(system("setresuid"))?;
    let (users, groups) = (getresuid().map_err(system("getresuid"))?, getresgid().map_err(system("getresgid"))?);
    let is_settled = [users.real, users.effective, users.saved].iter().all(|user| *user == uid)
        && [groups.real, groups.effective, groups.saved].iter().all(|group| *group == gid);
    if !is_settled || setuid(Uid::from_raw(0)).is_ok() {
        return Err(ProcessError::Regained);
    }
    // What root has read (the key) is not for other processes of this user, nor for a dump of our memory.
    prctl::set_dumpable(false).map_err(system("dumpable"))
}

/// The data directory is this user's: made so if there is none, refused if it is another's.
fn own(directory: &Path, user: &User, gid: Gid) -> Result<(), ProcessError> {
    let unusable = |error: io::Error| ProcessError::System { what: "data_dir", error };
    match fs::metadata(directory) {
        Ok(metadata) if metadata.uid() == user.uid.as_raw() => Ok(()),
        Ok(metadata) => {
            let owner = name_of(Uid::from_raw(metadata.uid()));
            Err(ProcessError::Owner { directory: directory.to_owned(), owner, user: user.name.clone() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
            std::os::unix::fs::chown(directory, Some(user.uid.as_raw()), Some(gid.as_raw())).map_err(unusable)
        }
        Err(error) => Err(unusable(error)),
    }
}

/// As many descriptors as the system grants; says so if they are too few for the connections we are to take.
fn raise_descriptors(config: &Config) {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        }
        Ok(hard)
    });
    let wanted = u64::try_from(config.connections.all_max).unwrap_or(u64::MAX).saturating_add(OTHER_DESCRIPTORS);
    match raised {
        Ok(granted) if granted < wanted => {
            tracing::warn!(
                granted,
                wanted,
                "too few file descriptors for limits.connections_max: raise LimitNOFILE of the service (ulimit -n), or lower it"
            );
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit of file descriptors is not known"),
    }
}

fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

fn system(what: &'static str) -> impl FnOnce(nix::Error) -> ProcessError {
    move |error| ProcessError::System { what, error: error.into() }
}
