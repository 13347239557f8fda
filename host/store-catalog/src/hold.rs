//! What calls see while a new state is being made ready: the new one as far as
//! its versions are loaded, the old versions for the rest.

use std::{collections::BTreeMap, sync::Arc};

use extensions_catalog::{Entry, ServedVersion};
use extensions_types::{CallLabel, Version};

/// The versions of `new` that calls without an explicit version could get.
pub(crate) fn reachable(new: &Entry) -> impl Iterator<Item = &Arc<ServedVersion>> {
    let numbers = std::iter::once(&new.current).chain(new.caller_pins.values()).chain(new.hook_pins.values());
    let numbers: std::collections::BTreeSet<&Version> = numbers.collect();
    numbers.into_iter().filter_map(|number| new.versions.get(number))
}

/// `new` where its versions are `ready`, else as `old` had it. Switches, listed
/// versions and whatever needs no load follow `new` at once.
pub(crate) fn held(old: &Entry, new: &Entry, ready: impl Fn(&ServedVersion) -> bool) -> Entry {
    let is_ready = |number: &Version| new.versions.get(number).is_none_or(|version| ready(version));
    let mut entry = new.clone();
    if !is_ready(&new.current) {
        entry.current = old.current;
    }
    entry.caller_pins = pins(&old.caller_pins, &new.caller_pins, is_ready);
    entry.hook_pins = pins(&old.hook_pins, &new.hook_pins, is_ready);
    for number in std::iter::once(entry.current).chain(entry.caller_pins.values().copied()).chain(entry.hook_pins.values().copied()) {
        // A version that only the old state listed goes on until its successor is there.
        if let (false, Some(version)) = (entry.versions.contains_key(&number), old.versions.get(&number)) {
            entry.versions.insert(number, Arc::clone(version));
        }
    }
    entry
}

fn pins(old: &BTreeMap<CallLabel, Version>, new: &BTreeMap<CallLabel, Version>, is_ready: impl Fn(&Version) -> bool) -> BTreeMap<CallLabel, Version> {
    let pin = |(label, number): (&CallLabel, &Version)| {
        let number = if is_ready(number) { Some(number) } else { old.get(label) };
        Some((label.clone(), *number?))
    };
    new.iter().filter_map(pin).collect()
}
