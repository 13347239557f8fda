//! An error as one line, with everything that caused it.

use std::error::Error;

/// `error` and its causes, separated by colons: what a program says when it ends.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot listen on {0}")]
    struct Outer(&'static str, #[source] std::io::Error);

    #[test]
    fn every_cause_is_told() {
        let error = Outer("127.0.0.1:1", std::io::Error::other("in use"));
        assert_eq!(with_causes(&error), "cannot listen on 127.0.0.1:1: in use");
    }
}
