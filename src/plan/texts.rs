//! Prompt files: found relative to the file that names them, read once, reported when they cannot be.

use std::path::{Path, PathBuf};

use crate::{
    diagnostic::{Code, Diagnostic, FileId, Files, Sources, Span},
    error::ErrorKind,
    plan::catalog::folder,
};

/// Why a prompt file cannot be used.
#[derive(Debug, Clone)]
pub(super) struct TextProblem {
    path: PathBuf,
    message: String,
    missing: bool,
}

impl TextProblem {
    /// The problem, told where the file is named.
    pub(super) fn at(&self, span: Span) -> Diagnostic {
        let path = self.path.display();
        if self.missing {
            return Diagnostic::error(Code::PROMPT_FILE, span, format!("prompt file `{path}` does not exist"))
                .hint("the path is relative to the file that names it");
        }
        Diagnostic::error(Code::PROMPT_FILE, span, format!("prompt file `{path}` cannot be read: {}", self.message))
    }
}

/// Reads the file that `base` calls `named`, or finds it among the sources already read.
pub(super) fn read(files: &dyn Files, sources: &mut Sources, base: &Path, named: &str) -> Result<(FileId, String), TextProblem> {
    let path = folder(base).join(named);
    if let Some((file, source)) = sources.iter().find(|(_, source)| source.path == path) {
        return Ok((file, source.text.clone()));
    }
    let text = files.read(&path).map_err(|err| TextProblem {
        path: path.clone(),
        message: err.message().to_owned(),
        missing: err.kind() == ErrorKind::NotFound,
    })?;
    let file = sources.add(path, text);
    Ok((file, sources.get(file).text.clone()))
}
