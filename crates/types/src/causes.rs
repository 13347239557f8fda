//! An error as one line, with everything that caused it.

use std::error::Error;

/// `error` and its causes, separated by colons, for operators and authors. A
/// cause that the text holds already, as some errors repeat theirs, is left out.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot listen on {0}")]
    struct Outer(&'static str, #[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("the port is taken: in use")]
    struct Inner(#[source] std::io::Error);

    #[test]
    fn every_cause_is_told_once() {
        let error = Outer("127.0.0.1:1", Inner(std::io::Error::other("in use")));
        assert_eq!(with_causes(&error), "cannot listen on 127.0.0.1:1: the port is taken: in use");
    }
}
