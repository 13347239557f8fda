//! W3C trace context: read from the head, made up where it is absent or malformed.
//!
//! Nothing is exported here; the ids stand in the request's span, so that logs
//! join a caller's trace. `tracestate` is not read.

use std::{
    cell::Cell,
    hash::{BuildHasher as _, RandomState},
};

use http::{HeaderMap, HeaderName};
use tracing::Span;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where a request stands in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) trace_id: u128,
    /// The caller's span; none when the trace starts here.
    pub(crate) parent_id: Option<u64>,
    /// This request's own span.
    pub(crate) span_id: u64,
    /// Whether someone keeps this trace.
    pub(crate) sampled: bool,
}

impl Trace {
    /// The trace that the head names, else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut all = headers.get_all(TRACEPARENT).iter();
        let named = match (all.next(), all.next()) {
            (Some(one), None) => parse(one.as_bytes()),
            _ => None,
        };
        let span_id = random().max(1);
        match named {
            Some(Parent { trace_id, parent_id, sampled }) => Self { trace_id, parent_id: Some(parent_id), span_id, sampled },
            None => {
                let trace_id = (u128::from(random()) << 64 | u128::from(random())).max(1);
                Self { trace_id, parent_id: None, span_id, sampled: false }
            }
        }
    }

    /// The request's span. It costs about 2 µs, a fifth of what a call costs
    /// here, so at the default level only traces that someone keeps have one.
    pub(crate) fn span(&self, route: &'static str) -> Span {
        macro_rules! span {
            ($level:ident) => {
                tracing::$level!(
                    "request",
                    route,
                    trace_id = %format_args!("{:032x}", self.trace_id),
                    span_id = %format_args!("{:016x}", self.span_id),
                    parent_id = self.parent_id.map(|id| tracing::field::display(format!("{id:016x}"))),
                )
            };
        }
        if self.sampled { span!(info_span) } else { span!(debug_span) }
    }
}

/// What a caller says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parent {
    trace_id: u128,
    parent_id: u64,
    sampled: bool,
}

/// `00-<32 hex>-<16 hex>-<2 hex>`; a later version may add fields behind.
fn parse(text: &[u8]) -> Option<Parent> {
    let (head, rest) = text.split_at_checked(55)?;
    let version = hex(&head[..2])?;
    let ends = rest.is_empty() || (version > 0 && rest[0] == b'-');
    let dashes = head[2] == b'-' && head[35] == b'-' && head[52] == b'-';
    let (trace_id, parent_id) = (hex(&head[3..35])?, hex(&head[36..52])?);
    let sampled = hex(&head[53..])? & 1 == 1;
    let parent_id = u64::try_from(parent_id).ok()?;
    (version != 0xff && ends && dashes && trace_id != 0 && parent_id != 0).then_some(Parent { trace_id, parent_id, sampled })
}

/// Lowercase hex only, as the specification has it.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value, &digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(nibble))
    })
}

/// SplitMix64 from a seed of the operating system, per thread. Ids need to
/// differ, not to be secret.
fn random() -> u64 {
    thread_local!(static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u8)));
    let seed = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(seed);
    let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (TRACEPARENT, value.parse().unwrap())).collect()
    }

    #[test]
    fn a_good_parent_is_taken_over() {
        let trace = Trace::of(&headers(&[GOOD]));
        assert_eq!(trace.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(trace.parent_id, Some(0x00f0_67aa_0ba9_02b7));
        assert!(trace.span_id != 0 && Some(trace.span_id) != trace.parent_id);
        assert!(trace.sampled && !Trace::of(&headers(&[&GOOD.replace("-01", "-00")])).sampled);
    }

    #[test]
    fn a_later_version_may_say_more() {
        assert!(parse(format!("01{}-more", &GOOD[2..]).as_bytes()).is_some());
        assert!(parse(format!("{GOOD}-more").as_bytes()).is_none());
    }

    #[test]
    fn anything_else_starts_a_trace() {
        let wrong = [
            "".to_owned(),
            GOOD.to_uppercase(),
            GOOD.replace("00-4", "ff-4"),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace('-', "_"),
            GOOD[..54].to_owned(),
        ];
        for text in &wrong {
            assert_eq!(Trace::of(&headers(&[text])).parent_id, None, "{text}");
        }
        let twice = Trace::of(&headers(&[GOOD, GOOD]));
        assert_eq!(twice.parent_id, None);
        assert_ne!(twice.trace_id, Trace::of(&headers(&[])).trace_id);
    }
}
