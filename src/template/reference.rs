//! Which names a template reads, where, and whether it says what stands for an absent one.

use std::ops::Range;

use minijinja::value::Value as Data;

use crate::template::{
    Reference,
    code::{Kind, Node, Statement, Target},
    operate::Comparison,
};

/// The references of a template, in the order written.
pub(super) fn of_statements(statements: &[Statement]) -> Vec<Reference> {
    let mut finder = Finder::default();
    finder.statements(statements);
    finder.finish()
}

/// The references of an expression, in the order written.
pub(super) fn of_node(node: &Node) -> Vec<Reference> {
    let mut finder = Finder::default();
    finder.node(node, false);
    finder.finish()
}

/// The same of an expression of which only the truth is asked.
pub(super) fn of_condition(node: &Node) -> Vec<Reference> {
    let mut finder = Finder::default();
    finder.test(node);
    finder.finish()
}

type Path = Vec<String>;

#[derive(Default)]
struct Finder {
    found: Vec<Reference>,
    /// Names that `set` and `for` gave, with marks where frames begin left to the recursion.
    locals: Vec<String>,
    /// Paths that are known to be there at this place.
    known: Vec<Path>,
    /// Paths that are known to be absent at this place.
    absent: Vec<Path>,
}

impl Finder {
    fn finish(mut self) -> Vec<Reference> {
        self.found.sort_by_key(|reference| reference.range.start);
        self.found
    }

    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Text(_) => {}
                Statement::Emit(node) => self.node(node, false),
                Statement::Set(target, node) => {
                    self.node(node, false);
                    self.declare(target);
                }
                Statement::If { test, then, otherwise } => {
                    self.test(test);
                    self.given(test, true, |finder| finder.statements(then));
                    self.given(test, false, |finder| finder.statements(otherwise));
                }
                Statement::For { target, over, only, body, otherwise } => {
                    self.node(over, false);
                    let mark = self.locals.len();
                    self.declare(target);
                    let known = only.as_ref().map(|only| {
                        self.test(only);
                        present_if(only, true)
                    });
                    self.locals.push("loop".to_owned());
                    self.knowing(known.unwrap_or_default(), |finder| finder.statements(body));
                    self.locals.truncate(mark);
                    self.statements(otherwise);
                }
            }
        }
    }

    fn declare(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.locals.push(name.to_string()),
            Target::List(targets) => targets.iter().for_each(|target| self.declare(target)),
        }
    }

    /// Looks at what is evaluated only when `condition` is `outcome`.
    fn given(&mut self, condition: &Node, outcome: bool, look: impl FnOnce(&mut Self)) {
        let mark = self.absent.len();
        self.absent.extend(absent_if(condition, outcome));
        self.knowing(present_if(condition, outcome), look);
        self.absent.truncate(mark);
    }

    fn knowing(&mut self, paths: Vec<Path>, look: impl FnOnce(&mut Self)) {
        let mark = self.known.len();
        self.known.extend(paths);
        look(self);
        self.known.truncate(mark);
    }

    /// Looks through `node`; `guarded` when something around it stands for an absent value.
    fn node(&mut self, node: &Node, guarded: bool) {
        match &node.kind {
            Kind::Const(_) => {}
            Kind::Name(_) | Kind::Field(..) | Kind::Item(..) => self.chain(node, guarded),
            Kind::Slice(base, bounds) => {
                self.node(base, false);
                bounds.iter().flatten().for_each(|bound| self.node(bound, false));
            }
            Kind::Not(inner) => self.test(inner),
            Kind::Negative(inner) => self.node(inner, false),
            Kind::And(left, right) => {
                self.test(left);
                self.given(left, true, |finder| finder.node(right, guarded));
            }
            Kind::Or(left, right) => {
                self.test(left);
                self.given(left, false, |finder| finder.node(right, guarded));
            }
            Kind::Binary(_, left, right) => {
                self.node(left, false);
                self.node(right, false);
            }
            Kind::Compare(first, others) => {
                self.node(first, false);
                for (_, other) in others {
                    self.node(other, false);
                }
            }
            Kind::If { test, then, otherwise } => {
                self.test(test);
                self.given(test, true, |finder| finder.node(then, guarded));
                if let Some(otherwise) = otherwise {
                    self.given(test, false, |finder| finder.node(otherwise, guarded));
                }
            }
            Kind::Default(subject, other, lax) => {
                self.node(subject, true);
                let mark = self.absent.len();
                self.absent.extend(alternatives(subject));
                if let Some(other) = other {
                    self.node(other, guarded);
                }
                self.absent.truncate(mark);
                if let Some(lax) = lax {
                    self.node(lax, false);
                }
            }
            Kind::Absent(subject) => self.node(subject, true),
            Kind::Filter(subject, _, arguments) => {
                self.node(subject, false);
                arguments.given.iter().flatten().chain(&arguments.rest).for_each(|argument| self.node(argument, false));
            }
            Kind::Test(subject, _, argument) => {
                self.node(subject, false);
                if let Some(argument) = argument {
                    self.node(argument, false);
                }
            }
            Kind::Range(items) | Kind::List(items) => items.iter().for_each(|item| self.node(item, false)),
            Kind::Map(fields) => fields.iter().for_each(|(key, value)| {
                self.node(key, false);
                self.node(value, false);
            }),
        }
    }

    /// Looks through what is only asked for its truth: there a name that is absent is not true, and no mistake.
    fn test(&mut self, node: &Node) {
        match &node.kind {
            Kind::Name(_) => self.node(node, true),
            Kind::Not(inner) => self.test(inner),
            Kind::And(left, right) => {
                self.test(left);
                self.given(left, true, |finder| finder.test(right));
            }
            Kind::Or(left, right) => {
                self.test(left);
                self.given(left, false, |finder| finder.test(right));
            }
            _ => self.node(node, false),
        }
    }

    /// Follows fields down to the name they are read of.
    fn chain(&mut self, node: &Node, guarded: bool) {
        match &node.kind {
            Kind::Item(base, key) => {
                self.node(key, false);
                self.node(base, guarded);
            }
            _ => match path_of(node) {
                Some(path) if self.locals.contains(&path[0]) => {}
                Some(path) => {
                    let guarded = guarded || self.known.iter().any(|known| covers(known, &path));
                    let instead_of = self.absent.clone();
                    self.found.push(Reference { path, range: node.range.clone(), guarded, instead_of });
                }
                None => {
                    if let Kind::Field(base, _) = &node.kind {
                        self.node(base, guarded);
                    }
                }
            },
        }
    }
}

/// The path of a name with literal fields only.
fn path_of(node: &Node) -> Option<Path> {
    match &node.kind {
        Kind::Name(name) => Some(vec![name.to_string()]),
        Kind::Field(base, key) => {
            let mut path = path_of(base)?;
            path.push(match key.as_str() {
                Some(name) => name.to_owned(),
                None => key.to_string(),
            });
            Some(path)
        }
        _ => None,
    }
}

/// Whether knowing that `known` is there tells the same of what `path` is read of.
fn covers(known: &[String], path: &[String]) -> bool {
    known.iter().zip(path).all(|(a, b)| a == b)
}

/// The paths that are certainly there when `condition` is `outcome`.
fn present_if(condition: &Node, outcome: bool) -> Vec<Path> {
    match &condition.kind {
        Kind::Not(inner) => present_if(inner, !outcome),
        Kind::Absent(subject) if !outcome => path_of(subject).into_iter().collect(),
        Kind::And(left, right) if outcome => both(left, right, outcome),
        Kind::Or(left, right) if !outcome => both(left, right, outcome),
        Kind::And(left, right) | Kind::Or(left, right) => {
            let right = present_if(right, outcome);
            present_if(left, outcome).into_iter().filter(|path| right.contains(path)).collect()
        }
        // `none` is not true, so what is true is there.
        Kind::Name(_) | Kind::Field(..) if outcome => path_of(condition).into_iter().collect(),
        Kind::Default(subject, other, _) if outcome && other.as_deref().is_none_or(is_false) => {
            path_of(subject).into_iter().collect()
        }
        Kind::Compare(first, others) if outcome => match others.as_slice() {
            [(comparison, other)] => told_by(first, *comparison, other),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The paths that are absent, or as good as absent, when `condition` is `outcome`.
fn absent_if(condition: &Node, outcome: bool) -> Vec<Path> {
    match &condition.kind {
        Kind::Not(inner) => absent_if(inner, !outcome),
        Kind::Absent(subject) if outcome => path_of(subject).into_iter().collect(),
        Kind::Name(_) | Kind::Field(..) if !outcome => path_of(condition).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The paths of which one is there when the subject of a `default` is there.
fn alternatives(subject: &Node) -> Vec<Path> {
    match &subject.kind {
        Kind::Default(first, Some(other), _) => {
            let mut paths = alternatives(first);
            paths.extend(alternatives(other));
            paths
        }
        _ => path_of(subject).into_iter().collect(),
    }
}

/// What a comparison that holds tells beyond its own sides: `nodes.ID.status == "succeeded"` that the node has an output, and
/// `loop.iteration > 1` that there is an iteration before.
fn told_by(first: &Node, comparison: Comparison, other: &Node) -> Vec<Path> {
    let (Some(path), Kind::Const(value)) = (path_of(first), &other.kind) else { return Vec::new() };
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match (names.as_slice(), comparison) {
        (["nodes", id, "status"], Comparison::Equal) if value.as_str() == Some("succeeded") => {
            vec![vec![(*id).to_owned()], ["nodes", id, "output"].map(str::to_owned).to_vec()]
        }
        (["loop", "iteration"], comparison) => {
            let bound = i64::try_from(value.clone()).ok();
            let later = match comparison {
                Comparison::Greater => bound.is_some_and(|bound| bound >= 1),
                Comparison::GreaterOrEqual => bound.is_some_and(|bound| bound >= 2),
                Comparison::NotEqual => bound == Some(1),
                _ => false,
            };
            if later { vec![["loop", "previous"].map(str::to_owned).to_vec()] } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

/// The paths that are certainly there when the expression holds.
pub(super) fn present_when_true(node: &Node) -> Vec<Path> {
    present_if(node, true)
}

/// Whether the node can only be true or false.
pub(super) fn is_condition(node: &Node) -> bool {
    match &node.kind {
        Kind::Not(_) | Kind::Compare(..) | Kind::Absent(_) | Kind::Test(..) => true,
        Kind::And(left, right) | Kind::Or(left, right) => is_condition(left) && is_condition(right),
        _ => false,
    }
}

/// The parts of an expression that `and` joins, as bytes of the source.
pub(super) fn conjuncts(node: &Node) -> Vec<Range<usize>> {
    match &node.kind {
        Kind::And(left, right) => {
            let mut parts = conjuncts(left);
            parts.extend(conjuncts(right));
            parts
        }
        _ => vec![node.range.clone()],
    }
}

fn both(left: &Node, right: &Node, outcome: bool) -> Vec<Path> {
    let mut paths = present_if(left, outcome);
    paths.extend(present_if(right, outcome));
    paths
}

fn is_false(node: &Node) -> bool {
    matches!(&node.kind, Kind::Const(value) if !Data::is_true(value))
}
