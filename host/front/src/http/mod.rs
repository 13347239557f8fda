//! The HTTP API: plain JSON in and out, problem documents for what goes wrong.

mod answers;
mod batch;
mod batch_answer;
mod batch_split;
mod invoke;
mod list;
mod logs;
mod openapi;
mod problem;
mod query;

pub(crate) use answers::{JSON, text};
pub(crate) use batch::invoke_batch;
pub(crate) use invoke::{correlation_of, invoke};
pub(crate) use list::list;
pub(crate) use logs::logs;
pub(crate) use openapi::openapi;
pub(crate) use problem::refuse;
pub(crate) use query::parse as parse_query;
