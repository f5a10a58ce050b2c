//! The absence analysis against a plain simulation: in no run of a random graph does a node read an output that is not there, unless
//! `compile` said so.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use agentflow::{
    diagnostic::StoredFiles,
    model::StoredSource,
    plan::{CompileOptions, ManifestChoice, compile},
};

/// Graphs that are tried.
const GRAPHS: usize = 250;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnError {
    Fail,
    Continue,
    Use,
    Goto(usize),
}

#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    /// `inputs.b0` or `inputs.b1`.
    Input(usize),
    /// `N is not none`.
    Present(usize),
}

#[derive(Debug, Clone)]
struct Node {
    /// Read without a guard.
    reads: Vec<usize>,
    /// Read as `a | default(b)`.
    chained: Option<(usize, usize)>,
    /// Waited for.
    needs: Vec<usize>,
    when: When,
    any: bool,
    on_error: OnError,
    /// The targets for the values `x`, `y` and `z` of `inputs.k`.
    route: Option<[usize; 3]>,
}

fn generate(random: &mut fastrand::Rng) -> Vec<Node> {
    let count = random.usize(3..8);
    let mut nodes: Vec<Node> = Vec::new();
    for at in 0..count {
        let some =
            |random: &mut fastrand::Rng, chance: f32| -> Vec<usize> { (0..at).filter(|_| random.f32() < chance).collect() };
        let later = |random: &mut fastrand::Rng| random.usize(at + 1..count);
        let is_last = at + 1 >= count;
        let (reads, needs) = (some(random, 0.3), some(random, 0.15));
        nodes.push(Node {
            reads,
            needs,
            chained: (at >= 2 && random.f32() < 0.3).then(|| (random.usize(0..at), random.usize(0..at))),
            when: match random.u8(0..8) {
                0 => When::Input(0),
                1 => When::Input(1),
                2 if at > 0 => When::Present(random.usize(0..at)),
                _ => When::Always,
            },
            any: random.f32() < 0.1,
            on_error: match random.u8(0..10) {
                0 => OnError::Continue,
                1 => OnError::Use,
                2 if !is_last => OnError::Goto(later(random)),
                _ => OnError::Fail,
            },
            route: (!is_last && random.f32() < 0.3).then(|| [later(random), later(random), later(random)]),
        });
    }
    nodes
}

fn to_yaml(nodes: &[Node]) -> String {
    let mut text = "inputs: { b0: boolean, b1: boolean, k: x | y | z }\nnodes:\n".to_owned();
    for (at, node) in nodes.iter().enumerate() {
        let mut value = String::new();
        for read in &node.reads {
            write!(value, "{{{{ n{read} }}}} ").unwrap();
        }
        if let Some((first, second)) = node.chained {
            write!(value, "{{{{ n{first} | default(n{second}) }}}}").unwrap();
        }
        write!(text, "  n{at}: {{ value: '{{{{ inputs.k }}}} {value}'").unwrap();
        let needs: Vec<String> = node.needs.iter().map(|need| format!("n{need}")).collect();
        write!(text, ", needs: [{}]", needs.join(", ")).unwrap();
        match node.when {
            When::Always => {}
            When::Input(input) => write!(text, ", when: inputs.b{input}").unwrap(),
            When::Present(other) => write!(text, ", when: n{other} is not none").unwrap(),
        }
        if node.any {
            text.push_str(", join: any");
        }
        match node.on_error {
            OnError::Fail => {}
            OnError::Continue => text.push_str(", on_error: continue"),
            OnError::Use => text.push_str(", on_error: { use: u }"),
            OnError::Goto(handler) => write!(text, ", on_error: {{ goto: n{handler} }}").unwrap(),
        }
        if let Some([x, y, z]) = node.route {
            write!(text, ", route: {{ on: inputs.k, cases: {{ x: n{x}, y: n{y}, z: n{z} }} }}").unwrap();
        }
        text.push_str(" }\n");
    }
    text
}

/// What `compile` says may be absent: reader and source. `None` when the graph has another error.
fn flagged(text: &str) -> Option<BTreeSet<(usize, usize)>> {
    let files = StoredFiles::new(vec![StoredSource { path: "flow.yaml".into(), text: text.to_owned() }]);
    let compiled = compile(Path::new("flow.yaml"), ManifestChoice::None, &files, &CompileOptions::default());
    let mut flagged = BTreeSet::new();
    for problem in &compiled.diagnostics {
        match problem.code.0 {
            26 => {
                let reader = compiled.sources.position(problem.span).line - 3;
                let source = problem.message.trim_start_matches("`n").split('`').next()?.parse().ok()?;
                flagged.insert((reader, source));
            }
            41 | 60 | 62 => {}
            _ => return None,
        }
    }
    Some(flagged)
}

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Skipped,
    /// It has an output.
    Good,
    /// It failed; the run goes on.
    Bad,
}

/// One possible run: what the inputs are, and which nodes fail.
#[derive(Debug, Clone, Copy)]
struct World {
    inputs: [bool; 2],
    k: usize,
    failing: usize,
    /// Picks the edge that starts a node with `join: any`.
    pick: usize,
}

/// The reads that find nothing in one run: reader and source. Empty when the run fails: until then the same holds as in a run
/// in which the failing node does not fail.
fn absent(nodes: &[Node], world: World) -> Option<BTreeSet<(usize, usize)>> {
    let mut absent = BTreeSet::new();
    let mut ends: Vec<End> = Vec::new();
    // What has ended before a node starts.
    let mut past: Vec<BTreeSet<usize>> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let is_target = |from: &usize| nodes[*from].route.is_some_and(|targets| targets.contains(&at));
        let is_handler = |from: &usize| nodes[*from].on_error == OnError::Goto(at);
        let chained = node.chained.into_iter().flat_map(|(first, second)| [first, second]);
        let tested = if let When::Present(other) = node.when { Some(other) } else { None };
        let plain: BTreeSet<usize> = node.reads.iter().chain(&node.needs).copied().chain(chained).chain(tested).collect();
        let sources: BTreeSet<usize> =
            plain.iter().copied().chain((0..at).filter(|from| is_target(from) || is_handler(from))).collect();
        let has_control = sources.iter().any(|from| is_target(from) || is_handler(from));
        let taken = |from: &usize| {
            let went_through =
                ends[*from] == End::Good || (ends[*from] == End::Bad && nodes[*from].on_error == OnError::Continue);
            if is_handler(from) {
                ends[*from] == End::Bad
            } else if is_target(from) {
                went_through && nodes[*from].route.is_some_and(|targets| targets[world.k] == at)
            } else {
                went_through
            }
        };
        let deciding: Vec<usize> =
            sources.iter().copied().filter(|from| (is_target(from) || is_handler(from)) == has_control).collect();
        let starts: Vec<usize> = deciding.iter().copied().filter(|from| taken(from)).collect();
        let before: BTreeSet<usize> = match (node.any, starts.as_slice()) {
            (true, [_, ..]) => {
                let first = starts[world.pick % starts.len()];
                past[first].iter().copied().chain([first]).collect()
            }
            _ => sources.iter().flat_map(|from| past[*from].iter().copied().chain([*from])).collect(),
        };
        let has_output = |source: &usize| before.contains(source) && ends[*source] == End::Good;
        let holds = match node.when {
            When::Always => true,
            When::Input(input) => world.inputs[input],
            When::Present(other) => has_output(&other),
        };
        let runs = (sources.is_empty() || !starts.is_empty()) && holds;
        if runs {
            absent.extend(node.reads.iter().filter(|source| !has_output(source)).map(|source| (at, *source)));
            if let Some((first, second)) = node.chained
                && !has_output(&first)
                && !has_output(&second)
            {
                absent.insert((at, second));
            }
        }
        let fails = runs && world.failing >> at & 1 == 1;
        ends.push(match (runs, fails, node.on_error) {
            (false, ..) => End::Skipped,
            (true, true, OnError::Fail) => return None,
            (true, true, OnError::Continue | OnError::Goto(_)) => End::Bad,
            (true, true, OnError::Use) | (true, false, _) => End::Good,
        });
        past.push(before);
    }
    Some(absent)
}

#[test]
fn no_run_reads_what_is_absent_without_having_been_told() {
    let mut random = fastrand::Rng::with_seed(20_260_711);
    let (mut tried, mut told, mut needless) = (0, 0, 0);
    while tried < GRAPHS {
        let nodes = generate(&mut random);
        let text = to_yaml(&nodes);
        let Some(flagged) = flagged(&text) else { continue };
        tried += 1;
        let mut met = BTreeSet::new();
        for case in 0..((4 * 3 * 2) << nodes.len()) {
            let (inputs, rest) = ([case & 1 == 1, case & 2 == 2], case >> 2);
            let (pick, rest) = (rest & 1, rest >> 1);
            let world = World { inputs, pick, k: rest % 3, failing: rest / 3 };
            let Some(absent) = absent(&nodes, world) else { continue };
            if let Some(read) = absent.iter().find(|read| !flagged.contains(read)) {
                panic!("n{} reads n{}, which is absent in {world:?}, and nobody said so:\n{text}", read.0, read.1);
            }
            met.extend(absent);
        }
        told += flagged.len();
        needless += flagged.difference(&met).count();
    }
    // The analysis may be careful, but not so careful that people stop believing it.
    assert!(told > 200 && needless * 7 <= told, "{needless} of {told} warnings were needless");
}
