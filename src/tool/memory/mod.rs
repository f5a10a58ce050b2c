//! Tools over the memory of the project: `memory_search` finds, `memory_add` keeps.

mod add;
mod search;

use std::sync::Arc;

pub use add::MemoryAdd;
pub use search::MemorySearch;

use crate::{memory::Memory, model::ToolSpec, tool::Tool};

/// What the tool that searches is called.
pub const SEARCH: &str = "memory_search";
/// What the tool that keeps is called.
pub const ADD: &str = "memory_add";

/// The longest query, in bytes.
pub const MOST_QUERY: usize = 1 << 20;

/// The tools, over `memory`.
#[must_use]
pub fn memory_tools(memory: &Arc<Memory>) -> Vec<Arc<dyn Tool>> {
    vec![Arc::new(MemoryAdd::over(memory)), Arc::new(MemorySearch::over(memory))]
}

/// What they tell of themselves.
pub(super) fn specs() -> Vec<ToolSpec> {
    vec![MemoryAdd::described(), MemorySearch::described()]
}
