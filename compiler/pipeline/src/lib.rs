//! From an extension's folder to a tested version: build, check, describe, test.
//!
//! One pipeline for `ext build`, `ext test` and `ext dev`; each step reports
//! when it starts and what it took. It serves nothing and stores nothing.

mod build;
mod case;
mod context;
mod difference;
mod evidence;
mod findings;
mod finish;
mod folder;
mod gate;
mod script;
mod source;
mod steps;
mod suite;
mod workbench;

pub use build::{Authorship, BuildError, Built, Tools, admit, bare_manifest, build};
pub use case::{Case, CaseError, CaseLimitError, CaseLimits, ContextFields, Expect, ExpectedError, ScriptedCall, ScriptedError};
pub use context::{ContextError, developer};
pub use difference::Difference;
pub use evidence::{Circumstances, SourceFacts};
pub use findings::failed_cases;
pub use folder::{Folder, FolderError};
pub use source::place;
pub use steps::{Event, Step, Times};
pub use suite::{CaseResult, SuiteResult, run_case, run_cases};
pub use workbench::{DescribeError, Workbench, WorkbenchError};
