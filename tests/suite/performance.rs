//! Served prices against later sales: reported over HTTP, in files and in batches, in any order, twice, and
//! for homes that nobody asked about. Each counts once, the table is the one that Python computes, and the gate
//! trains because of it.

use std::process::Command;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use reqwest::Method;
use serde_json::{Map, Value, json};
use tasador_flow::gate::Decision;
use tasador_ids::Algorithm;
use tasador_registry::OutcomeKind;
use tasador_runtime::{Clock, Config, Context};
use tasador_testing::faults::Side;
use tasador_testing::listings::Batch;
use tasador_testing::transport::{Fault, Planned, Transport};
use tests::world::World;

/// Homes that are priced and sold later.
const HOMES: usize = 60;

/// Of these, the homes from here on are priced as homes for sale: their asking prices are left out.
const ASKING: usize = 45;

/// The ways by which sales arrive.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// By the id of the request.
    Request,
    /// By the address.
    Address,
    File,
    Batch,
    /// What nobody was served a price for.
    Unknown,
}

fn changed(config: &mut Config) {
    config.gate.served_min_sales = 40;
    config.gate.min_rows = 30;
}

struct Story {
    world: World,
    homes: Vec<Map<String, Value>>,
    /// For each home the request and the place in it.
    requests: Vec<(String, usize)>,
    served: Vec<Value>,
    day: Date,
    propose_rollback: bool,
}

impl Story {
    /// A champion that has priced homes: some alone, some together, two of them twice, and one that was sold in
    /// its training data.
    async fn begin() -> Self {
        Self::of(World::new(changed).await).await
    }

    async fn of(world: World) -> Self {
        let mut story = Self::trained(world).await;
        story.serve().await;
        story
    }

    async fn trained(world: World) -> Self {
        let day = Timestamp::now().to_zoned(TimeZone::UTC).date() + 60.days();
        // Without a status, a home gets the price of a sale.
        let status = |home: usize| (ASKING..HOMES).contains(&home).then_some("for_sale");
        let homes = Batch::new(9, HOMES + 1).with("status", |home, _| json!(status(home)));
        let homes = homes.rows().to_vec();
        let known = json!(day.to_string());
        let learned = Batch::new(9, HOMES + 1)
            .with("status", |_, _| json!("sold"))
            .with("prev_sold_date", |_, _| known.clone());
        let first = Batch::new(1, 600).and(learned.only(HOMES..HOMES + 1));
        let run = world.deliver(&first).await;
        assert_eq!(run.kind(), OutcomeKind::Promoted, "{}", run.reasons());
        Self {
            world,
            homes,
            requests: vec![(String::new(), 0); HOMES + 1],
            served: Vec::new(),
            day,
            propose_rollback: false,
        }
    }

    async fn serve(&mut self) {
        self.price(&[0, 1]).await;
        let together: Vec<usize> = (0..HOMES / 2).collect();
        self.price(&together).await;
        for home in HOMES / 2..=HOMES {
            self.price(&[home]).await;
        }
    }

    async fn price(&mut self, homes: &[usize]) {
        let listings: Vec<&Map<String, Value>> =
            homes.iter().map(|&home| &self.homes[home]).collect();
        let body = match listings.as_slice() {
            [one] => json!(one),
            many => json!({"instances": many}),
        };
        let (status, answer) = self.world.price(&body).await;
        assert_eq!(status, 200, "{answer}");
        let request = answer["request_id"].as_str().unwrap().to_owned();
        let log = self.world.inferences().await;
        let at = log
            .iter()
            .find(|record| record.request_id == request)
            .unwrap()
            .at;
        for (place, &home) in homes.iter().enumerate() {
            let price = match homes.len() {
                1 => &answer,
                _ => &answer["predictions"][place],
            };
            self.requests[home] = (request.clone(), place);
            self.served.push(json!({
                "property": home, "at": at.to_string(), "version": answer["model"]["version"],
                "price": price["predicted_price"], "kind": price["price_kind"], "low": price["interval"]["low"],
                "high": price["interval"]["high"], "state": self.homes[home]["state"],
            }));
        }
    }

    /// The sale of a home: the market has risen by half.
    fn sale(&self, home: usize) -> (f64, String) {
        let listed = self.homes[home]["price"].as_f64().unwrap();
        let date = self.day + i64::try_from(home % 40).unwrap().days();
        (listed * 1.5, date.to_string())
    }

    fn by_address(&self, home: usize) -> Value {
        let (price, date) = self.sale(home);
        let of = |name: &str| self.homes[home][name].as_f64().unwrap();
        json!({
            "street": of("street").to_string(), "zip_code": format!("{:05}", of("zip_code")),
            "price": price, "date": date,
        })
    }

    async fn report(&self, sales: &Value) {
        let (status, answer) = self
            .world
            .http(Method::POST, "/outcomes", Some(sales))
            .await;
        assert_eq!(status, 202, "{answer}");
    }

    async fn arrive(&self, way: Way) {
        let lake = &self.world.context().lake;
        match way {
            Way::Request => {
                let sales: Vec<Value> = (0..HOMES / 3)
                    .map(|home| {
                        let ((request, place), (price, date)) = (&self.requests[home], self.sale(home));
                        json!({"request_id": request, "instance": place, "price": price, "date": date})
                    })
                    .collect();
                self.report(&json!({"sales": sales})).await;
                // One alone, again.
                self.report(&json!({"sales": [sales[3]]})).await;
            }
            Way::Address => {
                for home in HOMES / 3..HOMES / 2 {
                    self.report(&json!({"sales": [self.by_address(home)]}))
                        .await;
                }
                // The champion learned from this sale.
                let mut learned = self.by_address(HOMES);
                learned["date"] = json!(self.day.to_string());
                self.report(&json!({"sales": [learned]})).await;
            }
            Way::File => {
                let mut csv = "street,zip_code,price,date\n".to_owned();
                // Some of them are known by another way too.
                for home in HOMES / 3 + 5..2 * HOMES / 3 {
                    let (price, date) = self.sale(home);
                    let of = |name: &str| self.homes[home][name].as_f64().unwrap();
                    csv += &format!("{},{},{price},{date}\n", of("street"), of("zip_code"));
                }
                let key = "outcomes/county/2026.csv".parse().unwrap();
                lake.put(&key, csv.into_bytes()).await.unwrap();
            }
            Way::Batch => {
                let prices: Vec<(f64, String)> = (0..=HOMES).map(|home| self.sale(home)).collect();
                let sold = Batch::new(9, HOMES + 1)
                    .with("status", |_, _| json!("sold"))
                    .with("price", |home, _| json!(prices[home].0))
                    .with("prev_sold_date", |home, _| json!(prices[home].1))
                    .only(2 * HOMES / 3 - 5..HOMES);
                // Too few to train on.
                let run = self.world.deliver(&sold).await;
                assert_eq!(run.kind(), OutcomeKind::Skipped, "{}", run.reasons());
            }
            Way::Unknown => {
                let date = self.day.to_string();
                // Sold before it was priced.
                let mut before = self.by_address(0);
                before["date"] = json!("2001-05-05");
                self.report(&json!({"sales": [
                    {"request_id": "nobody", "price": 1e6, "date": date},
                    {"street": "1 Nowhere St", "zip_code": "06016", "price": 1e6, "date": date},
                    before,
                ]}))
                .await;
            }
        }
    }

    /// The work of the schedule, so long after now. How many sales were new.
    async fn compact(&self, later: SignedDuration) -> u32 {
        self.try_compact(later).await.unwrap()
    }

    async fn try_compact(&self, later: SignedDuration) -> Result<u32, compact::Error> {
        let now = Timestamp::now() + later;
        let mut ctx: Context = self.world.context().clone().with_clock(Clock::fixed(now));
        Arc::make_mut(&mut ctx.config).compact.propose_rollback = self.propose_rollback;
        // A log of months without a request is not worth a test's time.
        if later > SignedDuration::from_hours(24) {
            ctx.registry
                .note_compacted_through(now - SignedDuration::from_hours(2))
                .await?;
        }
        let done = compact::handle(compact::Request::default(), &ctx).await?;
        Ok(done.joined_sales)
    }

    async fn performance(&self) -> Value {
        let (status, answer) = self.world.http(Method::GET, "/performance", None).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The only rollback that was proposed, and the figures of the newest version.
    async fn proposed(&self) -> (Value, Value) {
        let answer = self.performance().await;
        let all = answer["proposed_rollbacks"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{answer}");
        (all[0].clone(), answer["by_version"][0].clone())
    }

    /// A section of the page.
    async fn section(&self, section: &str) -> String {
        let path = format!("/?section={section}&lang=en");
        self.world.asked(Method::GET, &path, None, &[]).await.text
    }

    /// The table as Python computes it.
    fn expected(&self) -> Value {
        let sales: Vec<Value> = (0..HOMES)
            .map(|home| {
                let (price, date) = self.sale(home);
                json!({"property": home, "date": date, "price": price})
            })
            .collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        let world = json!({"served": self.served, "sales": sales});
        std::fs::write(file.path(), world.to_string()).unwrap();
        let output = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/performance.py"))
            .arg(file.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Each group of the answer by version and name, without its study.
fn groups(answer: &Value) -> Map<String, Value> {
    let mut all = Map::new();
    for list in ["by_version", "by_month", "by_state"] {
        for group in answer[list].as_array().unwrap() {
            let mut figures = group.as_object().unwrap().clone();
            figures.remove("ratio_study");
            figures.remove("are_asking_prices_counted");
            if list != "by_version" {
                assert_eq!(figures.remove("asking_prices"), Some(json!(0)));
            }
            let version = figures.remove("version").unwrap();
            let name = figures.remove("name");
            let name = name.as_ref().map_or("all", |name| name.as_str().unwrap());
            all.insert(format!("{version} {name}"), Value::Object(figures));
        }
    }
    all
}

fn assert_same(found: &Map<String, Value>, expected: &Value) {
    let expected = expected.as_object().unwrap();
    let mut names: [Vec<&String>; 2] = [found.keys().collect(), expected.keys().collect()];
    names.iter_mut().for_each(|names| names.sort());
    assert_eq!(names[0], names[1]);
    for (name, figures) in found {
        for (figure, value) in expected[name].as_object().unwrap() {
            let (found, expected) = (figures[figure].as_f64().unwrap(), value.as_f64().unwrap());
            let difference = (found - expected).abs() / expected.abs().max(1.0);
            assert!(
                difference < 1e-9,
                "{name}: {figure} is {found}, not {expected}"
            );
        }
    }
}

const MONTHS: SignedDuration = SignedDuration::from_hours(24 * 120);
const HOURS: SignedDuration = SignedDuration::from_hours(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_sales_evaluate_served_prices_once_by_every_way_and_train() {
    let orders: [&[Way]; 2] = [
        &[
            Way::Request,
            Way::Address,
            Way::File,
            Way::Batch,
            Way::Unknown,
        ],
        &[
            Way::Unknown,
            Way::Batch,
            Way::File,
            Way::Address,
            Way::Request,
        ],
    ];
    for (turn, order) in orders.into_iter().enumerate() {
        let story = Story::begin().await;
        assert_eq!(groups(&story.performance().await), Map::new());
        // Sales may be reported before the log is compacted, or after.
        if turn == 1 {
            story.compact(HOURS).await;
        }
        for &way in order {
            story.arrive(way).await;
        }
        if turn == 0 {
            story.compact(HOURS).await;
        }
        let counted = story.compact(MONTHS).await;
        story.arrive(Way::Address).await;
        story.arrive(Way::Request).await;
        let again = story.compact(MONTHS).await;
        assert_eq!(
            again, 0,
            "after {counted}, the same sales were counted again"
        );

        let performance = story.performance().await;
        assert_same(&groups(&performance), &story.expected());
        let of_version = &performance["by_version"][0];
        assert_eq!(performance["proposed_rollbacks"], json!([]));
        assert_eq!(
            [&of_version["sales"], &of_version["asking_prices"]],
            [ASKING, HOMES - ASKING]
        );
        // Prometheus reads the same.
        let metrics = story.world.asked(Method::GET, "/metrics", None, &[]).await;
        for (list, label) in [
            ("by_version", ""),
            ("by_month", "month"),
            ("by_state", "state"),
        ] {
            for group in performance[list].as_array().unwrap() {
                let name = |of: &str| {
                    if of == label {
                        group["name"].as_str().unwrap()
                    } else {
                        ""
                    }
                };
                let (version, month, state) = (&group["version"], name("month"), name("state"));
                for metric in ["sales", "median_ape", "bias", "within_10", "coverage"] {
                    let line = format!(
                        "served_metric{{version=\"{version}\",month=\"{month}\",state=\"{state}\",metric=\"{metric}\"}} "
                    );
                    let value = metrics.text.lines().find_map(|it| it.strip_prefix(&line));
                    let value: f64 = value.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
                    assert_eq!(Some(value), group[metric].as_f64(), "{line}");
                }
            }
        }
        // So do MLflow's clients.
        let ctx = story.world.context();
        let version = tasador_ids::ModelVersion(1);
        let version = ctx
            .registry
            .version(&ctx.config.model, version)
            .await
            .unwrap();
        let run = version.unwrap().mlflow_run_id.unwrap();
        let run = ctx.registry.run(&run).await.unwrap().unwrap();
        for metric in ["sales", "mae", "median_ape", "bias", "within_5", "coverage"] {
            let logged = run.latest().find(|it| it.key == format!("served_{metric}"));
            let expected = performance["by_version"][0][metric].as_f64();
            assert_eq!(logged.map(|it| it.value), expected, "{metric}");
        }
        let study = &performance["by_version"][0]["ratio_study"];
        assert!(
            study["untrimmed"]["median_ratio"]["value"]
                .as_f64()
                .unwrap()
                < 0.8,
            "{study}"
        );

        // The same kind of batch would teach nothing new.
        let run = story.world.deliver(&Batch::new(2, 60)).await;
        assert_eq!(
            run.recorded().decision,
            Some(Decision::Train),
            "{}",
            run.reasons()
        );
        assert!(run.has_reason("served_error_grown"), "{}", run.reasons());
        let measured = run.recorded().measurements.iter();
        let fired: Vec<&str> = measured
            .filter(|it| it.fired)
            .map(|it| it.code.as_str())
            .collect();
        assert_eq!(fired, ["served_error_growth"]);
    }
}

/// A new sale for each write of a compaction, which fails, with or without its effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_is_counted_after_a_compaction_that_broke_off_anywhere() {
    let transport = Transport::default();
    let story = Story::of(World::behind(transport.clone(), changed).await).await;
    story.compact(HOURS).await;
    let (mut reported, mut met) = (0, 0);
    for operation in ["PutItem", "UpdateItem", "TransactWriteItems"] {
        for side in [Side::Before, Side::After] {
            for nth in 1.. {
                story
                    .report(&json!({"sales": [story.by_address(reported)]}))
                    .await;
                reported += 1;
                let before = transport.struck().len();
                transport.plan(Planned {
                    fault: Fault::Fail(side),
                    operation,
                    nth,
                    times: 1,
                });
                let broken = story.try_compact(MONTHS).await;
                let is_met = transport.struck().len() > before;
                assert!(broken.is_ok() || is_met, "{broken:?}");
                transport.clear();
                story.compact(MONTHS).await;
                let performance = story.performance().await;
                let sales = &performance["by_version"][0]["sales"];
                assert_eq!(*sales, reported, "{side:?} {operation} {nth}: {broken:?}");
                if !is_met {
                    break;
                }
                met += 1;
            }
        }
    }
    // The note, the sale, the metrics of the run, the figures, and that the object is settled.
    assert!(met >= 10, "only {met} faults were met");
}

/// The champion's prices turn out too low, and a former version was better out of fold than that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_is_proposed_by_later_sales_and_ends_when_it_is_accepted() {
    let world = World::new(|config| {
        changed(config);
        config.candidates = vec![Algorithm::Linear, Algorithm::Ridge];
    });
    let mut story = Story::trained(world.await).await;
    let (_, former) = story.world.http(Method::GET, "/model", None).await;
    let (name, former) = (former["name"].as_str().unwrap(), &former["version"]);
    // Each candidate is a version.
    let next = if *former == 1 { 2 } else { 1 };
    let path = format!("/models/{name}/versions/{next}/promote");
    let (status, answer) = story
        .world
        .http(Method::POST, &path, Some(&json!({"expected": former})))
        .await;
    assert_eq!(status, 200, "{answer}");
    let begun = std::time::Instant::now();
    while story.world.http(Method::GET, "/model", None).await.1["version"] != next {
        assert!(
            begun.elapsed().as_secs() < 60,
            "version {next} is not served"
        );
    }
    story.serve().await;
    story.compact(HOURS).await;
    let sales: Vec<Value> = (1..ASKING).map(|home| story.by_address(home)).collect();
    story.report(&json!({"sales": sales})).await;
    story.compact(MONTHS).await;
    // It is an option.
    let none = story.performance().await;
    assert_eq!(none["by_version"][0]["sales"], ASKING - 1);
    assert_eq!(none["proposed_rollbacks"], json!([]));

    story.propose_rollback = true;
    story.report(&json!({"sales": [story.by_address(0)]})).await;
    story.compact(MONTHS).await;
    story.compact(MONTHS).await;
    let (proposal, figures) = story.proposed().await;
    assert_eq!(
        [&proposal["version"], &proposal["to"], &proposal["state"]],
        [&json!(next), former, &json!("open")]
    );
    assert_eq!(proposal["sales"], ASKING);
    assert_eq!(proposal["served_error"], figures["median_ape"]);
    let error = |name: &str| proposal[name].as_f64().unwrap();
    assert!(error("former_error") < error("served_error"), "{proposal}");
    assert!(error("promised_error") * 1.15 < error("served_error"));
    let shown = story.section("models").await;
    assert!(
        shown.contains(&format!("Proposed: back to version {former}")),
        "{shown}"
    );
    assert!(
        story
            .section("performance")
            .await
            .contains("#proposed-rollback")
    );

    // The terminal shows it, and accepts it.
    story.world.pause().await;
    let tasador = async |command: &str| {
        let mut run = tokio::process::Command::new(crate::TASADOR);
        run.args([command, "--data-dir"]).arg(story.world.folder());
        let output = run.kill_on_drop(true).output().await.unwrap();
        let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy);
        assert!(output.status.success(), "{}", said.concat());
        said.concat()
    };
    let history = tasador("history").await;
    let sentence = format!("A rollback to version {former} is proposed");
    assert!(history.contains(&sentence), "{history}");
    let said = tasador("rollback").await;
    let sentence = format!("Version {former} is in production again, in place of version {next}.");
    assert!(said.contains(&sentence), "{said}");
    assert!(!tasador("history").await.contains("is proposed"));
    story.world.restart(|_| ()).await;
    assert_eq!(story.proposed().await.0["state"], "accepted");
    story.compact(MONTHS).await;
    assert_eq!(story.proposed().await.0["state"], "accepted");
    for section in ["models", "performance"] {
        assert!(!story.section(section).await.contains("proposed-rollback"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sales_that_cannot_be_used_are_named_and_none_is_stored() {
    let world = World::new(|_| ()).await;
    for (body, field) in [
        (json!({"price": 1}), "sales"),
        (json!({"sales": []}), "sales"),
        (json!({"sales": 7}), "sales"),
        (
            json!({"sales": [{"request_id": "a", "price": 1}]}),
            "sales[0]",
        ),
        (
            json!({"sales": [{"request_id": "a", "price": 1, "date": "2026-01-01"}, 7]}),
            "sales[1]",
        ),
        (
            json!({"sales": [{"request_id": "a", "price": 0, "date": "2026-01-01"}]}),
            "sales[0].price",
        ),
        (
            json!({"sales": [{"request_id": "a", "price": 1, "date": "2026-02-30"}]}),
            "sales[0].date",
        ),
        (
            json!({"sales": [{"street": "Main", "zip_code": "06016", "price": 1, "date": "2026-01-01"}]}),
            "sales[0].street",
        ),
    ] {
        let (status, answer) = world.http(Method::POST, "/outcomes", Some(&body)).await;
        assert_eq!(status, 422, "{body}: {answer}");
        assert_eq!(answer["errors"][0]["field"], field, "{answer}");
    }
    assert_eq!(world.context().lake.list("outcomes/").await.unwrap(), []);
}
