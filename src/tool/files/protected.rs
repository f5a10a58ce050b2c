//! Files that no permission opens to these tools: those that decide what agents may do, and those that run programs by themselves.

use crate::{
    error::{Error, ErrorKind, Result},
    tool::files::path::normalize,
};

/// Never read, never written: runs, and with them what was asked and answered.
const HIDDEN: &[&str] = &[".agentflow"];

/// Never written, in whatever folder: what decides about permissions, and what a shell or Git runs unasked. Manifests are looked for in
/// every folder above a workflow, so a new one anywhere would be as good as the project's own.
const NEVER_WRITTEN: &[&str] = &[
    "agents.toml",
    "agents.yaml",
    "agents.yml",
    "agents.json",
    "agentflow.lock",
    "policy.toml",
    ".git",
    ".gitconfig",
    ".gitmodules",
    ".bash_aliases",
    ".bash_login",
    ".bash_logout",
    ".bash_profile",
    ".bashrc",
    ".cshrc",
    ".envrc",
    ".kshrc",
    ".login",
    ".profile",
    ".tcshrc",
    ".zlogin",
    ".zlogout",
    ".zprofile",
    ".zshenv",
    ".zshrc",
    "config.fish",
];

/// What is protected in one project.
#[derive(Debug)]
pub(super) struct Protected {
    /// Paths of the project that are never written, nor what is below them; folded.
    listed: Vec<String>,
}

impl Protected {
    /// Protects the paths that are `listed` besides those that always are.
    pub(super) fn new(listed: &[String]) -> Result<Self> {
        let listed = listed.iter().map(|path| Ok(fold(&normalize(path)?))).collect::<Result<_>>()?;
        Ok(Self { listed })
    }

    /// Whether the path is none that anybody gets to see.
    pub(super) fn is_hidden(path: &str) -> bool {
        fold(path).split('/').any(|part| HIDDEN.contains(&part))
    }

    /// # Errors
    /// `Denied` when the path is never read.
    pub(super) fn check_read(path: &str) -> Result<()> {
        if Self::is_hidden(path) {
            return Err(denied(path, "read"));
        }
        Ok(())
    }

    /// # Errors
    /// `Denied` when the path is never written.
    pub(super) fn check_write(&self, path: &str) -> Result<()> {
        let folded = fold(path);
        let is_named = folded.split('/').any(|part| HIDDEN.contains(&part) || NEVER_WRITTEN.contains(&part));
        let is_listed = self.listed.iter().any(|listed| {
            folded.strip_prefix(listed.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || listed.is_empty())
        });
        if is_named || is_listed {
            return Err(denied(path, "written"));
        }
        Ok(())
    }
}

fn denied(path: &str, deed: &str) -> Error {
    Error::new(ErrorKind::Denied, format!("`{path}` is never {deed} by tools: it belongs to agentflow, Git or a shell"))
        .hint("no permission changes that; a person can do it")
}

/// The same for all spellings that a file system which ignores case takes for one name.
fn fold(path: &str) -> String {
    path.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_or_runs_by_itself_is_never_written() {
        let protected = Protected::new(&["team/crew.toml".to_owned(), "./flows/".to_owned()]).unwrap();
        for path in [
            "agents.toml",
            "workflows/agents.yaml",
            "AGENTS.TOML",
            "agentflow.lock",
            "policy.toml",
            ".git",
            ".git/hooks/pre-commit",
            "sub/.GIT/config",
            "home/.bashrc",
            ".ba\u{17f}hrc",
            ".agentflow/runs.db",
            "x/.AgentFlow/y",
            "team/crew.toml",
            "Team/Crew.toml",
            "flows",
            "flows/a.yaml",
        ] {
            assert_eq!(protected.check_write(path).unwrap_err().kind(), ErrorKind::Denied, "{path}");
        }
        for path in ["src/main.rs", "agents.toml.md", "git/config", "flows2/a.yaml", "team/crew.toml2", ".gitignore"] {
            protected.check_write(path).unwrap();
        }
    }

    #[test]
    fn only_the_state_is_never_read() {
        assert!(Protected::check_read("a/.agentflow/runs.db").is_err() && Protected::check_read(".AGENTFLOW").is_err());
        Protected::check_read("agents.toml").unwrap();
        Protected::check_read(".git/HEAD").unwrap();
    }
}
