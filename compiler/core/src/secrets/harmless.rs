//! What is let pass although it looks like a secret; the reasons stand in the module's head.

/// Parts that give a placeholder away, in lower case.
const PLACEHOLDERS: [&str; 17] = [
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "your_",
    "your-",
    "yourtoken",
    "xxxx",
    "dummy",
    "sample",
    "redacted",
    "replace",
    "<",
    "${",
    "{{",
    "****",
];
/// Fewer are no secret that would be worth anything.
pub(super) const VALUE_BYTES_MIN: usize = 8;
/// Names whose values are digests.
const DIGEST_NAMES: [&str; 10] = ["sha1", "sha256", "sha512", "digest", "checksum", "integrity", "hash", "fingerprint", "commit", "etag"];
/// How digests with their algorithm begin.
const DIGEST_PREFIXES: [&str; 7] = ["sha1-", "sha256-", "sha384-", "sha512-", "sha256:", "sha512:", "h1:"];
/// Files that hold digests and nothing of the author.
const LOCK_FILES: [&str; 9] =
    ["Cargo.lock", "go.sum", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "poetry.lock", "uv.lock", "npm-shrinkwrap.json"];

/// Whether people write this where a secret would stand.
pub(super) fn is_placeholder(value: &str) -> bool {
    let first = value.bytes().next();
    if value.len() < VALUE_BYTES_MIN || value.bytes().all(|byte| Some(byte) == first) {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|part| lower.contains(part))
}

/// Whether the bytes are hexadecimal digits, with the dashes of a uuid or without.
pub(super) fn is_hexadecimal(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_uuid(value: &str) -> bool {
    let mut parts = value.split('-').map(str::len);
    value.len() == 36 && [8, 4, 4, 4, 12].into_iter().all(|length| parts.next() == Some(length)) && is_hexadecimal(value)
}

/// Whether `value`, beside the text that stands `before` it on its line, is a digest.
pub(super) fn is_digest(before: &str, value: &str) -> bool {
    let before = near(before).to_ascii_lowercase();
    DIGEST_PREFIXES.iter().any(|prefix| value.starts_with(prefix) || before.ends_with(prefix))
        || DIGEST_NAMES.iter().any(|name| before.contains(name))
}

/// Whether the line holds a small asset: `data:image/png;base64,…`.
pub(super) fn is_asset(before: &str) -> bool {
    let before = near(before);
    before.contains(";base64,") || before.contains("data:")
}

/// As much of what stands before a value as may name it.
pub(super) fn near(before: &str) -> &str {
    const BYTES_MAX: usize = 100;
    &before[before.ceil_char_boundary(before.len().saturating_sub(BYTES_MAX))..]
}

/// Whether the file is one that tools write digests into.
pub(super) fn is_lock_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    LOCK_FILES.contains(&name)
}
