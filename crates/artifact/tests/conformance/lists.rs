//! Lists: order, pages, folders.

use std::collections::BTreeSet;

use bytes::Bytes;
use extensions_artifact::{Cursor, Key, Prefix, Row, Store};
use extensions_types::{Environment, ExtensionId, TenantId};
use futures_util::TryStreamExt as _;
use object_store::{ObjectStoreExt as _, path::Path};

use crate::place::{Kind, Place, create, of, on_each, tenant, version};

on_each!(
    rows_come_in_order_whatever_the_page,
    a_folder_lists_its_own_only,
    a_list_goes_on_after_any_key,
    rows_tell_what_a_get_would,
    foreign_objects_are_counted_only,
    folders_are_named_in_order,
    what_is_gone_is_not_listed,
    siblings_with_more_than_a_page_hide_nothing,
);

/// Neighbours whose order differs with and without the slash, two environments, both histories.
fn keys() -> Vec<Key> {
    let mut keys = Vec::new();
    for of in [of("acme", "vat"), of("acme", "vat-two"), of("acme", "vat0"), of("acme-two", "vat"), of("acme0", "vat"), of("0", "0")] {
        keys.extend((1..=3).map(|seq| of.event(seq)));
        keys.extend([1, 2, 10].map(|number| of.component(version(number))));
        keys.extend([of.head(), of.source(version(1)), of.definition(version(1))]);
        keys.extend([of.entry(Environment::Dev), of.entry(Environment::Prod), of.pending(Environment::Dev, 4)]);
    }
    keys.extend([Key::ControlState { env: Environment::Dev }, Key::ControlEvent { env: Environment::Dev, seq: 1 }, Key::Clock]);
    keys
}

/// Tells the first difference only: lists are long.
#[track_caller]
fn same<'a>(listed: impl IntoIterator<Item = &'a Key>, wanted: impl IntoIterator<Item = &'a Key>, what: impl std::fmt::Display) {
    let (mut listed, mut wanted, mut before) = (listed.into_iter(), wanted.into_iter(), "the beginning".to_owned());
    loop {
        let (got, want) = (listed.next(), wanted.next());
        assert_eq!(got.map(Key::path), want.map(Key::path), "{what}, after {before}");
        match got {
            Some(key) => before = key.path(),
            None => return,
        }
    }
}

async fn fill(store: &Store) -> Vec<Key> {
    let mut keys = keys();
    for key in &keys {
        create(store, key, key.path()).await;
    }
    keys.sort_by_key(Key::path);
    keys
}

async fn all(store: &Store, prefix: &Prefix, limit: usize) -> Vec<Row> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = store.page(prefix, after.as_ref(), limit).await.unwrap();
        assert!(page.rows.len() <= limit);
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

async fn rows_come_in_order_whatever_the_page(place: &Place) {
    let keys = fill(&place.store).await;
    for limit in [1, 2, 7, 1_000] {
        let listed: Vec<_> = all(&place.store, &Prefix::All, limit).await.into_iter().map(|row| row.key).collect();
        same(&listed, &keys, format_args!("pages of {limit}"));
    }
    let streamed: Vec<Row> = place.store.list(&Prefix::All, None).try_collect().await.unwrap();
    same(streamed.iter().map(|row| &row.key), &keys, "streamed");
}

async fn a_folder_lists_its_own_only(place: &Place) {
    let keys = fill(&place.store).await;
    let acme = of("acme", "vat");
    let prefixes = [
        Prefix::Tenant(tenant("acme")),
        Prefix::Extension(acme.clone()),
        Prefix::Events(acme.clone()),
        Prefix::Sources(acme.clone()),
        Prefix::Entries(Environment::Dev),
        Prefix::EntriesOf(Environment::Dev, tenant("acme")),
        Prefix::PendingOfTenant(Environment::Dev, tenant("acme")),
        Prefix::PendingOf(Environment::Dev, acme),
        Prefix::ControlEvents(Environment::Dev),
        Prefix::Entries(Environment::Staging),
        Prefix::Tenant(tenant("nobody")),
    ];
    for prefix in prefixes {
        let wanted: Vec<_> = keys.iter().filter(|key| key.path().starts_with(&prefix.path())).cloned().collect();
        let listed: Vec<_> = all(&place.store, &prefix, 3).await.into_iter().map(|row| row.key).collect();
        same(&listed, &wanted, prefix);
    }
}

async fn a_list_goes_on_after_any_key(place: &Place) {
    let keys = fill(&place.store).await;
    for (at, key) in keys.iter().enumerate() {
        let page = place.store.page(&Prefix::All, Some(&Cursor::from(key)), 2).await.unwrap();
        let listed: Vec<_> = page.rows.into_iter().map(|row| row.key).collect();
        same(&listed, keys.iter().skip(at + 1).take(2), format_args!("after {key}"));
        assert_eq!(page.next.is_some(), at + 3 < keys.len(), "after {key}");
    }
    // Also after one that is not there.
    let events = of("acme", "vat");
    let after = Cursor::from(&events.event(0));
    assert_eq!(place.store.page(&Prefix::Events(events), Some(&after), 10).await.unwrap().rows.len(), 3);
}

async fn rows_tell_what_a_get_would(place: &Place) {
    fill(&place.store).await;
    for row in all(&place.store, &Prefix::All, 1_000).await {
        let object = place.store.get(&row.key).await.unwrap().unwrap();
        assert_eq!((row.etag.clone(), row.bytes), (object.etag, object.bytes.len() as u64), "{}", row.key);
        let head = place.store.head(&row.key).await.unwrap().unwrap();
        // S3 tells the second in a header, the millisecond in a list.
        assert_eq!(head.modified_ms / 1_000, row.modified_ms / 1_000);
        assert_eq!(Row { modified_ms: row.modified_ms, ..head }, row);
    }
}

async fn foreign_objects_are_counted_only(place: &Place) {
    let keys = fill(&place.store).await;
    let root = if place.kind == Kind::FolderOfBucket { "platform/one/" } else { "" };
    let foreign = ["README.md", "acme/vat/notes.txt", "acme/vat/events/1.json", "_env/test/control/state.json", "zz/zz/zz.zz"];
    let mut backend = None;
    let _ = place.store.through(|inner| backend.insert(inner).clone());
    for path in foreign {
        backend.as_ref().unwrap().put(&Path::from(format!("{root}{path}")), Bytes::from_static(b"x").into()).await.unwrap();
    }
    let page = place.store.page(&Prefix::All, None, 1_000).await.unwrap();
    assert_eq!((page.foreign, page.next), (foreign.len() as u64, None));
    // Also where a page ends with one, or holds nothing else.
    for limit in [1, 2] {
        let listed: Vec<_> = all(&place.store, &Prefix::All, limit).await.into_iter().map(|row| row.key).collect();
        same(&listed, &keys, format_args!("pages of {limit}"));
    }
}

async fn folders_are_named_in_order(place: &Place) {
    fill(&place.store).await;
    for limit in [1, 2, 1_000] {
        let (mut tenants, mut after): (Vec<TenantId>, _) = (Vec::new(), None);
        loop {
            let page = place.store.tenants(after.as_ref(), limit).await.unwrap();
            assert!(page.names.len() <= limit && (!page.more || !page.names.is_empty()));
            after = page.names.last().cloned();
            tenants.extend(page.names);
            if !page.more {
                break;
            }
        }
        assert_eq!(tenants.iter().map(TenantId::as_str).collect::<Vec<_>>(), ["0", "acme-two", "acme", "acme0"], "pages of {limit}");
        let (mut extensions, mut after): (Vec<ExtensionId>, _) = (Vec::new(), None);
        loop {
            let page = place.store.extensions(&tenant("acme"), after.as_ref(), limit).await.unwrap();
            after = page.names.last().cloned();
            extensions.extend(page.names);
            if !page.more {
                break;
            }
        }
        assert_eq!(extensions.iter().map(ExtensionId::as_str).collect::<Vec<_>>(), ["vat-two", "vat", "vat0"], "pages of {limit}");
    }
    assert!(place.store.extensions(&tenant("nobody"), None, 10).await.unwrap().names.is_empty());
}

async fn what_is_gone_is_not_listed(place: &Place) {
    let keys = fill(&place.store).await;
    let gone: BTreeSet<_> = keys.iter().filter(|key| key.tenant().is_some_and(|tenant| tenant.as_str() == "acme")).cloned().collect();
    for key in &gone {
        place.store.delete(key).await.unwrap();
    }
    let listed: Vec<_> = all(&place.store, &Prefix::All, 1_000).await.into_iter().map(|row| row.key).collect();
    same(&listed, keys.iter().filter(|key| !gone.contains(key)), "what is left");
    let tenants = place.store.tenants(None, 10).await.unwrap().names;
    assert!(!tenants.contains(&tenant("acme")), "{tenants:?}");
}

/// MinIO ends such a list early: `acme-…/` lies between `acme` and `acme/`.
async fn siblings_with_more_than_a_page_hide_nothing(place: &Place) {
    let mut keys: Vec<Key> = (0..12).map(|number| of(&format!("acme-{number}"), "vat").entry(Environment::Dev)).collect();
    keys.extend((0..4).map(|number| of("acme", &format!("vat{number}")).entry(Environment::Dev)));
    keys.push(of("zeta", "vat").entry(Environment::Dev));
    for key in &keys {
        create(&place.store, key, "{}").await;
    }
    keys.sort_by_key(Key::path);
    for limit in [1, 2, 3, 5, 8] {
        let listed: Vec<_> = all(&place.store, &Prefix::Entries(Environment::Dev), limit).await.into_iter().map(|row| row.key).collect();
        same(&listed, &keys, format_args!("pages of {limit}"));
    }
}
