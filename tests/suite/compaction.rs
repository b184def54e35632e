//! The inference log gets into files exactly once, and expires only then: with compactions that
//! race, with faults at every call, with entries that come late.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tasador_ids::ModelVersion;
use tasador_registry::InferenceRecord;
use tasador_runtime::{Clock, Context, ErrorClass, Failure};
use tests::world::World;

/// The calls of a compaction.
const CALLS: [&str; 8] = [
    "GetItem",
    "Query",
    "PutObject",
    "TransactWriteItems",
    "GetObject",
    "UpdateItem",
    "DeleteObject",
    "HeadObject",
];

fn record(id: &str, at: Timestamp, padding: usize) -> InferenceRecord {
    InferenceRecord {
        request_id: id.to_owned(),
        at,
        model: "BestHousePriceModel".parse().unwrap(),
        version: Some(ModelVersion(1)),
        status: 200,
        error: None,
        duration_us: 300,
        input: json!({"bed": 3, "note": "é".repeat(padding)}),
        output: json!({"predicted_price": 250_000.5}),
    }
}

/// The time at which these tests compact. The clock stands still, far ahead of any machine's clock:
/// the store deletes what has expired by the machine's clock.
fn now() -> Timestamp {
    "2096-03-01T01:30:00Z".parse().unwrap()
}

/// A time within the hour that is compacted: the last one of a 29 February.
fn in_hour(minute: i64) -> Timestamp {
    let hour: Timestamp = "2096-02-29T23:00:00Z".parse().unwrap();
    hour + SignedDuration::from_mins(minute)
}

fn context(world: &World) -> Context {
    world.context().clone().with_clock(Clock::fixed(now()))
}

async fn put(ctx: &Context, ids: impl IntoIterator<Item = u32>) -> BTreeSet<String> {
    let mut put = BTreeSet::new();
    for n in ids {
        let id = format!("request-{n}");
        // Each twentieth takes several items.
        let padding = if n % 20 == 0 { 400_000 } else { 0 };
        let record = record(&id, in_hour(i64::from(n % 60)), padding);
        ctx.registry.put_inference(&record).await.unwrap();
        put.insert(id);
    }
    put
}

async fn compact(ctx: &Context) -> Result<compact::Response, Failure> {
    compact::handle(compact::Request::default(), ctx)
        .await
        .map_err(Failure::from)
}

/// In how many files each entry is.
async fn filed(ctx: &Context) -> BTreeMap<String, u32> {
    let mut filed = BTreeMap::new();
    for object in ctx.lake.list("inferences/date=").await.unwrap() {
        let bytes = ctx.lake.get(&object.key).await.unwrap();
        for (_, id) in compact::entries(bytes).unwrap() {
            *filed.entry(id).or_default() += 1;
        }
    }
    filed
}

async fn loose(ctx: &Context) -> BTreeSet<String> {
    let loose = ctx.registry.loose_inferences(in_hour(0), usize::MAX).await;
    loose
        .unwrap()
        .into_iter()
        .map(|loose| loose.record.request_id)
        .collect()
}

/// What holds at any time: no entry is in two files, and what may expire is in one.
async fn check(ctx: &Context, put: &BTreeSet<String>) {
    let filed = filed(ctx).await;
    assert!(
        filed.values().all(|files| *files == 1),
        "in two files: {filed:?}"
    );
    let loose = loose(ctx).await;
    for id in put {
        assert!(
            loose.contains(id) || filed.contains_key(id),
            "{id} may expire and is in no file"
        );
    }
}

/// What holds in the end: every entry is in one file, and nothing is left over.
async fn check_end(ctx: &Context, put: &BTreeSet<String>) {
    check(ctx, put).await;
    let filed: BTreeSet<String> = filed(ctx).await.into_keys().collect();
    assert_eq!(&filed, put);
    assert_eq!(loose(ctx).await, BTreeSet::new());
    let kept = ctx.registry.inferences_of_hour(in_hour(0)).await.unwrap();
    assert_eq!(
        kept.len(),
        put.len(),
        "the table keeps entries for some time"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_that_is_over_gets_into_a_file_and_late_entries_into_another() {
    let world = World::new(|_| ()).await;
    let ctx = &context(&world);
    let mut all = put(ctx, 0..50).await;
    let latest = record("now", now(), 0);
    ctx.registry.put_inference(&latest).await.unwrap();

    let first = compact(ctx).await.unwrap();
    assert_eq!((first.files.len(), first.rows), (1, 50));
    assert!(
        first.files[0]
            .as_str()
            .starts_with("inferences/date=2096-02-29/"),
        "{first:?}"
    );
    check_end(ctx, &all).await;
    assert_eq!(ctx.lake.list("inferences/staged/").await.unwrap(), []);

    let again = compact(ctx).await.unwrap();
    assert_eq!((again.files.len(), again.rows), (0, 0));
    all.extend(put(ctx, 50..53).await);
    let late = compact(ctx).await.unwrap();
    assert_eq!((late.files.len(), late.rows), (1, 3));
    check_end(ctx, &all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_names_a_month_at_most() {
    let world = World::new(|_| ()).await;
    let ctx = &context(&world);
    let from = |text: &str| compact::Request {
        from: Some(text.parse().unwrap()),
        through: None,
    };
    // The clock shows 2096-02-29.
    let long = compact::handle(from("1000-01-01T00:00:00Z"), ctx).await;
    let failure = Failure::from(long.unwrap_err());
    assert_eq!(failure.error_type, ErrorClass::InvalidInput, "{failure}");
    assert!(failure.message.contains("744 hours"), "{failure}");
    let month = compact::handle(from("2096-02-01T00:00:00Z"), ctx).await;
    assert_eq!(month.unwrap().rows, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compactions_that_race_make_one_file_of_each_entry() {
    let world = World::new(|_| ()).await;
    let ctx = &context(&world);
    let mut all = BTreeSet::new();
    for round in 0..6 {
        let new: BTreeSet<u32> = (round * 40..(round + 1) * 40).collect();
        let (before, meanwhile): (Vec<u32>, Vec<u32>) = new.iter().partition(|n| *n % 4 != 0);
        all.extend(put(ctx, before).await);
        let race = join_all((0..4).map(|_| compact(ctx)));
        let (done, late) = tokio::join!(race, put(ctx, meanwhile));
        all.extend(late);
        for done in done {
            done.unwrap();
        }
        compact(ctx).await.unwrap();
        check_end(ctx, &all).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compaction_that_breaks_off_anywhere_is_gone_on_with() {
    let world = World::new(|_| ()).await;
    let ctx = &context(&world);
    let mut all = BTreeSet::new();
    let mut next = 0;
    for call in CALLS {
        for when in ["before", "after"] {
            for times in 1..=2 {
                all.extend(put(ctx, next..next + 5).await);
                next += 5;
                world
                    .faults
                    .plan(&format!("fail:{when}:{call}:Retryable:{times}"))
                    .unwrap();
                let mut tries = 0;
                while compact(ctx).await.is_err() {
                    tries += 1;
                    assert!(tries < 10, "{when} {call}");
                    let (faults, late) = (world.faults.clone(), next..next + 1);
                    faults.clear();
                    check(ctx, &all).await;
                    all.extend(put(ctx, late).await);
                    next += 1;
                }
                world.faults.clear();
                check_end(ctx, &all).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_compactions_with_faults_by_chance() {
    for seed in 0..12 {
        let world = World::new(|_| ()).await;
        let ctx = &context(&world);
        let mut all = put(ctx, 0..60).await;
        println!("seed {seed}");
        world
            .faults
            .plan(&format!("chance-of-call:{seed}:6"))
            .unwrap();
        for _ in 0..4 {
            join_all((0..3).map(|_| compact(ctx))).await;
        }
        world.faults.clear();
        check(ctx, &all).await;
        all.extend(put(ctx, 60..70).await);
        compact(ctx).await.unwrap();
        check_end(ctx, &all).await;
    }
}
