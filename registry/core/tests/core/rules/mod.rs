//! Each rule by the literal code and text of its refusal.

mod access;
mod build;
mod commands;
mod create;
mod promote;
mod release;
mod retention;
mod review;
mod waiver;
