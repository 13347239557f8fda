//! Why a command failed, and the exit code that follows.

use extensions_client::{ConfigError, EndpointError, InvokeError};
use extensions_pipeline::{BuildError, FolderError, WorkbenchError};
use extensions_types::{ErrorCode, with_causes};

/// A command's failure. Its text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Wrong usage or input.
    #[error("{0}")]
    Usage(String),
    /// The extension or the platform answered with an error.
    #[error("{code}: {message}")]
    Answered { code: ErrorCode, message: String },
    /// Nobody answers.
    #[error("{0}")]
    Unreachable(String),
    /// The build or the check failed; the reasons have been said.
    #[error("{0}")]
    Build(String),
    /// The same, and programs have read them in the command's own document.
    #[error("{0}")]
    Told(String),
    /// Many calls did not go as asked; programs have read how they went in the command's own document.
    #[error("{0}")]
    Counted(String),
    /// A change was made, but not every host serves it; programs have read so in the command's own document.
    #[error("{0}")]
    NotServed(String),
    /// This machine failed.
    #[error("{0}")]
    Local(String),
}

impl Failure {
    /// The exit code: 1 answered, 2 usage, 3 unreachable, 4 refused, 5 build.
    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::Answered { code, .. } => code.exit(),
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Build(_) | Self::Told(_) => 5,
            Self::Counted(_) | Self::NotServed(_) | Self::Local(_) => 1,
        }
    }

    /// Whether standard output says it already: never two documents about one failure.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self, Self::Told(_) | Self::Counted(_) | Self::NotServed(_))
    }

    /// A code for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Answered { code, .. } => code.as_str(),
            Self::Usage(_) => "USAGE",
            Self::Unreachable(_) => "UNREACHABLE",
            Self::Build(_) | Self::Told(_) => ErrorCode::CompileFailed.as_str(),
            Self::Counted(_) => "CALLS_FAILED",
            Self::NotServed(_) => "NOT_SERVED",
            Self::Local(_) => "LOCAL",
        }
    }
}

impl From<InvokeError> for Failure {
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::Outcome(outcome) => Self::Answered { code: outcome.code, message: outcome.message },
            InvokeError::Refused(refused) => Self::Answered { code: refused.code, message: refused.message },
            // The server is there: what is wrong with a certificate says itself what to do.
            InvokeError::Unreachable { .. } if error.handshake().is_some() => Self::Unreachable(with_causes(&error)),
            InvokeError::Unreachable { .. } => {
                Self::Unreachable(format!("{}; is the platform running? `ext dev` starts one here", with_causes(&error)))
            }
            InvokeError::Absent { .. } => Self::Answered {
                code: ErrorCode::NotFound,
                message: format!("{error}; name a server that does with --server: a host serves, a registry keeps versions"),
            },
            InvokeError::Protocol { .. } => Self::Answered { code: ErrorCode::Internal, message: error.to_string() },
        }
    }
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        Self::Usage(format!("--server: {}", with_causes(&error)))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(with_causes(&error))
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        Self::Usage(with_causes(&error))
    }
}

impl From<WorkbenchError> for Failure {
    fn from(error: WorkbenchError) -> Self {
        Self::Local(with_causes(&error))
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Folder(error) => error.into(),
            error if error.is_authors() => Self::Build(with_causes(&error)),
            // No toolchain, no disk, no engine: nothing that other code would mend.
            error => Self::Local(with_causes(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_table() {
        let answered = |code| Failure::Answered { code, message: String::new() }.exit();
        assert_eq!(answered(ErrorCode::Trap), 1);
        assert_eq!(answered(ErrorCode::BadRequest), 2);
        assert_eq!(answered(ErrorCode::Unauthenticated), 4);
        assert_eq!(Failure::Unreachable(String::new()).exit(), 3);
        assert_eq!(Failure::Build(String::new()).exit(), 5);
    }
}
