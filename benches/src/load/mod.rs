//! Callers: closed loops that saturate, open loops that offer a rate whatever
//! becomes of it.

mod closed_loop;
mod endpoint;
mod line;
mod open_loop;

pub(crate) use self::{
    closed_loop::Load,
    endpoint::{Endpoint, http2},
    line::{Answer, Line, frame},
    open_loop::{Offered, OpenLoop, Target, Watch},
};
