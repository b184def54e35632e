//! Real listings through the data API's protocol: nothing is lost, nothing is made up.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use local::source::DataApi;
use serde_json::json;
use tasador_dataset::read_parquet;
use tasador_model::Column;
use tasador_registry::{OutcomeKind, Rows};
use tasador_testing::tools;
use tests::invariants;
use tests::world::World;
use tokio::net::TcpListener;

const BATCH_ROWS: NonZeroUsize = NonZeroUsize::new(2_000).unwrap();

/// The file of real listings, which must be there where it is named: not part of the project, since nobody states a licence for it.
pub(crate) fn file() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TASADOR_TEST_LISTINGS") {
        return Some(PathBuf::from(named));
    }
    let beside =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/listings-raw.csv");
    Some(beside).filter(|path| path.is_file())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_rows_add_up() {
    let Some(file) = file() else {
        tools::skipped(
            "the real listings are not here; TASADOR_TEST_LISTINGS names a CSV of Realtor listings",
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
    let world = World::new(|config| config.source = Some(url.into())).await;

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

    // `preprocess` counts nulls, column by column; here it is what others read of the files.
    let clean = world.context().lake.list("clean/").await.unwrap();
    assert!(!clean.is_empty());
    for object in clean {
        let bytes = world.context().lake.get(&object.key).await.unwrap();
        // Its own threads panic inside a runtime that may not block.
        let frame = tokio::task::spawn_blocking(move || read_parquet(bytes).unwrap())
            .await
            .unwrap();
        let Some(Column::Category { names, .. }) = frame.column("zip_code") else {
            panic!("{}: zip codes are codes, not amounts", object.key)
        };
        let is_zip = |zip: &String| zip.len() == 5 && zip.bytes().all(|byte| byte.is_ascii_digit());
        assert!(!names.is_empty() && names.iter().all(is_zip), "{names:?}");
    }
    invariants::check(&world).await;
}
