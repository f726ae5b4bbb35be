//! The disk as SQLite's file layer, with what the system's own (`os_unix.c`) promises and no more.
//!
//! Connections of one process share locks and the index of the journal (`shared`), which no power cut survives.

mod methods;
mod shared;

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::ffi;

use crate::disk::{Disk, Fault};
use methods::{Handle, OpenFile};
use shared::Shared;

/// Paths are no longer than this.
const PATH_OCTETS_MAX: c_int = 1024;

static REGISTERED: AtomicU64 = AtomicU64::new(0);

/// A disk that SQLite knows; it forgets it when this is dropped.
#[derive(Debug)]
pub struct Registered {
    name: CString,
    vfs: *mut ffi::sqlite3_vfs,
    layer: *mut Layer,
}

// SAFETY: SQLite's list of file layers has a mutex, and all that the pointers lead to is behind mutexes or does not change.
unsafe impl Send for Registered {}
// SAFETY: as above.
unsafe impl Sync for Registered {}

/// What the functions of the file layer find behind it.
struct Layer {
    disk: Disk,
    shared: Arc<Shared>,
    /// The system's own, for clock and chance.
    system: *mut ffi::sqlite3_vfs,
    temporary: AtomicU64,
}

/// SQLite could not take it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("SQLite does not take the file layer: {0}")]
pub struct Unregistered(c_int);

/// Makes a disk known to SQLite, under a name of its own.
///
/// # Errors
/// SQLite cannot take another one.
pub fn register(disk: &Disk) -> Result<Registered, Unregistered> {
    let number = REGISTERED.fetch_add(1, Ordering::SeqCst);
    let name = CString::new(format!("faultdisk-{number}")).map_err(|_nul| Unregistered(ffi::SQLITE_MISUSE))?;
    // SAFETY: a null name asks for the default one, which is never unregistered.
    let system = unsafe {
        ffi::sqlite3_initialize();
        ffi::sqlite3_vfs_find(ptr::null())
    };
    let layer = Layer { disk: disk.clone(), shared: Arc::default(), system, temporary: AtomicU64::new(0) };
    let layer = Box::into_raw(Box::new(layer));
    let vfs = Box::into_raw(Box::new(ffi::sqlite3_vfs {
        iVersion: 2,
        szOsFile: c_int::try_from(size_of::<OpenFile>()).unwrap_or(c_int::MAX),
        mxPathname: PATH_OCTETS_MAX,
        pNext: ptr::null_mut(),
        zName: name.as_ptr(),
        pAppData: layer.cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(last_error),
        xCurrentTimeInt64: Some(current_time_millis),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }));
    let registered = Registered { name, vfs, layer };
    // SAFETY: the structure stays where it is until it is unregistered.
    match unsafe { ffi::sqlite3_vfs_register(vfs, 0) } {
        ffi::SQLITE_OK => Ok(registered),
        code => Err(Unregistered(code)),
    }
}

impl Registered {
    /// What to open databases with.
    pub fn name(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: both came from `Box::into_raw`. If a connection is still open, it needs them: then they stay.
        unsafe {
            ffi::sqlite3_vfs_unregister(self.vfs);
            if (*self.layer).shared.is_unused() {
                drop(Box::from_raw(self.layer));
                drop(Box::from_raw(self.vfs));
            } else {
                std::mem::forget(std::mem::take(&mut self.name));
            }
        }
    }
}

/// What SQLite is told of a fault, where this operation met it.
fn code(fault: Fault, operation: c_int) -> c_int {
    match fault {
        Fault::Full => ffi::SQLITE_FULL,
        Fault::NotFound => ffi::SQLITE_CANTOPEN,
        // As the system's own, which makes an error of reading or writing out of every other.
        Fault::Off | Fault::Io | Fault::ReadOnly => operation,
    }
}

/// SAFETY: `vfs` is one that [`register`] made.
unsafe fn layer<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a Layer {
    // SAFETY: it lives as long as the file layer is registered or used.
    unsafe { &*(*vfs).pAppData.cast::<Layer>() }
}

/// SAFETY: `name` is a C string, or null.
unsafe fn path_of(name: *const c_char) -> Option<String> {
    // SAFETY: as promised.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls with what it was given, and a file of the size it was told.
    unsafe {
        (*file).pMethods = ptr::null();
        let layer = layer(vfs);
        let (path, is_temporary) = match path_of(name) {
            Some(path) => (path, flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0),
            None => (format!("temporary/{}", layer.temporary.fetch_add(1, Ordering::SeqCst)), true),
        };
        let may_make = flags & ffi::SQLITE_OPEN_CREATE != 0;
        let is_journal = flags & (ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_SUPER_JOURNAL) != 0;
        let inode = match layer.disk.open(&path, may_make) {
            Ok(inode) => inode,
            Err(fault) => return code(fault, ffi::SQLITE_CANTOPEN),
        };
        let handle = Handle::new(&layer.disk, &layer.shared, inode, path, may_make && is_journal, is_temporary);
        (*file.cast::<OpenFile>()).handle = Box::into_raw(Box::new(handle));
        (*file).pMethods = &raw const methods::METHODS;
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: as for `open`.
    let (layer, path) = unsafe { (layer(vfs), path_of(name).unwrap_or_default()) };
    match layer.disk.remove(&path) {
        Ok(()) if sync_directory & 1 != 0 => match layer.disk.sync_parent(&path) {
            Ok(()) => ffi::SQLITE_OK,
            Err(_fault) => ffi::SQLITE_IOERR_DIR_FSYNC,
        },
        Ok(()) => ffi::SQLITE_OK,
        Err(Fault::NotFound) => ffi::SQLITE_IOERR_DELETE_NOENT,
        Err(_fault) => ffi::SQLITE_IOERR_DELETE,
    }
}

unsafe extern "C" fn access(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, flags: c_int, found: *mut c_int) -> c_int {
    // SAFETY: as for `open`.
    unsafe {
        let (layer, path) = (layer(vfs), path_of(name).unwrap_or_default());
        let has_octets = |(at, octets): &(String, usize)| *at == path && *octets > 0;
        *found = c_int::from(match flags {
            // An empty journal is none.
            ffi::SQLITE_ACCESS_EXISTS => layer.disk.list(crate::tree::parent(&path)).is_ok_and(|files| files.iter().any(has_octets)),
            _ => layer.disk.exists(&path),
        });
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(_vfs: *mut ffi::sqlite3_vfs, name: *const c_char, room: c_int, out: *mut c_char) -> c_int {
    // SAFETY: `name` is a C string, and `out` has the room that is said.
    unsafe {
        let octets = CStr::from_ptr(name).to_bytes_with_nul();
        if octets.len() > usize::try_from(room).unwrap_or(0) {
            return ffi::SQLITE_CANTOPEN;
        }
        ptr::copy_nonoverlapping(octets.as_ptr().cast(), out, octets.len());
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(vfs: *mut ffi::sqlite3_vfs, count: c_int, out: *mut c_char) -> c_int {
    // SAFETY: the system's own takes the same arguments.
    unsafe {
        let system = layer(vfs).system;
        (*system).xRandomness.map_or(0, |system_randomness| system_randomness(system, count, out))
    }
}

unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    // SAFETY: as for `randomness`.
    unsafe {
        let system = layer(vfs).system;
        (*system).xSleep.map_or(0, |system_sleep| system_sleep(system, micros))
    }
}

unsafe extern "C" fn current_time(vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: as for `randomness`.
    unsafe {
        let system = layer(vfs).system;
        (*system).xCurrentTime.map_or(ffi::SQLITE_ERROR, |system_time| system_time(system, out))
    }
}

unsafe extern "C" fn current_time_millis(vfs: *mut ffi::sqlite3_vfs, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: as for `randomness`.
    unsafe {
        let system = layer(vfs).system;
        (*system).xCurrentTimeInt64.map_or(ffi::SQLITE_ERROR, |system_time| system_time(system, out))
    }
}

unsafe extern "C" fn last_error(_vfs: *mut ffi::sqlite3_vfs, _room: c_int, _out: *mut c_char) -> c_int {
    0
}
