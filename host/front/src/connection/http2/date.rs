//! The `date` of answers, written anew once a second.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

use http::HeaderValue;

thread_local! {
    /// The second, and its text.
    static LAST: RefCell<(u64, HeaderValue)> = const { RefCell::new((0, HeaderValue::from_static(""))) };
}

/// Now, as HTTP writes it.
pub(super) fn now() -> HeaderValue {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    LAST.with_borrow_mut(|(last, text)| {
        if *last != second {
            // A date is visible ASCII.
            if let Ok(date) = HeaderValue::from_maybe_shared(httpdate::fmt_http_date(now)) {
                (*last, *text) = (second, date);
            }
        }
        text.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_date_and_stays_one() {
        for _ in 0..2 {
            assert!(httpdate::parse_http_date(now().to_str().unwrap()).is_ok());
        }
    }
}
