//! A bucket and tables on free loopback ports.

use std::collections::BTreeMap;

use aws_sdk_s3::config::SharedInterceptor;
use bytes::Bytes;
use jiff::Timestamp;
use preprocess::{Request, Response, handle};
use tasador_ids::BatchId;
use tasador_lake::{Format, RawForm, key};
use tasador_listing::BatchReport;
use tasador_listing::schema_file::SchemaFile;
use tasador_reader::{Raw, read};
use tasador_registry::{BatchRecord, Origin, Outcome, OutcomeKind};
use tasador_runtime::{Config, Context, Failure};
use tasador_testing::Stores;

pub(crate) struct Place {
    pub(crate) ctx: Context,
    stores: Stores,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let stores = Stores::start().await;
        let ctx = Context::new(Config::default(), &stores.sdk_config());
        ctx.lake.create_bucket().await.unwrap();
        ctx.registry.create_tables().await.unwrap();
        Self { ctx, stores }
    }

    /// The same place with an interceptor for its calls.
    pub(crate) fn through(&self, interceptor: SharedInterceptor) -> Context {
        Context::intercepted(
            Config::default(),
            &self.stores.sdk_config(),
            &vec![interceptor],
        )
    }

    /// Stores a raw batch and returns the request for it.
    pub(crate) async fn batch(&self, bytes: impl Into<Bytes>, format: Format) -> Request {
        let bytes = bytes.into();
        let batch = BatchId::of(&bytes);
        let key = key::raw(
            &batch,
            RawForm {
                format,
                gzip: false,
            },
        );
        self.ctx.lake.put_once(&key, bytes).await.unwrap();
        Request {
            run_id: "run".parse().unwrap(),
            batch,
            key,
            format,
        }
    }

    pub(crate) async fn csv(&self, text: &str) -> Request {
        self.batch(text.to_owned(), Format::Csv).await
    }

    pub(crate) async fn run(&self, request: &Request) -> Response {
        attempt(request, &self.ctx).await.unwrap()
    }

    /// Records the outcome of a batch, as its run would.
    pub(crate) async fn settle(
        &self,
        request: &Request,
        answer: &Response,
        kind: OutcomeKind,
        usable: bool,
    ) {
        let Request { run_id, batch, .. } = request;
        let record = BatchRecord {
            batch: *batch,
            run: run_id.clone(),
            execution_arn: "arn".to_owned(),
            source: "source".to_owned(),
            format: tasador_ids::Format::Csv,
            size_bytes: 1,
            received_at: Timestamp::UNIX_EPOCH,
        };
        let registry = &self.ctx.registry;
        registry.open_batch(&record, Origin::Source).await.unwrap();
        let outcome: Outcome = serde_json::from_value(serde_json::json!({
            "run": run_id, "kind": kind, "sentence": "So it is.", "batch": batch, "usable": usable,
            "clean": {"key": answer.clean_key, "sha256": answer.clean_sha256, "rows": answer.rows.clean},
            "promoted": false, "model": "Model", "started_at": Timestamp::UNIX_EPOCH,
            "recorded_at": Timestamp::UNIX_EPOCH, "duration_ms": 1,
        }))
        .unwrap();
        let recorded = registry.record_outcome(outcome).await.unwrap();
        assert!(recorded.outcome.settled);
    }

    /// Every object except the raw ones.
    pub(crate) async fn objects(&self) -> BTreeMap<String, Bytes> {
        let mut objects = BTreeMap::new();
        for object in self.ctx.lake.list("").await.unwrap() {
            if !object.key.as_str().starts_with(key::RAW) {
                let bytes = self.ctx.lake.get(&object.key).await.unwrap();
                objects.insert(object.key.to_string(), bytes);
            }
        }
        objects
    }

    /// The number of rows in a stored file.
    pub(crate) async fn rows(&self, key: &tasador_lake::Key) -> Raw {
        let bytes = self.ctx.lake.get(key).await.unwrap();
        tokio::task::spawn_blocking(|| {
            read(bytes, Format::Parquet, &SchemaFile::default()).unwrap()
        })
        .await
        .unwrap()
    }

    /// The values of a column of the clean file.
    pub(crate) async fn clean(&self, answer: &Response, name: &str) -> Vec<Option<String>> {
        column(&self.rows(&answer.clean_key).await, name)
    }

    pub(crate) async fn report(&self, answer: &Response) -> BatchReport {
        self.ctx.lake.get_json(&answer.profile_key).await.unwrap()
    }
}

pub(crate) fn column(raw: &Raw, name: &str) -> Vec<Option<String>> {
    let (_, cells) = raw.columns.iter().find(|(known, _)| known == name).unwrap();
    cells.iter().map(|cell| cell.map(str::to_owned)).collect()
}

pub(crate) async fn attempt(request: &Request, ctx: &Context) -> Result<Response, Failure> {
    handle(request.clone(), ctx).await.map_err(Failure::from)
}

/// Lines of CSV with these prices and otherwise different values.
pub(crate) fn rows(prices: impl IntoIterator<Item = u32>) -> String {
    let row = |price: u32| format!("{price},{},Lee,{}\n", price % 7, 1000 + price);
    "price,bed,city,zip_code\n".to_owned() + &prices.into_iter().map(row).collect::<String>()
}
