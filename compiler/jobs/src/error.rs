//! Why a worker's request about a job was not answered.

use std::fmt;

use extensions_types::ErrorCode;

/// Why a job's token, or what came with it, is refused. After any of them the
/// worker drops the job: nothing that it says about it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobRefused {
    /// No registry of this key gave the token, or somebody changed it.
    Forged,
    /// The token's time is over.
    Expired,
    /// The token is another worker's.
    OtherWorker,
    /// The job is at another attempt: this one's lease was lost.
    OtherAttempt,
    /// The job has ended, with this worker's result or another's.
    Ended,
    /// A report with more events, or more bytes, than one report may have.
    TooLarge,
    /// More reports than a compile needs.
    TooOften,
}

impl JobRefused {
    /// Every reason.
    pub const ALL: &[Self] = &[Self::Forged, Self::Expired, Self::OtherWorker, Self::OtherAttempt, Self::Ended, Self::TooLarge, Self::TooOften];

    /// A stable word for programs; a refusal's text begins with it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forged => "job_token_forged",
            Self::Expired => "job_token_expired",
            Self::OtherWorker => "job_of_other_worker",
            Self::OtherAttempt => "job_at_other_attempt",
            Self::Ended => "job_ended",
            Self::TooLarge => "report_too_large",
            Self::TooOften => "report_too_often",
        }
    }

    /// The reason that a refusal's text begins with; none for other texts.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let word = text.split(':').next().unwrap_or_default();
        Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
    }

    /// The code that it travels under.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Forged | Self::Expired | Self::OtherWorker => ErrorCode::PermissionDenied,
            Self::OtherAttempt | Self::Ended => ErrorCode::Conflict,
            Self::TooLarge => ErrorCode::InputTooLarge,
            Self::TooOften => ErrorCode::QuotaExceeded,
        }
    }
}

impl fmt::Display for JobRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Forged => "the job token was not given by this registry; claim the job",
            Self::Expired => "the job token's time is over; drop the job",
            Self::OtherWorker => "the job token was given to another worker; drop the job",
            Self::OtherAttempt => "the lease was lost and the job is at another attempt; drop it",
            Self::Ended => "the job has ended; drop it",
            Self::TooLarge => "a report has too many events or bytes; send less at a time",
            Self::TooOften => "too many reports of one job; send more at a time",
        };
        write!(f, "{}: {what}", self.as_str())
    }
}

/// Why a request about a job was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobsError {
    /// The registry cannot be reached, has no room or cannot use its store: try again later.
    #[error("the registry does not answer now: {0}")]
    Unavailable(String),
    /// The job is not, or no longer, this worker's.
    #[error("{0}")]
    Job(JobRefused),
    /// The registry refuses for another reason, which trying again does not change.
    #[error("the registry refuses ({code}): {text}")]
    Refused {
        /// Its code.
        code: ErrorCode,
        /// Its words.
        text: String,
    },
}

impl From<JobRefused> for JobsError {
    fn from(reason: JobRefused) -> Self {
        Self::Job(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_first_word() {
        for reason in JobRefused::ALL {
            assert_eq!(JobRefused::of(&reason.to_string()), Some(*reason));
        }
        assert_eq!(JobRefused::of("job_ended"), Some(JobRefused::Ended));
        assert_eq!(JobRefused::of("something else: job_ended"), None);
    }
}
