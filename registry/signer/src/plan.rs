//! What is compiled next. Pure.
//!
//! What was promoted a moment ago goes first, since hosts are about to load it;
//! then what every call of prod meets, and so on down; tenants take turns.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use extensions_artifact::Key;
use extensions_types::{Environment, ExtensionId, Sha256, TenantId, Version};

use crate::index::{Role, Used};

/// How hot something is; the smallest first.
type Heat = (Reverse<bool>, Role, u8);

/// A component that is served somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) component: Sha256,
    /// Every place where its bytes lie.
    pub(crate) sources: Vec<(Environment, Key)>,
    /// One of those who serve it, for people.
    pub(crate) tenant: TenantId,
    pub(crate) extension: ExtensionId,
    pub(crate) version: Version,
    heat: Heat,
}

/// Work on one component for one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) wanted: Wanted,
    /// Which engine, by its place in the list of all.
    pub(crate) engine: usize,
    /// The shelves that lack its code.
    pub(crate) missing: Vec<usize>,
}

/// Each component once, the hottest first, tenants in turn.
pub(crate) fn wanted<'i>(uses: impl Iterator<Item = Used<'i>>) -> Vec<Wanted> {
    let mut all: BTreeMap<Sha256, Wanted> = BTreeMap::new();
    for one in uses {
        let heat = (Reverse(one.fresh), one.used.role, rank(one.env));
        let source = (one.env, one.used.blob.clone());
        let new = || Wanted {
            component: one.used.component,
            sources: Vec::new(),
            tenant: one.of.tenant.clone(),
            extension: one.of.extension.clone(),
            version: one.used.version,
            heat,
        };
        let known = all.entry(one.used.component).or_insert_with(new);
        if heat < known.heat {
            *known = Wanted { sources: std::mem::take(&mut known.sources), ..new() };
        }
        if !known.sources.contains(&source) {
            known.sources.push(source);
        }
    }
    in_turns(all.into_values().collect())
}

/// Of equally hot components, each tenant's first before any tenant's second.
fn in_turns(mut all: Vec<Wanted>) -> Vec<Wanted> {
    all.sort_by_key(|one| one.heat);
    let mut seen: HashMap<(Heat, TenantId), usize> = HashMap::new();
    let mut turns: Vec<(Heat, usize, Wanted)> = all
        .into_iter()
        .map(|one| {
            let turn = seen.entry((one.heat, one.tenant.clone())).or_default();
            *turn += 1;
            (one.heat, *turn, one)
        })
        .collect();
    turns.sort_by_key(|(heat, turn, _)| (*heat, *turn));
    turns.into_iter().map(|(_, _, one)| one).collect()
}

fn rank(env: Environment) -> u8 {
    match env {
        Environment::Prod => 0,
        Environment::Staging => 1,
        Environment::Dev => 2,
    }
}

/// What lacks code: for each component in its order, each engine. `lacks(engine, shelf, component)`
/// is whether it is missing there, `skip` what is not tried now.
pub(crate) fn jobs(
    wanted: &[Wanted],
    engines: usize,
    shelves: usize,
    lacks: impl Fn(usize, usize, &Sha256) -> bool,
    skip: impl Fn(usize, &Sha256) -> bool,
    most: usize,
) -> Vec<Job> {
    let each = wanted.iter().flat_map(|wanted| (0..engines).map(move |engine| (wanted, engine)));
    let lacking = each.filter_map(|(wanted, engine)| {
        let missing: Vec<_> = (0..shelves).filter(|&shelf| lacks(engine, shelf, &wanted.component)).collect();
        let job = || Job { wanted: wanted.clone(), engine, missing: missing.clone() };
        (!missing.is_empty() && !skip(engine, &wanted.component)).then(job)
    });
    lacking.take(most).collect()
}

#[cfg(test)]
mod tests {
    use extensions_artifact::Owned;

    use super::*;
    use crate::index::Use;

    struct Entry(Environment, Owned, Use, bool);

    fn entry(env: Environment, tenant: &str, byte: u8, role: Role, fresh: bool) -> Entry {
        let of = Owned::new(TenantId::parse(tenant).unwrap(), ExtensionId::parse("x").unwrap());
        let version = Version::new(byte.into()).unwrap();
        let used = Use { component: Sha256::new([byte; 32]), blob: of.component(version), version, role };
        Entry(env, of, used, fresh)
    }

    fn order(entries: &[Entry]) -> Vec<u8> {
        let uses = entries.iter().map(|Entry(env, of, used, fresh)| Used { env: *env, of, used, fresh: *fresh });
        wanted(uses).iter().map(|one| one.component.as_bytes()[0]).collect()
    }

    #[test]
    fn the_hottest_go_first() {
        let entries = [
            entry(Environment::Dev, "a", 6, Role::Disabled, false),
            entry(Environment::Dev, "a", 5, Role::LastGood, false),
            entry(Environment::Prod, "a", 4, Role::Pinned, false),
            entry(Environment::Dev, "a", 3, Role::Current, false),
            entry(Environment::Prod, "a", 2, Role::Current, false),
            entry(Environment::Dev, "a", 1, Role::Current, true),
        ];
        assert_eq!(order(&entries), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn tenants_take_turns() {
        let mut entries: Vec<_> = (1..5).map(|byte| entry(Environment::Prod, "a", byte, Role::Current, false)).collect();
        entries.push(entry(Environment::Prod, "b", 9, Role::Current, false));
        assert_eq!(order(&entries)[..2], [1, 9]);
    }

    #[test]
    fn a_component_counts_once_as_its_hottest_use_from_every_place() {
        let entries = [entry(Environment::Dev, "a", 1, Role::LastGood, false), entry(Environment::Prod, "b", 1, Role::Current, false)];
        let uses = entries.iter().map(|Entry(env, of, used, fresh)| Used { env: *env, of, used, fresh: *fresh });
        let all = wanted(uses);
        assert_eq!((all.len(), all[0].tenant.as_str(), all[0].sources.len()), (1, "b", 2));
    }

    #[test]
    fn jobs_are_what_some_shelf_lacks() {
        let entries = [entry(Environment::Dev, "a", 1, Role::Current, false), entry(Environment::Dev, "a", 2, Role::Current, false)];
        let uses = entries.iter().map(|Entry(env, of, used, fresh)| Used { env: *env, of, used, fresh: *fresh });
        let all = wanted(uses);
        let lacks = |engine, shelf, component: &Sha256| engine != 0 || shelf != 0 || component.as_bytes()[0] != 1;
        let planned: Vec<_> =
            jobs(&all, 2, 2, lacks, |_, _| false, 10).into_iter().map(|job| (job.wanted.component.as_bytes()[0], job.engine, job.missing)).collect();
        assert_eq!(planned, [(1, 0, vec![1]), (1, 1, vec![0, 1]), (2, 0, vec![0, 1]), (2, 1, vec![0, 1])]);
        assert_eq!(jobs(&all, 2, 2, lacks, |engine, _| engine == 0, 1).len(), 1);
        assert!(jobs(&all, 1, 1, lacks, |_, component| component.as_bytes()[0] == 2, 10).is_empty());
    }
}
