//! Names of nodes as a person writes them: of all instances, or of some.

use std::fmt;

use crate::model::NodePath;

/// Names nodes of a run with all that is inside them: `review` is the node and all its elements, `review[3]` that element;
/// `improve.draft` is `draft` in all iterations of `improve`, `improve@2.draft` in the second one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodePattern(String);

impl NodePattern {
    /// Takes `text` as it was written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path in the plan that it names, without instances.
    #[must_use]
    pub fn in_plan(&self) -> String {
        NodePath::new(self.as_str()).without_instances()
    }

    /// Whether `path` is named, or is inside what is named.
    ///
    /// What the pattern leaves open fits any instance; the attempt of a container is open unless it is written.
    #[must_use]
    pub fn covers(&self, path: &NodePath) -> bool {
        let mut segments = path.as_str().split('.');
        self.0.split('.').all(|wanted| segments.next().is_some_and(|segment| fits(wanted, segment)))
    }
}

impl fmt::Display for NodePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether one part of a path is what is wanted: the same name, and each mark that is wanted.
fn fits(wanted: &str, segment: &str) -> bool {
    let (wanted, segment) = (marks(wanted), marks(segment));
    wanted[0] == segment[0] && wanted[1..].iter().all(|mark| segment[1..].contains(mark))
}

/// `review[3]!2@1` as `review`, `[3]`, `!2`, `@1`.
fn marks(segment: &str) -> Vec<&str> {
    let starts = segment.match_indices(['[', '!', '@']).map(|(at, _)| at);
    let mut bounds: Vec<usize> = std::iter::once(0).chain(starts).collect();
    bounds.push(segment.len());
    bounds.windows(2).map(|pair| &segment[pair[0]..pair[1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, covered: &[&str], others: &[&str]) {
        let pattern = NodePattern::new(pattern);
        for path in covered {
            assert!(pattern.covers(&NodePath::new(*path)), "`{pattern}` covers `{path}`");
        }
        for path in others {
            assert!(!pattern.covers(&NodePath::new(*path)), "`{pattern}` does not cover `{path}`");
        }
    }

    #[test]
    fn a_name_covers_all_instances_and_all_that_is_inside() {
        check("review", &["review", "review[3]", "review[3].a", "review!2@1.a"], &["reviewer", "x.review", "rev"]);
        check("a.b", &["a.b", "a[1].b", "a@2.b[7].c", "a!2.b"], &["a", "a.c", "b"]);
    }

    #[test]
    fn an_instance_covers_itself_only() {
        check("review[3]", &["review[3]", "review[3].a", "review[3]!2@1.a"], &["review", "review[33]", "review[1]"]);
        check("a@2.b", &["a@2.b", "a!3@2.b", "a@2.b[0]"], &["a@1.b", "a@22.b"]);
        check("a@2", &["a@2.b"], &["a@1.b", "a"]);
        check("a!2.b", &["a!2.b"], &["a.b"]);
    }

    #[test]
    fn the_path_in_the_plan_has_no_instances() {
        assert_eq!(NodePattern::new("a[3]@2.b!1.c").in_plan(), "a.b.c");
    }
}
