//! Bytes in, checked component out: prescan, componentize, conform.
//!
//! The bytes are hostile: sizes and counts are bounded before anything
//! heavier reads them, and no input makes this panic. It collects every
//! reason against a component, not the first only. No I/O, no engine: nothing
//! is compiled or run here.

mod componentize;
mod conform;
mod digest;
mod embed;
mod finding;
mod form;
mod limits;
mod prescan;
mod report;
mod sections;
mod validate;
mod wit;
mod worlds;

use extensions_types::Kind;

pub use embed::embed_world;
pub use finding::{Code, Finding, Step};
pub use form::{Form, inspect};
pub use limits::{COMPACT_BYTES_MAX, COMPONENT_BYTES_MAX, INPUT_BYTES_MAX};
pub use report::{Facts, Report};
pub use wit::wit;

use crate::report::Builder;

/// What the component is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// The kind that the definition names; any of the worlds when absent.
    pub kind: Option<Kind>,
    /// Whether the definition declares host calls.
    pub host_calls: bool,
}

/// Checks a core module or a component and makes the component that may be served.
#[must_use]
pub fn check(bytes: &[u8], expected: Expected) -> Report {
    let mut report = Builder::default();
    if let Some(component) = component_of(bytes, &mut report) {
        report.examine(&component);
        if report.is_clean() {
            conform::conform(&component, expected, &mut report);
        }
        return report.finish(component);
    }
    report.refuse()
}

/// The component itself, or the one that the module describes; without debug sections.
fn component_of(bytes: &[u8], report: &mut Builder) -> Option<Vec<u8>> {
    prescan::input(bytes, report);
    if !report.is_clean() {
        return None;
    }
    let form = inspect(bytes);
    let stripped = sections::without_debug(bytes);
    validate::validate(&stripped, report);
    if !report.is_clean() {
        return None;
    }
    match form {
        Form::Component => Some(stripped),
        Form::ModuleWithWorld => componentize::componentize(&stripped, report),
        Form::PlainModule | Form::Module | Form::NotWasm => {
            report.add(form.finding());
            None
        }
    }
}
