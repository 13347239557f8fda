//! `ext load`: calls at rates that are asked for, whatever becomes of them.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args};
use extensions_client::BATCH_INPUTS_MAX;
use extensions_types::ErrorCode;

use super::{
    Reference, Transport,
    words::{self, reference},
};

/// A schedule is numbered, and shorter than a token lives.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Far above what one client on one machine can offer.
const RATE_MAX: f64 = 1e6;
/// Each step keeps a histogram for each host, of a quarter of a megabyte at most.
const STEPS_MAX: usize = 64;
/// What a host takes in one request.
const BATCH_MAX: i64 = BATCH_INPUTS_MAX as i64;
/// What `--tolerate` calls a rate that was not offered.
const NOT_OFFERED: &str = "NOT_OFFERED";

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true),
    group = ArgGroup::new("course").args(["ramp", "steps", "until_p99"]),
    after_help = "Each call begins when it is due, whether or not earlier ones have ended, and its latency counts from \
                  then: a server that stands still for a second shows in every call of that second. Where calls cannot begin in time the report says \
                  that the rate was not offered, and why.\n\n\
                  Ctrl-C ends a load with what there is. Exit code 1 where calls failed, where the rate was not offered, or where no rate kept --until-p99.\n\n\
                  Examples:\n  \
                  ext load --extension my-rule --input '{\"quantity\": 7}' --rate 500 --duration 1m\n  \
                  ext load --extension my-rule --inputs orders.jsonl --ramp 100..5000/60s --hdr ramp.hlog\n  \
                  ext load --extension my-rule --inputs orders/ --rate 200 --until-p99 5ms --server unix:/run/ext/host.sock"
)]
pub(crate) struct Load {
    /// EXTENSION or EXTENSION@VERSION
    #[arg(long, value_parser = reference)]
    pub(crate) extension: Reference,
    /// JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", group = "what")]
    pub(crate) input: Option<String>,
    /// Inputs that are used in turn: a file with one JSON on each line, - for such lines from standard input,
    /// or a folder of *.json files; held in memory, 64 MiB at most
    #[arg(long, value_name = "FILE|FOLDER|-", group = "what")]
    pub(crate) inputs: Option<PathBuf>,
    /// Calls per second, over all hosts
    #[arg(long, default_value = "100", value_parser = rate, value_name = "N", conflicts_with_all = ["ramp", "steps"])]
    pub(crate) rate: f64,
    /// For how long: 30s, 5m, 1h; of --steps and --until-p99 each step; after a --ramp, how long its last rate
    /// stays [default: 30s; a step 10s; after a ramp not at all]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) duration: Option<Duration>,
    /// A rate that changes evenly: 100..5000/60s
    #[arg(long, value_parser = ramp, value_name = "FROM..TO/TIME")]
    pub(crate) ramp: Option<Ramp>,
    /// Rates one after the other, with figures of each: 500,1000,2000
    #[arg(long, value_parser = rate, value_delimiter = ',', value_name = "N,N,…", num_args = 1)]
    pub(crate) steps: Vec<f64>,
    /// Find the highest rate at which p99 stays within TIME, no call fails and the rate is offered: steps of
    /// twice the rate from --rate on, then closer, to 5 %
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) until_p99: Option<Duration>,
    /// Inputs that travel in one request; --rate then counts requests
    #[arg(long, default_value_t = 1, hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=BATCH_MAX), value_name = "N")]
    pub(crate) batch: u32,
    /// Connections to each host; over gRPC each carries up to 100 calls in flight, over HTTP one
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub(crate) connections: u16,
    /// A host to call, also unix:PATH; repeat it to call several in turn [default: --server, else all hosts that run here]
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
    /// Write latencies of each second as an HdrHistogram log (V2, compressed), in microseconds
    #[arg(long, value_name = "FILE")]
    pub(crate) hdr: Option<PathBuf>,
    /// Answers with this code are counted, and no failure: REJECTED, DISABLED, …; NOT_OFFERED for a rate that
    /// was not offered; or any; repeat it
    #[arg(long = "tolerate", value_name = "CODE", value_parser = tolerated)]
    pub(crate) tolerated: Vec<Tolerated>,
}

/// A rate that changes evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ramp {
    /// Calls a second.
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) time: Duration,
}

/// What the exit code passes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerated {
    Any,
    Code(ErrorCode),
    /// A rate that was not offered.
    Rate,
}

impl Load {
    /// What the declaration cannot say: the first thing that is wrong, in words.
    pub(crate) fn problem(&self) -> Option<String> {
        (self.steps.len() > STEPS_MAX).then(|| format!("--steps takes at most {STEPS_MAX} rates"))
    }
}

impl Tolerated {
    /// Whether `list` passes over an answer with this code, or word where the platform did not speak.
    pub(crate) fn has_code(list: &[Self], code: &str) -> bool {
        list.iter().any(|one| match one {
            Self::Any => true,
            Self::Code(known) => known.as_str() == code,
            Self::Rate => false,
        })
    }

    /// Whether `list` passes over a rate that was not offered.
    pub(crate) fn has_rate(list: &[Self]) -> bool {
        list.iter().any(|one| matches!(one, Self::Any | Self::Rate))
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if rate > 0.0 && rate <= RATE_MAX { Ok(rate) } else { Err(format!("must be more than 0 and at most {RATE_MAX} a second")) }
}

fn ramp(text: &str) -> Result<Ramp, String> {
    let parts = text.split_once('/').and_then(|(rates, time)| Some((rates.split_once("..")?, time)));
    let ((from, to), time) = parts.ok_or_else(|| "not a ramp such as 100..5000/60s".to_owned())?;
    Ok(Ramp { from: rate(from)?, to: rate(to)?, time: duration(time)? })
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = words::duration(text)?;
    if duration.is_zero() || duration > DURATION_MAX {
        return Err("must be more than 0 and at most 24h".to_owned());
    }
    Ok(duration)
}

fn tolerated(text: &str) -> Result<Tolerated, String> {
    match text {
        "any" => Ok(Tolerated::Any),
        NOT_OFFERED => Ok(Tolerated::Rate),
        code => code.parse().map(Tolerated::Code).map_err(|_| format!("not a code of docs/errors.md, nor {NOT_OFFERED}, nor `any`")),
    }
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
        assert_eq!((tolerated("any"), tolerated("NOT_OFFERED")), (Ok(Tolerated::Any), Ok(Tolerated::Rate)));
        assert!(tolerated("Rejected").is_err());
    }

    #[test]
    fn a_ramp_is_two_rates_and_a_time() {
        assert_eq!(ramp("100..5000/60s"), Ok(Ramp { from: 100.0, to: 5_000.0, time: Duration::from_secs(60) }));
        assert_eq!(ramp("0.5..0.1/1m").map(|ramp| ramp.to), Ok(0.1), "it may fall");
        assert!(["100", "100..200", "0..5/1s", "1..2/0s", "..2/1s", "1..2/60"].into_iter().all(|text| ramp(text).is_err()));
    }

    #[test]
    fn codes_and_the_rate_are_passed_over_apart() {
        let disabled = [Tolerated::Code(ErrorCode::Disabled)];
        assert!(Tolerated::has_code(&disabled, "DISABLED") && !Tolerated::has_code(&disabled, "TRAP") && !Tolerated::has_rate(&disabled));
        assert!(Tolerated::has_rate(&[Tolerated::Rate]) && !Tolerated::has_code(&[Tolerated::Rate], "DISABLED"));
        assert!(Tolerated::has_rate(&[Tolerated::Any]) && Tolerated::has_code(&[Tolerated::Any], "UNREACHABLE"));
    }
}
