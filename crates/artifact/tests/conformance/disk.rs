//! A folder's own troubles: no space, a lock that is not given back, no folder.

use std::{env, fs, process::Command};

use bytes::Bytes;
use extensions_artifact::{Created, SettingsError, Store, StoreError, StoreSettings, Timing};

use crate::{
    place::{Kind, Place, create, of, swap, text, version},
    rival::{Rival, say},
};

/// Role: fills a disk of one mebibyte.
pub(crate) async fn fill(store: &Store) {
    let of = of("acme", "fill");
    let kept = create(store, &of.head(), "kept").await;
    let block = Bytes::from(vec![b'x'; 100 * 1024]);
    let mut filled = 0;
    let full = loop {
        match store.create(&of.component(version(filled + 1)), block.clone()).await {
            Ok(created) => assert!(matches!(created, Created::New(_))),
            Err(error) => break error,
        }
        filled += 1;
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    assert!((5..=10).contains(&filled), "{filled}");
    let full = store.swap(&of.head(), block.clone(), &kept).await;
    assert!(matches!(full, Err(StoreError::Full { .. })), "{full:?}");
    // Nothing was changed, nothing is left over, and with space again it goes on.
    assert_eq!(text(store, &of.head()).await.unwrap(), "kept");
    assert_eq!(store.head(&of.component(version(filled + 1))).await.unwrap(), None);
    assert_eq!(store.sweep_staged(true).await.unwrap().files, 0);
    store.delete(&of.component(version(1))).await.unwrap();
    swap(store, &of.head(), block, &kept).await;
    say!("went on after {filled}");
}

#[tokio::test]
async fn a_full_disk_is_named_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("disk");
    fs::create_dir(&mount).unwrap();
    // A disk of its own, in a mount namespace of its own: gone with the process.
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "/bin/sh", "-c"]);
    command.args([r#"mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@""#, mount.to_str().unwrap()]).arg(env::current_exe().unwrap());
    let settings = format!("dir = {:?}\n", mount.join("store"));
    let mut rival = Rival::start_with(command, "fill", &settings, 0);
    rival.go();
    let said = rival.finish();
    assert!(said.last().is_some_and(|line| line.starts_with("went on after")), "{said:?}");
}

#[tokio::test]
async fn a_lock_that_is_not_given_back_is_no_endless_wait() {
    let place = Place::new(Kind::Folder);
    let of = of("acme", "vat");
    let etag = create(&place.store, &of.head(), "one").await;
    swap(&place.store, &of.head(), "two", &etag).await;
    let etag = place.store.get(&of.head()).await.unwrap().unwrap().etag;
    let locks = place.folder.as_ref().unwrap().path().join("store/.locks");
    let held: Vec<_> = fs::read_dir(locks).unwrap().map(|entry| fs::File::open(entry.unwrap().path()).unwrap()).collect();
    held.iter().for_each(|file| file.lock().unwrap());
    let store = place.store.clone().with_timing(Timing { tries: 1, ..Timing::default() });
    let waited = store.swap(&of.head(), "three".into(), &etag).await;
    assert!(matches!(&waited, Err(error @ StoreError::Unavailable { .. }) if !error.is_undecided()), "{waited:?}");
    assert_eq!(text(&store, &of.head()).await.unwrap(), "two");
    drop(held);
    swap(&store, &of.head(), "three", &etag).await;
}

#[test]
fn a_place_that_is_no_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = Store::open(&StoreSettings::local(&file));
    assert!(matches!(&refused, Err(SettingsError::File { .. })), "{refused:?}");
    for text in ["", "dir = 'a'\ns3 = { bucket = 'abc' }"] {
        let refused = Store::open(&toml::from_str(text).unwrap());
        assert!(matches!(&refused, Err(SettingsError::OnePlace)), "{refused:?}");
    }
    assert!(toml::from_str::<StoreSettings>("dirr = 'a'").is_err());
}

#[tokio::test]
async fn a_tenant_that_is_gone_leaves_no_name() {
    let place = Place::new(Kind::Folder);
    let of = of("acme", "vat");
    let keys = [of.event(1), of.source(version(1)), of.entry(extensions_types::Environment::Dev), of.pending(extensions_types::Environment::Dev, 1)];
    for key in &keys {
        create(&place.store, key, "{}").await;
    }
    for key in &keys {
        place.store.delete(key).await.unwrap();
    }
    let mut left = vec![place.folder.as_ref().unwrap().path().join("store")];
    while let Some(folder) = left.pop() {
        assert!(!folder.ends_with("acme"), "{}", folder.display());
        left.extend(fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()));
    }
}

#[tokio::test]
async fn two_stores_know_whether_they_are_one_place() {
    let (one, other) = (Place::new(Kind::Folder), Place::new(Kind::Folder));
    assert!(one.store.same_as(&crate::place::open(&one.settings)) && !one.store.same_as(&other.store));
}
