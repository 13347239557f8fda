//! Properties of the layout over every kind of key.

use extensions_types::{Environment, ExtensionId, Sha256, TenantId, Version};
use proptest::prelude::*;

use super::*;

fn tenant() -> impl Strategy<Value = TenantId> {
    // Words of the layout too: they are ids like any other, only in other places.
    let text = prop_oneof!["[a-z0-9]([a-z0-9-]{0,41}[a-z0-9])?", Just("events".to_owned()), Just("env".to_owned()), Just("head".to_owned())];
    text.prop_map(|text| TenantId::parse(&text).unwrap())
}

fn owned() -> impl Strategy<Value = Owned> {
    let text = prop_oneof!["[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", Just("source".to_owned()), Just("control".to_owned()), Just("1".to_owned())];
    (tenant(), text.prop_map(|text| ExtensionId::parse(&text).unwrap())).prop_map(|(tenant, extension)| Owned::new(tenant, extension))
}

fn env() -> impl Strategy<Value = Environment> {
    proptest::sample::select(Environment::ALL)
}

fn version() -> impl Strategy<Value = Version> {
    (1u64..).prop_map(|number| Version::new(number).unwrap())
}

fn digest() -> impl Strategy<Value = Sha256> {
    any::<[u8; 32]>().prop_map(Sha256::new)
}

/// Every kind of key.
pub(crate) fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        (owned(), any::<u64>()).prop_map(|(of, seq)| Key::Event { of, seq }),
        owned().prop_map(|of| Key::Head { of }),
        (owned(), version()).prop_map(|(of, version)| Key::Component { of, version }),
        (owned(), version()).prop_map(|(of, version)| Key::Definition { of, version }),
        (owned(), version()).prop_map(|(of, version)| Key::Source { of, version }),
        (env(), any::<u64>()).prop_map(|(env, seq)| Key::ControlEvent { env, seq }),
        env().prop_map(|env| Key::ControlState { env }),
        (env(), owned()).prop_map(|(env, of)| Key::Entry { env, of }),
        (env(), owned(), any::<u64>()).prop_map(|(env, of, seq)| Key::Pending { env, of, seq }),
        (owned(), version()).prop_map(|(of, version)| Key::Compile { of, version }),
        tenant().prop_map(|tenant| Key::Erased { tenant }),
        (digest(), digest()).prop_map(|(compat, component)| Key::Precompiled { compat, component }),
        digest().prop_map(|compat| Key::Signer { compat }),
        Just(Key::Clock),
        any::<u64>().prop_map(|run| Key::GcRun { run }),
        any::<u64>().prop_map(|run| Key::BackupRun { run }),
        (any::<u64>(), tenant()).prop_map(|(run, tenant)| Key::BackupTenant { run, tenant }),
        any::<u64>().prop_map(|generation| Key::BackupGeneration { generation }),
        (any::<u64>(), owned(), any::<u64>()).prop_map(|(generation, of, seq)| Key::BackupLost { generation, of, seq }),
    ]
}

/// Paths that look like ours.
fn near_path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        proptest::sample::select(vec![
            "_env",
            "_backup",
            "_upkeep",
            "runs",
            "lost",
            "_pending",
            "_compile",
            "_erased",
            "_aot",
            "signer.json",
            "events",
            "source",
            "control",
            "entries",
            "dev",
            "prod",
            "head.json",
            "state.json",
            "..",
            ""
        ])
        .prop_map(str::to_owned),
        "[a-z0-9_.-]{0,8}",
        "[0-9]{19,21}\\.json",
        "(0|1|01|18446744073709551616)\\.(wasm|json|tar\\.zst)",
    ];
    proptest::collection::vec(part, 0..7).prop_map(|parts| parts.join("/"))
}

/// The folders that list `key`, besides everything.
fn folders(key: &Key) -> Vec<Prefix> {
    match key.clone() {
        Key::Event { of, .. } => vec![Prefix::Tenant(of.tenant.clone()), Prefix::Extension(of.clone()), Prefix::Events(of)],
        Key::Source { of, .. } => vec![Prefix::Tenant(of.tenant.clone()), Prefix::Extension(of.clone()), Prefix::Sources(of)],
        Key::Head { of } | Key::Component { of, .. } | Key::Definition { of, .. } => vec![Prefix::Tenant(of.tenant.clone()), Prefix::Extension(of)],
        Key::ControlEvent { env, .. } => vec![Prefix::ControlEvents(env)],
        Key::ControlState { .. } => vec![],
        Key::Entry { env, of } => vec![Prefix::Entries(env), Prefix::EntriesOf(env, of.tenant)],
        Key::Pending { env, of, .. } => {
            vec![Prefix::Pending, Prefix::PendingIn(env), Prefix::PendingOfTenant(env, of.tenant.clone()), Prefix::PendingOf(env, of)]
        }
        Key::Compile { of, .. } => vec![Prefix::Compiles, Prefix::CompilesOf(of.tenant)],
        Key::Clock => vec![],
        Key::GcRun { .. } => vec![Prefix::GcRuns],
        Key::BackupRun { run } | Key::BackupTenant { run, .. } => vec![Prefix::BackupRuns, Prefix::BackupRun(run)],
        Key::BackupGeneration { .. } => vec![Prefix::BackupGenerations],
        Key::BackupLost { generation, .. } => vec![Prefix::BackupLost(generation)],
        Key::Erased { .. } => vec![Prefix::Erased],
        Key::Precompiled { compat, .. } | Key::Signer { compat } => vec![Prefix::Precompiled, Prefix::PrecompiledFor(compat)],
    }
}

proptest! {
    #[test]
    fn parse_is_the_inverse_of_path(key in key()) {
        prop_assert_eq!(Key::parse(&key.path()), Some(key));
    }

    #[test]
    fn what_parses_prints_as_it_was(path in near_path()) {
        if let Some(key) = Key::parse(&path) {
            prop_assert_eq!(key.path(), path);
        }
    }

    #[test]
    fn any_text_parses_to_its_own_key_or_none(path in any::<String>()) {
        prop_assert!(Key::parse(&path).is_none_or(|key| key.path() == path));
    }

    #[test]
    fn two_keys_have_two_paths(one in key(), other in key()) {
        prop_assert_eq!(one == other, one.path() == other.path());
    }

    #[test]
    fn no_key_is_a_folder_of_another(one in key(), other in key()) {
        let folder = format!("{}/", one.path());
        prop_assert!(!other.path().starts_with(&folder));
    }

    #[test]
    fn an_id_is_never_a_sibling_of_a_fixed_name(key in key()) {
        let path = key.path();
        let top = path.split('/').next().unwrap();
        let fixed = top.starts_with('_');
        prop_assert_eq!(fixed, TenantId::parse(top).is_err());
        prop_assert_eq!(!fixed, matches!(key, Key::Event { .. } | Key::Head { .. } | Key::Component { .. } | Key::Definition { .. } | Key::Source { .. }));
        // Under an extension: a fixed name, or a number with an ending that no id has.
        if !fixed {
            let third = path.split('/').nth(2).unwrap();
            prop_assert!(third == "events" || third == "source" || third == "head.json" || third.ends_with(".wasm") || third.ends_with(".json"));
        }
    }

    #[test]
    fn a_tenant_names_only_its_own(key in key(), other in tenant()) {
        let path = key.path();
        prop_assume!(key.tenant() != Some(&other));
        prop_assert!(!path.starts_with(&Prefix::Tenant(other.clone()).path()));
        prop_assert!(!path.starts_with(&Prefix::CompilesOf(other.clone()).path()));
        for &env in Environment::ALL {
            prop_assert!(!path.starts_with(&Prefix::EntriesOf(env, other.clone()).path()));
        }
    }

    #[test]
    fn folders_list_their_keys(key in key(), other in key()) {
        for folder in folders(&key) {
            prop_assert!(key.path().starts_with(&folder.path()));
            prop_assert_eq!(other.path().starts_with(&folder.path()), folders(&other).contains(&folder));
        }
    }

    #[test]
    fn events_sort_by_number(of in owned(), one in any::<u64>(), other in any::<u64>()) {
        prop_assert_eq!(of.event(one).path().cmp(&of.event(other).path()), one.cmp(&other));
    }

    #[test]
    fn a_path_fits_every_backend(key in key()) {
        let path = key.path();
        // S3 takes 1,024 bytes, file systems 255 a part; `..` and empty parts would leave the folder.
        prop_assert!(path.len() <= 256 && path.is_ascii());
        prop_assert!(path.split('/').all(|part| !part.is_empty() && part.len() <= 128 && part != "." && part != ".."));
        prop_assert!(path.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/._-".contains(&byte)));
    }
}

#[test]
fn the_layout_is_as_documented() {
    let of = Owned::new(TenantId::parse("acme").unwrap(), ExtensionId::parse("vat").unwrap());
    let version = Version::new(7).unwrap();
    let digest = Sha256::new([0xab; 32]);
    let keys = [
        (of.event(12), "acme/vat/events/00000000000000000012.json".to_owned()),
        (of.head(), "acme/vat/head.json".to_owned()),
        (of.component(version), "acme/vat/7.wasm".to_owned()),
        (of.definition(version), "acme/vat/7.json".to_owned()),
        (of.source(version), "acme/vat/source/7.tar.zst".to_owned()),
        (Key::ControlEvent { env: Environment::Prod, seq: u64::MAX }, "_env/prod/control/events/18446744073709551615.json".to_owned()),
        (Key::ControlState { env: Environment::Prod }, "_env/prod/control/state.json".to_owned()),
        (of.entry(Environment::Dev), "_env/dev/entries/acme/vat.json".to_owned()),
        (of.pending(Environment::Staging, 3), "_pending/staging/acme/vat/00000000000000000003".to_owned()),
        (of.compile(version), "_compile/acme/vat/7".to_owned()),
        (Key::Erased { tenant: of.tenant.clone() }, "_erased/acme.json".to_owned()),
        (Key::Precompiled { compat: digest, component: digest }, format!("_aot/{digest}/{digest}.cwasm")),
        (Key::Signer { compat: digest }, format!("_aot/{digest}/signer.json")),
        (Key::Clock, "_upkeep/clock".to_owned()),
        (Key::GcRun { run: 7 }, "_upkeep/gc/00000000000000000007.json".to_owned()),
        (Key::BackupRun { run: 3 }, "_backup/runs/00000000000000000003/manifest.json".to_owned()),
        (Key::BackupTenant { run: 3, tenant: of.tenant.clone() }, "_backup/runs/00000000000000000003/tenants/acme.json".to_owned()),
        (Key::BackupGeneration { generation: 4 }, "_backup/generations/00000000000000000004.json".to_owned()),
        (
            Key::BackupLost { generation: 4, of: of.clone(), seq: 12 },
            "_backup/lost/00000000000000000004/acme/vat/00000000000000000012.json".to_owned(),
        ),
    ];
    for (key, path) in keys {
        assert_eq!(key.path(), path);
    }
}

#[test]
fn bad_paths_are_no_keys() {
    let wrong = [
        "",
        "/",
        "acme",
        "acme/vat",
        "acme/vat/",
        "/acme/vat/head.json",
        "acme//head.json",
        "../vat/head.json",
        "acme/../head.json",
        "_env/vat/head.json",
        "acme/_env/head.json",
        "Acme/vat/head.json",
        "acme/vat/head.json/",
        "acme/vat/head.json\0",
        "acme/vat/0.wasm",
        "acme/vat/07.wasm",
        "acme/vat/events/12.json",
        "acme/vat/events/000000000000000000012.json",
        "acme/vat/events/99999999999999999999.json",
        "_env/production/control/state.json",
        "_env/dev/entries/acme/vat",
        "_pending/dev/acme/vat.json",
        "_compile/acme/vat/0",
        "_compile/acme/vat/07",
        "_compile/acme/7",
        "_compile/acme/vat/7/1",
        "аcme/vat/head.json",
        "acme/vat/source/1.tar",
        "acme/vat/events/00000000000000000012.json/x",
    ];
    for path in wrong {
        assert_eq!(Key::parse(path), None, "{path}");
    }
}
