//! The interchange form: lists of nodes and edges, for programs that generate graphs.

use super::{Field, NameRule, Object, Shape, workflow};

/// A node of the interchange form.
pub(in crate::manifest) static EXCHANGED_NODE: Object = Object {
    name: "exchanged_node",
    what: "a node of the interchange form",
    doc: "A node: its id, its kind, and the keys it would have in a workflow file.",
    fields: &[
        Field::required("node_id", Shape::Name(NameRule::NodeId), "The node's id."),
        Field::required(
            "node_type",
            Shape::Word(&[
                ("agent", "Asks a model, through an agent."),
                ("tool", "Calls a tool."),
                ("value", "Computes data."),
                ("workflow", "Runs another workflow file."),
                ("nodes", "Runs an inner graph."),
                ("recall", "Searches a collection of memory."),
                ("remember", "Keeps texts in a collection of memory."),
            ]),
            "What the node does; `config` has the key of that name.",
        ),
        Field::required("config", Shape::Object(&workflow::NODE), "The keys of the node, as in a workflow file."),
    ],
    ..Object::EMPTY
};

/// An edge of the interchange form.
pub(in crate::manifest) static EDGE: Object = Object {
    name: "edge",
    what: "an edge",
    doc: "Which node comes after which, and when.",
    fields: &[
        Field::required("from_node", Shape::Text, "The id of the node that comes first."),
        Field::required("to_node", Shape::Text, "The id of the node that comes after it."),
        Field::optional("condition", Shape::Expression, "The edge is taken only when this is true."),
    ],
    ..Object::EMPTY
};

/// A workflow in the interchange form.
pub(in crate::manifest) static INTERCHANGE: Object = Object {
    name: "interchange",
    what: "a workflow in the interchange form",
    doc: "A workflow as a list of nodes and a list of edges, as programs write it.",
    fields: workflow::EXCHANGED_FIELDS,
    ..Object::EMPTY
};
