//! The operator's policy: the rules of the policy file and of the command line, and the secrets that calls of tools may be given.
//!
//! It is read anew for every command, and never from the log of a run: what was permitted yesterday may not be so today.

mod file;

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Serialize;
use tracing::info;

use crate::{
    app::{Settings, environment, project::folder_of},
    diagnostic::{Sources, Spanned},
    error::Result,
    manifest::{ApiKey, PolicyManifest, RulesManifest},
    model::{Access, Permission},
    tool::{Policy, Rules, Secrets, Standing},
};

pub use file::{PolicyPlace, place};

/// Where rules come from that nobody wrote.
const BUILT_IN: &str = "built in";

/// What a front end was told about the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicySettings {
    /// The policy file, instead of the one that is found.
    pub file: Option<PathBuf>,
    /// Permitted, besides what the file permits.
    pub allow: Vec<Permission>,
    /// A person decides, besides what the file says.
    pub ask: Vec<Permission>,
    /// Denied, whatever the file says.
    pub deny: Vec<Permission>,
}

/// The policy that holds in a project, and where each part of it comes from.
#[derive(Debug)]
pub struct OperatorPolicy {
    /// To permit calls by.
    pub policy: Policy,
    /// What the operator lends to calls.
    pub secrets: Secrets,
    /// To be shown.
    pub report: PolicyReport,
}

/// A policy, to be shown.
#[derive(Debug, Default, Serialize)]
pub struct PolicyReport {
    /// The policy file, or where it would be; `None` where there is no place for one.
    pub file: Option<String>,
    /// Whether it is there.
    pub exists: bool,
    /// The folder of the project.
    pub project: String,
    /// The rules that hold there, the strongest first.
    pub rules: Vec<RuleReport>,
    /// The secrets.
    pub secrets: Vec<SecretReport>,
}

/// A rule, to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// What it does.
    pub rule: RuleKind,
    /// What it is about.
    pub permission: Permission,
    /// Where it is written: `policy.toml:3`, `--allow`, or `built in`.
    pub from: String,
}

impl RuleReport {
    /// Whether nobody wrote it.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.from == BUILT_IN
    }
}

/// What a rule does, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// It denies.
    Deny,
    /// It has a person decide.
    Ask,
    /// It permits.
    Allow,
}

impl RuleKind {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Ask => "ask",
            Self::Allow => "allow",
        }
    }
}

/// A secret, to be shown: never its value.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct SecretReport {
    /// Its name.
    pub name: String,
    /// Where its value is found.
    pub from: String,
    /// Why it cannot be used, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The policy that holds for a project, and its secrets. `project_folder` is that of the manifest, or of the workflow without one.
///
/// # Errors
/// As [`read`].
pub fn policy(settings: &Settings, project_folder: &Path) -> Result<(Policy, Secrets)> {
    let OperatorPolicy { policy, secrets, .. } = read(settings, project_folder)?;
    Ok((policy, secrets))
}

/// The same, with where everything comes from.
///
/// # Errors
/// `NotFound` when a policy file was named that is not there; `Invalid` when it has errors, when others than its owner may write it, or
/// when it is in the project and was not named by `--policy`.
pub fn read(settings: &Settings, project_folder: &Path) -> Result<OperatorPolicy> {
    let project = project_folder.canonicalize().unwrap_or_else(|_| project_folder.to_owned());
    let mut report = PolicyReport { project: project.display().to_string(), ..PolicyReport::default() };
    let mut secrets = Secrets::default();
    if let Some(place) = place(&settings.policy) {
        report.file = Some(place.path.display().to_string());
        if let Some((manifest, sources)) = file::read(&place, &project)? {
            report.exists = true;
            report.rules = rules(&manifest, &sources, &project);
            add_secrets(&manifest, &folder_of(&place.path), &mut secrets, &mut report.secrets);
        }
    }
    report.rules.extend(flags(&settings.policy));
    report.rules.extend(built_in());
    report.rules.sort_by_key(|rule| rule.rule);
    info!(file = report.file, exists = report.exists, rules = report.rules.len(), secrets = ?secrets, "policy read");
    Ok(OperatorPolicy { policy: Policy::new(to_rules(&report.rules)), secrets, report })
}

impl OperatorPolicy {
    /// What the rules say of `access`, and which says it; without one it is denied.
    #[must_use]
    pub fn judge(&self, access: &Access) -> (RuleKind, Option<&RuleReport>) {
        let (kind, permission) = match self.policy.rules().judge(access) {
            Standing::Denied(rule) => (RuleKind::Deny, Some(rule)),
            Standing::Ask(rule) => (RuleKind::Ask, Some(rule)),
            Standing::Allowed(rule) => (RuleKind::Allow, Some(rule)),
            Standing::Unlisted => (RuleKind::Deny, None),
        };
        let mut rules = self.report.rules.iter();
        (kind, permission.and_then(|permission| rules.find(|rule| rule.rule == kind && rule.permission == *permission)))
    }
}

/// The rules of the file that hold in `project`.
fn rules(manifest: &PolicyManifest, sources: &Sources, project: &Path) -> Vec<RuleReport> {
    let mut found = Vec::new();
    let mut add = |rules: &RulesManifest, whose: &str| {
        for (kind, permissions) in [(RuleKind::Allow, &rules.allow), (RuleKind::Ask, &rules.ask), (RuleKind::Deny, &rules.deny)] {
            found.extend(permissions.iter().map(|Spanned { value, span }| {
                let place = sources.position(*span);
                let from = format!("{}:{}{whose}", place.path.display(), place.line);
                RuleReport { rule: kind, permission: value.clone(), from }
            }));
        }
    };
    add(&manifest.rules, "");
    for section in &manifest.projects {
        let folder = section.path.value.canonicalize().unwrap_or_else(|_| section.path.value.clone());
        if project.starts_with(&folder) {
            add(&section.rules, &format!(" (project {})", section.path.value.display()));
        }
    }
    found
}

/// The rules of the command line.
fn flags(settings: &PolicySettings) -> impl Iterator<Item = RuleReport> {
    let of = |rule: RuleKind, permissions: &[Permission]| {
        let report =
            |permission: &Permission| RuleReport { rule, permission: permission.clone(), from: format!("--{}", rule.as_str()) };
        permissions.iter().map(report).collect::<Vec<_>>()
    };
    let (allow, ask) = (of(RuleKind::Allow, &settings.allow), of(RuleKind::Ask, &settings.ask));
    allow.into_iter().chain(ask).chain(of(RuleKind::Deny, &settings.deny))
}

/// What is permitted unless a rule takes it away: memory and mailboxes are the project's own, and leave the machine as little as its store.
fn built_in() -> impl Iterator<Item = RuleReport> {
    ["memory:read:*", "memory:write:*", "mailbox:send:*", "mailbox:read:*"]
        .into_iter()
        .filter_map(|text| Some(RuleReport { rule: RuleKind::Allow, permission: text.parse().ok()?, from: BUILT_IN.to_owned() }))
}

fn to_rules(reports: &[RuleReport]) -> Rules {
    let mut rules = Rules::default();
    for report in reports {
        let list = match report.rule {
            RuleKind::Deny => &mut rules.deny,
            RuleKind::Ask => &mut rules.ask,
            RuleKind::Allow => &mut rules.allow,
        };
        list.push(report.permission.clone());
    }
    rules
}

/// Reads the values of secrets. One that is not there is an error of the call that uses it. `folder` is that of the policy file.
fn add_secrets(manifest: &PolicyManifest, folder: &Path, secrets: &mut Secrets, reports: &mut Vec<SecretReport>) {
    for (name, source) in &manifest.secrets {
        let (from, value) = match source {
            ApiKey::Env(variable) => {
                let value = environment::variable(&variable.value).ok_or_else(|| format!("`{}` is not set", variable.value));
                (variable.value.clone(), value)
            }
            ApiKey::File(path) => {
                let path = folder.join(&path.value);
                (path.display().to_string(), file::read_secret(&path))
            }
        };
        match value {
            Ok(value) => secrets.insert(&name.value, SecretString::from(value.trim())),
            Err(why) => secrets.insert_missing(&name.value, why),
        }
        let problem = secrets.names().find_map(|(known, problem)| problem.filter(|_| known == name.value).map(str::to_owned));
        reports.push(SecretReport { name: name.value.clone(), from, problem });
    }
}
