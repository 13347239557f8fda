//! Secrets of well-known shape: a prefix that nothing else begins with, then so many characters of one class.

use super::Secret;

/// Characters that a token is made of.
#[derive(Debug, Clone, Copy)]
enum Class {
    Upper,
    Word,
    Base64Url,
    Base64,
    Hex,
}

/// A token's shape: after the prefix at least `min` characters of the class; at most `max` belong to it.
struct Shape {
    what: &'static str,
    prefix: &'static str,
    class: Class,
    min: usize,
    max: usize,
}

/// Longest tokens, some of them signed documents.
const LONG: usize = 4_096;

const fn shape(what: &'static str, prefix: &'static str, class: Class, min: usize, max: usize) -> Shape {
    Shape { what, prefix, class, min, max }
}

/// Facts about others' tokens. Prefixes that are ordinary words ask for a long rest.
static SHAPES: [Shape; 33] = [
    shape("an AWS access key id", "AKIA", Class::Upper, 16, 16),
    shape("a temporary AWS access key id", "ASIA", Class::Upper, 16, 16),
    shape("a Google API key", "AIza", Class::Base64Url, 35, 35),
    shape("a Google OAuth client secret", "GOCSPX-", Class::Base64Url, 28, 28),
    shape("a Google OAuth token", "ya29.", Class::Base64Url, 30, LONG),
    shape("a GitHub token", "ghp_", Class::Word, 36, 255),
    shape("a GitHub token", "gho_", Class::Word, 36, 255),
    shape("a GitHub token", "ghu_", Class::Word, 36, 255),
    shape("a GitHub token", "ghs_", Class::Word, 36, 255),
    shape("a GitHub token", "ghr_", Class::Word, 36, 255),
    shape("a GitHub token", "github_pat_", Class::Word, 40, 255),
    shape("a GitLab token", "glpat-", Class::Base64Url, 20, 64),
    shape("a GitLab token", "gldt-", Class::Base64Url, 20, 64),
    shape("a Slack token", "xoxb-", Class::Base64Url, 24, 255),
    shape("a Slack token", "xoxp-", Class::Base64Url, 24, 255),
    shape("a Slack token", "xoxa-", Class::Base64Url, 24, 255),
    shape("a Slack app token", "xapp-", Class::Base64Url, 24, 255),
    shape("a Slack web hook", "hooks.slack.com/services/", Class::Base64, 30, 255),
    shape("a Stripe key", "sk_live_", Class::Word, 20, 255),
    shape("a Stripe key", "rk_live_", Class::Word, 20, 255),
    shape("a Stripe web hook secret", "whsec_", Class::Base64, 30, 255),
    shape("a SendGrid key", "SG.", Class::Base64Url, 60, 255),
    shape("an npm token", "npm_", Class::Word, 36, 36),
    shape("a PyPI token", "pypi-AgEIcHlwaS5vcmc", Class::Base64Url, 40, LONG),
    shape("a Docker Hub token", "dckr_pat_", Class::Base64Url, 24, 64),
    shape("a DigitalOcean token", "dop_v1_", Class::Hex, 64, 64),
    shape("a HashiCorp Vault token", "hvs.", Class::Base64Url, 24, 255),
    shape("a Terraform Cloud token", "atlasv1.", Class::Base64Url, 60, 255),
    shape("an Anthropic key", "sk-ant-", Class::Base64Url, 40, 255),
    shape("an OpenAI key", "sk-proj-", Class::Base64Url, 40, 255),
    shape("a Shopify token", "shpat_", Class::Hex, 32, 32),
    shape("a Twilio key", "SK", Class::Hex, 32, 32),
    shape("an Azure storage key", "AccountKey=", Class::Base64, 80, 88),
];

/// The secret that begins at `start`, if one of these shapes fits. `loose`
/// does not ask that a word ends before it: in data, texts touch.
pub(super) fn at(text: &str, start: usize, loose: bool) -> Option<Secret<'_>> {
    let rest = text.get(start..)?;
    let first = *rest.as_bytes().first()?;
    if !loose && start > 0 && is_word(text.as_bytes()[start - 1]) {
        return None;
    }
    let token = SHAPES.iter().filter(|shape| shape.prefix.as_bytes()[0] == first).find_map(|shape| shape.fits(rest));
    let (what, length) = token.or_else(|| private_key(rest)).or_else(|| jwt(rest))?;
    Some(Secret { what, value: &rest[..length], start })
}

impl Shape {
    fn fits(&self, rest: &str) -> Option<(&'static str, usize)> {
        let tail = rest.strip_prefix(self.prefix)?.as_bytes();
        let length = tail.iter().take(self.max).take_while(|&&byte| self.class.holds(byte)).count();
        let enough = length >= self.min && !super::harmless::is_placeholder(&rest[..self.prefix.len() + length]);
        // Short shapes of fixed length are words by chance, unless digits are among them.
        (enough && tail[..length].iter().any(u8::is_ascii_digit)).then_some((self.what, self.prefix.len() + length))
    }
}

impl Class {
    const fn holds(self, byte: u8) -> bool {
        match self {
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Word => is_word(byte),
            Self::Base64Url => is_word(byte) || byte == b'-' || byte == b'.',
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Hex => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
        }
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// `-----BEGIN … PRIVATE KEY-----` with something like a key behind it: a
/// parser of such files names the line alone.
fn private_key(rest: &str) -> Option<(&'static str, usize)> {
    /// Of the label: `ENCRYPTED`, `RSA`, `EC`, `OPENSSH`, `PGP … BLOCK`.
    const LABEL_BYTES_MAX: usize = 40;
    const KEY_BYTES_MIN: usize = 40;
    let label = rest.strip_prefix("-----BEGIN ")?;
    let end = label.as_bytes().iter().take(LABEL_BYTES_MAX).position(|&byte| byte == b'-')?;
    let what = label.get(..end)?;
    if !what.ends_with("PRIVATE KEY") && !what.ends_with("PRIVATE KEY BLOCK") {
        return None;
    }
    let start = "-----BEGIN ".len() + end + "-----".len();
    let mut length = 0;
    let mut key = 0;
    // Line ends may be written out, `\n`, and quotes and commas stand between lines of a list.
    for &byte in rest.get(start..)?.as_bytes().iter().take(2 * KEY_BYTES_MIN + 40) {
        if !(Class::Base64.holds(byte) || matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | b'\\' | b'"' | b'\'' | b',' | b':' | b'-')) {
            break;
        }
        key += usize::from(Class::Base64.holds(byte));
        length += 1;
    }
    (key >= KEY_BYTES_MIN).then_some(("a private key", start + length))
}

/// Three parts of base64 between dots, the first of which is a JSON object.
fn jwt(rest: &str) -> Option<(&'static str, usize)> {
    /// `{"` in base64.
    const OBJECT: &str = "eyJ";
    /// At least and at most; headers are short, whatever else is in there.
    const PARTS: [(usize, usize); 3] = [(16, 512), (16, LONG), (20, LONG)];
    if !rest.starts_with(OBJECT) {
        return None;
    }
    let bytes = rest.as_bytes();
    let mut end = 0;
    for (part, (min, max)) in PARTS.into_iter().enumerate() {
        let length = bytes[end..].iter().take(max).take_while(|&&byte| is_word(byte) || byte == b'-').count();
        if length < min {
            return None;
        }
        end += length;
        if part < 2 {
            if bytes.get(end) != Some(&b'.') {
                return None;
            }
            end += 1;
            if part == 0 && !rest[end..].starts_with(OBJECT) {
                return None;
            }
        }
    }
    Some(("a JSON web token", end))
}
