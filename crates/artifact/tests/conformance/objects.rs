//! Single objects.

use std::collections::HashSet;

use bytes::Bytes;
use extensions_artifact::{Created, Key, StoreError, Swapped};
use object_store::{ObjectStoreExt as _, path::Path};

use crate::place::{Kind, Place, create, of, on_each, swap, text, version};

on_each!(
    what_is_not_there_is_none,
    one_create_wins,
    a_swap_goes_over_what_was_read_only,
    a_put_goes_over_anything,
    a_removal_is_done_once_and_again,
    an_etag_names_one_content,
    sizes_are_bounded_both_ways,
    large_and_empty_objects_come_back_whole,
);

async fn what_is_not_there_is_none(place: &Place) {
    let key = of("acme", "vat").head();
    assert_eq!(place.store.get(&key).await.unwrap(), None);
    assert_eq!(place.store.head(&key).await.unwrap(), None);
    // A folder is no object, and an object no folder.
    create(&place.store, &of("acme", "vat").event(1), "{}").await;
    assert_eq!(place.store.get(&key).await.unwrap(), None);
    place.store.probe().await.unwrap();
}

async fn one_create_wins(place: &Place) {
    let key = of("acme", "vat").event(1);
    create(&place.store, &key, "first").await;
    assert_eq!(place.store.create(&key, "second".into()).await.unwrap(), Created::Exists);
    assert_eq!(text(&place.store, &key).await.unwrap(), "first");
}

async fn a_swap_goes_over_what_was_read_only(place: &Place) {
    let key = of("acme", "vat").head();
    let first = create(&place.store, &key, "one").await;
    let second = swap(&place.store, &key, "two", &first).await;
    assert_eq!(place.store.swap(&key, "three".into(), &first).await.unwrap(), Swapped::Changed);
    assert_eq!(text(&place.store, &key).await.unwrap(), "two");
    place.store.delete(&key).await.unwrap();
    assert_eq!(place.store.swap(&key, "four".into(), &second).await.unwrap(), Swapped::Changed, "what is gone has changed");
    assert_eq!(text(&place.store, &key).await, None);
}

async fn a_put_goes_over_anything(place: &Place) {
    let key = of("acme", "vat").pending(extensions_types::Environment::Dev, 1);
    let first = place.store.put(&key, "one".into()).await.unwrap();
    let second = place.store.put(&key, "two".into()).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(text(&place.store, &key).await.unwrap(), "two");
    swap(&place.store, &key, "three", &second).await;
}

async fn a_removal_is_done_once_and_again(place: &Place) {
    let key = of("acme", "vat").pending(extensions_types::Environment::Dev, 1);
    place.store.delete(&key).await.unwrap();
    place.store.put(&key, "one".into()).await.unwrap();
    place.store.delete(&key).await.unwrap();
    place.store.delete(&key).await.unwrap();
    assert_eq!(text(&place.store, &key).await, None);
    create(&place.store, &key, "again").await;
}

/// Contents of one size written as fast as it goes: times and inodes repeat, etags must not.
async fn an_etag_names_one_content(place: &Place) {
    let key = of("acme", "vat").head();
    let mut etag = create(&place.store, &key, "0000").await;
    let mut seen = HashSet::from([etag.clone()]);
    for round in 1..150 {
        let before = etag.clone();
        etag = swap(&place.store, &key, format!("{round:04}"), &before).await;
        assert!(seen.insert(etag.clone()), "round {round} has an etag of an earlier content");
        assert_eq!(place.store.swap(&key, "lost".into(), &before).await.unwrap(), Swapped::Changed);
    }
    let object = place.store.get(&key).await.unwrap().unwrap();
    let row = place.store.head(&key).await.unwrap().unwrap();
    assert_eq!((object.etag, row.etag.clone(), row.bytes), (etag.clone(), etag, 4));
    assert!(row.modified_ms > 1_600_000_000_000, "{}", row.modified_ms);
}

async fn sizes_are_bounded_both_ways(place: &Place) {
    let key = of("acme", "vat").event(1);
    let large = Bytes::from(vec![b'x'; usize::try_from(key.bytes_max()).unwrap() + 1]);
    for refused in [place.store.create(&key, large.clone()).await.map(drop), place.store.put(&key, large.clone()).await.map(drop)] {
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
    }
    assert_eq!(place.store.head(&key).await.unwrap(), None, "nothing was written");
    // Somebody else puts it there.
    let root = if place.kind == Kind::FolderOfBucket { "platform/one/" } else { "" };
    let mut backend = None;
    let _ = place.store.through(|inner| backend.insert(inner).clone());
    backend.unwrap().put(&Path::from(format!("{root}{}", key.path())), large.into()).await.unwrap();
    let refused = place.store.get(&key).await;
    assert!(matches!(&refused, Err(StoreError::TooLarge { bytes, max, .. }) if *bytes == *max + 1), "{refused:?}");
}

async fn large_and_empty_objects_come_back_whole(place: &Place) {
    let key = of("acme", "vat").source(version(1));
    let large: Bytes = (0..key.bytes_max()).map(|at| (at % 251) as u8).collect();
    create(&place.store, &key, large.clone()).await;
    assert!(place.store.get(&key).await.unwrap().unwrap().bytes == large);
    let empty = Key::Clock;
    place.store.put(&empty, Bytes::new()).await.unwrap();
    assert!(place.store.get(&empty).await.unwrap().unwrap().bytes.is_empty());
}
