//! Lines to the tenant's own log stream.
//!
//! ```
//! use ameide_extension::log;
//! log::info!("order {} has {} lines", 7, 3);
//! ```

pub use crate::bindings::imports::ameide::extensions::logging::Level;
#[doc(inline)]
pub use crate::{__log_debug as debug, __log_error as error, __log_info as info, __log_trace as trace, __log_warn as warn};

/// Appends a line. Lines beyond the extension's log quota are dropped whole.
pub fn line(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::imports::ameide::extensions::logging::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}

/// Every step, for the author.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Trace, &::std::format!($($argument)*)) };
}

/// What helps to find a fault.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Debug, &::std::format!($($argument)*)) };
}

/// What happened.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Info, &::std::format!($($argument)*)) };
}

/// What someone should look at.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Warn, &::std::format!($($argument)*)) };
}

/// What went wrong.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Error, &::std::format!($($argument)*)) };
}
