//! Which paths below a folder are wanted: the globs of permissions, so that there is one kind of them.

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Access, Permission},
};

/// `*` within a part of a path, `**` over parts.
#[derive(Debug, Clone)]
pub(super) struct Glob(Permission);

impl Glob {
    /// The folder in which `place` begins (`docs` of `docs/**/*.md`), and the glob from there.
    ///
    /// # Errors
    /// `Invalid` for what is no glob.
    pub(super) fn parse(place: &str) -> Result<(String, Self)> {
        let star = place.find('*').unwrap_or(place.len());
        let (folder, rest) = match place[..star].rfind('/') {
            Some(0) => ("/", &place[1..]),
            Some(slash) => (&place[..slash], &place[slash + 1..]),
            None => (".", place),
        };
        // What other globs can do is refused rather than taken for a part of a name.
        let permission = format!("fs:read:{rest}").parse().ok().filter(|_| !rest.contains(['{', '?', '[']));
        let permission = permission.ok_or_else(|| {
            let text = format!("`{}` is no glob", place.escape_debug());
            Error::new(ErrorKind::Invalid, text).hint("write `docs/*.md` or `docs/**/*.md`, with `*` and `**` only")
        })?;
        Ok((folder.to_owned(), Self(permission)))
    }

    /// Whether it means the path, which is one from the folder in which it begins.
    pub(super) fn covers(&self, path: &str) -> bool {
        self.0.covers(&Access::Read { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_begins_in_a_folder() {
        let covers = |glob: &str, folder: &str, path: &str| {
            let (start, glob) = Glob::parse(glob).unwrap();
            assert_eq!(start, folder);
            glob.covers(path)
        };
        assert!(covers("docs/**/*.md", "docs", "a.md") && covers("docs/**/*.md", "docs", "b/c/a.md"));
        assert!(covers("*.md", ".", "a.md") && !covers("*.md", ".", "b/a.md"));
        assert!(
            covers("/srv/*.md", "/srv", "a.md") && covers("../x/a*/b", "../x", "ab/b") && !covers("docs/*.md", "docs", "a.rs")
        );
        for bad in ["*.{js,ts}", "a/*/../b", "a*?", "[a]*"] {
            assert!(Glob::parse(bad).is_err(), "{bad:?}");
        }
    }
}
