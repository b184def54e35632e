//! Real listings through the data API's protocol: nothing is lost, nothing is made up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use local::source::DataApi;
use serde_json::json;
use tasador_dataset::read_parquet;
use tasador_registry::OutcomeKind;
use tests::invariants;
use tests::world::World;

const ROWS: u64 = 7_769;
const BATCH_ROWS: usize = 2_000;

/// The file of real listings: not part of the project, since nobody states a licence for it.
fn file() -> Option<PathBuf> {
    let named = std::env::var_os("TASADOR_TEST_LISTINGS").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/listings-raw.csv");
    named.or(Some(beside)).filter(|path| path.is_file())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_rows_add_up() {
    let Some(file) = file() else {
        println!("skipped: the real listings are not here; TASADOR_TEST_LISTINGS names a CSV of Realtor listings");
        return;
    };
}
