//! Permissions against each other: which permits more, and what two permit both.

use super::{Permission, What, host_fits};
use crate::model::tool::{sequences_meet, stars_fit, stars_meet};

impl Permission {
    /// Whether it permits everything that `narrower` permits. Where that cannot be told from the words, it does not.
    #[must_use]
    pub fn is_wider_than(&self, narrower: &Self) -> bool {
        match (&self.what, &narrower.what) {
            (
                What::Net { secure, host, port, .. },
                What::Net { secure: other_secure, host: other_host, port: other_port, .. },
            ) => secure == other_secure && port == other_port && hosts_fit(host, other_host),
            (What::Read(glob), What::Read(other)) | (What::Write(glob), What::Write(other)) => globs_fit(glob, other),
            (What::Run { program, words }, What::Run { program: other_program, words: other_words }) => {
                program == other_program
                    && words.len() <= other_words.len()
                    && words.iter().zip(other_words).all(|(word, other)| stars_fit(word, other))
            }
            (What::Mcp { server, tool }, What::Mcp { server: other_server, tool: other_tool }) => {
                server == other_server && stars_fit(tool, other_tool)
            }
            (What::Recall(one), What::Recall(other))
            | (What::Remember(one), What::Remember(other))
            | (What::Send(one), What::Send(other))
            | (What::Receive(one), What::Receive(other)) => stars_fit(one, other),
            (What::Secret(name), What::Secret(other)) => name == other,
            _ => false,
        }
    }

    /// Whether something may be permitted by both. Where that cannot be told from the words, it may.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (&self.what, &other.what) {
            (What::Read(one), What::Read(two)) | (What::Write(one), What::Write(two)) => {
                let parts = |glob: &str| glob.split('/').filter(|part| *part != ".").map(str::to_owned).collect::<Vec<_>>();
                sequences_meet(&parts(one), &parts(two), &|part| part == "**", &|one, two| stars_meet(one, two))
            }
            (What::Run { program, words }, What::Run { program: other_program, words: other_words }) => {
                program == other_program && words.iter().zip(other_words).all(|(one, two)| stars_meet(one, two))
            }
            (What::Mcp { server, tool }, What::Mcp { server: other_server, tool: other_tool }) => {
                server == other_server && stars_meet(tool, other_tool)
            }
            (What::Recall(one), What::Recall(two))
            | (What::Remember(one), What::Remember(two))
            | (What::Send(one), What::Send(two))
            | (What::Receive(one), What::Receive(two)) => stars_meet(one, two),
            // Hosts are a tree, secrets are names: what overlaps there is wider one way or the other.
            _ => self.is_wider_than(other) || other.is_wider_than(self),
        }
    }

    /// What both lists permit, said as narrowly as their words allow: nothing that is left out is permitted by both.
    #[must_use]
    pub fn both(outer: &[Self], inner: &[Self]) -> Vec<Self> {
        let mut kept: Vec<Self> = Vec::new();
        for one in inner {
            for other in outer.iter().filter(|other| other.overlaps(one)) {
                let narrow = if one.is_wider_than(other) { other } else { one };
                if !kept.contains(narrow) {
                    kept.push(narrow.clone());
                }
            }
        }
        kept
    }
}

/// Whether all hosts that `narrow` stands for are among those of `wide`.
fn hosts_fit(wide: &str, narrow: &str) -> bool {
    match narrow.strip_prefix("*.") {
        _ if wide == "*" => true,
        Some(domain) => wide == narrow || wide.starts_with("*.") && host_fits(wide, domain),
        None => narrow != "*" && host_fits(wide, narrow),
    }
}

/// Whether all paths that `narrow` stands for are among those of `wide`: the parts of `narrow` are fitted as they are written, and its
/// stars by stars only.
fn globs_fit(wide: &str, narrow: &str) -> bool {
    let parts = |text: &str| text.split('/').filter(|part| *part != ".").map(str::to_owned).collect::<Vec<_>>();
    let (wide, narrow) = (parts(wide), parts(narrow));
    let mut fits = vec![false; narrow.len() + 1];
    fits[0] = true;
    for wanted in &wide {
        if wanted == "**" {
            for at in 1..fits.len() {
                fits[at] |= fits[at - 1];
            }
        } else {
            for at in (1..fits.len()).rev() {
                fits[at] = fits[at - 1] && narrow[at - 1] != "**" && stars_fit(wanted, &narrow[at - 1]);
            }
            fits[0] = false;
        }
    }
    fits[narrow.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(text: &str) -> Permission {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(wide: &str, narrow: &str) {
        let (wide, narrow) = (permission(wide), permission(narrow));
        assert!(wide.is_wider_than(&narrow) && wide.overlaps(&narrow) && narrow.overlaps(&wide), "{wide} {narrow}");
    }

    #[test]
    fn what_permits_more_is_wider() {
        check("net:*", "net:*.example.com");
        check("net:*.example.com", "net:*.api.example.com");
        check("net:*.example.com", "net:api.example.com");
        check("fs:read:**", "fs:read:docs/**");
        check("fs:read:docs/**", "fs:read:docs/*/x.md");
        check("fs:write:out/*", "fs:write:out/a*.txt");
        check("run:git", "run:git log --format=*");
        check("mcp:gh", "mcp:gh/get_*");
        check("secret:A", "secret:A");
    }

    #[test]
    fn what_permits_something_else_is_not_wider() {
        for (one, two) in [
            ("net:*.example.com", "net:example.com"),
            ("net:*.example.com", "net:*"),
            ("net:example.com", "net:http://example.com"),
            ("fs:read:docs/*", "fs:read:docs/**"),
            ("fs:read:docs/**", "fs:write:docs/a"),
            ("fs:read:*/**", "fs:read:**"),
            ("run:git log", "run:git"),
            ("mcp:gh/get_*", "mcp:gh"),
            ("mcp:gh", "mcp:git"),
            ("secret:A", "secret:B"),
        ] {
            assert!(!permission(one).is_wider_than(&permission(two)), "{one} {two}");
        }
    }

    #[test]
    fn overlap_is_seen_where_neither_is_wider() {
        assert!(permission("fs:read:docs/*").overlaps(&permission("fs:read:*/a.md")));
        assert!(permission("mcp:gh/get_*").overlaps(&permission("mcp:gh/*_issue")));
        assert!(!permission("fs:read:docs/**").overlaps(&permission("fs:read:src/**")));
        assert!(!permission("run:git log").overlaps(&permission("run:git push")));
        assert!(!permission("net:a.example.com").overlaps(&permission("net:b.example.com")));
    }

    #[test]
    fn two_lists_permit_the_narrower_of_each() {
        let list = |texts: &[&str]| texts.iter().map(|text| permission(text)).collect::<Vec<_>>();
        let outer = list(&["net:*.example.com", "fs:read:docs/a.md", "run:git"]);
        let inner = list(&["net:api.example.com", "fs:read:docs/**", "run:cargo"]);
        assert_eq!(Permission::both(&outer, &inner), list(&["net:api.example.com", "fs:read:docs/a.md"]));
        assert!(Permission::both(&outer, &[]).is_empty());
    }
}
