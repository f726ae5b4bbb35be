//! What SQLite does with an open file.

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use rusqlite::ffi;

use super::code;
use super::shared::{Holder, Shared};
use crate::disk::Disk;
use crate::tree::Inode;

/// What SQLite holds for an open file: its own part, then ours.
#[repr(C)]
pub(super) struct OpenFile {
    base: ffi::sqlite3_file,
    pub(super) handle: *mut Handle,
}

/// An open file.
pub(super) struct Handle {
    disk: Disk,
    shared: Arc<Shared>,
    inode: Inode,
    path: String,
    holder: Holder,
    /// A journal that was just made: its first sync includes its directory.
    is_name_new: bool,
    is_temporary: bool,
}

impl Handle {
    pub(super) fn new(disk: &Disk, shared: &Arc<Shared>, inode: Inode, path: String, is_name_new: bool, is_temporary: bool) -> Self {
        let holder = shared.join();
        Self { disk: disk.clone(), shared: Arc::clone(shared), inode, path, holder, is_name_new, is_temporary }
    }
}

/// The functions, as SQLite wants them.
pub(super) static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// SAFETY: `file` is one that `open` of this file layer has filled in, and that is not closed.
unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: SQLite uses a connection, and its files, on one thread at a time.
    unsafe { &mut *(*file.cast::<OpenFile>()).handle }
}

fn index(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once; the handle came from a box.
    let handle = unsafe { Box::from_raw((*file.cast::<OpenFile>()).handle) };
    handle.shared.leave(handle.inode, handle.holder);
    if handle.is_temporary {
        handle.disk.remove_if_possible(&handle.path);
    }
    handle.disk.close(handle.inode);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, out: *mut c_void, amount: c_int, offset: ffi::sqlite3_int64) -> c_int {
    // SAFETY: `out` has room for so many octets.
    let (handle, out) = unsafe { (handle(file), std::slice::from_raw_parts_mut(out.cast::<u8>(), index(amount))) };
    let found = match handle.disk.read(handle.inode, index(offset), out.len()) {
        Ok(found) => found,
        Err(fault) => return code(fault, ffi::SQLITE_IOERR_READ),
    };
    let (here, beyond) = out.split_at_mut(found.len().min(out.len()));
    here.copy_from_slice(&found);
    beyond.fill(0);
    if beyond.is_empty() { ffi::SQLITE_OK } else { ffi::SQLITE_IOERR_SHORT_READ }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, octets: *const c_void, amount: c_int, offset: ffi::sqlite3_int64) -> c_int {
    // SAFETY: there are so many octets.
    let (handle, octets) = unsafe { (handle(file), std::slice::from_raw_parts(octets.cast::<u8>(), index(amount))) };
    handle.disk.write(handle.inode, index(offset), octets).map_or_else(|fault| code(fault, ffi::SQLITE_IOERR_WRITE), |()| ffi::SQLITE_OK)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, octets: ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    handle.disk.resize(handle.inode, index(octets)).map_or_else(|fault| code(fault, ffi::SQLITE_IOERR_TRUNCATE), |()| ffi::SQLITE_OK)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    if let Err(fault) = handle.disk.sync(handle.inode) {
        return code(fault, ffi::SQLITE_IOERR_FSYNC);
    }
    if std::mem::take(&mut handle.is_name_new) && handle.disk.sync_parent(&handle.path).is_err() {
        // `unixSync` takes no notice of a directory that cannot be synced.
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file, and room for its size.
    unsafe {
        let handle = handle(file);
        match handle.disk.len(handle.inode) {
            Ok(octets) => *out = ffi::sqlite3_int64::try_from(octets).unwrap_or(ffi::sqlite3_int64::MAX),
            Err(fault) => return code(fault, ffi::SQLITE_IOERR_FSTAT),
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    handle.shared.lock(handle.inode, handle.holder, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    handle.shared.unlock(handle.inode, handle.holder, level);
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: an open file, and room for the answer.
    unsafe {
        let handle = handle(file);
        *out = c_int::from(handle.shared.is_reserved(handle.inode));
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_file: *mut ffi::sqlite3_file, _operation: c_int, _argument: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    // What the system's own says of every disk.
    4096
}

unsafe extern "C" fn device_characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE | ffi::SQLITE_IOCAP_SUBPAGE_READ
}

unsafe extern "C" fn shm_map(file: *mut ffi::sqlite3_file, number: c_int, octets: c_int, may_make: c_int, out: *mut *mut c_void) -> c_int {
    // SAFETY: an open file, and room for a pointer.
    unsafe {
        let handle = handle(file);
        *out = handle.shared.map(handle.inode, handle.holder, index(number), index(octets), may_make != 0).cast();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    handle.shared.lock_index(handle.inode, handle.holder, index(first)..index(first + count), flags)
}

unsafe extern "C" fn shm_barrier(_file: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    handle.shared.unmap(handle.inode, handle.holder);
    ffi::SQLITE_OK
}
