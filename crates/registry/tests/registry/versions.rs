use std::collections::BTreeSet;

use futures::future::join_all;
use tasador_ids::ModelVersion;
use tasador_registry::{PageRequest, RegistryError, VersionStatus};

use crate::fixture::{at, finished, model, new_version, ready, registry};

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_at_once_get_sixteen_numbers_in_a_row() {
    let registry = registry().await;
    let wishes: Vec<_> = (0..16)
        .map(|n| new_version(&format!("run-{n}/linear")))
        .collect();
    let numbers = join_all(wishes.iter().map(|wish| registry.register_version(wish))).await;
    let numbers: BTreeSet<u32> = numbers
        .into_iter()
        .map(|number| number.unwrap().0)
        .collect();
    assert_eq!(numbers, (1..=16).collect());
    assert_eq!(
        registry
            .model(&model())
            .await
            .unwrap()
            .unwrap()
            .last_version,
        16
    );
    let listed = registry
        .versions(&model(), &PageRequest::first(100))
        .await
        .unwrap();
    let order: Vec<u32> = listed.items.iter().map(|record| record.version.0).collect();
    assert_eq!(order, (1..=16).rev().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_is_one_version_also_at_once() {
    let registry = registry().await;
    let wish = new_version("run/linear");
    let numbers = join_all((0..16).map(|_| registry.register_version(&wish))).await;
    assert!(
        numbers
            .into_iter()
            .all(|number| number.unwrap() == ModelVersion(1))
    );
    assert_eq!(
        registry
            .register_version(&new_version("run/boosting"))
            .await
            .unwrap(),
        ModelVersion(2)
    );
    assert_eq!(
        registry.register_version(&wish).await.unwrap(),
        ModelVersion(1)
    );
    let models = registry
        .models(&PageRequest::first(10))
        .await
        .unwrap()
        .items;
    assert_eq!(models.len(), 1);
    assert_eq!((models[0].last_version, models[0].created_at), (2, at(0)));
}

#[tokio::test]
async fn a_version_is_finished_once_and_for_all() {
    let registry = registry().await;
    let missing = registry
        .finish_version(&model(), ModelVersion(1), &finished("a"))
        .await;
    assert!(matches!(missing, Err(RegistryError::NotFound { .. })));
    let version = registry
        .register_version(&new_version("run/linear"))
        .await
        .unwrap();
    let pending = registry.version(&model(), version).await.unwrap().unwrap();
    assert_eq!(
        (pending.status, pending.artifact),
        (VersionStatus::Pending, None)
    );

    registry
        .fail_version(&model(), version, "no memory", at(3))
        .await
        .unwrap();
    let failed = registry.version(&model(), version).await.unwrap().unwrap();
    assert_eq!(
        (failed.status, failed.status_message.as_deref()),
        (VersionStatus::Failed, Some("no memory"))
    );

    let done = registry
        .finish_version(&model(), version, &finished("a"))
        .await
        .unwrap();
    assert_eq!(
        (done.status, done.status_message.as_deref()),
        (VersionStatus::Ready, None)
    );
    assert_eq!(done.metrics.get("mae"), Some(70_000.5));
    assert!(done.metrics.get("r2").unwrap().is_nan());
    let again = registry
        .finish_version(&model(), version, &finished("a"))
        .await
        .unwrap();
    assert_eq!(again.updated_at, done.updated_at);
    let other = registry
        .finish_version(&model(), version, &finished("b"))
        .await;
    assert!(
        matches!(other, Err(RegistryError::Conflict { .. })),
        "{other:?}"
    );
    let late = registry
        .fail_version(&model(), version, "late", at(9))
        .await;
    assert!(
        matches!(late, Err(RegistryError::Conflict { .. })),
        "{late:?}"
    );
}

#[tokio::test]
async fn an_mlflow_run_leads_to_its_versions() {
    let registry = registry().await;
    for source in ["a", "b", "c"] {
        ready(&registry, source).await;
    }
    let run = "0123456789abcdef0123456789abcdef";
    let found = registry.versions_of_run(run).await.unwrap();
    let numbers: Vec<u32> = found.iter().map(|record| record.version.0).collect();
    assert_eq!(numbers, [1, 2, 3]);
}
