//! No language: `module.wasm` or `module.wat`, made by the author's own tools, is taken as it is.

use std::{path::Path, time::Instant};

use crate::{BuildError, BuiltModule, Request, build::read_module, sdk::hex_digest};

/// What evidence says of a module whose origin nobody knows.
pub(crate) const VERSION: &str = "the author's own tools";
const MODULE: &str = "module.wasm";
const TEXT: &str = "module.wat";
/// A module that people write by hand has a few KiB; the binary is smaller than its text.
const TEXT_BYTES_MAX: usize = 1 << 20;
const REMEDY: &str = "build it optimised for size and without debug information";

/// Takes the module out of the folder; text is assembled.
///
/// # Errors
/// When there is none or both, or the text is no module.
pub(crate) fn take(request: Request<'_>) -> Result<BuiltModule, BuildError> {
    let start = Instant::now();
    let [module, text] = [MODULE, TEXT].map(|name| request.folder.join(name));
    let (path, wasm) = match (module.is_file(), text.is_file()) {
        (true, false) => (module.clone(), read_module(&module, REMEDY)?),
        (false, true) => (text.clone(), assemble(&read_module(&text, REMEDY)?)?),
        (false, false) => return Err(BuildError::NoSource { folder: request.folder.to_owned(), file: "module.wasm or module.wat" }),
        (true, true) => return Err(refused("it has both", format!("{MODULE} and {TEXT} lie side by side; remove one"))),
    };
    Ok(BuiltModule {
        dependencies_sha256: hex_digest(&[]),
        seconds: start.elapsed().as_secs_f64(),
        diagnostics: Vec::new(),
        flags: flags(&path),
        path,
        wasm,
    })
}

/// Which of the two it was.
fn flags(path: &Path) -> Vec<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).into_iter().collect()
}

fn assemble(text: &[u8]) -> Result<Vec<u8>, BuildError> {
    if text.len() > TEXT_BYTES_MAX {
        let words = format!("{TEXT} has {} bytes, at most {TEXT_BYTES_MAX} are read; assemble it to {MODULE} yourself", text.len());
        return Err(refused("the text is too long", words));
    }
    let text = std::str::from_utf8(text).map_err(|error| refused("the text is not UTF-8", error.to_string()))?;
    wat::parse_str(text).map_err(|error| refused("WebAssembly text, as the specification has it", error.to_string()))
}

fn refused(hint: &'static str, text: String) -> BuildError {
    BuildError::Refused { tool: "ext", hint, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direct, Home, sdk::Sdk};

    fn taken(files: &[(&str, &[u8])]) -> Result<BuiltModule, BuildError> {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let home = Home::at(dir.path().join("home"));
        let sdk = crate::sdk::unpack(&home, Sdk::NONE).unwrap();
        take(Request { home: &home, sdk: &sdk, folder: dir.path(), target_dir: dir.path(), runner: &Direct })
    }

    #[test]
    fn a_module_is_taken_as_it_is_and_text_is_assembled() {
        assert_eq!(taken(&[(MODULE, b"whatever it is")]).unwrap().wasm, b"whatever it is");
        let text = taken(&[(TEXT, b"(module)")]).unwrap();
        assert_eq!((text.wasm.as_slice(), text.flags.as_slice()), (&b"\0asm\x01\0\0\0"[..], &["module.wat".to_owned()][..]));
    }

    #[test]
    fn what_is_missing_doubled_or_no_text_is_named() {
        let words = |files| taken(files).unwrap_err().to_string();
        assert!(words(&[]).contains("module.wasm or module.wat"));
        assert!(words(&[(MODULE, b""), (TEXT, b"")]).contains("remove one"));
        assert!(words(&[(TEXT, b"(module (func (i32.add)")]).contains("expected"));
        assert!(words(&[(TEXT, &[0xff])]).contains("UTF-8"));
        assert!(words(&[(TEXT, &[b' '; TEXT_BYTES_MAX + 1])]).contains("at most"));
        assert!(
            words(&[(TEXT, "(".repeat(TEXT_BYTES_MAX).as_bytes())]).contains("ext refuses"),
            "deep nesting ends at a bound, not at the stack's end"
        );
    }
}
