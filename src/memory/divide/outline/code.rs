//! The items of source code, by their syntax.

use tree_sitter::{Node, Parser};

use super::{MAX_DEPTH, MAX_PARTS, Part, labelled};
use crate::memory::Language;

/// The kinds of nodes that are items with a name, by language. What a label begins with is the text up to the name.
const fn kinds(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &[
            "const_item",
            "enum_item",
            "function_item",
            "function_signature_item",
            "impl_item",
            "macro_definition",
            "mod_item",
            "static_item",
            "struct_item",
            "trait_item",
            "type_item",
            "union_item",
        ],
        Language::Python => &["class_definition", "function_definition"],
        Language::JavaScript => {
            &["class_declaration", "function_declaration", "generator_function_declaration", "method_definition"]
        }
        Language::TypeScript | Language::Tsx => &[
            "abstract_class_declaration",
            "class_declaration",
            "enum_declaration",
            "function_declaration",
            "function_signature",
            "generator_function_declaration",
            "interface_declaration",
            "internal_module",
            "method_definition",
            "method_signature",
            "type_alias_declaration",
        ],
        Language::Go => &["function_declaration", "method_declaration", "type_declaration"],
    }
}

/// The grammar of a language.
pub(in crate::memory::divide) fn grammar(language: Language) -> tree_sitter::Language {
    match language {
        Language::Rust => tree_sitter_rust::LANGUAGE.into(),
        Language::Python => tree_sitter_python::LANGUAGE.into(),
        Language::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
        Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
        Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
        Language::Go => tree_sitter_go::LANGUAGE.into(),
    }
}

/// The items of a text, in order; `None` when it is nested deeper, or has more of them, than anybody writes, or is no code of that language at all.
pub(super) fn items(text: &str, language: Language) -> Option<Vec<Part>> {
    let mut parser = Parser::new();
    parser.set_language(&grammar(language)).ok()?;
    let tree = parser.parse(text, None)?;
    if tree.root_node().is_error() {
        return None;
    }
    let kinds = kinds(language);
    let mut parts: Vec<Part> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        if cursor.depth() as usize > MAX_DEPTH || parts.len() > MAX_PARTS {
            return None;
        }
        if kinds.contains(&node.kind()) {
            let start = with_what_is_said_of_it(text, node);
            while open.pop_if(|part| parts[*part].range.end <= node.start_byte()).is_some() {}
            let parent = open.last().copied();
            open.push(parts.len());
            parts.push(Part { range: start..node.end_byte(), label: label(text, node), parent, depth: cursor.depth() as usize });
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return Some(parts);
            }
        }
    }
}

/// Where an item begins, with the comments, attributes and decorators right before it, and the beginning of its line.
fn with_what_is_said_of_it(text: &str, node: Node<'_>) -> usize {
    let mut first = match node.parent() {
        Some(parent) if matches!(parent.kind(), "decorated_definition" | "export_statement") => parent,
        _ => node,
    };
    while let Some(before) = first.prev_sibling() {
        let is_said = before.kind().ends_with("comment") || matches!(before.kind(), "attribute_item" | "decorator");
        let gap = text.get(before.end_byte()..first.start_byte()).unwrap_or_default();
        if !is_said || !gap.trim().is_empty() || gap.matches('\n').count() > 1 {
            break;
        }
        first = before;
    }
    let line = text[..first.start_byte()].rfind('\n').map_or(0, |end| end + 1);
    if text[line..first.start_byte()].trim().is_empty() { line } else { first.start_byte() }
}

/// `fn name`, `impl Trait for Type`, `class Name`: what stands before the body, without parameters.
fn label(text: &str, node: Node<'_>) -> String {
    let field = |name: &str| node.child_by_field_name(name);
    let words = |node: Node<'_>| labelled(text.get(node.byte_range()).unwrap_or_default());
    let name = field("name").map(words);
    let typed = |keyword: &str| format!("{keyword} {}", name.clone().unwrap_or_default());
    match node.kind() {
        "impl_item" => {
            let of = field("type").map(words).unwrap_or_default();
            match field("trait").map(words) {
                Some(implemented) => format!("impl {implemented} for {of}"),
                None => format!("impl {of}"),
            }
        }
        "function_item" | "function_signature_item" => typed("fn"),
        "const_item" => typed("const"),
        "static_item" => typed("static"),
        "struct_item" => typed("struct"),
        "union_item" => typed("union"),
        "trait_item" => typed("trait"),
        "mod_item" => typed("mod"),
        "type_item" | "type_alias_declaration" => typed("type"),
        "macro_definition" => typed("macro"),
        "enum_item" | "enum_declaration" => typed("enum"),
        "class_definition" | "class_declaration" | "abstract_class_declaration" => typed("class"),
        "function_definition" => typed("def"),
        "interface_declaration" => typed("interface"),
        "internal_module" => typed("namespace"),
        "method_definition" | "method_signature" => name.unwrap_or_default(),
        "method_declaration" => match field("receiver").map(words) {
            Some(receiver) => format!("func {receiver} {}", name.unwrap_or_default()),
            None => typed("func"),
        },
        "function_declaration" | "function_signature" | "generator_function_declaration" => {
            let is_go = text[node.byte_range()].starts_with("func ");
            typed(if is_go { "func" } else { "function" })
        }
        _ => text[node.byte_range()].split(['{', '=', '\n']).next().map(labelled).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: Language, text: &str, expected: &[(&str, &str)]) {
        let parts = items(text, language).unwrap();
        let path = |part: &Part| {
            let around = std::iter::successors(Some(part), |part| part.parent.map(|parent| &parts[parent]));
            let mut labels: Vec<_> = around.map(|part| part.label.as_str()).collect();
            labels.reverse();
            labels.join(" > ")
        };
        let found: Vec<_> = parts.iter().map(|part| (path(part), text[part.range.clone()].lines().next().unwrap())).collect();
        let expected: Vec<_> = expected.iter().map(|(path, line)| ((*path).to_owned(), *line)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_items_of_rust_have_their_comments() {
        let text = "use a;\n\n/// Said.\n#[derive(Debug)]\nstruct A;\n\nimpl<T> Show for A {\n    // On.\n    fn show(&self) -> T {}\n}\n";
        check(
            Language::Rust,
            text,
            &[
                ("struct A", "/// Said."),
                ("impl Show for A", "impl<T> Show for A {"),
                ("impl Show for A > fn show", "    // On."),
            ],
        );
    }

    #[test]
    fn the_items_of_other_languages_are_found() {
        check(
            Language::Python,
            "import a\n@cached\nclass A:\n    def f(self):\n        pass\n",
            &[("class A", "@cached"), ("class A > def f", "    def f(self):")],
        );
        check(
            Language::JavaScript,
            "export class A { f() {} }\nfunction g() {}\n",
            &[("class A", "export class A { f() {} }"), ("class A > f", "f() {}"), ("function g", "function g() {}")],
        );
        check(
            Language::TypeScript,
            "interface A { f(): void }\n",
            &[("interface A", "interface A { f(): void }"), ("interface A > f", "f(): void")],
        );
        check(Language::Tsx, "const a = <b/>;\nenum E { X }\n", &[("enum E", "enum E { X }")]);
        check(
            Language::Go,
            "package a\n\n// T is.\ntype T struct {}\n\nfunc (t *T) F() {}\nfunc G() {}\n",
            &[("type T struct", "// T is."), ("func (t *T) F", "func (t *T) F() {}"), ("func G", "func G() {}")],
        );
    }

    #[test]
    fn what_is_nested_without_end_has_no_items() {
        assert_eq!(items(&"(".repeat(20_000), Language::JavaScript), None);
        let deep = format!("fn f() {{ {}1{} }}", "(".repeat(5_000), ")".repeat(5_000));
        assert_eq!(items(&deep, Language::Rust), None);
    }
}
