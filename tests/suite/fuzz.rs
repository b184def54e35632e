//! Random changes of valid inputs, given to whatever reads bytes from outside: no panic, and no answer that
//! blames the server. `TASADOR_FUZZ_SECONDS=600` gives each target that time instead of a number of inputs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use aws_sdk_s3::error::SdkError;
use aws_smithy_types::body::SdkBody;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use serde_json::{Value, json};
use tasador_ids::Format;
use tasador_listing::schema_file::SchemaFile;
use tasador_model::artifact::FORMAT_VERSION;
use tasador_model::{InputKind, Model};
use tasador_reader::{draft, read};
use tasador_states::Machine;
use tasador_testing::listings::Batch;
use tests::stories::train_on_anything;
use tests::world::World;
use xxhash_rust::xxh3::xxh3_64;

const SEED: u64 = 20_261_128;

/// Texts that mean something to one of the readers.
const TOKENS: [&str; 28] = [
    "\"",
    "'",
    "`",
    ",",
    ";",
    "\t",
    "\r\n",
    "{",
    "}",
    "[",
    "]",
    ":",
    "%00",
    "%2F",
    "..",
    "/",
    "\\",
    "\u{feff}",
    "\0",
    "NaN",
    "1e999",
    "-0",
    "99999999999999999999",
    "$.x[*]",
    " AND ",
    " IN (",
    "ó",
    "🏠",
];

/// Changed inputs, from the same seed in each run.
struct Inputs {
    rng: ChaCha8Rng,
    left: u64,
    until: Option<Instant>,
    made: u64,
}

impl Inputs {
    /// `count` of them, or as many as the time allows.
    fn new(count: u64) -> Self {
        let seconds = std::env::var("TASADOR_FUZZ_SECONDS").ok();
        let seconds = seconds.and_then(|seconds| seconds.parse().ok());
        Self {
            rng: ChaCha8Rng::seed_from_u64(SEED),
            left: count,
            until: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            made: 0,
        }
    }

    /// Whether another one is due.
    fn next(&mut self) -> bool {
        let is_due = match self.until {
            Some(until) => Instant::now() < until,
            None => self.made < self.left,
        };
        if is_due {
            self.made += 1;
        } else {
            println!("{} inputs", self.made);
        }
        is_due
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        of.choose(&mut self.rng).unwrap()
    }

    /// One of these with some changes, at times with a piece of another.
    fn bytes(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.pick(corpus).clone();
        for _ in 0..self.rng.random_range(1..=5) {
            let length = bytes.len();
            let start = self.rng.random_range(0..=length);
            let end = self.rng.random_range(start..=length.min(start + 64));
            match self.rng.random_range(0..9) {
                0 | 1 if start < length => bytes[start] ^= 1 << self.rng.random_range(0..8),
                2 if start < length => bytes[start] = self.rng.random(),
                3 => drop(bytes.drain(start..end)),
                4 => {
                    let piece = bytes[start..end].repeat(self.rng.random_range(1..=20));
                    bytes.splice(start..start, piece);
                }
                5 | 6 => {
                    let token = self.pick(&TOKENS).as_bytes().to_vec();
                    bytes.splice(start..end.min(start + 2), token);
                }
                7 => {
                    let other = self.pick(corpus);
                    let from = other.len() / 2;
                    bytes.splice(start..end, other[from..].iter().copied().take(200));
                }
                _ => bytes.truncate(length - length / 50),
            }
        }
        bytes
    }

    fn text(&mut self, corpus: &[Vec<u8>]) -> String {
        String::from_utf8_lossy(&self.bytes(corpus)).into_owned()
    }

    /// The same for JSON: values are replaced, removed and repeated, so that it stays JSON.
    fn json(&mut self, corpus: &[Value]) -> Value {
        let mut value = self.pick(corpus).clone();
        for _ in 0..self.rng.random_range(1..=3) {
            let mut count = 0;
            each(&mut value, &mut |_| count += 1);
            let chosen = self.rng.random_range(0..count);
            let new = self.value();
            let mut place = 0;
            each(&mut value, &mut |node| {
                if place == chosen {
                    *node = new.clone();
                }
                place += 1;
            });
        }
        value
    }

    fn value(&mut self) -> Value {
        match self.rng.random_range(0..12) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(0),
            3 => json!(-1),
            4 => json!(1e308),
            5 => json!(u64::MAX),
            6 => json!(""),
            7 => json!(self.pick(&TOKENS)),
            8 => json!("x".repeat(self.rng.random_range(1..5_000))),
            9 => json!([]),
            10 => json!({"S": {"N": []}}),
            _ => {
                let depth = self.rng.random_range(1..100);
                (0..depth).fold(Value::Null, |inner, _| json!([inner]))
            }
        }
    }
}

/// Visits every value of a document.
fn each(value: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, visit)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each(field, visit)),
        _ => {}
    }
}

/// Prints the input that a panic is about.
fn guarded<T>(input: &[u8], read: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| panic!("{}", input.escape_ascii()))
}

#[test]
fn listings() {
    let batch = Batch::new(1, 20);
    let lines: Vec<String> = batch
        .rows()
        .iter()
        .map(|row| serde_json::to_string(row).unwrap())
        .collect();
    let sheet = batch.csv();
    let text = String::from_utf8(sheet.clone()).unwrap();
    let utf_16 = text.encode_utf16().flat_map(u16::to_le_bytes);
    let parquet = {
        let raw = read(sheet.clone().into(), Format::Csv, &SchemaFile::default()).unwrap();
        let draft = draft(raw, &SchemaFile::default()).unwrap();
        tasador_reader::to_parquet(draft.finish(|_| false).unwrap().clean).unwrap()
    };
    let corpus = [
        (Format::Csv, sheet.clone()),
        (Format::Csv, text.replace(',', ";").into_bytes()),
        (
            Format::Csv,
            [0xff, 0xfe].into_iter().chain(utf_16).collect(),
        ),
        (Format::Ndjson, lines.join("\n").into_bytes()),
        (Format::ApiJson, batch.api_json()),
        (Format::Parquet, parquet),
    ];
    let mut inputs = Inputs::new(1_500);
    while inputs.next() {
        let (format, sound) = inputs.pick(&corpus).clone();
        let bytes = inputs.bytes(&[sound, sheet.clone()]);
        guarded(&bytes, || {
            let schema = SchemaFile::default();
            if let Ok(raw) = read(bytes.clone().into(), format, &schema)
                && let Ok(draft) = draft(raw, &schema)
            {
                let _ = draft.finish(|_| false);
            }
        });
    }
}

#[test]
fn state_machines() {
    let definition = local::machine::definition();
    let cases = include_str!("../../crates/states/tests/cases.json");
    let mut documents: Vec<Value> = vec![serde_json::from_str(&definition).unwrap()];
    let cases: Value = serde_json::from_str(cases).unwrap();
    each(&mut cases.clone(), &mut |node| {
        if node.get("StartAt").is_some() {
            documents.push(node.clone());
        }
    });
    assert!(documents.len() > 10, "{}", documents.len());
    let texts: Vec<_> = documents
        .iter()
        .map(|document| document.to_string().into_bytes())
        .collect();
    let mut inputs = Inputs::new(2_000);
    while inputs.next() {
        let text = match inputs.rng.random_bool(0.7) {
            true => inputs.json(&documents).to_string(),
            false => inputs.text(&texts),
        };
        guarded(text.as_bytes(), || {
            if let Ok(machine) = Machine::parse(&text) {
                let _ = machine.task_names();
            }
        });
    }
}

#[test]
fn models() {
    const HEADER: usize = 8 + 2 + 6 + 8;
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/model/tests/golden");
    let corpus: Vec<_> = std::fs::read_dir(golden)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tsd"))
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let bodies: Vec<_> = corpus.iter().map(|file| file[HEADER..].to_vec()).collect();
    let mut inputs = Inputs::new(500);
    while inputs.next() {
        let bytes = match inputs.rng.random_bool(0.2) {
            true => inputs.bytes(&corpus),
            // With a right header and checksum; otherwise nothing would reach the body.
            false => {
                let body = inputs.bytes(&bodies);
                let mut whole = b"TASADOR\0".to_vec();
                whole.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
                whole.extend_from_slice(&(body.len() as u64).to_le_bytes()[..6]);
                whole.extend_from_slice(&xxh3_64(&body).to_le_bytes());
                whole.extend_from_slice(&body);
                whole
            }
        };
        guarded(&bytes, || {
            let Ok(model) = Model::from_bytes(&bytes) else {
                return;
            };
            let mut row = model.row();
            for input in model.inputs() {
                let value = match input.kind {
                    InputKind::Category => tasador_model::Value::Text("06037"),
                    InputKind::Number | InputKind::Date => tasador_model::Value::Number(1_000.0),
                };
                row.set(&input.name, value).unwrap();
            }
            let price = model.predict_row(&row).price;
            assert!(price.is_finite() && price > 0.0, "{price}");
            let _ = model.explain_row(&row);
            let again = model.to_bytes().unwrap();
            assert!(Model::from_bytes(&again).is_ok());
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters() {
    let world = World::new(|_| ()).await;
    let corpus = [
        "metrics.rmse < 1.5 AND params.`a b` = 'x' and attributes.status != \"FINISHED\"",
        "tags.k LIKE '%a_%' AND attribute.run_id IN ('a', 'b')",
        "name ILIKE 'x' and run.end_time IS NOT NULL",
        "params.x = '1' and metric.`m` >= -1e-3",
    ]
    .map(|text| text.as_bytes().to_vec());
    let orders = [
        "metrics.rmse DESC",
        "`run name` ASC",
        "attributes.start_time",
    ];
    let orders = orders.map(|text| text.as_bytes().to_vec());
    let mut inputs = Inputs::new(400);
    while inputs.next() {
        let body = json!({
            "experiment_ids": ["0"],
            "filter": inputs.text(&corpus),
            "order_by": [inputs.text(&orders)],
            "max_results": 5,
        });
        let path = "/api/2.0/mlflow/runs/search";
        let (status, answer) = world.http(Method::POST, path, Some(&body)).await;
        assert!([200, 400].contains(&status), "{body}: {status} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn homes_to_price() {
    let world = World::new(train_on_anything).await;
    world.deliver(&Batch::new(1, 120)).await;
    let home = json!({"bed": 3, "bath": 2, "house_size": 1500, "zip_code": "06088",
        "city": "Hartford", "prev_sold_date": "2020-01-31", "x": {"y": [1]}});
    let corpus = [
        home.clone(),
        json!({"instances": [home, {}]}),
        json!({"dataframe_split": {"columns": ["bed"], "data": [[3]]}}),
    ];
    let texts: Vec<_> = corpus
        .iter()
        .map(|body| body.to_string().into_bytes())
        .collect();
    let url = format!("{}/predict?explain=true", world.cloud().endpoints().http);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut inputs = Inputs::new(400);
    while inputs.next() {
        let body = match inputs.rng.random_bool(0.7) {
            true => inputs.json(&corpus).to_string().into_bytes(),
            false => inputs.bytes(&texts),
        };
        let request = client.post(&url).header("content-type", "application/json");
        let answer = request.body(body.clone()).send().await.unwrap();
        let status = answer.status().as_u16();
        assert!(status < 500, "{}: {status}", body.escape_ascii());
    }
}

/// The status of an answer to a request that was changed before it was signed.
fn status<O, E>(
    answer: Result<O, SdkError<E, aws_sdk_s3::config::http::HttpResponse>>,
) -> Option<u16> {
    match answer {
        Ok(_) => Some(200),
        Err(error) => Some(error.raw_response()?.status().as_u16()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_to_s3() {
    let world = World::new(|_| ()).await;
    let sdk = world.cloud().endpoints().sdk_config();
    let config = aws_sdk_s3::config::Builder::from(&sdk)
        .force_path_style(true)
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled());
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let targets: Vec<Vec<u8>> = [
        "/",
        "/tasador",
        "/tasador?list-type=2&prefix=a%2Fb&delimiter=%2F&max-keys=3&continuation-token=eA==",
        "/tasador/drop/a%20b.csv?versionId=null",
        "/tasador/models/m/1/..%2F..%2Fx?partNumber=1&uploadId=00000000-0000-0000-0000-000000000000",
        "/tasador/drop/x?uploads",
        "/tasador?delete",
        "/tasador/x?tagging",
        "/tasador?location",
        "/tasador?uploads&key-marker=a&upload-id-marker=b",
    ]
    .map(|target| target.as_bytes().to_vec())
    .into();
    let bodies: Vec<Vec<u8>> = [
        "",
        "price\n1\n",
        "<Delete><Object><Key>drop/x</Key></Object><Quiet>true</Quiet></Delete>",
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
    ]
    .map(|body| body.as_bytes().to_vec())
    .into();
    let headers: [(&str, &str); 10] = [
        ("range", "bytes=0-3"),
        ("if-match", "\"x\""),
        ("if-none-match", "*"),
        ("if-modified-since", "Sat, 28 Nov 2026 08:00:00 GMT"),
        ("x-amz-copy-source", "/tasador/drop/x"),
        ("x-amz-checksum-sha256", "AAAA"),
        ("x-amz-meta-a", "b"),
        ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
        ("x-amz-tagging", "a=b"),
        ("x-amz-checksum-mode", "ENABLED"),
    ];
    let mut inputs = Inputs::new(800);
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    while inputs.next() {
        let method = *inputs.pick(&["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]);
        let mut target = String::new();
        for byte in inputs.bytes(&targets) {
            match byte {
                b'!'..=b'~'
                    if !matches!(
                        byte,
                        b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
                    ) =>
                {
                    target.push(char::from(byte));
                }
                _ => write!(target, "%{byte:02X}").unwrap(),
            }
        }
        if !target.starts_with('/') {
            target.insert(0, '/');
        }
        let body = inputs.bytes(&bodies);
        let mut added = Vec::new();
        while inputs.rng.random_bool(0.5) {
            let (name, value) = *inputs.pick(&headers);
            let value: String = inputs.text(&[value.as_bytes().to_vec()]);
            added.push((name, value.replace(|c: char| !(' '..='~').contains(&c), "")));
        }
        let said = format!("{method} {target} {added:?} {}", body.escape_ascii());
        let answer = client
            .list_buckets()
            .customize()
            .mutate_request(move |request| {
                let base = request.uri().split_once("://").map_or("", |(_, rest)| rest);
                let base = base.split(['/', '?']).next().unwrap_or_default().to_owned();
                if request.set_uri(format!("http://{base}{target}")).is_err() {
                    return;
                }
                request.set_method(method).unwrap();
                for (name, value) in &added {
                    let _ = request.headers_mut().try_insert(*name, value.clone());
                }
                let length = body.len().to_string();
                request.headers_mut().insert("content-length", length);
                *request.body_mut() = SdkBody::from(body.clone());
            })
            .send()
            .await;
        let status = status(answer);
        let is_answered = status.is_some_and(|status| status < 500 || status == 501);
        assert!(is_answered, "{said}: {status:?}");
        *statuses.entry(status.unwrap()).or_default() += 1;
    }
    println!("{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_to_dynamodb() {
    let world = World::new(|_| ()).await;
    let sdk = world.cloud().endpoints().sdk_config();
    let config = aws_sdk_dynamodb::config::Builder::from(&sdk)
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled());
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let table = &world.context().config.registry_table;
    let key = json!({"pk": {"S": "x"}, "sk": {"S": "y"}});
    let item = json!({"pk": {"S": "x"}, "sk": {"S": "y"}, "n": {"N": "1.5"}, "l": {"L": [{"M": {"a": {"BOOL": true}}}]}, "ss": {"SS": ["a"]}, "b": {"B": "AA=="}});
    let corpus = [
        (
            "GetItem",
            json!({"TableName": table, "Key": key, "ProjectionExpression": "n, l[0].a"}),
        ),
        (
            "PutItem",
            json!({"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(pk) OR n < :n", "ExpressionAttributeValues": {":n": {"N": "3"}}}),
        ),
        (
            "UpdateItem",
            json!({"TableName": table, "Key": key, "UpdateExpression": "SET n = if_not_exists(n, :z) + :one, #l = list_append(#l, :l) REMOVE b ADD ss :ss", "ExpressionAttributeNames": {"#l": "l"}, "ExpressionAttributeValues": {":z": {"N": "0"}, ":one": {"N": "1"}, ":l": {"L": []}, ":ss": {"SS": ["b"]}}, "ReturnValues": "ALL_NEW"}),
        ),
        (
            "Query",
            json!({"TableName": table, "KeyConditionExpression": "pk = :p AND begins_with(sk, :s)", "FilterExpression": "contains(ss, :s) AND NOT size(l) > :n", "ExpressionAttributeValues": {":p": {"S": "x"}, ":s": {"S": "y"}, ":n": {"N": "1"}}, "Limit": 3, "ScanIndexForward": false}),
        ),
        (
            "Scan",
            json!({"TableName": table, "Segment": 0, "TotalSegments": 2, "Limit": 2}),
        ),
        (
            "BatchGetItem",
            json!({"RequestItems": {table: {"Keys": [key]}}}),
        ),
        (
            "BatchWriteItem",
            json!({"RequestItems": {table: [{"PutRequest": {"Item": item}}, {"DeleteRequest": {"Key": key}}]}}),
        ),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"Put": {"TableName": table, "Item": item}}, {"ConditionCheck": {"TableName": table, "Key": {"pk": {"S": "z"}, "sk": {"S": "z"}}, "ConditionExpression": "attribute_exists(pk)"}}]}),
        ),
        (
            "TransactGetItems",
            json!({"TransactItems": [{"Get": {"TableName": table, "Key": key}}]}),
        ),
        (
            "DeleteItem",
            json!({"TableName": table, "Key": key, "ReturnValues": "ALL_OLD"}),
        ),
        ("DescribeTable", json!({"TableName": table})),
    ];
    let mut inputs = Inputs::new(800);
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    while inputs.next() {
        let (operation, sound) = inputs.pick(&corpus).clone();
        let body = match inputs.rng.random_bool(0.6) {
            true => inputs.json(&[sound]).to_string().into_bytes(),
            false => inputs.bytes(&[sound.to_string().into_bytes()]),
        };
        let said = format!("{operation} {}", body.escape_ascii());
        let answer = client
            .list_tables()
            .customize()
            .mutate_request(move |request| {
                let headers = request.headers_mut();
                headers.insert("x-amz-target", format!("DynamoDB_20120810.{operation}"));
                headers.insert("content-length", body.len().to_string());
                *request.body_mut() = SdkBody::from(body.clone());
            })
            .send()
            .await;
        let status = status(answer);
        assert!(
            status.is_some_and(|status| status < 500),
            "{said}: {status:?}"
        );
        *statuses.entry(status.unwrap()).or_default() += 1;
    }
    println!("{statuses:?}");
}
