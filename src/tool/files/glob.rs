//! Which paths of a listing are wanted: the globs of permissions, so that there is one kind of them.

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Access, Permission},
};

/// `*` within a part of a path, `**` over parts; without `/` it is about names in all folders.
#[derive(Debug)]
pub(super) struct Glob(Permission);

impl Glob {
    /// # Errors
    /// `Invalid` for what is no glob.
    pub(super) fn new(text: &str) -> Result<Self> {
        let everywhere = if text.contains('/') { "" } else { "**/" };
        let permission = format!("fs:read:{everywhere}{text}").parse().ok();
        // What other globs can do is refused rather than taken for a part of a name.
        let permission = permission.filter(|_| !text.is_empty() && !text.contains(['{', '?']));
        permission.map(Self).ok_or_else(|| {
            let message = format!("`{}` is no glob: write `*.md` or `src/**/*.rs`, with `*` and `**` only", text.escape_debug());
            Error::new(ErrorKind::Invalid, message)
        })
    }

    /// Whether it means the path, which is one from the folder that is looked through.
    pub(super) fn covers(&self, path: &str) -> bool {
        self.0.covers(&Access::Read { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_is_about_names_or_paths() {
        let covers = |glob: &str, path: &str| Glob::new(glob).unwrap().covers(path);
        assert!(covers("*.rs", "main.rs") && covers("*.rs", "a/b/main.rs") && covers("src/**/*.rs", "src/main.rs"));
        assert!(!covers("*.rs", "main.rsx") && !covers("src/*.rs", "src/a/b.rs") && !covers("./src/*", "lib/a"));
        for bad in ["", "../*", "/etc/*", "a\\*", "*.{js,ts}", "a?"] {
            assert!(Glob::new(bad).is_err(), "{bad:?}");
        }
    }
}
