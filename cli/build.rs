//! Packs `templates/` into `ext`: each file by the path that it gets in a new folder.
//!
//! `templates/LANG/common` and `templates/LANG/KIND` are laid out as a new
//! folder is. `NAME.txt` stands for `NAME`, so that no tool takes a template
//! for a source of this repository, and `gitignore` for `.gitignore`.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("templates");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut text = String::from("/// Every template: language, folder, path in the new folder, text.\nconst TEMPLATES: &[Template] = &[\n");
    for language in folders(&root)? {
        for part in folders(&language)? {
            let mut files = Vec::new();
            collect(&part, &part, &mut files)?;
            files.sort();
            for (path, file) in files {
                let of = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                writeln!(
                    text,
                    "    Template {{ language: {:?}, part: {:?}, path: {path:?}, text: include_str!({:?}) }},",
                    of(&language),
                    of(&part),
                    file
                )?;
            }
        }
    }
    text.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("templates.rs"), text)?;
    Ok(())
}

fn folders(path: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
            continue;
        }
        let name = path.strip_prefix(root)?.to_str().ok_or("a template's name is not UTF-8")?;
        let name = name.strip_suffix(".txt").unwrap_or(name);
        let name = if name == "gitignore" { ".gitignore" } else { name };
        files.push((name.to_owned(), path));
    }
    Ok(())
}
