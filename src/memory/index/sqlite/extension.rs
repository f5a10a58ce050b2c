//! Makes the functions of sqlite-vec known to a connection.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use rusqlite::{Connection, ffi};

/// How SQLite begins an extension.
type Begin = unsafe extern "C" fn(*mut ffi::sqlite3, *mut *mut c_char, *const ffi::sqlite3_api_routines) -> c_int;

/// Makes `vec_distance_l2` and its like known to this connection, and to no other.
#[expect(unsafe_code, reason = "sqlite-vec is a C library, and its crate declares its beginning without parameters")]
pub(super) fn enable(connection: &Connection) -> rusqlite::Result<()> {
    // SAFETY: `sqlite3_vec_init` is an entry point of an SQLite extension, compiled with `SQLITE_CORE`: it takes these parameters,
    // looks at neither the place for a message (which may be null) unless it fails, nor the routines. The handle is that of a
    // connection that is open and, being borrowed, stays so until the call returns.
    let code = unsafe {
        let begin: Begin = std::mem::transmute::<*const (), Begin>(sqlite_vec::sqlite3_vec_init as *const ());
        begin(connection.handle(), ptr::null_mut(), ptr::null())
    };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)) }
}
