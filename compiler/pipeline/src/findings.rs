//! Why there is no version, as registry, worker and `ext` show it.

use extensions_modules::NotLoaded;
use extensions_toolchain::{BuildError as SourceError, Diagnostic};
use extensions_types::{Finding, with_causes};

use crate::{BuildError, CaseResult};

/// Cases that are told one by one: the first failures are those that matter.
const FAILED_CASES_MAX: usize = 10;
/// A compiler's short message is the finding; what it suggests stands in the long one.
const DIAGNOSTIC_REMEDY: &str = "correct it; `ext build` shows the compiler's whole message";

impl BuildError {
    /// Whether the author must change something; else this machine is in the way.
    #[must_use]
    pub fn is_authors(&self) -> bool {
        match self {
            Self::Folder(_) | Self::Refused(_) | Self::Describe(_) | Self::Default { .. } => true,
            Self::Source(error) => error.is_authors(),
            Self::Load(error) => matches!(error, NotLoaded::Refused(_)),
            Self::Toolchain(_) | Self::Sdk(_) | Self::Digest(_) => false,
        }
    }

    /// Every reason, each with its place and remedy as far as they are known.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let one = |step: &str, code: &str, remedy: &str| vec![Finding::new(step, code, with_causes(self), remedy)];
        match self {
            Self::Source(SourceError::Compile { diagnostics }) => diagnostics.iter().filter(|one| one.is_error()).map(of_diagnostic).collect(),
            Self::Refused(report) => report.findings.iter().cloned().map(Into::into).collect(),
            Self::Source(error) => {
                let (code, remedy) = of_source(error);
                one("source", code, remedy)
            }
            Self::Folder(_) => one("bundle", "bundle_refused", "mend the file that is named"),
            Self::Toolchain(_) => one("source", "no_toolchain", "`ext toolchain install` installs it"),
            Self::Sdk(_) | Self::Digest(_) => one("source", "no_sdk", "install `ext` again"),
            Self::Load(NotLoaded::Refused(_)) => one("compile", "does_not_load", "make it smaller: `ext check` shows its counts"),
            Self::Load(_) => one("compile", "not_loaded", "this machine is at fault: try again"),
            Self::Default { .. } => one("schemas", "bad_default", "store an answer that the extension itself could give"),
            Self::Describe(_) => one("describe", "does_not_describe", "correct what `describe()` gives"),
        }
    }
}

/// Code and remedy of a source that gives no module.
fn of_source(error: &SourceError) -> (&'static str, &'static str) {
    match error {
        SourceError::NoSource { .. } => ("no_source", "`ext new` makes an extension with its source"),
        SourceError::Compile { .. } => ("does_not_compile", DIAGNOSTIC_REMEDY),
        SourceError::Refused { .. } => ("does_not_build", "correct what the tool names; a build has what `ext` brings, and no network"),
        SourceError::Modules { remedy, .. } => ("no_module", *remedy),
        SourceError::TooLarge { remedy, .. } => ("too_large", *remedy),
        SourceError::Child(error) if error.is_authors() => ("build_limit", "look for what takes so much, such as a build script or a macro"),
        SourceError::Child(_) | SourceError::Io { .. } => ("build_broken", "this machine is at fault: try again"),
    }
}

fn of_diagnostic(one: &Diagnostic) -> Finding {
    let place = match (&one.file, one.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => String::new(),
    };
    Finding::new("source", "does_not_compile", one.message.clone(), DIAGNOSTIC_REMEDY).at(place)
}

/// The cases that failed, each by its file.
#[must_use]
pub fn failed_cases(cases: &[CaseResult]) -> Vec<Finding> {
    let failed = cases.iter().filter_map(|case| Some((case, case.difference.as_ref()?)));
    let told = failed.take(FAILED_CASES_MAX).map(|(case, difference)| {
        let message = format!("the case `{}` fails: {difference}", case.name);
        Finding::new("test", "case_failed", message, "run `ext test`, then mend the rule or the case").at(case.file.clone())
    });
    told.collect()
}
