//! Evaluates compiled templates and expressions over a scope, within a budget.

use std::{mem, sync::Arc};

use minijinja::value::{Value as Data, ValueKind};

use crate::{
    error::nearest,
    model::Value,
    template::{
        Scope,
        access::{field, no_field},
        budget::{Budget, MAX_OUTPUT},
        checks::{is_absent, is_list},
        code::{Arguments, Kind, Node, Statement, Target},
        convert::{self, describe},
        fault::{Fault, Outcome},
        filters::Given,
        operate,
        round::Round,
    },
};

/// The most numbers `range` gives.
const MAX_RANGE: i64 = 100_000;

/// An evaluation in progress.
pub(super) struct Machine<'scope> {
    scope: &'scope Scope,
    /// What `set` and `for` named, inner frames last.
    locals: Vec<(Arc<str>, Data)>,
    /// Where the innermost frame begins in `locals`.
    frame: usize,
    rounds: Vec<Round>,
    pub(super) budget: Budget,
}

impl<'scope> Machine<'scope> {
    pub(super) fn new(scope: &'scope Scope) -> Self {
        Self { scope, locals: Vec::new(), frame: 0, rounds: Vec::new(), budget: Budget::new() }
    }

    /// Evaluates to a value of a run.
    pub(super) fn value(&mut self, node: &Node) -> Outcome<Value> {
        let value = self.eval(node)?;
        convert::to_json(&value, &mut self.budget).map_err(|fault| fault.at(node))
    }

    /// Evaluates to whether it holds.
    pub(super) fn is_true(&mut self, node: &Node) -> Outcome<bool> {
        self.eval(node).map(|value| value.is_true())
    }

    /// Runs a template.
    pub(super) fn text(&mut self, statements: &[Statement]) -> Outcome<String> {
        let mut out = String::new();
        self.run(statements, &mut out)?;
        Ok(out)
    }

    fn run(&mut self, statements: &[Statement], out: &mut String) -> Outcome<()> {
        for statement in statements {
            match statement {
                Statement::Text(text) => self.write(text, out)?,
                Statement::Emit(node) => {
                    let value = self.eval(node)?;
                    let written = match value.as_str() {
                        Some(text) => self.write(text, out),
                        None => convert::to_text(&value, &mut self.budget).and_then(|text| self.write(&text, out)),
                    };
                    written.map_err(|fault| fault.at(node))?;
                }
                Statement::If { test, then, otherwise } => {
                    let chosen = if self.is_true(test)? { then } else { otherwise };
                    self.run(chosen, out)?;
                }
                Statement::Set(target, node) => {
                    let value = self.eval(node)?;
                    self.assign(target, value).map_err(|fault| fault.at(node))?;
                }
                Statement::For { target, over, only, body, otherwise } => {
                    self.run_for((target, over, only.as_ref()), body, otherwise, out)?;
                }
            }
        }
        Ok(())
    }

    fn run_for(
        &mut self,
        (target, over, only): (&Target, &Node, Option<&Node>),
        body: &[Statement],
        otherwise: &[Statement],
        out: &mut String,
    ) -> Outcome<()> {
        let list = self.eval(over)?;
        let items = self.items(&list).map_err(|fault| fault.at(over))?;
        let outer = mem::replace(&mut self.frame, self.locals.len());
        let mut chosen = Vec::with_capacity(items.len());
        for item in items {
            let keep = match only {
                None => true,
                Some(only) => {
                    self.assign(target, item.clone()).map_err(|fault| fault.at(over))?;
                    self.is_true(only)?
                }
            };
            if keep {
                chosen.push(item);
            }
        }
        let items: Arc<[Data]> = chosen.into();
        let is_empty = items.is_empty();
        self.rounds.push(Round { items: Arc::clone(&items), index: 0 });
        for (index, item) in items.iter().enumerate() {
            self.budget.steps(1).map_err(|fault| fault.at(over))?;
            self.locals.truncate(self.frame);
            if let Some(round) = self.rounds.last_mut() {
                round.index = index;
            }
            self.assign(target, item.clone()).map_err(|fault| fault.at(over))?;
            self.run(body, out)?;
        }
        self.rounds.pop();
        self.locals.truncate(self.frame);
        self.frame = outer;
        if is_empty { self.run(otherwise, out) } else { Ok(()) }
    }

    /// The elements of a list, or the keys of a map.
    pub(super) fn items(&mut self, value: &Data) -> Outcome<Vec<Data>> {
        if is_list(value) || value.kind() == ValueKind::Map {
            self.budget.elements(value.len().unwrap_or_default())?;
            return Ok(value.try_iter()?.collect());
        }
        let fault = Fault::new(format!("{} is not a list", describe(value.kind())));
        Err(match value.kind() {
            ValueKind::None | ValueKind::Undefined => fault.hint("`| default([])` says what stands for a value that is absent"),
            ValueKind::String => fault.hint("`| lines` gives the lines of a text, `| split(\", \")` its parts"),
            _ => fault,
        })
    }

    fn assign(&mut self, target: &Target, value: Data) -> Outcome<()> {
        match target {
            Target::Name(name) => {
                match self.locals[self.frame..].iter_mut().find(|(known, _)| known == name) {
                    Some(local) => local.1 = value,
                    None => self.locals.push((Arc::clone(name), value)),
                }
                Ok(())
            }
            Target::List(targets) => {
                let items = self.items(&value)?;
                if items.len() != targets.len() {
                    return Err(Fault::new(format!(
                        "cannot be divided over {} names, it has {} elements",
                        targets.len(),
                        items.len()
                    )));
                }
                targets.iter().zip(items).try_for_each(|(target, item)| self.assign(target, item))
            }
        }
    }

    fn write(&mut self, text: &str, out: &mut String) -> Outcome<()> {
        if out.len() + text.len() > MAX_OUTPUT {
            return Err(Fault::new(format!("the text grows beyond {} MiB", MAX_OUTPUT >> 20)));
        }
        self.budget.steps(1 + text.len() as u64 / 64)?;
        out.push_str(text);
        Ok(())
    }

    fn eval(&mut self, node: &Node) -> Outcome<Data> {
        self.eval_kind(node).map_err(|fault| fault.at(node))
    }

    fn eval_kind(&mut self, node: &Node) -> Outcome<Data> {
        self.budget.steps(1)?;
        match &node.kind {
            Kind::Const(value) => Ok(value.clone()),
            Kind::Name(name) => self.name(name).ok_or_else(|| self.unknown_name(name)),
            Kind::Field(base, key) => {
                if let Some(found) = self.round_field(base, key) {
                    return found;
                }
                let base = self.eval(base)?;
                field(&base, key)?.ok_or_else(|| no_field(&base, key))
            }
            Kind::Item(base, key) => {
                let base = self.eval(base)?;
                let key = self.eval(key)?;
                field(&base, &key)?.ok_or_else(|| no_field(&base, &key))
            }
            Kind::Slice(base, bounds) => {
                let base = self.eval(base)?;
                let [start, stop, stride] = bounds;
                let bounds = [self.bound(start.as_deref())?, self.bound(stop.as_deref())?, self.bound(stride.as_deref())?];
                operate::slice(&base, bounds, &mut self.budget)
            }
            Kind::Not(inner) => self.is_true(inner).map(|holds| Data::from(!holds)),
            Kind::Negative(inner) => operate::negative(&self.eval(inner)?),
            Kind::And(left, right) => {
                let left = self.eval(left)?;
                if left.is_true() { self.eval(right) } else { Ok(left) }
            }
            Kind::Or(left, right) => {
                let left = self.eval(left)?;
                if left.is_true() { Ok(left) } else { self.eval(right) }
            }
            Kind::Binary(operator, left, right) => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                operate::binary(*operator, &left, &right, &mut self.budget)
            }
            Kind::Compare(first, others) => {
                let mut left = self.eval(first)?;
                for (comparison, other) in others {
                    let right = self.eval(other)?;
                    if !operate::compare(*comparison, &left, &right, &mut self.budget)? {
                        return Ok(Data::from(false));
                    }
                    left = right;
                }
                Ok(Data::from(true))
            }
            Kind::If { test, then, otherwise } => match (self.is_true(test)?, otherwise) {
                (true, _) => self.eval(then),
                (false, Some(otherwise)) => self.eval(otherwise),
                (false, None) => Ok(Data::UNDEFINED),
            },
            Kind::Default(subject, other, lax) => self.default_of(subject, other.as_deref(), lax.as_deref()),
            Kind::Absent(subject) => Ok(Data::from(self.soft(subject)?.is_none_or(|value| is_absent(&value)))),
            Kind::Filter(subject, filter, arguments) => {
                let subject = self.eval(subject)?;
                let given = self.given(arguments)?;
                (filter.run)(self, &subject, &given)
            }
            Kind::Test(subject, test, argument) => {
                let subject = self.eval(subject)?;
                let argument = argument.as_deref().map_or_else(|| Ok(Data::from(())), |argument| self.eval(argument))?;
                (test.run)(self, &subject, &argument).map(Data::from)
            }
            Kind::Range(arguments) => self.numbers(arguments),
            Kind::List(items) => {
                self.budget.elements(items.len())?;
                let items = items.iter().map(|item| self.eval(item)).collect::<Outcome<Vec<_>>>()?;
                self.nested(Data::from(items))
            }
            Kind::Map(fields) => {
                self.budget.elements(fields.len())?;
                let fields = fields.iter().map(|(key, value)| Ok((self.eval(key)?, self.eval(value)?)));
                let fields = fields.collect::<Outcome<Vec<_>>>()?;
                self.nested(Data::from_pairs(fields))
            }
        }
    }

    /// Takes a value that was put around others: looks how deep and large it is with all its parts, so that doubling has an end.
    pub(super) fn nested(&mut self, value: Data) -> Outcome<Data> {
        self.budget.visit(&value)?;
        Ok(value)
    }

    /// Evaluates what may be absent: `None` instead of an unknown name, field or element. Anything else fails as usual.
    fn soft(&mut self, node: &Node) -> Outcome<Option<Data>> {
        self.budget.steps(1)?;
        match &node.kind {
            Kind::Name(name) => Ok(self.name(name)),
            Kind::Field(base, key) => {
                if self.round_field(base, key).is_some() {
                    return self.eval(node).map(Some);
                }
                let Some(base) = self.soft(base)? else { return Ok(None) };
                field(&base, key).map_err(|fault| fault.at(node))
            }
            Kind::Item(base, key) => {
                let Some(base) = self.soft(base)? else { return Ok(None) };
                let key = self.eval(key)?;
                field(&base, &key).map_err(|fault| fault.at(node))
            }
            Kind::And(left, right) => {
                let left = self.eval(left)?;
                if left.is_true() { self.soft(right) } else { Ok(Some(left)) }
            }
            Kind::Or(left, right) => {
                let left = self.eval(left)?;
                if left.is_true() { Ok(Some(left)) } else { self.soft(right) }
            }
            Kind::If { test, then, otherwise } => match (self.is_true(test)?, otherwise) {
                (true, _) => self.soft(then),
                (false, Some(otherwise)) => self.soft(otherwise),
                (false, None) => Ok(None),
            },
            // What stands for an absent value may be absent itself: `a.x | default(b.y) | default("")`.
            Kind::Default(subject, Some(other), lax) => match self.present(subject, lax.as_deref())? {
                Some(value) => Ok(Some(value)),
                None => self.soft(other),
            },
            _ => self.eval(node).map(Some),
        }
    }

    fn default_of(&mut self, subject: &Node, other: Option<&Node>, lax: Option<&Node>) -> Outcome<Data> {
        match self.present(subject, lax)? {
            Some(value) => Ok(value),
            None => other.map_or_else(|| Ok(Data::from("")), |other| self.eval(other)),
        }
    }

    /// The subject of a `default`, unless it is absent or, with `lax`, not true.
    fn present(&mut self, subject: &Node, lax: Option<&Node>) -> Outcome<Option<Data>> {
        let value = self.soft(subject)?.filter(|value| !is_absent(value));
        let lax = lax.map_or(Ok(false), |lax| self.is_true(lax))?;
        Ok(value.filter(|value| !lax || value.is_true()))
    }

    fn given(&mut self, arguments: &Arguments) -> Outcome<Given> {
        Ok(Given {
            bound: arguments
                .given
                .iter()
                .map(|node| node.as_ref().map(|node| self.eval(node)).transpose())
                .collect::<Outcome<_>>()?,
            rest: arguments.rest.iter().map(|node| self.eval(node)).collect::<Outcome<_>>()?,
        })
    }

    fn name(&self, name: &str) -> Option<Data> {
        let local = self.locals.iter().rev().find(|(known, _)| &**known == name).map(|(_, value)| value.clone());
        match (local, self.rounds.last()) {
            (Some(local), _) => Some(local),
            (None, Some(round)) if name == "loop" => Some(round.to_map()),
            (None, _) => self.scope.get(name).cloned(),
        }
    }

    fn unknown_name(&self, name: &str) -> Fault {
        let mut known = self.scope.names();
        known.extend(self.locals.iter().map(|(name, _)| &**name));
        let fault = Fault::new(format!("there is no `{name}` here"));
        match nearest(name, known) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        }
    }

    /// A field of the `loop` of a `for`, or `None` when it is something else.
    fn round_field(&self, base: &Node, key: &Data) -> Option<Outcome<Data>> {
        let Kind::Name(name) = &base.kind else { return None };
        if &**name != "loop" {
            return None;
        }
        let round = self.rounds.last()?;
        Some(round.field(key.as_str().unwrap_or_default()).ok_or_else(|| {
            Fault::new(format!("the `loop` of a `for` has no field `{key}`"))
                .hint("inside `for`, `loop` is that of the `for`; give another one a name with `{% set %}` before it")
        }))
    }

    fn bound(&mut self, node: Option<&Node>) -> Outcome<Option<i64>> {
        let Some(node) = node else { return Ok(None) };
        let value = self.eval(node)?;
        if is_absent(&value) {
            return Ok(None);
        }
        value.as_i64().map(Some).ok_or_else(|| Fault::new("the bounds of a slice are whole numbers").at(node))
    }

    fn numbers(&mut self, arguments: &[Node]) -> Outcome<Data> {
        let mut bounds = Vec::with_capacity(3);
        for argument in arguments {
            let value = self.eval(argument)?;
            bounds.push(value.as_i64().ok_or_else(|| Fault::new("`range` takes whole numbers").at(argument))?);
        }
        let (start, stop, stride) = match bounds[..] {
            [stop] => (0, stop, 1),
            [start, stop] => (start, stop, 1),
            [start, stop, stride] => (start, stop, stride),
            _ => return Err(Fault::new("`range` takes one to three numbers")),
        };
        if stride == 0 {
            return Err(Fault::new("the step of `range` cannot be 0"));
        }
        let distance = (i128::from(stop) - i128::from(start)) * i128::from(stride.signum());
        let count = if distance <= 0 { 0 } else { (distance - 1) / i128::from(stride.unsigned_abs()) + 1 };
        if count > i128::from(MAX_RANGE) {
            return Err(Fault::new(format!("`range` gives at most {MAX_RANGE} numbers")));
        }
        let count = i64::try_from(count).unwrap_or(MAX_RANGE);
        self.budget.elements(usize::try_from(count).unwrap_or_default())?;
        Ok((0..count).map(|index| start + index * stride).collect())
    }
}
