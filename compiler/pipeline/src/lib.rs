//! From an extension's folder to a tested version: build, check, describe, test.
//!
//! One pipeline for `ext build`, `ext test` and `ext dev`; each step reports
//! when it starts and what it took. It serves nothing and stores nothing.

mod build;
mod case;
mod context;
mod folder;
mod source;
mod suite;
mod workbench;

pub use build::{Authorship, BuildError, Built, Event, Step, Tools, admit, bare_manifest, build};
pub use case::{Case, CaseError, ContextFields, Expect, ExpectedError, ScriptedCall, ScriptedError};
pub use context::{ContextError, developer};
pub use folder::{Folder, FolderError};
pub use source::place;
pub use suite::{CaseResult, run_case};
pub use workbench::{DescribeError, Workbench, WorkbenchError};
