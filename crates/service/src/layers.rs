//! Layers of settings: files above each other, `EXT_<SECTION>_<KEY>` variables on top.

use std::{fs, path::Path};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::SettingsError;

/// A larger settings file is refused unread.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;
const PREFIX: &str = "EXT_";

/// What a variable may set. Lists (issuers, grants) are for the file alone.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Sections; one inside another is written `outer.inner`.
    pub sections: &'static [&'static str],
    /// Keys outside a section: always texts.
    pub top: &'static [&'static str],
}

/// Reads a settings file without interpreting it: a layer for [`layered`].
///
/// # Errors
/// When it cannot be read or is not TOML.
pub fn read_file(file: &Path) -> Result<Table, SettingsError> {
    let read_error = |source| SettingsError::Read { path: file.to_owned(), source };
    if fs::metadata(file).map_err(read_error)?.len() > FILE_BYTES_MAX {
        return Err(SettingsError::TooLarge(file.to_owned()));
    }
    parse(&fs::read_to_string(file).map_err(read_error)?)
}

/// Reads the text of a settings file without interpreting it.
///
/// # Errors
/// When it is not TOML.
pub fn parse(text: &str) -> Result<Table, SettingsError> {
    text.parse().map_err(|error| SettingsError::Syntax(Box::new(error)))
}

/// Puts `layers` above each other, the last one on top but for the environment.
///
/// # Errors
/// Names the key or variable that is wrong.
pub fn layered<T: DeserializeOwned>(
    known: Known,
    layers: impl IntoIterator<Item = Table>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<T, SettingsError> {
    let mut all = Table::new();
    layers.into_iter().for_each(|layer| merge(&mut all, layer));
    apply(known, &mut all, environment)?;
    all.try_into().map_err(|error| SettingsError::Syntax(Box::new(error)))
}

/// Lays `above` over `table`: its keys win, sections are merged.
fn merge(table: &mut Table, above: Table) {
    for (key, value) in above {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

/// Sets what the environment says in `table`; other variables are left alone.
fn apply(known: Known, table: &mut Table, environment: impl IntoIterator<Item = (String, String)>) -> Result<(), SettingsError> {
    for (name, text) in environment {
        let Some(path) = name.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else { continue };
        if known.top.contains(&path.as_str()) {
            table.insert(path, Value::String(text));
            continue;
        }
        let Some((section, key)) = section_of(known.sections, &path) else { continue };
        let values = if key.is_empty() { None } else { section_table(table, section) };
        match values {
            Some(values) => values.insert(key.to_owned(), scalar(&text)),
            None => return Err(SettingsError::UnknownVariable(name)),
        };
    }
    Ok(())
}

/// The innermost section that `path` begins with, and the key behind it.
fn section_of<'p>(sections: &[&'static str], path: &'p str) -> Option<(&'static str, &'p str)> {
    let within = |section: &&'static str| {
        let key = path.strip_prefix(section.replace('.', "_").as_str())?.strip_prefix('_')?;
        Some((*section, key))
    };
    sections.iter().filter_map(within).max_by_key(|(section, _)| section.len())
}

/// The table of a section, made where it is absent; none when something else has its name.
fn section_table<'t>(table: &'t mut Table, section: &str) -> Option<&'t mut Table> {
    section.split('.').try_fold(table, |outer, name| outer.entry(name).or_insert_with(|| Value::Table(Table::new())).as_table_mut())
}

/// A number or a truth value where the text is one; else the text itself.
fn scalar(text: &str) -> Value {
    match (text.parse::<i64>(), text.parse::<bool>()) {
        (Ok(number), _) => Value::Integer(number),
        (_, Ok(truth)) => Value::Boolean(truth),
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known = Known { sections: &["listen", "store", "store.s3"], top: &["env"] };

    fn layers(texts: &[&str], environment: &[(&str, &str)]) -> Result<Table, SettingsError> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        layered(KNOWN, texts.iter().map(|text| parse(text).unwrap()), environment)
    }

    #[test]
    fn later_layers_win_key_by_key_and_the_environment_last() {
        let table = layers(&["[listen]\na = 1\nb = 1", "[listen]\nb = 2\nc = 2"], &[("EXT_LISTEN_C", "3"), ("EXT_ENV", "7")]).unwrap();
        assert_eq!(table, parse("env = '7'\n[listen]\na = 1\nb = 2\nc = 3").unwrap());
    }

    #[test]
    fn a_variable_finds_the_innermost_section() {
        let table = layers(&[], &[("EXT_STORE_DIR", "/x"), ("EXT_STORE_S3_BUCKET", "b"), ("EXT_STORE_S3_TLS", "true")]).unwrap();
        assert_eq!(table, parse("[store]\ndir = '/x'\n[store.s3]\nbucket = 'b'\ntls = true").unwrap());
    }

    #[test]
    fn variables_that_name_nothing_are_refused_and_foreign_ones_left_alone() {
        assert!(matches!(layers(&[], &[("EXT_LISTEN_", "1")]), Err(SettingsError::UnknownVariable(name)) if name == "EXT_LISTEN_"));
        assert!(matches!(layers(&["store = 1"], &[("EXT_STORE_DIR", "1")]), Err(SettingsError::UnknownVariable(_))));
        assert!(layers(&[], &[("EXT_TOKEN", "x"), ("EXT_SERVER", "y"), ("PATH", "z")]).unwrap().is_empty());
    }
}
