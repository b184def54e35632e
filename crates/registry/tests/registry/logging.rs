//! What clients of MLflow write: many at once, in any order, and found again by value.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use futures::future::join_all;
use tasador_registry::{
    ByStart, DatasetLink, Experiment, MetricPoint, ModelLink, RankedRun, Registry, RegistryError,
    RunChange, RunLinks, RunLog, RunRecord, RunStatus, Values,
};

use crate::fixture::{Fixture, registry};

fn run(n: i64) -> RunRecord {
    RunRecord {
        run_id: format!("{:032x}", n.cast_unsigned()),
        experiment_id: "7".to_owned(),
        name: format!("run {n}"),
        user: String::new(),
        status: RunStatus::Running,
        start_ms: 1_000 + n / 3,
        end_ms: None,
        deleted_ms: None,
        artifact_uri: None,
        params: BTreeMap::new(),
        metrics: Default::default(),
        moments: BTreeMap::new(),
        tags: BTreeMap::new(),
        datasets: BTreeMap::new(),
        has_links: false,
    }
}

fn point(key: &str, step: i64, value: f64) -> MetricPoint {
    MetricPoint {
        key: key.to_owned(),
        value,
        step,
        timestamp_ms: 10 * step,
    }
}

fn points(points: Vec<MetricPoint>) -> RunLog {
    RunLog {
        points,
        ..RunLog::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_log_to_one_run_at_once_lose_nothing() {
    let registry = registry().await;
    let record = run(1);
    assert!(registry.make_run(&record).await.unwrap());
    assert!(!registry.make_run(&record).await.unwrap());
    join_all((0..20).map(|client: i64| {
        let (registry, id) = (registry.registry.clone(), record.run_id.clone());
        async move {
            for step in 0..10 {
                let log = RunLog {
                    points: vec![
                        point("shared", client * 10 + step, (client * 10 + step) as f64),
                        point(&format!("own {client}"), step, step as f64),
                    ],
                    params: [(format!("param {client}"), step.min(0).to_string())].into(),
                    tags: [(format!("tag {client}"), step.to_string())].into(),
                };
                registry.log(&id, &log).await.unwrap();
            }
        }
    }))
    .await;
    let found = registry.run(&record.run_id).await.unwrap().unwrap();
    assert_eq!(found.metrics.get("shared"), Some(199.0));
    assert_eq!(found.metrics.0.len(), 21);
    for client in 0..20 {
        assert_eq!(found.metrics.get(&format!("own {client}")), Some(9.0));
        assert_eq!(found.tags[&format!("tag {client}")], "9");
    }
    let series = tasador_registry::PageRequest::first(1_000);
    let series = registry.metric_history(&record.run_id, "shared", &series);
    let values: Vec<f64> = series
        .await
        .unwrap()
        .items
        .iter()
        .map(|point| point.value)
        .collect();
    assert_eq!(values, (0..200).map(f64::from).collect::<Vec<_>>());
    let ranked = ranked(&registry, "shared", Values::NUMBERS, false).await;
    assert_eq!(
        ranked.iter().map(|run| run.value).collect::<Vec<_>>(),
        [199.0]
    );
}

/// Counts the requests of a client.
#[derive(Debug, Clone, Default)]
struct Requests(Arc<AtomicUsize>);

impl Intercept for Requests {
    fn name(&self) -> &'static str {
        "requests"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_new_keys_take_few_requests() {
    let fixture = registry().await;
    let requests = Requests::default();
    let config = fixture.client.config().to_builder();
    let client = Client::from_conf(config.interceptor(requests.clone()).build());
    let registry = Registry::new(client, fixture.tables().clone());
    let record = run(1);
    registry.make_run(&record).await.unwrap();

    let key = |number: i64| format!("metric {number}");
    let log = |step: i64, numbers: Range<i64>| RunLog {
        points: numbers.map(|n| point(&key(n), step, step as f64)).collect(),
        params: (0..100)
            .map(|n| (format!("param {n}"), "x".to_owned()))
            .collect(),
        tags: (0..100)
            .map(|n| (format!("tag {n}"), step.to_string()))
            .collect(),
    };
    let before = requests.0.load(Ordering::Relaxed);
    registry
        .log(&record.run_id, &log(5, 0..1_000))
        .await
        .unwrap();
    // The run, 40 batches of points, 10 transactions of places, the run again.
    assert_eq!(requests.0.load(Ordering::Relaxed) - before, 52);

    // Again, as where an answer was lost; then some earlier values and some later ones.
    registry
        .log(&record.run_id, &log(5, 0..1_000))
        .await
        .unwrap();
    registry.log(&record.run_id, &log(4, 0..150)).await.unwrap();
    registry
        .log(&record.run_id, &log(6, 50..250))
        .await
        .unwrap();
    let mut mixed = log(3, 0..100);
    mixed.points.extend(log(7, 100..200).points);
    registry.log(&record.run_id, &mixed).await.unwrap();
    let found = registry.run(&record.run_id).await.unwrap().unwrap();
    assert_eq!((found.metrics.0.len(), found.params.len()), (1_000, 100));
    assert_eq!(found.tags["tag 99"], "3");
    for (number, latest) in [
        (0, 5.0),
        (50, 6.0),
        (100, 7.0),
        (249, 6.0),
        (250, 5.0),
        (999, 5.0),
    ] {
        let key = key(number);
        assert_eq!(found.metrics.get(&key), Some(latest), "{key}");
        let ranked = ranked(&fixture, &key, Values::NUMBERS, false).await;
        assert_eq!(ranked[0].value, latest, "{key}");
    }
}

/// Whole maps and single fields, written at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn large_and_small_logs_of_one_run_lose_nothing() {
    let registry = registry().await;
    let record = run(1);
    registry.make_run(&record).await.unwrap();
    join_all((0..8_i64).map(|client| {
        let (registry, id) = (registry.registry.clone(), record.run_id.clone());
        async move {
            let keys = if client % 2 == 0 { 40 } else { 2 };
            for step in 0..10 {
                let mut log = points(
                    (0..keys)
                        .map(|n| point(&format!("{client} {n}"), step, 1.0))
                        .collect(),
                );
                log.points.push(point(
                    "shared",
                    client * 10 + step,
                    (client * 10 + step) as f64,
                ));
                log.params = [(format!("param {client} {step}"), "x".to_owned())].into();
                registry.log(&id, &log).await.unwrap();
            }
        }
    }))
    .await;
    let found = registry.run(&record.run_id).await.unwrap().unwrap();
    assert_eq!(
        (found.metrics.0.len(), found.params.len()),
        (4 * 42 + 1, 80)
    );
    assert_eq!(found.metrics.get("shared"), Some(79.0));
    assert!(
        found
            .moments
            .iter()
            .all(|(key, moment)| key == "shared" || moment.step == 9)
    );
    assert_eq!(
        ranked(&registry, "shared", Values::NUMBERS, false).await[0].value,
        79.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_add_to_one_tag_at_once_lose_nothing() {
    let registry = registry().await;
    let id = run(1).run_id;
    assert!(registry.make_run(&run(1)).await.unwrap());
    join_all((0..16).map(|client| {
        let (registry, id) = (registry.registry.clone(), id.clone());
        async move {
            let word = format!("c{client} ");
            // Again, as where an answer was lost.
            for _ in 0..2 {
                let with = |tag: Option<&str>| {
                    let known = tag.unwrap_or_default();
                    if known.contains(&word) {
                        known.to_owned()
                    } else {
                        format!("{known}{word}")
                    }
                };
                registry.change_tag(&id, "words", &with).await.unwrap();
            }
        }
    }))
    .await;
    let words = registry.run(&id).await.unwrap().unwrap().tags["words"].clone();
    let mut words: Vec<&str> = words.split_whitespace().collect();
    words.sort_unstable();
    let mut all: Vec<String> = (0..16).map(|client| format!("c{client}")).collect();
    all.sort_unstable();
    assert_eq!(words, all);
}

#[tokio::test]
async fn a_value_once_given_to_a_parameter_stays_and_a_deleted_run_takes_nothing() {
    let registry = registry().await;
    let record = run(1);
    registry.make_run(&record).await.unwrap();
    let param = |value: &str| RunLog {
        params: [("depth".to_owned(), value.to_owned())].into(),
        ..RunLog::default()
    };
    registry.log(&record.run_id, &param("7")).await.unwrap();
    registry.log(&record.run_id, &param("7")).await.unwrap();
    let refused = registry.log(&record.run_id, &param("8")).await.unwrap_err();
    assert!(matches!(&refused, RegistryError::Conflict { why } if why.contains("'depth'")));
    let missing = registry.log("nothing", &param("8")).await.unwrap_err();
    assert!(matches!(missing, RegistryError::NotFound { .. }));
    let deleted = RunChange {
        deleted_ms: Some(Some(5)),
        ..RunChange::default()
    };
    let changed = registry
        .change_run(&record.run_id, &deleted)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(changed.deleted_ms, Some(5));
    let refused = registry
        .log(&record.run_id, &points(vec![point("m", 1, 1.0)]))
        .await;
    assert!(matches!(refused, Err(RegistryError::Conflict { .. })));
    let restored = RunChange {
        deleted_ms: Some(None),
        status: Some(RunStatus::Finished),
        end_ms: Some(9),
        name: Some("other".to_owned()),
        tags_removed: vec!["none".to_owned()],
    };
    let changed = registry
        .change_run(&record.run_id, &restored)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (changed.deleted_ms, changed.end_ms, changed.name.as_str()),
        (None, Some(9), "other")
    );
    assert!(
        registry
            .change_run("nothing", &restored)
            .await
            .unwrap()
            .is_none()
    );
}

async fn ranked(
    registry: &Fixture,
    metric: &str,
    values: Values,
    descending: bool,
) -> Vec<RankedRun> {
    registry
        .runs_by_metric("7", metric, values, None, descending, 1_000)
        .await
        .unwrap()
}

#[tokio::test]
async fn runs_are_found_by_value_in_pages_of_any_size() {
    let registry = registry().await;
    for n in 0..40 {
        let record = run(n);
        registry.make_run(&record).await.unwrap();
        let value = match n {
            0 => f64::NAN,
            1 => f64::NEG_INFINITY,
            _ => f64::from(i32::try_from(n * 7 % 5).unwrap()) - 2.0,
        };
        // An earlier value of the series is not what it is found by.
        for point in [point("m", 2, value), point("m", 1, 1e9)] {
            registry
                .log(&record.run_id, &points(vec![point]))
                .await
                .unwrap();
        }
    }
    for descending in [false, true] {
        let all = ranked(&registry, "m", Values::NUMBERS, descending).await;
        assert_eq!(all.len(), 39);
        let in_order = |a: &RankedRun, b: &RankedRun| {
            let by_value = a.value.partial_cmp(&b.value).unwrap();
            let by_value = if descending {
                by_value.reverse()
            } else {
                by_value
            };
            by_value
                .then(b.start_ms.cmp(&a.start_ms))
                .then(a.run_id.cmp(&b.run_id))
                .is_lt()
        };
        assert!(all.is_sorted_by(in_order), "{all:?}");
        for size in [1, 3, 8] {
            let (mut found, mut behind): (Vec<RankedRun>, Option<RankedRun>) = Default::default();
            loop {
                let page = registry
                    .runs_by_metric("7", "m", Values::NUMBERS, behind.as_ref(), descending, size)
                    .await
                    .unwrap();
                behind = page.last().cloned();
                found.extend(page);
                if behind.is_none() {
                    break;
                }
            }
            assert_eq!(found, all, "{size} {descending}");
        }
    }
    let values = |values| ranked(&registry, "m", values, false);
    assert_eq!(values(Values::NAN).await.len(), 1);
    let equal = values(Values::only(2.0)).await;
    assert!(equal.len() > 5 && equal.iter().all(|run| run.value == 2.0));
    let crossed = Values {
        low: 1.0,
        high: 0.0,
    };
    assert!(values(crossed).await.is_empty());
    let ids: Vec<String> = equal.iter().map(|run| run.run_id.clone()).collect();
    let records = registry.runs(&ids).await.unwrap();
    assert_eq!(
        records
            .iter()
            .map(|run| run.run_id.clone())
            .collect::<Vec<_>>(),
        ids
    );

    let mut behind: Option<ByStart> = None;
    let mut found = Vec::new();
    loop {
        let page = registry
            .runs_by_start("7", behind.as_ref(), 7)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        behind = Some(ByStart {
            start_ms: last.start_ms,
            run_id: last.run_id.clone(),
        });
        found.extend(
            page.into_iter()
                .map(|run| (std::cmp::Reverse(run.start_ms), run.run_id)),
        );
    }
    assert_eq!(found.len(), 40);
    assert!(found.is_sorted());
}

#[tokio::test]
async fn a_name_belongs_to_one_experiment_and_can_change() {
    let registry = registry().await;
    let made = registry
        .make_experiment(&Experiment::named("a", 1))
        .await
        .unwrap()
        .unwrap();
    assert!(
        registry
            .make_experiment(&Experiment::named("a", 2))
            .await
            .unwrap()
            .is_none()
    );
    let other = registry
        .make_experiment(&Experiment::named("b", 1))
        .await
        .unwrap()
        .unwrap();
    assert!(
        !registry
            .rename_experiment(&other.experiment_id, "a", 3)
            .await
            .unwrap()
    );
    assert!(
        registry
            .rename_experiment(&made.experiment_id, "c", 3)
            .await
            .unwrap()
    );
    assert!(registry.experiment_named("a").await.unwrap().is_none());
    let again = registry
        .make_experiment(&Experiment::named("a", 4))
        .await
        .unwrap()
        .unwrap();
    assert_ne!(again.experiment_id, made.experiment_id);
    let named = registry.experiment_named("c").await.unwrap().unwrap();
    assert_eq!(named.experiment_id, made.experiment_id);
    // Both changes are there, whoever was first.
    join_all((0..8).map(|n| {
        let (registry, id) = (registry.registry.clone(), made.experiment_id.clone());
        async move {
            let change = |experiment: &mut Experiment| {
                experiment.tags.insert(format!("tag {n}"), String::new());
            };
            registry
                .change_experiment(&id, &change)
                .await
                .unwrap()
                .unwrap();
        }
    }))
    .await;
    let changed = registry
        .experiment_by_id(&made.experiment_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(changed.tags.len(), 8);
}

#[tokio::test]
async fn what_goes_into_a_run_and_comes_out_is_told_with_it() {
    let registry = registry().await;
    let record = run(1);
    registry.make_run(&record).await.unwrap();
    let links = RunLinks {
        datasets: vec![DatasetLink {
            name: "houses #1".to_owned(),
            digest: "d".to_owned(),
            source_type: "local".to_owned(),
            source: "{}".to_owned(),
            schema: None,
            profile: None,
            tags: [("mlflow.data.context".to_owned(), "train".to_owned())].into(),
        }],
        models_in: vec![],
        models_out: vec![ModelLink {
            model_id: "m-1".to_owned(),
            step: 3,
        }],
    };
    for _ in 0..2 {
        registry.link(&record, &links).await.unwrap();
    }
    assert_eq!(registry.links(&record.run_id).await.unwrap(), links);
    let found = registry.run(&record.run_id).await.unwrap().unwrap();
    assert!(found.has_links);
    let marks: Vec<_> = found.datasets.values().collect();
    assert_eq!(
        (marks.len(), marks[0].context.as_deref()),
        (1, Some("train"))
    );
    let nothing = RunRecord::new("nothing", "7", "none", 0);
    assert!(registry.link(&nothing, &links).await.is_err());
}
