//! Registered models as clients of MLflow keep them.

use std::collections::BTreeMap;

use tasador_ids::ModelVersion;
use tasador_registry::{LoggedVersion, ModelRecord, NewVersion, RegistryError, VersionStatus};

use crate::fixture::{at, model, new_version, registry};

fn logged(source_key: &str) -> NewVersion {
    NewVersion {
        logged: Some(LoggedVersion {
            source: "mlflow-artifacts:/0/a/artifacts/model".to_owned(),
            location: "mlflow-artifacts:/0/a/artifacts/model".to_owned(),
            ..LoggedVersion::default()
        }),
        ..new_version(source_key)
    }
}

#[tokio::test]
async fn a_model_is_made_described_and_taken_away_with_all_of_it() {
    let registry = registry().await;
    let record = ModelRecord {
        model: model(),
        last_version: 0,
        created_at: at(0),
        updated_at: None,
        description: None,
        tags: BTreeMap::new(),
    };
    assert!(registry.make_model(&record).await.unwrap());
    assert!(!registry.make_model(&record).await.unwrap());
    let version = registry.register_version(&logged("a")).await.unwrap();
    let found = registry.version(&model(), version).await.unwrap().unwrap();
    assert_eq!(
        (version, found.status),
        (ModelVersion(1), VersionStatus::Ready)
    );
    let describe = |record: &mut ModelRecord| {
        record.description = Some("what it is for".to_owned());
        record.tags.insert("a".to_owned(), "b".to_owned());
    };
    registry
        .change_model(&model(), &describe)
        .await
        .unwrap()
        .unwrap();
    // A version that is registered later leaves what people wrote.
    let second = registry.register_version(&logged("b")).await.unwrap();
    let found = registry.model(&model()).await.unwrap().unwrap();
    assert_eq!((found.last_version, found.tags.len()), (2, 1));
    assert_eq!(found.description.as_deref(), Some("what it is for"));

    assert!(registry.set_alias(&model(), "good", second).await.unwrap());
    assert!(
        !registry
            .set_alias(&model(), "good", ModelVersion(9))
            .await
            .unwrap()
    );
    let aliases = registry.aliases(&model()).await.unwrap();
    assert_eq!(aliases.get("good"), Some(&second));
    assert!(registry.remove_version(&model(), second).await.unwrap());
    assert!(!registry.remove_version(&model(), second).await.unwrap());
    assert!(registry.aliases(&model()).await.unwrap().is_empty());
    // Its number is not given again.
    let third = registry.register_version(&logged("c")).await.unwrap();
    assert_eq!(third, ModelVersion(3));
    assert!(registry.remove_model(&model()).await.unwrap());
    assert!(!registry.remove_model(&model()).await.unwrap());
    assert!(registry.version(&model(), third).await.unwrap().is_none());
}

#[tokio::test]
async fn the_champion_is_not_set_aside_by_hand() {
    let registry = registry().await;
    let version = crate::fixture::ready(&registry, "run/a").await;
    let promotion = crate::fixture::promotion("promoting", version, None);
    registry.promote(&promotion).await.unwrap();
    let conflict =
        |result: Result<bool, RegistryError>| matches!(result, Err(RegistryError::Conflict { .. }));
    assert!(conflict(
        registry.set_alias(&model(), "champion", version).await
    ));
    assert!(conflict(registry.remove_version(&model(), version).await));
    assert!(conflict(registry.remove_model(&model()).await));
    assert!(registry.remove_alias(&model(), "champion").await.is_err());
    let aliases = registry.aliases(&model()).await.unwrap();
    assert_eq!(aliases, [("champion".to_owned(), version)].into());
}
