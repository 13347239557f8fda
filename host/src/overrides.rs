//! Layers of settings: files above each other, `EXT_<SECTION>_<KEY>` variables on top.

use toml::{Table, Value};

use crate::SettingsError;

const PREFIX: &str = "EXT_";
/// The sections whose keys a variable may set. Lists (issuers, grants) are for the file alone.
const SECTIONS: [&str; 4] = ["listen", "engine", "identity", "log"];
/// Keys outside a section.
const TOP: [&str; 2] = ["env", "data_dir"];

/// Sets what the environment says in `table`; other variables are left alone.
pub(crate) fn apply(table: &mut Table, environment: impl IntoIterator<Item = (String, String)>) -> Result<(), SettingsError> {
    for (name, text) in environment {
        let Some(path) = name.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else { continue };
        if TOP.contains(&path.as_str()) {
            table.insert(path, Value::String(text));
            continue;
        }
        let section = SECTIONS.iter().find(|section| path.strip_prefix(**section).is_some_and(|rest| rest.starts_with('_')));
        let Some(section) = section else { continue };
        let key = &path[section.len() + 1..];
        if key.is_empty() {
            return Err(SettingsError::UnknownVariable(name));
        }
        let values = table.entry(*section).or_insert_with(|| Value::Table(Table::new()));
        match values {
            Value::Table(values) => values.insert(key.to_owned(), scalar(&text)),
            _ => return Err(SettingsError::UnknownVariable(name)),
        };
    }
    Ok(())
}

/// Lays `above` over `table`: its keys win, sections are merged.
pub(crate) fn merge(table: &mut Table, above: Table) {
    for (key, value) in above {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

/// A number or a truth value where the text is one; else the text itself.
fn scalar(text: &str) -> Value {
    match (text.parse::<i64>(), text.parse::<bool>()) {
        (Ok(number), _) => Value::Integer(number),
        (_, Ok(truth)) => Value::Boolean(truth),
        _ => Value::String(text.to_owned()),
    }
}
