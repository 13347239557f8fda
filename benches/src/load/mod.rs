//! Callers: closed loops that saturate, open loops that offer a rate whatever
//! becomes of it.

mod closed_loop;
mod endpoint;
mod fed;
mod frames;
mod line;
mod open_loop;
mod recorded;

pub(crate) use self::{
    closed_loop::Load,
    endpoint::Endpoint,
    fed::{Fed, Feeding},
    line::{Answer, Line, frame},
    open_loop::{Offered, OpenLoop, Target, Watch},
    recorded::Recording,
};
