//! Orders a graph and finds its cycles. The only file that names petgraph.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use petgraph::{
    Direction::{Incoming, Outgoing},
    algo::tarjan_scc,
    graph::{DiGraph, NodeIndex},
};

/// The order of a graph's nodes, and what keeps it from having one.
#[derive(Debug)]
pub(super) struct Order {
    /// All nodes: sources before targets, otherwise as written. With cycles, the nodes that could not be placed follow as written.
    pub(super) nodes: Vec<usize>,
    /// A shortest cycle of each strongly connected component, each from its first node as written; ascending by that node.
    pub(super) cycles: Vec<Vec<usize>>,
}

/// Orders `count` nodes with `edges` from source to target.
///
/// # Source
/// A. B. Kahn, "Topological sorting of large networks" (1962), taking the lowest free number first; R. Tarjan, "Depth-first search
/// and linear graph algorithms" (1972), for the components.
pub(super) fn order(count: usize, edges: impl Iterator<Item = (usize, usize)>) -> Order {
    let graph = DiGraph::<(), (), usize>::from_edges(edges.map(|(from, to)| (NodeIndex::new(from), NodeIndex::new(to))));
    let missing = count.saturating_sub(graph.node_count());
    let graph = (0..missing).fold(graph, |mut graph, _| {
        graph.add_node(());
        graph
    });
    let nodes = sorted(&graph);
    if nodes.len() == count {
        return Order { nodes, cycles: Vec::new() };
    }
    let mut cycles: Vec<Vec<usize>> = tarjan_scc(&graph)
        .into_iter()
        .filter(|component| component.len() > 1)
        .filter_map(|component| shortest_cycle(&graph, &component.iter().map(|node| node.index()).collect::<Vec<_>>()))
        .collect();
    cycles.sort();
    let mut placed = vec![false; count];
    for node in &nodes {
        placed[*node] = true;
    }
    let rest = (0..count).filter(|node| !placed[*node]);
    Order { nodes: nodes.iter().copied().chain(rest).collect(), cycles }
}

fn sorted(graph: &DiGraph<(), (), usize>) -> Vec<usize> {
    let mut waiting: Vec<usize> = graph.node_indices().map(|node| graph.neighbors_directed(node, Incoming).count()).collect();
    let mut free: BinaryHeap<Reverse<usize>> =
        waiting.iter().enumerate().filter(|(_, count)| **count == 0).map(|(node, _)| Reverse(node)).collect();
    let mut nodes = Vec::with_capacity(waiting.len());
    while let Some(Reverse(node)) = free.pop() {
        nodes.push(node);
        for next in graph.neighbors_directed(NodeIndex::new(node), Outgoing) {
            waiting[next.index()] -= 1;
            if waiting[next.index()] == 0 {
                free.push(Reverse(next.index()));
            }
        }
    }
    nodes
}

/// How many nodes of a component a shortest cycle is looked for from; a bound for files made to be slow.
const STARTS: usize = 64;

fn shortest_cycle(graph: &DiGraph<(), (), usize>, component: &[usize]) -> Option<Vec<usize>> {
    let mut starts = component.to_vec();
    starts.sort_unstable();
    let member = {
        let mut member = vec![false; graph.node_count()];
        for node in &starts {
            member[*node] = true;
        }
        member
    };
    let found = starts.iter().take(STARTS).filter_map(|start| cycle_from(graph, &member, *start));
    let mut best = found.min_by_key(Vec::len)?;
    let first = best.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
    best.rotate_left(first);
    Some(best)
}

/// A shortest way from `start` back to itself inside its component.
fn cycle_from(graph: &DiGraph<(), (), usize>, member: &[bool], start: usize) -> Option<Vec<usize>> {
    let mut came_from = vec![None; graph.node_count()];
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        let mut next: Vec<usize> = graph.neighbors_directed(NodeIndex::new(node), Outgoing).map(NodeIndex::index).collect();
        next.sort_unstable();
        for next in next.into_iter().filter(|next| member[*next]) {
            if next == start {
                let mut path = vec![node];
                let mut at = node;
                while at != start {
                    at = came_from[at]?;
                    path.push(at);
                }
                path.reverse();
                return Some(path);
            }
            if came_from[next].is_none() {
                came_from[next] = Some(node);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(count: usize, edges: &[(usize, usize)], nodes: &[usize], cycles: &[&[usize]]) {
        let order = order(count, edges.iter().copied());
        assert_eq!(order.nodes, nodes);
        assert_eq!(order.cycles, cycles);
    }

    #[test]
    fn nodes_stay_as_written_where_edges_allow() {
        check(4, &[], &[0, 1, 2, 3], &[]);
        check(4, &[(3, 0), (0, 1)], &[2, 3, 0, 1], &[]);
        check(4, &[(0, 1), (1, 2), (2, 3)], &[0, 1, 2, 3], &[]);
    }

    #[test]
    fn each_component_gives_its_shortest_cycle() {
        check(3, &[(0, 1), (1, 2), (2, 0)], &[0, 1, 2], &[&[0, 1, 2]]);
        // 1 → 2 → 3 → 1 has the shorter way 2 → 3 → 2 in it.
        check(5, &[(0, 1), (1, 2), (2, 3), (3, 1), (3, 2), (4, 0)], &[4, 0, 1, 2, 3], &[&[2, 3]]);
        check(4, &[(0, 1), (1, 0), (2, 3), (3, 2)], &[0, 1, 2, 3], &[&[0, 1], &[2, 3]]);
    }
}
