//! How long it takes to look up and mark the rows of a batch:
//! `cargo run -p tasador-registry --example rows -- 230000`
//!
//! The table is in memory and behind HTTP on this machine, so this is the cost of the protocol and
//! of the table, without a disk and without a network.

#![allow(clippy::print_stdout, reason = "it is what the example is for")]

use std::error::Error;
use std::time::Instant;

use tasador_ids::BatchId;
use tasador_registry::{Registry, Tables};
use tasador_testing::Stores;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let rows: u128 = std::env::args()
        .nth(1)
        .map_or(Ok(230_000), |count| count.parse())?;
    let stores = Stores::start_on(std::env::args().nth(2).as_deref()).await;
    let tables = Tables {
        registry: "registry".to_owned(),
        rows: "rows".to_owned(),
        inferences: "inferences".to_owned(),
        tokens: "tokens".to_owned(),
    };
    let registry = Registry::new(aws_sdk_dynamodb::Client::new(&stores.sdk_config()), tables);
    registry.create_tables().await?;

    let hashes: Vec<u128> = (0..rows)
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
        .collect();
    let (one, two) = (BatchId::of(b"one"), BatchId::of(b"two"));
    for (what, batch) in [("look up, none known", &one), ("look up, all known", &two)] {
        let start = Instant::now();
        let known = registry.rows_seen(&hashes, batch).await?.len();
        println!(
            "{what}: {rows} rows, {known} known, {:.2} s",
            start.elapsed().as_secs_f64()
        );
        if batch == &one {
            let start = Instant::now();
            registry.mark_rows(&hashes, batch).await?;
            println!("mark: {rows} rows, {:.2} s", start.elapsed().as_secs_f64());
        }
    }
    Ok(())
}
