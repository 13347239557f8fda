//! What a caller is told, in one line.

use extensions_client::{Invocation, InvokeError, Stats};

/// How a call ended.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// `OK`, an error code, or what is no answer of the platform.
    pub(crate) code: String,
    /// The public text; empty for an answer.
    pub(crate) message: String,
    /// The answer; empty for an error.
    pub(crate) output: String,
    pub(crate) stats: Option<Stats>,
}

impl Told {
    pub(crate) fn of(result: Result<Invocation, InvokeError>) -> Self {
        match result {
            Ok(answer) => {
                let output = String::from_utf8_lossy(&answer.output).into_owned();
                let code = answer.fallback.map_or_else(|| "OK".to_owned(), |fallback| format!("OK by {} for {}", fallback.action, fallback.cause));
                Self { code, message: String::new(), output, stats: answer.stats }
            }
            Err(InvokeError::Outcome(outcome)) => {
                Self { code: outcome.code.to_string(), message: outcome.message, output: String::new(), stats: outcome.stats }
            }
            Err(InvokeError::Refused(refused)) => {
                Self { code: refused.code.to_string(), message: refused.message, output: String::new(), stats: None }
            }
            Err(other) => Self { code: format!("no answer: {other:?}"), message: String::new(), output: String::new(), stats: None },
        }
    }

    /// `OK` with the answer, or the error code.
    pub(crate) fn answer(&self) -> String {
        if self.code == "OK" { format!("OK {}", self.output) } else { self.code.clone() }
    }
}

/// What is wrong with a public text: it names something of the host, or is long.
pub(crate) fn not_public(message: &str) -> Option<String> {
    const PUBLIC_BYTES_MAX: usize = 4_096;
    let private = ["/tmp", "/proc", "/root", "/home", ".rs:", "neighbour"].into_iter().find(|private| message.contains(private));
    private.map(|private| format!("a public text with `{private}`")).or_else(|| {
        let bytes = message.len();
        (bytes > PUBLIC_BYTES_MAX).then(|| format!("a public text of {bytes} bytes"))
    })
}
