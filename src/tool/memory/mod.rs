//! Tools over the memory of the project: `memory_search` finds, `memory_add` keeps.

mod add;
mod search;

use std::sync::Arc;

pub use add::MemoryAdd;
pub use search::MemorySearch;

use crate::{memory::Memory, model::ToolSpec, tool::Tool};

/// The tools, over `memory`.
#[must_use]
pub fn memory_tools(memory: &Arc<Memory>) -> Vec<Arc<dyn Tool>> {
    vec![Arc::new(MemoryAdd::over(memory)), Arc::new(MemorySearch::over(memory))]
}

/// What they tell of themselves.
pub(super) fn specs() -> Vec<ToolSpec> {
    vec![MemoryAdd::described(), MemorySearch::described()]
}
