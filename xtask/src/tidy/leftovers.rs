//! What belongs to one machine and not to the project: absolute paths, the
//! hosts that packages were loaded from, compiled files.

use super::tree::File;
use crate::finding::Finding;

/// Folders that only some machines have; written apart, so that this file has none.
const MACHINE_FOLDERS: [&str; 4] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
/// Who builds elsewhere takes packages from where that machine is told to.
const REGISTRY_HOSTS: [&str; 7] = [
    concat!("registry.", "npmjs.org"),
    concat!("proxy.", "golang.org"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("files.", "pythonhosted.org"),
    concat!("deb.", "debian.org"),
    concat!("\"resolved\": ", "\"http"),
];
const COMPILED_STARTS: [(&[u8], &str); 4] =
    [(b"\x7fELF", "a Linux binary"), (b"\0asm", "WebAssembly"), (b"!<arch>", "a static library"), (b"MZ\x90\0", "a Windows binary")];
const COMPILED_ENDINGS: [&str; 6] = [".wasm", ".cwasm", ".so", ".a", ".rlib", ".exe"];

/// Paths and hosts in a text.
pub(super) fn places(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if MACHINE_FOLDERS.iter().any(|folder| names_folder(line, folder)) {
            findings.push(Finding::new(path, "machine", "a path of one machine", "derive it, or make it relative to the repository").at(number + 1));
        }
        if REGISTRY_HOSTS.iter().any(|host| line.contains(host)) {
            findings.push(
                Finding::new(path, "machine", "the host of a package registry", "leave the choice of host to the user's settings").at(number + 1),
            );
        }
    }
    findings
}

/// Whether an absolute path starts with the folder: not the middle of a longer
/// path or of an address.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-/}~".contains(c)))
}

/// A compiled file.
pub(super) fn compiled(file: &File) -> Option<Finding> {
    let by_start = COMPILED_STARTS.iter().find(|(start, _)| file.start.starts_with(start)).map(|(_, kind)| *kind);
    let by_name = COMPILED_ENDINGS.iter().any(|ending| file.path.ends_with(ending)).then_some("a compiled file");
    let kind = by_start.or(by_name)?;
    Some(Finding::new(&file.path, "compiled", kind, "remove it from git and build it where it is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_machine_are_told_from_addresses() {
        let home = MACHINE_FOLDERS[2];
        assert_eq!(places("a", &format!("fine\nlook in {home}me/x\n"))[0].line, Some(2));
        assert!(places("a", &format!("https://example.com{home}x and ..{home} and ${{X}}{home}")).is_empty());
        assert_eq!(places("a", REGISTRY_HOSTS[0]).len(), 1);
    }

    #[test]
    fn compiled_files_are_known_by_start_or_name() {
        let file = |path: &str, start: &[u8]| File { path: path.into(), start: start.into(), text: None };
        assert!(compiled(&file("x", b"\x7fELF")).is_some());
        assert!(compiled(&file("x.cwasm", b"")).is_some());
        assert!(compiled(&file("x.wat", b"(module")).is_none());
    }
}
