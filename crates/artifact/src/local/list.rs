//! Pages of a list, in the order of the paths' bytes as S3 has it: a folder
//! sorts by its name with the slash, so `a-b/x` stands before `a/x`.

use std::{fs, io, path::Path};

use super::{LocalDisk, write::absent};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Paths begin with this; usually it ends with a slash.
    pub(super) prefix: &'a str,
    /// Paths come after this.
    pub(super) after: &'a str,
    /// Folders count as one.
    pub(super) folders: bool,
    /// Not more than these.
    pub(super) limit: usize,
}

/// What is found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Objects with their descriptions.
    pub(super) objects: Vec<(String, fs::Metadata)>,
    /// Folders, with their last slash.
    pub(super) folders: Vec<String>,
    /// Whether there is more.
    pub(super) more: bool,
}

impl Found {
    fn len(&self) -> usize {
        self.objects.len() + self.folders.len()
    }

    /// The last path of either kind.
    pub(super) fn last(&self) -> Option<&str> {
        let object = self.objects.last().map(|(path, _)| path.as_str());
        object.max(self.folders.last().map(String::as_str))
    }
}

impl LocalDisk {
    /// One page.
    pub(super) fn page(&self, asked: Asked<'_>) -> io::Result<Found> {
        let mut found = Found::default();
        let folder = asked.prefix.rfind('/').map_or("", |slash| &asked.prefix[..=slash]);
        self.walk(folder, asked, &mut found)?;
        Ok(found)
    }

    /// Whether there is room for more after `folder` (empty, or with its last slash).
    fn walk(&self, folder: &str, asked: Asked<'_>, found: &mut Found) -> io::Result<bool> {
        for name in names(&self.root.join(folder))? {
            let path = format!("{folder}{name}");
            let is_folder = path.ends_with('/');
            let wanted = path.starts_with(asked.prefix) && (path.as_str() > asked.after || (is_folder && asked.after.starts_with(&path)));
            if !wanted {
                continue;
            }
            let going = match (is_folder, asked.folders) {
                (true, false) => self.walk(&path, asked, found)?,
                (true, true) => !self.holds_objects(&path, asked)? || room(found, asked, |found| found.folders.push(path)),
                (false, _) => match fs::metadata(self.root.join(&path)) {
                    Ok(metadata) => room(found, asked, |found| found.objects.push((path, metadata))),
                    Err(error) if absent(&error) => true,
                    Err(error) => return Err(error),
                },
            };
            if !going {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds_objects(&self, folder: &str, asked: Asked<'_>) -> io::Result<bool> {
        let mut first = Found::default();
        self.walk(folder, Asked { prefix: folder, folders: false, limit: 1, ..asked }, &mut first)?;
        Ok(first.len() > 0)
    }
}

fn room(found: &mut Found, asked: Asked<'_>, add: impl FnOnce(&mut Found)) -> bool {
    if found.len() < asked.limit {
        add(found);
        true
    } else {
        found.more = true;
        false
    }
}

/// Names in a folder, sorted as their paths; folders end with a slash. None where there is no folder.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        // Names that are no text are not ours; those with a dot in front are the store's own.
        let Ok(mut name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            name.push('/');
        }
        names.push(name);
    }
    names.sort_unstable();
    Ok(names)
}
