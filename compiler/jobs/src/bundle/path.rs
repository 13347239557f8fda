//! Which paths may stand in a bundle.

use super::BundleError;

/// A path may be this long: what classic tar headers hold.
pub(super) const PATH_BYTES_MAX: usize = 240;
/// How much of a refused path is shown.
const SHOWN_CHARS: usize = 80;

/// Every part is a plain name. A hidden part is refused too: `.cargo/config.toml`
/// would tell the build tool what to run.
pub(super) fn check(path: &str) -> Result<(), BundleError> {
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\\') && !part.chars().any(char::is_control);
    if path.len() <= PATH_BYTES_MAX && path.split('/').all(plain) {
        return Ok(());
    }
    Err(BundleError::Path(path.chars().take(SHOWN_CHARS).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_relative_paths_alone_pass() {
        for good in ["extension.toml", "src/lib.rs", "tests/a b.json", "schemas/ü.json", "a..b"] {
            assert!(check(good).is_ok(), "{good}");
        }
        let long = "x".repeat(PATH_BYTES_MAX + 1);
        for bad in ["", "/etc/passwd", "../x", "a/../x", "./a", "a//b", "a/", ".cargo/config.toml", "a\\b", "a\0", "a\n", &long] {
            assert!(matches!(check(bad), Err(BundleError::Path(_))), "{bad:?}");
        }
    }
}
