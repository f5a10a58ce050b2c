//! Which records are wanted.

use jiff::Timestamp;

use super::record::{AuditDecision, AuditRecord};
use crate::model::{RunId, ToolName, ToolPattern};

/// What is asked for. Each part that says something must fit.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of these runs; of all when there is none.
    pub runs: Vec<RunId>,
    /// Of this agent.
    pub agent: Option<String>,
    /// Of these tools; of all when there is none.
    pub tools: Vec<ToolPattern>,
    /// With these decisions; with all when there is none.
    pub decisions: Vec<AuditDecision>,
    /// Not before then.
    pub since: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether `record`, which is of a run that is wanted, fits.
    #[must_use]
    pub fn fits(&self, record: &AuditRecord) -> bool {
        let by_agent =
            self.agent.as_ref().is_none_or(|wanted| record.agent.as_ref().is_some_and(|agent| agent.as_str() == wanted));
        let by_tool = || {
            let name = ToolName::new(record.tool.clone());
            self.tools.is_empty() || name.is_ok_and(|name| self.tools.iter().any(|pattern| pattern.covers(&name)))
        };
        let by_decision = self.decisions.is_empty() || self.decisions.contains(&record.decision);
        let by_time = self.since.is_none_or(|since| record.at >= since);
        by_agent && by_decision && by_time && by_tool()
    }
}
