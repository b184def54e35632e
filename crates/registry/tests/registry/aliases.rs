//! Aliases carry a copy of the version that they name, and the copy is never old.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use tasador_ids::ModelVersion;
use tasador_registry::{Registry, VersionRecord};
use tasador_testing::faults::on_request;

use crate::fixture::{Fixture, model, new_version, promotion, ready, registry};

/// The version that an alias names.
async fn by_alias(registry: &Registry, alias: &str) -> Option<VersionRecord> {
    let found = registry.version_by_alias(&model(), alias).await.unwrap();
    found.map(|(record, _)| record)
}

/// That every alias shows the version that it names, as it is.
async fn assert_copies(registry: &Registry, aliases: &[(&str, ModelVersion)]) {
    let named = registry.aliases(&model()).await.unwrap();
    let expected = aliases
        .iter()
        .map(|(alias, version)| ((*alias).to_owned(), *version));
    assert_eq!(named, expected.collect());
    for (alias, version) in aliases {
        let record = registry.version(&model(), *version).await.unwrap();
        // As text: one of the metrics is NaN, which equals nothing.
        let found = by_alias(registry, alias).await;
        assert_eq!(format!("{found:?}"), format!("{record:?}"), "{alias}");
    }
}

/// How many requests a look-up takes.
async fn requests(fixture: &Fixture, alias: &str) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let config = fixture.client.config().to_builder();
    let config = config.interceptor(on_request(move |request| {
        seen.fetch_add(usize::from(request.is_some()), Ordering::SeqCst);
        Ok(())
    }));
    let client = Client::from_conf(config.build());
    let registry = Registry::new(client, fixture.tables().clone());
    assert!(by_alias(&registry, alias).await.is_some());
    count.load(Ordering::SeqCst)
}

async fn tag(registry: &Registry, version: ModelVersion, value: &str) {
    let change = |record: &mut VersionRecord| {
        record.tags.insert("tag".to_owned(), value.to_owned());
    };
    registry
        .change_version(&model(), version, &change)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_alias_shows_its_version_after_every_change_in_one_request() {
    let registry = registry().await;
    let one = ready(&registry, "run/a").await;
    let two = ready(&registry, "run/b").await;
    registry.set_alias(&model(), "best", one).await.unwrap();
    registry.set_alias(&model(), "odd #%/", one).await.unwrap();
    registry
        .promote(&promotion("first", two, None))
        .await
        .unwrap();
    let aliases = [("best", one), ("odd #%/", one), ("champion", two)];
    let changes: [fn(&mut VersionRecord); 5] = [
        |record| record.description = Some("good".to_owned()),
        |record| record.stage = Some("Staging".to_owned()),
        |record| drop(record.tags.insert("a".to_owned(), "b".to_owned())),
        |record| drop(record.tags.remove("a")),
        |record| record.description = None,
    ];
    assert_copies(&registry, &aliases).await;
    for version in [one, two] {
        for change in changes {
            registry
                .change_version(&model(), version, &change)
                .await
                .unwrap();
            assert_copies(&registry, &aliases).await;
        }
    }
    for (alias, _) in aliases {
        assert_eq!(requests(&registry, alias).await, 1, "{alias}");
    }
    // A large version has no copy, and is read by itself.
    tag(&registry, one, &"x".repeat(100_000)).await;
    assert_copies(&registry, &aliases).await;
    assert_eq!(requests(&registry, "best").await, 2);
    tag(&registry, one, "small").await;
    assert_copies(&registry, &aliases).await;

    registry.set_alias(&model(), "best", two).await.unwrap();
    assert_eq!(requests(&registry, "best").await, 1);
    registry.remove_version(&model(), one).await.unwrap();
    assert_copies(&registry, &[("best", two), ("champion", two)]).await;
    assert_eq!(by_alias(&registry, "odd #%/").await, None);
    registry.remove_alias(&model(), "best").await.unwrap();
    assert_eq!(by_alias(&registry, "best").await, None);
}

#[tokio::test]
async fn a_version_that_is_not_ready_is_shown_as_it_becomes() {
    let registry = registry().await;
    let version = registry
        .register_version(&new_version("run/a"))
        .await
        .unwrap();
    registry.set_alias(&model(), "next", version).await.unwrap();
    assert_copies(&registry, &[("next", version)]).await;
    registry
        .finish_version(&model(), version, &crate::fixture::finished("a"))
        .await
        .unwrap();
    assert_copies(&registry, &[("next", version)]).await;
}

/// Earlier releases set aliases without a copy.
#[tokio::test]
async fn an_alias_without_a_copy_gets_one_by_its_first_look_up() {
    let registry = registry().await;
    let version = ready(&registry, "run/a").await;
    registry.set_alias(&model(), "old", version).await.unwrap();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let removed = registry.client.update_item();
    removed
        .table_name(&registry.tables().registry)
        .key("pk", text(&format!("model#{}", model())))
        .key("sk", text("alias#old"))
        .update_expression("REMOVE #copy")
        .expression_attribute_names("#copy", "copy")
        .send()
        .await
        .unwrap();
    assert!(requests(&registry, "old").await > 1);
    assert_eq!(requests(&registry, "old").await, 1);
    tag(&registry, version, "changed").await;
    assert_copies(&registry, &[("old", version)]).await;
    assert_eq!(requests(&registry, "old").await, 1);
}

/// DynamoDB writes at most 100 items in a transaction.
#[tokio::test]
async fn a_version_may_have_more_aliases_than_a_transaction_has_items() {
    let registry = registry().await;
    let version = ready(&registry, "run/a").await;
    let names: Vec<String> = (0..101).map(|number| format!("alias {number}")).collect();
    for name in &names {
        registry.set_alias(&model(), name, version).await.unwrap();
    }
    tag(&registry, version, "changed").await;
    let aliases: Vec<_> = names.iter().map(|name| (name.as_str(), version)).collect();
    assert_copies(&registry, &aliases).await;
}

#[tokio::test]
async fn aliases_and_versions_that_change_at_once_agree_afterwards() {
    let registry = registry().await;
    let (one, two) = (
        ready(&registry, "run/a").await,
        ready(&registry, "run/b").await,
    );
    registry
        .promote(&promotion("first", one, None))
        .await
        .unwrap();
    for round in 0..5 {
        let tags = join_all((0..4).map(|number| {
            let (version, value) = ([one, two][number % 2], format!("{round} {number}"));
            let registry = &registry;
            async move { tag(registry, version, &value).await }
        }));
        let moves = join_all((0..4).map(|number| {
            let (alias, version) = (["a", "b"][number / 2], [one, two][number % 2]);
            let registry = &registry;
            async move { registry.set_alias(&model(), alias, version).await.unwrap() }
        }));
        let (champion, other) = if round % 2 == 0 {
            (two, one)
        } else {
            (one, two)
        };
        let promotion = promotion(&format!("round-{round}"), champion, Some(other));
        let (_, _, promoted) = tokio::join!(tags, moves, registry.promote(&promotion));
        promoted.unwrap();
        let named = registry.aliases(&model()).await.unwrap();
        let aliases: Vec<_> = named
            .iter()
            .map(|(name, version)| (name.as_str(), *version))
            .collect();
        assert_copies(&registry, &aliases).await;
    }
}

#[tokio::test]
async fn no_alias_is_left_of_a_version_that_goes_meanwhile() {
    let (registry, model) = (registry().await, model());
    for round in 0..10 {
        let version = ready(&registry, &format!("run/{round}")).await;
        let (_, removed) = tokio::join!(
            join_all((0..3).map(|_| registry.set_alias(&model, "a", version))),
            registry.remove_version(&model, version),
        );
        assert!(removed.unwrap());
        assert!(registry.aliases(&model).await.unwrap().is_empty());
    }
}
