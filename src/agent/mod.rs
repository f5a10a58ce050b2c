//! A conversation with a model until there is an answer: the decisions ([`Turn`], no IO), the calls ([`Models`]: permits, rates,
//! breakers, time limit, price), and [`drive()`], which joins the two and takes recorded answers instead of asking again.

mod answer;
mod drive;
mod fingerprint;
mod gate;
mod health;
mod json;
mod models;
mod notice;
mod patience;
mod turn;

pub use answer::AnswerForm;
pub use drive::{Answered, CallRecord, Journal, Task, drive};
pub use fingerprint::fingerprint;
pub use gate::CallLimits;
pub use health::{TargetHealth, TargetId, health_of_all, reset_breakers};
pub use models::{Call, Called, Models, ModelsSettings, ProviderLimits, estimated_tokens};
pub use notice::{Notice, OnNotice};
pub use patience::BREAKER_PATIENCE;
pub use turn::{Answer, MAX_REPAIRS, Step, Turn};
