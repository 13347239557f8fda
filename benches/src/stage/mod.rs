//! What is measured and called: guests, engines, hosts, and bare echoes beside them.

mod bare;
mod echo;
mod floor;
mod guests;
mod platform;
mod ruled;
mod work;

pub(crate) use self::{
    bare::{Bare, call, context},
    echo::Echoes,
    floor::Floor,
    guests::{Built, Guest, ORDER},
    platform::{Hosting, ISSUER, Platform, host_settings, multi_thread},
    ruled::Ruled,
    work::{Pace, spinner, worker},
};
