//! Paths as models and authors write them, brought into the one form in which they are permitted: relative, with `/`, without `.` and `..`.

use crate::error::{Error, ErrorKind, Result};

/// The longest path, in bytes.
const MAX_PATH: usize = 4096;

/// The path in that form; empty for the project's folder itself.
///
/// # Errors
/// `Invalid` for a path that is absolute, leads upwards, or has characters that no sane path has.
pub(super) fn normalize(text: &str) -> Result<String> {
    let refuse = |why: &str| Err(Error::new(ErrorKind::Invalid, format!("path `{}` {why}", text.escape_debug())));
    if text.len() > MAX_PATH {
        return Err(Error::new(ErrorKind::Invalid, format!("the path is longer than {MAX_PATH} bytes")));
    }
    if text.starts_with(['/', '~']) {
        return refuse("is not below the project's folder: write a path relative to that, such as `src/main.rs`");
    }
    if text.contains('\\') {
        return refuse("has a backslash: write `/` between its parts");
    }
    if !is_plain(text) {
        return refuse("has control characters or invisible ones");
    }
    let parts: Vec<_> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return refuse("has `..`: write the path from the project's folder");
    }
    Ok(parts.join("/"))
}

/// Whether a name has no control characters and none that change how others are shown, or are not shown themselves.
pub(super) fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}')
    })
}

/// `name` below `folder`, which may be the project's folder, written as nothing.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A path as it is shown: the project's folder as `.`.
pub(super) fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_form() {
        for (text, form) in
            [(".", ""), ("", ""), ("./a//b/", "a/b"), ("a/./b", "a/b"), ("a b/ü.md", "a b/ü.md"), ("..a/b..", "..a/b..")]
        {
            assert_eq!(normalize(text).unwrap(), form, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_below_the_project_is_refused_with_a_reason() {
        for (text, reason) in [
            ("/etc/passwd", "relative"),
            ("~/.ssh/id_rsa", "relative"),
            ("..", "`..`"),
            ("a/../../b", "`..`"),
            ("a/..", "`..`"),
            ("a\\..\\b", "backslash"),
            ("a\0b", "control"),
            ("a\nb", "control"),
            ("a\u{1b}[31m", "control"),
            (".g\u{200c}it/config", "invisible"),
            ("a\u{202e}b", "invisible"),
        ] {
            let error = normalize(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.message().contains(reason), "{text:?}: {error}");
            assert!(!error.message().contains(['\0', '\n', '\u{1b}']), "{error}");
        }
        assert!(normalize(&"a/".repeat(3000)).is_err());
    }
}
