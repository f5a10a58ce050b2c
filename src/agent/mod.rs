//! A conversation with a model until there is an answer: the decisions ([`Turn`], no IO), the calls ([`Models`]: permits, rates,
//! time limit, price), and [`drive()`], which joins the two and takes recorded answers instead of asking again.

mod answer;
mod drive;
mod fingerprint;
mod json;
mod models;
mod turn;

pub use answer::AnswerForm;
pub use drive::{Answered, CallRecord, Journal, Task, drive};
pub use fingerprint::fingerprint;
pub use models::{Called, Models, ModelsSettings, ProviderLimits, estimated_tokens};
pub use turn::{Answer, MAX_REPAIRS, Step, Turn};
