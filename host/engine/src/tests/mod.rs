//! Both lanes at work, with scripted guests and tenants that pay for them.
//!
//! What is compared is CPU time charged, never how long something took: other
//! work on the machine makes these tests slower, not wrong.

mod cpu;
mod fast;
mod ready;
mod slow;
mod stage;
