//! The tree of a policy file → [`PolicyManifest`].

use std::path::PathBuf;

use super::{
    agents::api_key,
    values::{entries, text},
};
use crate::{
    diagnostic::{FileId, Spanned},
    manifest::{PolicyManifest, ProjectManifest, RulesManifest, Tree},
    model::Permission,
};

pub(super) fn policy(tree: &Tree, file: FileId) -> PolicyManifest {
    let projects = tree.get("project").and_then(Tree::as_list).unwrap_or_default();
    PolicyManifest {
        file,
        rules: rules(tree),
        secrets: entries(tree.get("secrets"), |_, value| api_key(value)),
        projects: projects.iter().filter_map(project).collect(),
    }
}

fn project(tree: &Tree) -> Option<ProjectManifest> {
    let path = tree.get("path").and_then(text)?;
    Some(ProjectManifest { path: path.map(PathBuf::from), rules: rules(tree) })
}

fn rules(tree: &Tree) -> RulesManifest {
    let of = |key| tree.get(key).map(permissions).unwrap_or_default();
    RulesManifest { allow: of("allow"), ask: of("ask"), deny: of("deny") }
}

fn permissions(tree: &Tree) -> Vec<Spanned<Permission>> {
    let parsed = |item: &Tree| Some(Spanned::new(item.as_str()?.parse().ok()?, item.span));
    tree.as_list().unwrap_or_default().iter().filter_map(parsed).collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        diagnostic::Sources,
        manifest::{ApiKey, PolicyManifest, read_policy_text},
    };

    /// The policy and its problems, as `LINE:COLUMN MESSAGE → HINT`.
    fn read(name: &str, text: &str) -> (Option<PolicyManifest>, Vec<String>) {
        let (mut sources, mut problems) = (Sources::default(), Vec::new());
        let policy = read_policy_text(name.as_ref(), text.to_owned(), &mut sources, &mut problems);
        let told = problems.iter().map(|problem| {
            let place = sources.position(problem.span);
            let hint = problem.hint.as_deref().unwrap_or("no hint");
            format!("{}:{} {} → {hint}", place.line, place.column, problem.message)
        });
        (policy, told.collect())
    }

    const TOML: &str = r#"
allow = ["net:api.github.com", "fs:read:docs/**"]
ask = ["run:git push"]
deny = ["fs:write:.git/**"]
[secrets]
TOKEN = { env = "GITHUB_TOKEN" }
OTHER = { file = "other.key" }
[[project]]
path = "/home/me/site"
allow = ["fs:write:public/**"]
"#;

    #[test]
    fn one_reader_reads_toml_yaml_and_json() {
        let yaml = "
allow: ['net:api.github.com', 'fs:read:docs/**']
ask: ['run:git push']
deny: ['fs:write:.git/**']
secrets: { TOKEN: { env: GITHUB_TOKEN }, OTHER: { file: other.key } }
project: [{ path: /home/me/site, allow: ['fs:write:public/**'] }]
";
        let json = r#"{ "allow": ["net:api.github.com", "fs:read:docs/**"], "ask": ["run:git push"], "deny": ["fs:write:.git/**"],
            "secrets": { "TOKEN": { "env": "GITHUB_TOKEN" }, "OTHER": { "file": "other.key" } },
            "project": [{ "path": "/home/me/site", "allow": ["fs:write:public/**"] }] }"#;
        for (name, text) in [("p.toml", TOML), ("p.yaml", yaml), ("p.json", json)] {
            let (policy, problems) = read(name, text);
            assert_eq!(problems, [""; 0], "{name}");
            let policy = policy.unwrap();
            let texts = |rules: &[crate::diagnostic::Spanned<crate::model::Permission>]| {
                rules.iter().map(|rule| rule.value.to_string()).collect::<Vec<_>>()
            };
            assert_eq!(texts(&policy.rules.allow), ["net:api.github.com", "fs:read:docs/**"]);
            assert_eq!(texts(&policy.rules.ask), ["run:git push"]);
            assert_eq!(texts(&policy.rules.deny), ["fs:write:.git/**"]);
            assert_eq!(policy.secrets.len(), 2);
            assert!(matches!(&policy.secrets[0].1, ApiKey::Env(name) if name.value == "GITHUB_TOKEN"));
            assert!(matches!(&policy.secrets[1].1, ApiKey::File(name) if name.value == "other.key"));
            assert_eq!(policy.projects[0].path.value.to_str(), Some("/home/me/site"));
            assert_eq!(texts(&policy.projects[0].rules.allow), ["fs:write:public/**"]);
        }
    }

    #[test]
    fn an_empty_policy_permits_nothing() {
        for name in ["p.toml", "p.yaml"] {
            let (policy, problems) = read(name, "# nothing yet\n");
            assert_eq!(problems, [""; 0], "{name}");
            assert_eq!(policy.unwrap().rules, crate::manifest::RulesManifest::default());
        }
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_told_with_what_was_meant() {
        let (_, problems) = read(
            "p.toml",
            "allow = [\n  'nett:a.example',\n  'https://a.example/x',\n  'http://b.example:8080',\n  'read:docs/**',\n  'fs:reed:docs',\n  'everything',\n]",
        );
        assert_eq!(
            problems,
            [
                "2:3 `nett:a.example` is no permission → did you mean `net:a.example`?",
                "3:3 `https://a.example/x` is no permission → did you mean `net:a.example`?",
                "4:3 `http://b.example:8080` is no permission → did you mean `net:http://b.example:8080`?",
                "5:3 `read:docs/**` is no permission → did you mean `fs:read:docs/**`?",
                "6:3 `fs:reed:docs` is no permission → did you mean `fs:read:docs`?",
                "7:3 `everything` is no permission → write `net:HOST`, `fs:read:GLOB`, `fs:write:GLOB`, `run:PROGRAM WORD…`, \
                 `mcp:SERVER/TOOL`, `memory:read:COLLECTION`, `memory:write:COLLECTION`, `mailbox:send:NAME`, `mailbox:read:NAME` or `secret:NAME`",
            ]
        );
    }

    #[test]
    fn what_is_no_part_of_a_policy_is_an_error() {
        let (_, problems) =
            read("p.toml", "alow = []\nask = 'net:a'\n[secrets]\nKEY = 'sk-123456789'\n[[project]]\npath = 'site'\n");
        assert_eq!(
            problems,
            [
                "1:1 a policy has no key `alow` → did you mean `allow`?",
                "2:7 `ask` must be a list, found text → write it in brackets: `[…]`",
                "4:7 `KEY` must be a map, found text → a key is never written in a file: name a variable, `{ env = \"NAME\" }`, \
                 or a file of its own",
                "6:8 `site` is no absolute path → write the whole path of the folder, beginning with `/`",
            ]
        );
        let (_, problems) = read("p.toml", "[secrets]\nKEY = { env = 'A', file = 'b' }\n");
        assert_eq!(problems, ["2:20 `env` and `file` exclude each other → no hint"]);
    }
}
