//! Our target: the compact layout, whatever the compiler's own targets say.
//!
//! A small stack comes first, so that an overflow traps and data stays dense behind it; memory
//! has room for a small rule from the start, so that it never grows, and no more than that.

use std::{io, os::unix::fs::PermissionsExt as _, path::PathBuf};

use extensions_types::GarbageCollector;
use serde_json::{Value, json};

use super::{CParts, release};
use crate::{Home, sdk::hex_digest};

/// Deep enough for nested JSON of the platform's bound; what a rule needs has to stay below.
pub(super) const STACK_BYTES: u32 = 32 << 10;
/// What a call begins with: stack, static data (20 to 60 KiB), and some 100 KiB to allocate.
/// A host wipes all of it after each call: 384 KiB cost 3 µs a call more than this.
pub(super) const MEMORY_BYTES: u64 = 192 << 10;
/// To allocate in a guest whose static data alone is beyond that.
const HEAP_BYTES: u64 = 128 << 10;
const PAGE_BYTES: u64 = 64 << 10;
/// More than a module can address at all; far below, hosts refuse it.
const ADDRESSED_BYTES: u64 = 4 << 30;
/// For speed: half a guest's code is the JSON reader, and it is what a call spends its time in.
pub(super) const OPTIMIZE: &str = "-opt=2";

/// The collector's name for the compiler.
pub(super) const fn collector(choice: GarbageCollector) -> &'static str {
    match choice {
        GarbageCollector::Leaking => "leaking",
        GarbageCollector::Conservative => "conservative",
    }
}

/// Enough memory for static data and a stack of `needed` bytes together.
pub(super) fn memory_for(needed: u64) -> u64 {
    needed.min(ADDRESSED_BYTES).saturating_add(HEAP_BYTES).next_multiple_of(PAGE_BYTES)
}

/// The target as TinyGo reads it.
pub(super) fn target(parts: CParts, gc: GarbageCollector, memory_bytes: u64) -> Value {
    let mut flags: Vec<String> = ["--stack-first", "--no-demangle", "--no-entry"].map(str::to_owned).to_vec();
    flags.extend([format!("--initial-memory={memory_bytes}"), format!("-zstack-size={STACK_BYTES}")]);
    let mut target = json!({
        "llvm-target": "wasm32-unknown-unknown",
        "cpu": "mvp",
        "features": "+nontrapping-fptoint,+sign-ext,+bulk-memory,-multivalue,-reference-types",
        "build-tags": ["tinygo.wasm", "wasm_unknown"],
        "buildmode": "c-shared",
        "goos": "linux",
        "goarch": "arm",
        "linker": "wasm-ld",
        "scheduler": "none",
        "gc": collector(gc),
        "default-stack-size": STACK_BYTES,
        "cflags": ["-mnontrapping-fptoint", "-mbulk-memory", "-mno-multivalue", "-mno-reference-types", "-msign-ext"],
        "extra-files": ["src/runtime/asm_tinygowasm.S"],
    });
    match parts {
        CParts::Debian => flags.extend(release::LIBRARIES.map(str::to_owned)),
        CParts::Release => {
            target["rtlib"] = json!("compiler-rt");
            target["libc"] = json!("wasmbuiltins");
        }
    }
    target["ldflags"] = json!(flags);
    target
}

/// Writes the target file, if it is not there yet; named by its content, so builds that run at once agree.
pub(super) fn file(home: &Home, parts: CParts, gc: GarbageCollector, memory_bytes: u64) -> io::Result<PathBuf> {
    let text = target(parts, gc, memory_bytes).to_string();
    let dir = release::targets(home);
    let path = dir.join(format!("wasm-{}-{}.json", collector(gc), &hex_digest(text.as_bytes())[..16]));
    if !path.is_file() {
        std::fs::create_dir_all(&dir)?;
        let scratch = tempfile::Builder::new().prefix(".target-").tempfile_in(&dir)?;
        std::fs::write(scratch.path(), &text)?;
        // A scratch file is its maker's alone; a build may be another user's.
        std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o644))?;
        scratch.persist(&path).map_err(|error| error.error)?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_compact_and_the_collector_is_the_authors() {
        let leaking = target(CParts::Debian, GarbageCollector::Leaking, MEMORY_BYTES);
        assert_eq!((&leaking["gc"], &leaking["default-stack-size"]), (&json!("leaking"), &json!(32_768)));
        let flags = leaking["ldflags"].to_string();
        assert!(
            flags.contains("--initial-memory=196608")
                && flags.contains("-zstack-size=32768")
                && flags.contains("--stack-first")
                && flags.contains("libc.a"),
            "{flags}"
        );
        let release = target(CParts::Release, GarbageCollector::Conservative, MEMORY_BYTES);
        assert_eq!((&release["gc"], &release["rtlib"]), (&json!("conservative"), &json!("compiler-rt")));
        assert!(!release["ldflags"].to_string().contains("/usr/"), "a release brings its own libraries");
    }

    #[test]
    fn much_static_data_has_room_beside_it() {
        assert_eq!((memory_for(0), memory_for(400_001)), (131_072, 589_824));
        assert!(memory_for(u64::MAX) < 5 << 30, "a number that nobody could mean");
    }

    #[test]
    fn the_file_is_written_once_and_named_by_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let path = file(&home, CParts::Debian, GarbageCollector::Leaking, MEMORY_BYTES).unwrap();
        assert_eq!(file(&home, CParts::Debian, GarbageCollector::Leaking, MEMORY_BYTES).unwrap(), path);
        assert_ne!(file(&home, CParts::Debian, GarbageCollector::Conservative, MEMORY_BYTES).unwrap(), path);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 2, "no scratch is left");
        let read: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(read, target(CParts::Debian, GarbageCollector::Leaking, MEMORY_BYTES));
    }
}
