//! What a picture shows of a graph: plain data, so that the layout and the renderers know nothing of plans.

/// A graph to draw. Every edge points to a node of a higher index.
#[derive(Debug, Clone, Default)]
pub(super) struct GraphView {
    pub(super) nodes: Vec<NodeView>,
    pub(super) edges: Vec<EdgeView>,
}

/// A node to draw.
#[derive(Debug, Clone)]
pub(super) struct NodeView {
    pub(super) id: String,
    pub(super) description: Option<String>,
    pub(super) kind: KindView,
    pub(super) map: Option<MapView>,
    pub(super) looped: Option<LoopView>,
    pub(super) when: Option<String>,
    pub(super) route: Option<RouteView>,
    pub(super) join_any: bool,
    pub(super) on_error: Option<OnErrorView>,
}

/// What a node does.
#[derive(Debug, Clone)]
pub(super) enum KindView {
    Agent {
        agent: String,
        model: Option<String>,
        /// Why it is that one, when it was chosen by what it can do.
        chosen: Option<String>,
    },
    Tool {
        tool: String,
    },
    /// A tool of memory: `recall` or `remember`, and the collection.
    Memory {
        does: &'static str,
        collection: String,
    },
    Value,
    /// A node that no task works on, `approval`, `wait`, `send` or `receive`, and what for.
    Wait {
        does: &'static str,
        what: String,
    },
    Workflow {
        name: String,
    },
    Graph(GraphView),
}

/// `map:`, with the source of its expression.
#[derive(Debug, Clone)]
pub(super) struct MapView {
    pub(super) over: String,
    pub(super) name: String,
}

/// `loop:`, with the source of its expression.
#[derive(Debug, Clone)]
pub(super) struct LoopView {
    pub(super) until: Option<String>,
    pub(super) max: u32,
}

/// `route:`, with the source of its expression and the ids by case.
#[derive(Debug, Clone)]
pub(super) struct RouteView {
    pub(super) on: String,
    pub(super) cases: Vec<(String, Vec<String>)>,
    pub(super) default: Option<Vec<String>>,
}

/// What a failure means, where it is not the end of the run.
#[derive(Debug, Clone)]
pub(super) enum OnErrorView {
    Continue,
    Use,
    Goto(String),
}

/// An edge between two nodes, by index.
#[derive(Debug, Clone)]
pub(super) struct EdgeView {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kind: EdgeShape,
}

/// When an edge is taken.
#[derive(Debug, Clone)]
pub(super) enum EdgeShape {
    Plain,
    /// For these cases, and for any other value.
    Routed {
        cases: Vec<String>,
        otherwise: bool,
    },
    Conditional(String),
    OnError,
}

impl GraphView {
    /// Whether the edge hangs on a condition: its own, its target's `when`, or a failure. Routed edges have a label instead.
    pub(super) fn is_dashed(&self, edge: &EdgeView) -> bool {
        matches!(edge.kind, EdgeShape::Conditional(_) | EdgeShape::OnError) || self.nodes[edge.to].when.is_some()
    }
}

impl NodeView {
    /// A node without modifiers.
    pub(super) fn new(id: impl Into<String>, kind: KindView) -> Self {
        Self {
            id: id.into(),
            description: None,
            kind,
            map: None,
            looped: None,
            when: None,
            route: None,
            join_any: false,
            on_error: None,
        }
    }

    /// The inner graph, if there is something in it.
    pub(super) fn inner(&self) -> Option<&GraphView> {
        match &self.kind {
            KindView::Graph(graph) if !graph.nodes.is_empty() => Some(graph),
            KindView::Graph(_)
            | KindView::Agent { .. }
            | KindView::Tool { .. }
            | KindView::Memory { .. }
            | KindView::Value
            | KindView::Wait { .. }
            | KindView::Workflow { .. } => None,
        }
    }

    /// What it does, a line each: the kind first, then the modifiers. Raw text: whoever shows it has to clean or escape it.
    pub(super) fn lines(&self, at_most: &str) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.kind {
            KindView::Agent { agent, .. } => lines.push(format!("agent {agent}")),
            KindView::Tool { tool } => lines.push(format!("tool {tool}")),
            KindView::Memory { does, collection } => lines.push(format!("{does} {collection}")),
            KindView::Value => lines.push("value".to_owned()),
            KindView::Wait { does, what } => lines.push(format!("{does} {what}")),
            KindView::Workflow { name } => lines.push(format!("workflow {name}")),
            KindView::Graph(_) if self.map.is_none() && self.looped.is_none() => lines.push("inner graph".to_owned()),
            KindView::Graph(_) => {}
        }
        if let Some(map) = &self.map {
            lines.push(format!("map over {}", map.over));
        }
        match &self.looped {
            Some(LoopView { until: Some(until), max }) => lines.push(format!("loop {at_most} {max} until {until}")),
            Some(LoopView { until: None, max }) => lines.push(format!("loop {max} times")),
            None => {}
        }
        if let Some(when) = &self.when {
            lines.push(format!("when {when}"));
        }
        if let Some(route) = &self.route {
            lines.push(format!("route on {}", route.on));
        }
        if self.join_any {
            lines.push("join any".to_owned());
        }
        match self.on_error {
            Some(OnErrorView::Continue) => lines.push("on error continue".to_owned()),
            Some(OnErrorView::Use) => lines.push("on error use default".to_owned()),
            Some(OnErrorView::Goto(_)) | None => {}
        }
        lines
    }
}

impl EdgeView {
    /// What stands beside the edge. Raw text.
    pub(super) fn label(&self) -> Option<String> {
        match &self.kind {
            EdgeShape::Plain => None,
            EdgeShape::Routed { cases, otherwise } => {
                let mut parts: Vec<&str> = cases.iter().map(String::as_str).collect();
                if *otherwise {
                    parts.push("else");
                }
                (!parts.is_empty()).then(|| parts.join(", "))
            }
            EdgeShape::Conditional(condition) => Some(format!("if {condition}")),
            EdgeShape::OnError => Some("on error".to_owned()),
        }
    }
}

/// For each edge whether paths say already all that it says: its target starts after its source, and only if that went through.
///
/// A drawing may leave such an edge out and name it in words. Only plain edges can be implied, and only by paths over nodes that
/// run whenever their sources went through. Graphs of more than 4,000 nodes are not looked through: no edge is implied then.
pub(super) fn implied_edges(graph: &GraphView) -> Vec<bool> {
    const LARGEST: usize = 4_000;
    let count = graph.nodes.len();
    if count > LARGEST {
        return vec![false; graph.edges.len()];
    }
    let mut firm: Vec<bool> = graph.nodes.iter().map(|node| node.when.is_none() && !node.join_any).collect();
    let mut sources: Vec<Vec<usize>> = vec![Vec::new(); count];
    for edge in &graph.edges {
        match edge.kind {
            EdgeShape::Plain => sources[edge.to].push(edge.from),
            EdgeShape::OnError => (firm[edge.from], firm[edge.to]) = (false, false),
            EdgeShape::Routed { .. } | EdgeShape::Conditional(_) => firm[edge.to] = false,
        }
    }
    // INVARIANT: edges point to higher indices, so the ancestors of a source are known before those of its targets.
    let words = count.div_ceil(64);
    let mut ancestors: Vec<Vec<u64>> = Vec::with_capacity(count);
    for from in &sources {
        let mut set = vec![0_u64; words];
        for &source in from {
            set[source / 64] |= 1 << (source % 64);
            if firm[source] {
                for (word, more) in set.iter_mut().zip(&ancestors[source]) {
                    *word |= more;
                }
            }
        }
        ancestors.push(set);
    }
    let over = |via: usize, source: usize| ancestors[via][source / 64] >> (source % 64) & 1 == 1;
    graph
        .edges
        .iter()
        .map(|edge| {
            matches!(edge.kind, EdgeShape::Plain)
                && !graph.nodes[edge.to].join_any
                && sources[edge.to].iter().any(|&via| firm[via] && via != edge.from && over(via, edge.from))
        })
        .collect()
}
