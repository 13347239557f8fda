//! `grpc-timeout`: at most eight digits and a unit.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use crate::refused::Refused;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const DIGITS_MAX: usize = 8;
/// Longer patience than any limit of an extension is the same as this; it keeps
/// sums of instants from overflowing.
pub(crate) const TIMEOUT_MAX: Duration = Duration::from_secs(3_600);

/// The caller's transport deadline, if it set one.
pub(crate) fn grpc_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Refused> {
    let mut all = headers.get_all(GRPC_TIMEOUT).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => parse(one.as_bytes()).map(Some).ok_or_else(malformed),
        (Some(_), Some(_)) => Err(malformed()),
    }
}

fn malformed() -> Refused {
    Refused::bad_request("grpc-timeout must be 1 to 8 digits and a unit of H, M, S, m, u, n")
}

fn parse(text: &[u8]) -> Option<Duration> {
    let (&unit, digits) = text.split_last()?;
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    let timeout = match unit {
        b'H' => Duration::from_secs(value * 3_600),
        b'M' => Duration::from_secs(value * 60),
        b'S' => Duration::from_secs(value),
        b'm' => Duration::from_millis(value),
        b'u' => Duration::from_micros(value),
        b'n' => Duration::from_nanos(value),
        _ => return None,
    };
    Some(timeout.min(TIMEOUT_MAX))
}

/// The shorter of the transport's deadline and the request's `timeout_ms`,
/// where 0 is none.
pub(crate) fn shorter(transport: Option<Duration>, timeout_ms: u32) -> Option<Duration> {
    let asked = (timeout_ms > 0).then(|| Duration::from_millis(timeout_ms.into()).min(TIMEOUT_MAX));
    transport.into_iter().chain(asked).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = |text: &str| parse(text.as_bytes());
        assert_eq!(read("1H"), Some(Duration::from_secs(3_600)));
        assert_eq!(read("2M"), Some(Duration::from_secs(120)));
        assert_eq!(read("3S"), Some(Duration::from_secs(3)));
        assert_eq!(read("4m"), Some(Duration::from_millis(4)));
        assert_eq!(read("5u"), Some(Duration::from_micros(5)));
        assert_eq!(read("99999999n"), Some(Duration::from_nanos(99_999_999)));
        assert_eq!(read("0m"), Some(Duration::ZERO));
        assert_eq!(read("99999999H"), Some(TIMEOUT_MAX));
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in ["", "1", "m", "123456789m", "-1m", "+1m", "1.5S", "1s", "1 m", " 1m", "1ms", "١m"] {
            let headers = HeaderMap::from_iter([(GRPC_TIMEOUT, http::HeaderValue::from_bytes(text.as_bytes()).unwrap())]);
            assert!(grpc_timeout(&headers).is_err(), "{text:?}");
        }
        let twice = HeaderMap::from_iter(["1S", "1S"].map(|text| (GRPC_TIMEOUT, http::HeaderValue::from_static(text))));
        assert!(grpc_timeout(&twice).is_err());
        assert_eq!(grpc_timeout(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn the_shorter_counts() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(shorter(None, 0), None);
        assert_eq!(shorter(second, 0), second);
        assert_eq!(shorter(second, 10), Some(Duration::from_millis(10)));
        assert_eq!(shorter(second, 2_000), second);
        assert_eq!(shorter(None, u32::MAX), Some(TIMEOUT_MAX));
    }
}
