//! Real listings through the data API's protocol: nothing is lost, nothing is made up.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use local::source::DataApi;
use serde_json::json;
use tasador_dataset::read_parquet;
use tasador_model::Column;
use tasador_registry::{OutcomeKind, Rows};
use tests::invariants;
use tests::world::World;
use tokio::net::TcpListener;

const BATCH_ROWS: NonZeroUsize = NonZeroUsize::new(2_000).unwrap();

/// The file of real listings: not part of the project, since nobody states a licence for it.
fn file() -> Option<PathBuf> {
    let named = std::env::var_os("TASADOR_TEST_LISTINGS").map(PathBuf::from);
    let beside =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/listings-raw.csv");
    named.or(Some(beside)).filter(|path| path.is_file())
}

/// Values of each column in the file.
fn values_in(text: &str) -> BTreeMap<String, u64> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut values = BTreeMap::new();
    for line in lines {
        // No field of this file has a comma or a quote.
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), header.len(), "{line}");
        for (name, cell) in header.iter().zip(cells) {
            *values.entry((*name).to_owned()).or_default() += u64::from(!cell.is_empty());
        }
    }
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_rows_add_up() {
    let Some(file) = file() else {
        println!(
            "skipped: the real listings are not here; TASADOR_TEST_LISTINGS names a CSV of Realtor listings"
        );
        return;
    };
    let text = std::fs::read_to_string(&file).unwrap();
    let rows_in_file = text.lines().count() as u64 - 1;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/data?group_number=2&day=Tuesday",
        listener.local_addr().unwrap()
    );
    let api = DataApi::from_file(&file, BATCH_ROWS).unwrap();
    let server = tokio::spawn(api.serve(listener, std::future::pending::<()>()));
    let world = World::new(|config| config.source = Some(url)).await;

    let mut total = Rows {
        raw: 0,
        clean: 0,
        rejected: 0,
        duplicates: 0,
    };
    loop {
        let run = world.run(&json!({})).await;
        if run.kind() == OutcomeKind::NothingNew {
            break;
        }
        assert_ne!(run.kind(), OutcomeKind::Failed, "{:#?}", run.recorded());
        let rows = run.recorded().rows.unwrap();
        println!(
            "{}: {rows:?}; {}",
            run.recorded().kind.as_str(),
            run.recorded().sentence
        );
        assert_eq!(rows.raw, rows.clean + rows.rejected + rows.duplicates);
        total.raw += rows.raw;
        total.clean += rows.clean;
        total.rejected += rows.rejected;
        total.duplicates += rows.duplicates;
    }
    server.abort();
    assert_eq!(total.raw, rows_in_file);
    println!("all: {total:?}");

    let mut values: BTreeMap<String, u64> = BTreeMap::new();
    for object in world.context().lake.list("clean/").await.unwrap() {
        let bytes = world.context().lake.get(&object.key).await.unwrap();
        // Its own threads panic inside a runtime that may not block.
        let frame = tokio::task::spawn_blocking(move || read_parquet(bytes).unwrap())
            .await
            .unwrap();
        for (name, column) in frame.columns() {
            *values.entry(name.clone()).or_default() += match column {
                Column::Number(numbers) | Column::Date(numbers) => {
                    numbers.iter().filter(|number| !number.is_nan()).count() as u64
                }
                Column::Category { codes, names } => {
                    if name == "zip_code" {
                        assert!(
                            names.iter().all(|zip| zip.len() == 5
                                && zip.bytes().all(|byte| byte.is_ascii_digit())),
                            "{names:?}"
                        );
                    }
                    codes
                        .iter()
                        .filter(|code| **code != tasador_model::frame::MISSING)
                        .count() as u64
                }
            };
        }
    }
    // What is null in the file is null in the clean rows, and nothing else is: rows that were rejected
    // or are duplicates take their values with them, so compare what is left by difference.
    let in_file = values_in(&text);
    let dropped = total.rejected + total.duplicates;
    for (name, clean) in &values {
        let file = in_file[name];
        assert!(
            *clean <= file && *clean + dropped >= file,
            "{name}: {clean} of {file} values are left, {dropped} rows were dropped"
        );
    }
    invariants::check(&world).await;
}
