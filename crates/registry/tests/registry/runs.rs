use std::collections::BTreeMap;

use futures::future::join_all;
use tasador_registry::{DatasetLink, Experiment, MetricPoint, PageRequest, RunRecord, RunStatus};

use crate::fixture::registry;

fn record(n: i64) -> RunRecord {
    RunRecord {
        run_id: format!("{:032x}", n.cast_unsigned()),
        experiment_id: "7".to_owned(),
        name: format!("run {n}"),
        user: "ana".to_owned(),
        status: RunStatus::Finished,
        start_ms: 1_000 + n,
        end_ms: Some(2_000 + n),
        deleted_ms: None,
        artifact_uri: None,
        moments: BTreeMap::new(),
        datasets: BTreeMap::new(),
        has_links: false,
        params: [
            ("algorithm".to_owned(), "linear".to_owned()),
            ("empty".to_owned(), String::new()),
        ]
        .into(),
        metrics: [("rmse", 1.5), ("odd", f64::NEG_INFINITY)]
            .into_iter()
            .collect(),
        tags: [("batch".to_owned(), "#1".to_owned())].into(),
    }
}

fn point(step: i64, value: f64) -> MetricPoint {
    MetricPoint {
        key: "rmse".to_owned(),
        value,
        step,
        timestamp_ms: 5,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_is_made_once() {
    let registry = registry().await;
    let new: Vec<Experiment> = (0..16).map(|n| Experiment::named("prices", n)).collect();
    let made = join_all(new.iter().map(|new| registry.experiment(new))).await;
    let first = made[0].as_ref().unwrap();
    assert!(
        made.iter()
            .all(|experiment| experiment.as_ref().unwrap() == first)
    );
    let default = Experiment::named("Default", 1);
    registry.experiment(&default).await.unwrap();
    let all = registry
        .experiments(&PageRequest::first(10))
        .await
        .unwrap()
        .items;
    assert_eq!(
        all.iter()
            .map(|experiment| experiment.name.as_str())
            .collect::<Vec<_>>(),
        ["Default", "prices"]
    );
}

#[tokio::test]
async fn a_run_comes_back_with_its_series_however_often_it_is_written() {
    let registry = registry().await;
    let series: Vec<MetricPoint> = (-30..30)
        .map(|step| point(step, step as f64 / 3.0))
        .collect();
    for _ in 0..2 {
        registry.put_run(&record(1), &series, &[]).await.unwrap();
    }
    assert_eq!(
        registry.run(&record(1).run_id).await.unwrap().unwrap(),
        record(1)
    );
    let mut found = Vec::new();
    let mut request = PageRequest::first(25);
    loop {
        let page = registry
            .metric_history(&record(1).run_id, "rmse", &request)
            .await
            .unwrap();
        found.extend(page.items);
        let Some(next) = page.next else { break };
        request = request.after(next);
    }
    assert_eq!(found, series);
    assert_eq!(
        registry
            .metric_history(&record(1).run_id, "rms", &PageRequest::first(5))
            .await
            .unwrap()
            .items,
        []
    );
    // The same point twice in one call.
    registry
        .put_run(&record(1), &[point(1, 2.0), point(1, 2.0)], &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_run_comes_back_with_the_dataset_it_was_written_with() {
    let registry = registry().await;
    let dataset = DatasetLink {
        name: "listings".to_owned(),
        digest: "d1".to_owned(),
        source_type: "s3".to_owned(),
        source: "{}".to_owned(),
        schema: None,
        profile: None,
        tags: [("mlflow.data.context".to_owned(), "train".to_owned())].into(),
    };
    let datasets = [dataset];
    for _ in 0..2 {
        registry.put_run(&record(1), &[], &datasets).await.unwrap();
    }
    let run = registry.run(&record(1).run_id).await.unwrap().unwrap();
    let marks: Vec<_> = run.datasets.values().collect();
    assert_eq!(
        (marks.len(), marks[0].context.as_deref()),
        (1, Some("train"))
    );
    assert!(run.has_links);
    assert_eq!(
        registry.links(&run.run_id).await.unwrap().datasets,
        datasets
    );
}

#[tokio::test]
async fn runs_are_listed_latest_start_first() {
    let registry = registry().await;
    for n in [2, -5_000, 1, 3] {
        registry.put_run(&record(n), &[], &[]).await.unwrap();
    }
    let page = registry.runs_by_start("7", None, 10).await.unwrap();
    let starts: Vec<i64> = page.iter().map(|run| run.start_ms).collect();
    assert_eq!(starts, [1_003, 1_002, 1_001, -4_000]);
    assert_eq!(registry.runs_by_start("8", None, 10).await.unwrap(), []);
}
