//! `ext load`: calls at a constant rate.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args};
use extensions_types::ErrorCode;

use super::{
    Reference, Transport,
    words::{self, reference},
};

/// A schedule is numbered, and shorter than a token lives.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Far above what one client on one machine can offer.
const RATE_MAX: f64 = 1e6;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(crate) struct Load {
    /// EXTENSION or EXTENSION@VERSION
    #[arg(long, value_parser = reference)]
    pub(crate) extension: Reference,
    /// JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", group = "what")]
    pub(crate) input: Option<String>,
    /// A file with one JSON on each line, used in turn
    #[arg(long, value_name = "FILE", group = "what")]
    pub(crate) inputs: Option<PathBuf>,
    /// Calls per second; each begins when it is due, whether or not earlier ones have ended
    #[arg(long, default_value = "100", value_parser = rate, value_name = "N")]
    pub(crate) rate: f64,
    /// For how long: 30s, 5m, 1h
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub(crate) duration: Duration,
    /// Connections to each host; over HTTP each carries one call at a time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub(crate) connections: u16,
    /// A host to call; repeat it to call several in turn [default: --server, else all hosts that run here]
    #[arg(long = "host", value_name = "URL")]
    pub(crate) hosts: Vec<String>,
    /// The hook point, or the task
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
    pub(crate) point: String,
    /// The calling primitive, for pins
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) caller: String,
    /// How to call
    #[arg(long, value_enum, default_value_t = Transport::Grpc)]
    pub(crate) transport: Transport,
    /// How long to wait for each answer, in milliseconds
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=60_000), value_name = "MS")]
    pub(crate) timeout_ms: u32,
    /// Answers with this code are counted, and no failure: REJECTED, DISABLED, …; or any; repeat it
    #[arg(long = "tolerate", value_name = "CODE", value_parser = tolerated)]
    pub(crate) tolerated: Vec<Tolerated>,
}

/// What the exit code passes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerated {
    Any,
    Code(ErrorCode),
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if rate > 0.0 && rate <= RATE_MAX { Ok(rate) } else { Err(format!("must be more than 0 and at most {RATE_MAX} a second")) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = words::duration(text)?;
    if duration.is_zero() || duration > DURATION_MAX {
        return Err("must be more than 0 and at most 24h".to_owned());
    }
    Ok(duration)
}

fn tolerated(text: &str) -> Result<Tolerated, String> {
    if text == "any" {
        return Ok(Tolerated::Any);
    }
    text.parse().map(Tolerated::Code).map_err(|_| "not a code of docs/errors.md, nor `any`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_durations_and_codes_are_bounded_words() {
        assert_eq!(rate("0.5"), Ok(0.5));
        assert!(["0", "-1", "nan", "inf", "x", "2e6"].into_iter().all(|text| rate(text).is_err()));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert!(["0s", "25h", "soon"].into_iter().all(|text| duration(text).is_err()));
        assert_eq!(tolerated("REJECTED"), Ok(Tolerated::Code(ErrorCode::Rejected)));
        assert_eq!(tolerated("any"), Ok(Tolerated::Any));
        assert!(tolerated("Rejected").is_err());
    }
}
