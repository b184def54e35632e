use std::collections::HashMap;

use tasador_ids::BatchId;

use crate::fixture::registry;

/// Hashes spread over all 128 bits.
fn hashes(range: std::ops::Range<u128>) -> Vec<u128> {
    range
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_belongs_to_the_batch_that_brought_it_first() {
    let registry = registry().await;
    let (one, two) = (BatchId::of(b"one"), BatchId::of(b"two"));
    let first = hashes(0..3_017);
    assert_eq!(
        registry.rows_seen(&first, &one).await.unwrap(),
        HashMap::new()
    );
    registry.mark_rows(&first, &one).await.unwrap();
    // The same batch again: none of its rows is a duplicate.
    assert_eq!(
        registry.rows_seen(&first, &one).await.unwrap(),
        HashMap::new()
    );
    registry.mark_rows(&first, &one).await.unwrap();

    let second = hashes(2_000..4_000);
    let seen = registry.rows_seen(&second, &two).await.unwrap();
    let want: HashMap<u128, BatchId> = hashes(2_000..3_017)
        .into_iter()
        .map(|row| (row, one))
        .collect();
    assert_eq!(seen, want);
}

#[tokio::test]
async fn no_row_and_the_same_row_twice_are_fine() {
    let registry = registry().await;
    let (one, two) = (BatchId::of(b"one"), BatchId::of(b"two"));
    registry.mark_rows(&[], &one).await.unwrap();
    assert_eq!(registry.rows_seen(&[], &one).await.unwrap(), HashMap::new());
    registry.mark_rows(&[0, u128::MAX, 0], &one).await.unwrap();
    let seen = registry
        .rows_seen(&[0, 0, 1, u128::MAX], &two)
        .await
        .unwrap();
    assert_eq!(seen, [(0, one), (u128::MAX, one)].into());
}
