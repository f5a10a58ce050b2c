//! A policy file as written, with its permissions parsed.

use std::path::PathBuf;

use crate::{
    diagnostic::{FileId, Spanned},
    manifest::{ApiKey, Entries},
    model::Permission,
};

/// A policy file.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyManifest {
    /// The file it is in.
    pub file: FileId,
    /// What holds everywhere.
    pub rules: RulesManifest,
    /// `[secrets]`: where their values are found.
    pub secrets: Entries<ApiKey>,
    /// `[[project]]`.
    pub projects: Vec<ProjectManifest>,
}

/// `allow`, `ask` and `deny`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RulesManifest {
    /// Permitted.
    pub allow: Vec<Spanned<Permission>>,
    /// A person decides.
    pub ask: Vec<Spanned<Permission>>,
    /// Denied.
    pub deny: Vec<Spanned<Permission>>,
}

/// Rules for manifests in a folder and below it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectManifest {
    /// The folder, an absolute path.
    pub path: Spanned<PathBuf>,
    /// The rules.
    pub rules: RulesManifest,
}
