//! Permissions, and the folders they hold in.

use std::path::Path;

use super::{Checker, Place};
use crate::{
    diagnostic::{Code, Diagnostic, nearest},
    manifest::{Tree, load::shown},
    model::{AccessClass, Permission},
};

/// All kinds of permissions.
const CLASSES: [AccessClass; 10] = [
    AccessClass::Net,
    AccessClass::Read,
    AccessClass::Write,
    AccessClass::Run,
    AccessClass::Mcp,
    AccessClass::Recall,
    AccessClass::Remember,
    AccessClass::Send,
    AccessClass::Receive,
    AccessClass::Secret,
];

impl Checker {
    pub(super) fn permission(&mut self, tree: &Tree, place: &Place<'_>) {
        let Some(text) = tree.as_str() else { return self.text(tree, place) };
        if let Err(err) = text.parse::<Permission>() {
            let message = format!("`{}` is no permission", shown(text));
            let problem = Diagnostic::error(Code::OUT_OF_RANGE, tree.span, message).label("no permission");
            self.report(match (meant(text), err.hints().first()) {
                (Some(meant), _) => problem.hint(format!("did you mean `{meant}`?")),
                (None, Some(hint)) => problem.hint(hint),
                (None, None) => problem,
            });
        }
    }

    pub(super) fn folder(&mut self, tree: &Tree, place: &Place<'_>) {
        match tree.as_str() {
            Some(path) if !Path::new(path).is_absolute() => {
                let message = format!("`{}` is no absolute path", shown(path));
                let problem = Diagnostic::error(Code::OUT_OF_RANGE, tree.span, message).label("where is that?");
                self.report(problem.hint("write the whole path of the folder, beginning with `/`"));
            }
            _ => self.text(tree, place),
        }
    }
}

/// The permission that was probably meant: one whose beginning is misspelt, or that is written as a URL.
fn meant(text: &str) -> Option<String> {
    let is_good = |text: &String| text.parse::<Permission>().is_ok();
    if let Some((before, rest)) = text.split_once("://") {
        let host = rest.split('/').next()?;
        let scheme = if before.ends_with("http") { "http://" } else { "" };
        return Some(format!("net:{scheme}{host}")).filter(is_good);
    }
    let (kind, rest) = match text.split_once(':')? {
        (kind @ ("fs" | "memory" | "mailbox"), rest) => {
            rest.split_once(':').map(|(way, rest)| (format!("{kind}:{way}"), rest))?
        }
        (kind, rest) => (kind.to_owned(), rest),
    };
    let known = CLASSES.map(|class| class.prefix().trim_end_matches(':'));
    let near = match kind.as_str() {
        "read" => "fs:read",
        "write" => "fs:write",
        kind => nearest(kind, known)?,
    };
    Some(format!("{near}:{rest}")).filter(is_good)
}
