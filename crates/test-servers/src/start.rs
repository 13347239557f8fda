//! How a server starts: at a port that is free, and once for all who may share it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::{ServerError, child::free_port};

/// The port was free a moment ago; somebody else may take it first.
const STARTS_MAX: u32 = 5;

/// Starts the server `name` by `start`, which is given a port: again with another one where that was taken meanwhile.
pub(crate) fn at_free_port<T>(name: &'static str, mut start: impl FnMut(u16) -> Result<T, ServerError>) -> Result<T, ServerError> {
    let mut starts = 0;
    loop {
        starts += 1;
        let port = free_port().map_err(|source| ServerError::System { name, action: "find a free port", source })?;
        match start(port) {
            Err(error) if starts < STARTS_MAX && error.to_string().contains("in use") => {}
            ended => return ended,
        }
    }
}

/// The server in `shared`, started where nobody holds it: it ends with the last who does.
pub(crate) fn once<T>(shared: &Mutex<Weak<T>>, start: impl FnOnce() -> Result<T, ServerError>) -> Result<Arc<T>, ServerError> {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return Ok(running);
    }
    let started = Arc::new(start()?);
    *shared = Arc::downgrade(&started);
    Ok(started)
}
