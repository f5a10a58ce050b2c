//! From text to code that `machine` evaluates: MiniJinja parses, this file allows, refuses and resolves.

use std::ops::Range;

use minijinja::{
    machinery::{Span, Token, ast, parse, parse_expr, tokenize},
    syntax::SyntaxConfig,
    value::Value as Data,
};

use crate::{
    error::nearest,
    template::{
        MAX_SOURCE, SyntaxProblem, checks,
        code::{Arguments, Kind, Node, Statement, Target},
        filters::{self, Filter},
        operate::{Binary, Comparison},
        problem::{STATEMENTS, from_minijinja, problem},
    },
};

/// The only function there is.
pub(super) const FUNCTION: &str = "range";

/// How deep code may be nested; evaluation recurses that deep.
const MAX_NESTING: usize = 150;
/// Operators, brackets and filters in one `{{ … }}`: each may nest MiniJinja's tree one deeper, which has no limit of its own for it.
const MAX_OPERATORS: usize = 200;
/// `elif`s in one template, for the same reason.
const MAX_ELIFS: usize = 100;

type Parsed<T> = Result<T, SyntaxProblem>;

/// Compiles a template.
pub(super) fn parse_template(source: &str) -> Parsed<Vec<Statement>> {
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map_err(|err| problem(source, 0..0, err.to_string()))?;
    check_size(source, false, &syntax)?;
    let parsed = parse(source, "template", syntax).map_err(|err| from_minijinja(source, &err))?;
    let ast::Stmt::Template(template) = parsed else {
        return Err(problem(source, 0..source.len(), "is no template"));
    };
    Lowering { source }.statements(&template.children, 0)
}

/// Compiles a bare expression.
pub(super) fn parse_expression(source: &str) -> Parsed<Node> {
    if ["{{", "{%", "{#"].iter().any(|start| source.trim_start().starts_with(start)) {
        return Err(problem(source, 0..source.len(), "this is a bare expression, without `{{` and `}}`")
            .with_hint("write only what stands between them"));
    }
    check_size(source, true, &SyntaxConfig::default())?;
    let parsed = parse_expr(source).map_err(|err| from_minijinja(source, &err))?;
    Lowering { source }.node(&parsed, 0)
}

/// Refuses what would make MiniJinja's parser, or the dropping of its tree, recurse without a bound.
fn check_size(source: &str, is_expression: bool, syntax: &SyntaxConfig) -> Parsed<()> {
    if source.len() > MAX_SOURCE {
        return Err(problem(
            source,
            0..0,
            format!("a template has at most {} KiB, this one has {}", MAX_SOURCE >> 10, source.len() >> 10),
        ));
    }
    let (mut operators, mut elifs, mut after_start) = (0, 0, false);
    // An error here is met again, with a better message, by the parser.
    for (token, span) in tokenize(source, is_expression, syntax.clone()).map_while(Result::ok) {
        match token {
            Token::VariableStart | Token::BlockStart => operators = 0,
            Token::Ident("elif") if after_start => elifs += 1,
            Token::Ident("not" | "and" | "or" | "in" | "is" | "if" | "else") => operators += 1,
            Token::TemplateData(_)
            | Token::VariableEnd
            | Token::BlockEnd
            | Token::Ident(_)
            | Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_)
            | Token::Comma
            | Token::Colon
            | Token::Assign
            | Token::BracketClose
            | Token::ParenClose
            | Token::BraceClose => {}
            _ => operators += 1,
        }
        after_start = matches!(token, Token::BlockStart);
        if operators > MAX_OPERATORS || elifs > MAX_ELIFS {
            let what = if elifs > MAX_ELIFS { "the template has too many `elif`s" } else { "the expression is too long" };
            return Err(problem(source, range_of(span), what).with_hint("divide it, for example with a `value` node"));
        }
    }
    Ok(())
}

fn range_of(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

struct Lowering<'source> {
    source: &'source str,
}

impl Lowering<'_> {
    fn problem(&self, range: Range<usize>, message: impl Into<String>) -> SyntaxProblem {
        problem(self.source, range, message)
    }

    fn statements(&self, statements: &[ast::Stmt<'_>], depth: usize) -> Parsed<Vec<Statement>> {
        statements.iter().map(|statement| self.statement(statement, depth + 1)).collect()
    }

    fn statement(&self, statement: &ast::Stmt<'_>, depth: usize) -> Parsed<Statement> {
        match statement {
            ast::Stmt::EmitRaw(text) => Ok(Statement::Text(text.raw.to_owned())),
            ast::Stmt::EmitExpr(emit) => Ok(Statement::Emit(self.node(&emit.expr, depth)?)),
            ast::Stmt::ForLoop(each) => {
                if each.recursive {
                    return Err(self.refused(each.span(), "a recursive loop"));
                }
                Ok(Statement::For {
                    target: self.target(&each.target)?,
                    over: self.node(&each.iter, depth)?,
                    only: each.filter_expr.as_ref().map(|only| self.node(only, depth)).transpose()?,
                    body: self.statements(&each.body, depth)?,
                    otherwise: self.statements(&each.else_body, depth)?,
                })
            }
            ast::Stmt::IfCond(branch) => Ok(Statement::If {
                test: self.node(&branch.expr, depth)?,
                then: self.statements(&branch.true_body, depth)?,
                otherwise: self.statements(&branch.false_body, depth)?,
            }),
            ast::Stmt::Set(set) => Ok(Statement::Set(self.target(&set.target)?, self.node(&set.expr, depth)?)),
            ast::Stmt::SetBlock(set) => Err(self.refused(set.span(), "a `set` with a body")),
            ast::Stmt::WithBlock(with) => Err(self.refused(with.span(), "the statement `with`")),
            ast::Stmt::AutoEscape(escape) => Err(self.refused(escape.span(), "the statement `autoescape`")),
            ast::Stmt::FilterBlock(filter) => Err(self.refused(filter.span(), "the statement `filter`")),
            ast::Stmt::Do(call) => Err(self.refused(call.span(), "the statement `do`")),
            ast::Stmt::Template(inner) => Err(self.refused(inner.span(), "a template in a template")),
        }
    }

    fn refused(&self, span: Span, what: &str) -> SyntaxProblem {
        let range = range_of(span);
        // The span covers the whole block; its first line is enough to see which one it is.
        let first_line = self.source.get(range.clone()).and_then(|text| text.lines().next()).map_or(0, str::len);
        self.problem(range.start..range.start + first_line, format!("{what} is not available in templates")).with_hint(STATEMENTS)
    }

    fn target(&self, target: &ast::Expr<'_>) -> Parsed<Target> {
        match target {
            ast::Expr::Var(name) => Ok(Target::Name(name.id.into())),
            ast::Expr::List(list) => list.items.iter().map(|item| self.target(item)).collect::<Parsed<_>>().map(Target::List),
            ast::Expr::Tuple(list) => list.items.iter().map(|item| self.target(item)).collect::<Parsed<_>>().map(Target::List),
            other => Err(self.problem(range_of(other.span()), "only a name can be given a value")),
        }
    }

    fn boxed(&self, expr: &ast::Expr<'_>, depth: usize) -> Parsed<Box<Node>> {
        self.node(expr, depth).map(Box::new)
    }

    fn optional(&self, expr: Option<&ast::Expr<'_>>, depth: usize) -> Parsed<Option<Box<Node>>> {
        expr.map(|expr| self.boxed(expr, depth)).transpose()
    }

    fn nodes(&self, items: &[ast::Expr<'_>], depth: usize) -> Parsed<Vec<Node>> {
        items.iter().map(|item| self.node(item, depth)).collect()
    }

    fn node(&self, expr: &ast::Expr<'_>, depth: usize) -> Parsed<Node> {
        let own = range_of(expr.span());
        if depth > MAX_NESTING {
            return Err(self
                .problem(own, "the expression is nested too deeply")
                .with_hint("divide it, for example with a `value` node"));
        }
        let depth = depth + 1;
        let kind = match expr {
            ast::Expr::Var(name) => Kind::Name(name.id.into()),
            ast::Expr::Const(constant) => Kind::Const(constant.value.clone()),
            ast::Expr::GetAttr(field) => Kind::Field(self.boxed(&field.expr, depth)?, Data::from(field.name)),
            ast::Expr::GetItem(item) => {
                let base = self.boxed(&item.expr, depth)?;
                let key = self.boxed(&item.subscript_expr, depth)?;
                match key.kind {
                    Kind::Const(key) if key.as_str().is_some() || key.is_integer() => Kind::Field(base, key),
                    _ => Kind::Item(base, key),
                }
            }
            ast::Expr::Slice(slice) => Kind::Slice(
                self.boxed(&slice.expr, depth)?,
                [
                    self.optional(slice.start.as_ref(), depth)?,
                    self.optional(slice.stop.as_ref(), depth)?,
                    self.optional(slice.step.as_ref(), depth)?,
                ],
            ),
            ast::Expr::UnaryOp(unary) => {
                let inner = self.boxed(&unary.expr, depth)?;
                match unary.op {
                    ast::UnaryOpKind::Not => Kind::Not(inner),
                    ast::UnaryOpKind::Neg => Kind::Negative(inner),
                }
            }
            ast::Expr::BinOp(binary) => self.binary(binary, depth)?,
            ast::Expr::Compare(compare) => {
                let others = compare.ops.iter().map(|op| Ok((Comparison::from(op.op), self.node(&op.expr, depth)?)));
                Kind::Compare(self.boxed(&compare.expr, depth)?, others.collect::<Parsed<_>>()?)
            }
            ast::Expr::IfExpr(branch) => Kind::If {
                test: self.boxed(&branch.test_expr, depth)?,
                then: self.boxed(&branch.true_expr, depth)?,
                otherwise: self.optional(branch.false_expr.as_ref(), depth)?,
            },
            ast::Expr::Filter(filter) => self.filter(filter, filter.span(), depth)?,
            ast::Expr::Test(test) => self.test(test, test.span(), depth)?,
            ast::Expr::Call(call) => self.call(call, call.span(), depth)?,
            ast::Expr::List(list) => Kind::List(self.nodes(&list.items, depth)?),
            ast::Expr::Tuple(list) => Kind::List(self.nodes(&list.items, depth)?),
            ast::Expr::Map(map) => {
                let pairs =
                    map.keys.iter().zip(&map.values).map(|(key, value)| Ok((self.node(key, depth)?, self.node(value, depth)?)));
                Kind::Map(pairs.collect::<Parsed<_>>()?)
            }
        };
        Ok(Node { range: self.range(&kind, own), kind })
    }

    /// Where a node stands. MiniJinja's spans are exact for what has no parts on the left; for the others only the end is.
    fn range(&self, kind: &Kind, own: Range<usize>) -> Range<usize> {
        let mut start = match kind {
            Kind::Field(base, _) | Kind::Item(base, _) | Kind::Slice(base, _) | Kind::Compare(base, _) => base.range.start,
            Kind::And(left, _) | Kind::Or(left, _) | Kind::Binary(_, left, _) => left.range.start,
            Kind::If { then, .. } => then.range.start,
            Kind::Default(subject, ..) | Kind::Absent(subject) | Kind::Filter(subject, ..) | Kind::Test(subject, ..) => {
                subject.range.start
            }
            Kind::Not(inner) => own.start.min(inner.range.start),
            _ => own.start,
        };
        let end = own.end.clamp(start, self.source.len());
        // Parentheses are in no span; one that closes inside belongs with the one that opens before.
        while let (Some(inner), Some(before)) = (self.source.get(start..end), self.source.get(..start)) {
            if inner.matches(')').count() <= inner.matches('(').count() || !before.trim_end().ends_with('(') {
                break;
            }
            start = before.trim_end().len() - 1;
        }
        start..end
    }

    fn binary(&self, binary: &ast::BinOp<'_>, depth: usize) -> Parsed<Kind> {
        let left = self.boxed(&binary.left, depth)?;
        let right = self.boxed(&binary.right, depth)?;
        let compare = |comparison, left, right: Box<Node>| Kind::Compare(left, vec![(comparison, *right)]);
        Ok(match binary.op {
            ast::BinOpKind::ScAnd => Kind::And(left, right),
            ast::BinOpKind::ScOr => Kind::Or(left, right),
            ast::BinOpKind::Add => Kind::Binary(Binary::Add, left, right),
            ast::BinOpKind::Sub => Kind::Binary(Binary::Subtract, left, right),
            ast::BinOpKind::Mul => Kind::Binary(Binary::Multiply, left, right),
            ast::BinOpKind::Div => Kind::Binary(Binary::Divide, left, right),
            ast::BinOpKind::FloorDiv => Kind::Binary(Binary::FloorDivide, left, right),
            ast::BinOpKind::Rem => Kind::Binary(Binary::Remainder, left, right),
            ast::BinOpKind::Pow => Kind::Binary(Binary::Power, left, right),
            ast::BinOpKind::Concat => Kind::Binary(Binary::Concatenate, left, right),
            ast::BinOpKind::Eq => compare(Comparison::Equal, left, right),
            ast::BinOpKind::Ne => compare(Comparison::NotEqual, left, right),
            ast::BinOpKind::Lt => compare(Comparison::Less, left, right),
            ast::BinOpKind::Lte => compare(Comparison::LessOrEqual, left, right),
            ast::BinOpKind::Gt => compare(Comparison::Greater, left, right),
            ast::BinOpKind::Gte => compare(Comparison::GreaterOrEqual, left, right),
            ast::BinOpKind::In => compare(Comparison::In, left, right),
        })
    }

    fn filter(&self, filter: &ast::Filter<'_>, span: Span, depth: usize) -> Parsed<Kind> {
        let name_at = range_of(span).start..range_of(span).start + filter.name.len();
        let known = filters::find(filter.name).ok_or_else(|| {
            self.problem(name_at.clone(), format!("there is no filter `{}`", filter.name)).unknown(filter.name, filters::names())
        })?;
        let Some(subject) = &filter.expr else {
            return Err(self.problem(name_at, "a filter stands after a value"));
        };
        let subject = self.boxed(subject, depth)?;
        let mut arguments = self.arguments(known, &filter.args, &name_at, depth)?;
        if matches!(known.name, "default" | "d") {
            let mut take = |index: usize| arguments.given[index].take().map(Box::new);
            let (other, lax) = (take(0), take(1));
            return Ok(Kind::Default(subject, other, lax));
        }
        self.check_inner_names(known, &arguments)?;
        Ok(Kind::Filter(subject, known, arguments))
    }

    /// Binds arguments to parameters.
    fn arguments(&self, filter: &Filter, written: &[ast::CallArg<'_>], at: &Range<usize>, depth: usize) -> Parsed<Arguments> {
        let mut arguments = Arguments { given: filter.parameters.iter().map(|_| None).collect(), rest: Vec::new() };
        let mut position = 0;
        for argument in written {
            match argument {
                ast::CallArg::Pos(expr) => {
                    let node = self.node(expr, depth)?;
                    if position < filter.positional {
                        arguments.given[position] = Some(node);
                        position += 1;
                    } else if filter.takes_more {
                        arguments.rest.push(node);
                    } else {
                        return Err(self
                            .problem(node.range, format!("`{}` takes no further argument", filter.name))
                            .with_hint(filter.usage()));
                    }
                }
                ast::CallArg::Kwarg(name, expr) => {
                    let node = self.node(expr, depth)?;
                    let Some(index) = filter.parameters.iter().position(|parameter| parameter == name) else {
                        let near = nearest(name, filter.parameters.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                        return Err(self
                            .problem(at.clone(), format!("`{}` has no argument `{name}`", filter.name))
                            .with_hint(near.unwrap_or_else(|| filter.usage())));
                    };
                    if arguments.given[index].replace(node).is_some() {
                        return Err(self.problem(at.clone(), format!("`{}` is given `{name}` twice", filter.name)));
                    }
                }
                ast::CallArg::PosSplat(expr) | ast::CallArg::KwargSplat(expr) => return Err(self.splat(expr)),
            }
        }
        match (0..filter.required).find(|index| arguments.given[*index].is_none()) {
            Some(missing) => Err(self
                .problem(at.clone(), format!("`{}` needs the argument `{}`", filter.name, filter.parameters[missing]))
                .with_hint(filter.usage())),
            None => Ok(arguments),
        }
    }

    fn splat(&self, expr: &ast::Expr<'_>) -> SyntaxProblem {
        self.problem(range_of(expr.span()), "`*` and `**` arguments are not available in templates")
    }

    /// Looks at the names of filters and tests that `map`, `select` and the like take as text.
    fn check_inner_names(&self, filter: &Filter, arguments: &Arguments) -> Parsed<()> {
        let index = match filter.name {
            "map" | "select" | "reject" => 0,
            "selectattr" | "rejectattr" => 1,
            _ => return Ok(()),
        };
        let Some(Node { kind: Kind::Const(name), range }) = &arguments.given[index] else { return Ok(()) };
        let Some(name) = name.as_str() else { return Ok(()) };
        if filter.name == "map" && filters::find(name).is_none() {
            return Err(self.problem(range.clone(), format!("there is no filter `{name}`")).unknown(name, filters::names()));
        }
        if filter.name != "map" && checks::find(name).is_none() {
            return Err(self.problem(range.clone(), format!("there is no test `{name}`")).unknown(name, checks::names()));
        }
        Ok(())
    }

    fn test(&self, test: &ast::Test<'_>, span: Span, depth: usize) -> Parsed<Kind> {
        let name_at = range_of(span).start..range_of(span).start + test.name.len();
        let known = checks::find(test.name).ok_or_else(|| {
            self.problem(name_at.clone(), format!("there is no test `{}`", test.name)).unknown(test.name, checks::names())
        })?;
        let subject = self.boxed(&test.expr, depth)?;
        let mut arguments = Vec::new();
        for argument in &test.args {
            match argument {
                ast::CallArg::Pos(expr) => arguments.push(self.node(expr, depth)?),
                ast::CallArg::Kwarg(name, _) => {
                    return Err(self.problem(name_at, format!("the test `{}` has no argument `{name}`", known.name)));
                }
                ast::CallArg::PosSplat(expr) | ast::CallArg::KwargSplat(expr) => return Err(self.splat(expr)),
            }
        }
        if arguments.len() != usize::from(known.takes_argument) {
            let expected = if known.takes_argument { "one argument" } else { "no argument" };
            return Err(self.problem(name_at, format!("the test `{}` takes {expected}", known.name)));
        }
        Ok(match known.name {
            "none" | "undefined" => Kind::Absent(subject),
            "defined" => {
                let range = subject.range.start..range_of(span).end;
                Kind::Not(Box::new(Node { kind: Kind::Absent(subject), range }))
            }
            _ => Kind::Test(subject, known, arguments.pop().map(Box::new)),
        })
    }

    /// The only call there is is `range(…)`; values have no methods.
    fn call(&self, call: &ast::Call<'_>, span: Span, depth: usize) -> Parsed<Kind> {
        let range = range_of(span);
        let name = match &call.expr {
            ast::Expr::Var(name) if name.id == FUNCTION => {
                let mut arguments = Vec::new();
                for argument in &call.args {
                    match argument {
                        ast::CallArg::Pos(expr) => arguments.push(self.node(expr, depth)?),
                        _ => return Err(self.problem(range, "`range` takes numbers only")),
                    }
                }
                if !(1..=3).contains(&arguments.len()) {
                    return Err(self
                        .problem(range, "`range` takes one to three numbers")
                        .with_hint("range([start,] stop [, step])"));
                }
                return Ok(Kind::Range(arguments));
            }
            ast::Expr::Var(name) => name.id,
            ast::Expr::GetAttr(method) => method.name,
            other => return Err(self.problem(range_of(other.span()), "this is no function")),
        };
        // MiniJinja counts the dot of a method to it.
        let dot = usize::from(self.source[range.start..].starts_with('.'));
        let mut problem = self.problem(range.start + dot..range.end, format!("there is no function `{name}`"));
        problem.unknown_function = true;
        Err(match (filters::find(name), &call.expr) {
            (Some(_), ast::Expr::GetAttr(_)) => problem.with_hint(format!("values have no methods; write `| {name}`")),
            (Some(_), _) => problem.with_hint(format!("`{name}` is a filter; write `value | {name}`")),
            (None, ast::Expr::GetAttr(_)) => problem.with_hint("values have no methods; there are filters, such as `| upper`"),
            (None, _) => problem.with_hint("the only function is `range`"),
        })
    }
}
