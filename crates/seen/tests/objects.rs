//! Lists of row hashes in a real bucket.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use tasador_ids::{BatchId, key};
use tasador_lake::{Lake, LakeError};
use tasador_runtime::{Config, Context};
use tasador_seen::{Hashes, Merged, Seen, merge, write};
use tasador_testing::Stores;

async fn lake() -> (Lake, Stores) {
    let stores = Stores::start().await;
    let lake = Context::new(Config::default(), &stores.sdk_config()).lake;
    lake.create_bucket().await.unwrap();
    (lake, stores)
}

fn batch(n: u128) -> BatchId {
    BatchId::of(&n.to_le_bytes())
}

fn hashes(range: std::ops::Range<u128>) -> Vec<u128> {
    // Not in order, and over the whole range of values.
    range
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
        .collect()
}

async fn find(lake: &Lake, of: u128, rows: &[u128]) -> Seen {
    let rows: Arc<Hashes> = Arc::new(rows.iter().copied().collect());
    Seen::find(lake, &batch(of), &rows).await.unwrap()
}

fn set(hashes: Vec<u128>) -> Hashes {
    hashes.into_iter().collect()
}

#[tokio::test]
async fn rows_of_other_batches_are_found_before_and_after_merging() {
    let (lake, _stores) = lake().await;
    for n in 0..20 {
        write(&lake, &batch(n), hashes(n * 100..n * 100 + 100))
            .await
            .unwrap();
    }
    let expected = Seen {
        own: None,
        elsewhere: BTreeMap::from([
            (batch(3), set(hashes(350..400))),
            (batch(4), set(hashes(400..450))),
        ]),
    };
    let rows = [hashes(350..450), hashes(10_000..10_010)].concat();
    assert_eq!(find(&lake, 99, &rows).await, expected);

    let folder = tempfile::tempdir().unwrap();
    let merged = merge(&lake, folder.path()).await.unwrap();
    assert_eq!(
        merged,
        Merged {
            objects: 20,
            into: 1
        }
    );
    assert_eq!(lake.list(key::SEEN).await.unwrap().len(), 1);
    assert_eq!(find(&lake, 99, &rows).await, expected);
    // A batch again: its own rows are told apart from those of others.
    let again = find(&lake, 3, &hashes(300..450)).await;
    assert_eq!(again.own, Some(set(hashes(300..400))));
    assert_eq!(
        again.elsewhere,
        BTreeMap::from([(batch(4), set(hashes(400..450)))])
    );
    assert_eq!(
        merge(&lake, folder.path()).await.unwrap(),
        Merged::default()
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_attempt_again_writes_the_same_and_never_something_else() {
    let (lake, _stores) = lake().await;
    write(&lake, &batch(1), vec![3, 1, 2, 3]).await.unwrap();
    write(&lake, &batch(1), vec![1, 2, 3]).await.unwrap();
    let other = write(&lake, &batch(1), vec![1, 2]).await;
    assert!(matches!(other, Err(LakeError::AlreadyExists { .. })));
    write(&lake, &batch(2), Vec::new()).await.unwrap();
    assert_eq!(find(&lake, 2, &[1]).await.own, Some(Hashes::default()));
}

#[tokio::test]
async fn a_merge_that_broke_off_before_the_deletion_is_completed() {
    let (lake, _stores) = lake().await;
    let folder = tempfile::tempdir().unwrap();
    let put = |n: u128| {
        let lake = lake.clone();
        async move {
            write(&lake, &batch(n), hashes(n * 10..n * 10 + 10))
                .await
                .unwrap()
        }
    };
    join_all((0..8).map(put)).await;
    merge(&lake, folder.path()).await.unwrap();
    // As if none had been deleted.
    join_all((0..8).map(put)).await;
    let rows = hashes(0..80);
    assert_eq!(find(&lake, 99, &rows).await.elsewhere.len(), 8);
    merge(&lake, folder.path()).await.unwrap();
    assert_eq!(lake.list(key::SEEN).await.unwrap().len(), 1);
    assert_eq!(find(&lake, 99, &rows).await.elsewhere.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_and_merges_at_the_same_time_miss_nothing() {
    let (lake, _stores) = lake().await;
    let folder = tempfile::tempdir().unwrap();
    let rows = hashes(0..400);
    for round in 0..5 {
        for n in round * 8..(round + 1) * 8 {
            write(&lake, &batch(n), hashes(n * 10..n * 10 + 10))
                .await
                .unwrap();
        }
        let merges = join_all((0..3).map(|_| merge(&lake, folder.path())));
        let searches = join_all((0..6).map(|_| find(&lake, 99, &rows)));
        let (merges, searches) = tokio::join!(merges, searches);
        for merged in merges {
            merged.unwrap();
        }
        for seen in searches {
            let found: usize = seen.elsewhere.values().map(Hashes::len).sum();
            assert_eq!(found as u128, (round + 1) * 80);
        }
    }
}

#[tokio::test]
async fn damaged_objects_are_left_out_and_discarded() {
    let (lake, _stores) = lake().await;
    let folder = tempfile::tempdir().unwrap();
    for n in 0..8 {
        write(&lake, &batch(n), hashes(n * 10..n * 10 + 10))
            .await
            .unwrap();
    }
    let whole = lake.get(&key::seen(&batch(5))).await.unwrap();
    // With the hash of the damaged bytes: only their structure tells.
    for damaged in [&whole[..whole.len() - 3], b"tsdsee", b"anything else"] {
        lake.put(&key::seen(&batch(5)), damaged.to_vec())
            .await
            .unwrap();
        let seen = find(&lake, 99, &hashes(0..80)).await;
        assert_eq!(seen.elsewhere.len(), 7);
        assert!(!seen.elsewhere.contains_key(&batch(5)));
        // It is not merged either, and the others are.
        merge(&lake, folder.path()).await.unwrap();
        assert_eq!(find(&lake, 99, &hashes(0..80)).await.elsewhere.len(), 7);
    }
    assert_eq!(
        tasador_seen::discard_damaged(&lake).await.unwrap(),
        [key::seen(&batch(5))]
    );
    assert_eq!(tasador_seen::batches(&lake).await.unwrap().len(), 7);
}
