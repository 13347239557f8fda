//! What is measured and called: guests, engines, hosts, and bare echoes beside them.

mod apart;
mod bare;
mod echo;
mod floor;
mod guests;
mod peers;
mod platform;
mod ruled;
mod street;
mod work;

pub(crate) use self::{
    apart::{Apart, Orders, orders, serve},
    bare::{Bare, call, context},
    echo::Echoes,
    floor::Floor,
    guests::{Built, Guest, ORDER},
    peers::PeerFiles,
    platform::{Hosting, ISSUER, Platform, host_settings, multi_thread},
    street::{Street, limits},
    work::{Pace, spinner, worker},
};
