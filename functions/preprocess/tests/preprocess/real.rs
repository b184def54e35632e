//! Real listings, if they are available.

use std::path::PathBuf;

use tasador_listing::schema;
use tasador_testing::tools::skipped;

use crate::place::Place;

/// The listings as CSV; prints that it skips and returns `None` if there are none.
fn listings() -> Option<String> {
    let beside = "../../../shared/data/listings-raw.csv";
    let path = std::env::var_os("TASADOR_TEST_LISTINGS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(beside),
        PathBuf::from,
    );
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            skipped(&format!(
                "{} cannot be read ({error}); TASADOR_TEST_LISTINGS names a CSV of listings",
                path.display()
            ));
            None
        }
    }
}

#[tokio::test]
async fn real_rows_add_up() {
    let Some(text) = listings() else { return };
    let place = Place::new().await;
    let (header, body) = text.split_once('\n').unwrap();
    let lines: Vec<&str> = body.lines().collect();
    let names: Vec<&str> = header.split(',').collect();
    let (mut raw, mut clean) = (0, 0);
    let mut all = Vec::new();
    for batch in lines.chunks(2_000) {
        let request = place
            .csv(&format!("{header}\n{}\n", batch.join("\n")))
            .await;
        let answer = place.run(&request).await;
        let rows = answer.rows;
        assert_eq!(rows.raw, batch.len() as u64);
        assert_eq!(rows.raw, rows.clean + rows.rejected + rows.duplicates);
        assert!(answer.columns_new.is_empty() && answer.columns_gone.is_empty());
        raw += rows.raw;
        clean += rows.clean;

        let report = place.report(&answer).await;
        for column in &report.quality.columns {
            let place = names.iter().position(|name| *name == column.name).unwrap();
            let empty = batch
                .iter()
                .filter(|line| line.split(',').nth(place) == Some(""))
                .count();
            assert_eq!(column.nulls, empty as u64, "{}", column.name);
            assert_eq!(column.bad, 0, "{}", column.name);
        }
        for zip_code in place
            .clean(&answer, schema::ZIP_CODE)
            .await
            .into_iter()
            .flatten()
        {
            assert!(
                zip_code.len() == 5 && zip_code.bytes().all(|b| b.is_ascii_digit()),
                "{zip_code}"
            );
        }
        all.push((request, answer));
    }
    assert_eq!(raw, lines.len() as u64);
    assert!(clean > raw / 2);
    for (request, answer) in all {
        assert_eq!(place.run(&request).await, answer);
    }
}
