//! What every store must do, on each backend: in memory, in a folder, in a
//! bucket, and in a folder of a bucket. Rivals are processes of their own.
#![allow(clippy::unwrap_used, reason = "tests")]

mod blobs;
mod bucket;
mod crash;
mod disk;
mod faults;
mod lists;
mod objects;
mod place;
mod racing;
mod rival;
