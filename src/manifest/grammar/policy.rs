//! The policy file, which belongs to the operator.

use super::{Field, NameRule, Object, Rule, Shape};

const PERMISSIONS: Shape = Shape::List { of: &Shape::Permission, min: 0 };

static SECRET: Object = Object {
    name: "secret",
    what: "a secret",
    doc: "Where the value of a secret is found when a run starts; the value itself is never written in the policy.",
    fields: &[
        Field::optional("env", Shape::Name(NameRule::Variable), "The environment variable that holds the value."),
        Field::optional("file", Shape::Text, "The file that holds the value, relative to this one."),
    ],
    rules: &[Rule::Either("env", "file"), Rule::NotBoth("env", "file")],
    ..Object::EMPTY
};

static PROJECT: Object = Object {
    name: "project",
    what: "a project",
    doc: "Rules that hold besides the others where the manifest is in this folder or below it.",
    fields: &[
        Field::required("path", Shape::Folder, "The absolute path of the folder."),
        Field::optional("allow", PERMISSIONS, "What is permitted there."),
        Field::optional("ask", PERMISSIONS, "What is permitted there when a person says so, call by call."),
        Field::optional("deny", PERMISSIONS, "What is denied there."),
    ],
    ..Object::EMPTY
};

/// A policy file.
pub(in crate::manifest) static POLICY: Object = Object {
    name: "policy",
    what: "a policy",
    doc: "A policy of agentflow: what the operator lets calls of tools touch. What no rule permits is denied.",
    fields: &[
        Field::optional("format", Shape::Whole { min: 1, max: 1 }, "The version of the format; 1 when absent."),
        Field::optional("allow", PERMISSIONS, "What is permitted."),
        Field::optional("ask", PERMISSIONS, "What is permitted when a person says so, call by call; stronger than `allow`."),
        Field::optional("deny", PERMISSIONS, "What is denied, whatever else is written."),
        Field::optional(
            "secrets",
            Shape::Map { keys: NameRule::Variable, of: &Shape::Object(&SECRET), filled: false },
            "Secrets that calls of tools may be given, by name; `secret:NAME` permits it.",
        ),
        Field::optional("project", Shape::List { of: &Shape::Object(&PROJECT), min: 0 }, "Rules for single projects."),
    ],
    ..Object::EMPTY
};
