//! Whether a text looks as if dice had made it.

/// In source literals: keys are longer, names and sentences rarely pass the measures below.
pub(super) const LITERAL_BYTES_MIN: usize = 20;
/// In data, where texts touch each other.
pub(super) const RUN_BYTES_MIN: usize = 40;
/// Longer ones are assets: images, fonts, tables.
const BYTES_MAX: usize = 512;
/// Bits for each byte, in thousandths: base64 of 20 random bytes has some 4,300, camel case 3,900.
const ENTROPY_MIN: u32 = 4_000;
/// Of a hundred steps from byte to byte, so many change between upper, lower and digit: some 47 by chance, and
/// few in words.
const CHANGES_MIN: usize = 25;
/// Neighbours in the alphabet in a row that make a table.
const ALPHABET: usize = 3;

/// Whether `value` is made of base64 or hexadecimal-like characters without any order.
pub(super) fn is_random(value: &str) -> bool {
    let bytes = value.as_bytes();
    if bytes.len() > BYTES_MAX || !bytes.iter().all(|&byte| is_of_tokens(byte)) {
        return false;
    }
    let has = |test: fn(&u8) -> bool| bytes.iter().any(test);
    let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    mixed && changes(bytes) >= CHANGES_MIN && entropy(bytes) >= ENTROPY_MIN && !is_table(bytes)
}

/// Characters that such values are made of.
pub(super) const fn is_of_tokens(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
}

fn entropy(bytes: &[u8]) -> u32 {
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let all = bytes.len() as f64;
    let bits: f64 = counts.iter().filter(|&&count| count > 0).map(|&count| f64::from(count) / all).map(|share| -share * share.log2()).sum();
    (bits * 1000.0) as u32
}

fn changes(bytes: &[u8]) -> usize {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => Some(0),
        b'a'..=b'z' => Some(1),
        b'A'..=b'Z' => Some(2),
        _ => None,
    };
    let classes = bytes.windows(2).filter_map(|pair| class(pair[0]).zip(class(pair[1])));
    // A capital before small letters begins a word.
    let changes = classes.filter(|&(before, after)| before != after && (before, after) != (2, 1)).count();
    changes * 100 / bytes.len().saturating_sub(1).max(1)
}

/// Alphabets and digit tables run upwards: `abcd`, `0123`.
fn is_table(bytes: &[u8]) -> bool {
    let mut run = 0;
    let mut runs = 0;
    for pair in bytes.windows(2) {
        run = if pair[1] == pair[0].wrapping_add(1) { run + 1 } else { 0 };
        runs += usize::from(run == ALPHABET);
    }
    runs > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_is_told_from_words() {
        for random in ["k9XvQ2mZr7LpW4tYc8Nf", "aGVsbG8gd29ybGQhIFRoaXMgaXMgYSBsb25nZXI", "Zm9v+Q/8xR2dT7uVbN3kL0pA="] {
            assert!(is_random(random), "{random} {} {}", entropy(random.as_bytes()), changes(random.as_bytes()));
        }
        for words in [
            "processHookImplementation",
            "ORDER_TOTAL_ABOVE_CEILING",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "lead-routing-2-west",
            "",
        ] {
            assert!(!is_random(words), "{words}");
        }
    }
}
