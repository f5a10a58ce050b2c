//! A file with other contents: whole, or not at all.

use std::io::{self, Write as _};

use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt as _, Permissions, PermissionsExt as _};
use rustix::fs::OFlags;

/// How often a name for the new file is drawn before it is given up.
const DRAWS: usize = 16;

/// Puts `contents` in the place of `name`, durably. A link that is there by then is replaced, not followed.
pub(super) fn replace(parent: &Dir, name: &str, contents: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    let temporary = write_beside(parent, contents, permissions)?;
    let done = parent.rename(&temporary, parent, name);
    if done.is_err() {
        drop(parent.remove_file(&temporary));
        return done;
    }
    // Not all file systems know how to make a folder durable; the file is.
    let folder = parent.open_with(".", OpenOptions::new().read(true).custom_flags(directory()))?;
    drop(folder.sync_all());
    Ok(())
}

fn write_beside(parent: &Dir, contents: &[u8], permissions: Option<Permissions>) -> io::Result<String> {
    let mut draws = 0;
    let (name, mut file) = loop {
        // Short, so that a name as long as it may be has a neighbour.
        let name = format!(".af-{:016x}.tmp", fastrand::u64(..));
        match parent.open_with(&name, OpenOptions::new().write(true).create_new(true)) {
            Ok(file) => break (name, file),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists && draws < DRAWS => draws += 1,
            Err(err) => return Err(err),
        }
    };
    let write = |file: &mut File| {
        file.write_all(contents)?;
        if let Some(permissions) = permissions {
            // Who may run it as somebody else has not seen these contents.
            file.set_permissions(Permissions::from_mode(permissions.mode() & 0o777))?;
        }
        file.sync_all()
    };
    match write(&mut file) {
        Ok(()) => Ok(name),
        Err(err) => {
            drop(parent.remove_file(&name));
            Err(err)
        }
    }
}

#[expect(clippy::cast_possible_wrap, reason = "flags are bits")]
fn directory() -> i32 {
    OFlags::DIRECTORY.bits() as i32
}
