//! PEM: labelled blocks of base64; what stands between them is a comment.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::KeyError;

/// As many characters as a line of base64 has.
const LINE: usize = 64;

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) label: String,
    pub(super) bytes: Vec<u8>,
}

/// Every block of a text.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, KeyError> {
    let mut all = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = framed(line, "-----BEGIN ") else { continue };
        let mut base64 = String::new();
        loop {
            let line = lines.next().ok_or(KeyError::Pem("a block has no end"))?;
            match framed(line, "-----END ") {
                Some(end) if end == label => break,
                Some(_) => return Err(KeyError::Pem("a block ends under another name than it begins")),
                None => base64.push_str(line),
            }
        }
        let bytes = STANDARD.decode(&base64).map_err(|_| KeyError::Pem("a block is no base64"))?;
        all.push(Block { label: label.to_owned(), bytes });
    }
    Ok(all)
}

fn framed<'l>(line: &'l str, begin: &str) -> Option<&'l str> {
    line.strip_prefix(begin)?.strip_suffix("-----")
}

/// A text of one block.
pub(super) fn text(label: &str, bytes: &[u8]) -> String {
    let base64 = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_block_reads_as_it_was_written(bytes in proptest::collection::vec(any::<u8>(), 0..300), before in "[a-z #\n]{0,40}") {
            let text = format!("{before}\n{}", text("PUBLIC KEY", &bytes));
            prop_assert_eq!(blocks(&text).unwrap(), vec![Block { label: "PUBLIC KEY".to_owned(), bytes: bytes.clone() }]);
            let windows = text.replace('\n', "\r\n");
            prop_assert_eq!(&blocks(&windows).unwrap()[0].bytes, &bytes);
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>(), cut in 0..200_usize) {
            let _ = blocks(&text);
            let whole = super::text("PUBLIC KEY", &[7; 44]);
            let _ = blocks(&whole[..cut.min(whole.len())]);
        }
    }

    #[test]
    fn damaged_blocks_are_refused() {
        assert!(blocks("-----BEGIN A-----\nAAAA\n").is_err(), "no end");
        assert!(blocks("-----BEGIN A-----\nAAAA\n-----END B-----\n").is_err());
        assert!(blocks("-----BEGIN A-----\n!\n-----END A-----\n").is_err());
        assert_eq!(blocks("no block at all").unwrap(), []);
    }
}
