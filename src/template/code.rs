//! Compiled templates and expressions, as `syntax` makes them and `machine` and `reference` walk them.

use std::{ops::Range, sync::Arc};

use minijinja::value::Value as Data;

use crate::template::{
    checks::Test,
    filters::Filter,
    operate::{Binary, Comparison},
};

/// An expression and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Const(Data),
    Name(Arc<str>),
    /// A field by a literal name or index.
    Field(Box<Node>, Data),
    Item(Box<Node>, Box<Node>),
    Slice(Box<Node>, [Option<Box<Node>>; 3]),
    Not(Box<Node>),
    Negative(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    Compare(Box<Node>, Vec<(Comparison, Node)>),
    If {
        test: Box<Node>,
        then: Box<Node>,
        otherwise: Option<Box<Node>>,
    },
    /// `| default(…)`: the value, what stands for it when it is absent, and whether also when it is not true.
    Default(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    /// `is none`, `is undefined`; `is defined` is its negation.
    Absent(Box<Node>),
    Filter(Box<Node>, &'static Filter, Arguments),
    Test(Box<Node>, &'static Test, Option<Box<Node>>),
    Range(Vec<Node>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// The arguments of a filter, by parameter, and those beyond.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) given: Vec<Option<Node>>,
    pub(super) rest: Vec<Node>,
}

#[derive(Debug)]
pub(super) enum Statement {
    Text(String),
    Emit(Node),
    For { target: Target, over: Node, only: Option<Node>, body: Vec<Statement>, otherwise: Vec<Statement> },
    If { test: Node, then: Vec<Statement>, otherwise: Vec<Statement> },
    Set(Target, Node),
}

/// What `for` and `set` give a value to.
#[derive(Debug)]
pub(super) enum Target {
    Name(Arc<str>),
    List(Vec<Target>),
}

/// The expression of a template that is exactly one `{{ … }}`.
pub(super) fn single_expression(code: &[Statement]) -> Option<&Node> {
    let mut found = None;
    for statement in code {
        match statement {
            Statement::Text(text) if text.trim().is_empty() => {}
            Statement::Emit(node) if found.is_none() => found = Some(node),
            _ => return None,
        }
    }
    found
}
