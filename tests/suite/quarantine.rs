//! Batches that the gate holds, what a person decides about them, and what is withdrawn.

use ::gate::rules::{self, Facts, Serving, Standing};
use serde_json::{Value, json};
use tasador_flow::gate::Decision;
use tasador_ids::{Digest, Format, ModelVersion};
use tasador_listing::{BatchReport, Profile};
use tasador_runtime::Config;

/// What preprocess makes of listings.
fn report(listings: &[Value]) -> BatchReport {
    let lines: Vec<String> = listings.iter().map(Value::to_string).collect();
    let raw = preprocess::read(lines.join("\n").into(), Format::Ndjson).unwrap();
    let cleaned = preprocess::draft(raw).unwrap().finish(|_| false).unwrap();
    BatchReport {
        format: BatchReport::FORMAT,
        clean_sha256: Digest::of(b"clean"),
        rejected_sha256: Digest::of(b"rejected"),
        quality: cleaned.quality,
        profile: cleaned.profile,
    }
}

/// The decision about a batch where the champion learned from these rows and uses all of their columns.
fn decision(learned: &Profile, batch: &BatchReport) -> rules::Judgement {
    let inputs = learned.columns.iter().map(|column| column.name.clone());
    let standing = Standing::Serving(Box::new(Serving {
        version: ModelVersion(1),
        inputs: inputs.collect(),
        learnt_rows: Some(learned.rows),
        reference: Some(learned.clone()),
        error: None,
    }));
    let facts = Facts {
        report: batch,
        dataset_rows: learned.rows + batch.profile.rows,
        champion: &standing,
        released: false,
        stale: rules::Stale::default(),
    };
    let limits = Config::default().gate;
    match rules::examine(batch, false, &limits) {
        Ok(examined) => rules::judge(examined, &facts, &limits),
        Err(refusal) => refusal,
    }
}

/// Every batch against every champion that learned from the batches up to some point, before or after it:
/// a price level that falls is as ordinary as one that rises.
fn never_held(batches: &[Vec<Value>]) {
    let reports: Vec<BatchReport> = batches.iter().map(|batch| report(batch)).collect();
    let mut learned: Vec<Value> = Vec::new();
    for batch in batches {
        learned.extend(batch.iter().cloned());
        let reference = report(&learned).profile;
        for (number, report) in reports.iter().enumerate() {
            let decision = decision(&reference, report);
            assert_ne!(
                decision.decision,
                Decision::Hold,
                "batch {number} against {} rows: {:#?}",
                reference.rows,
                decision.reasons
            );
        }
    }
}

#[test]
fn no_month_of_real_sales_is_held() {
    let sales = local::demo::sales::read().unwrap();
    let months: Vec<Vec<Value>> = sales.months.into_iter().map(|it| it.listings).collect();
    assert_eq!(months.len(), 13);
    never_held(&months);
}

/// Batches of real listings of several states, one region after the other, in the order of the source.
#[test]
fn no_batch_of_real_listings_is_held() {
    let Some(file) = crate::real_listings::file() else {
        tasador_testing::tools::skipped(
            "the real listings are not here; TASADOR_TEST_LISTINGS names a CSV of Realtor listings",
        );
        return;
    };
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Value> = lines
        .map(|line| {
            let cells = names.iter().zip(line.split(','));
            let cells = cells.filter(|(_, cell)| !cell.is_empty());
            Value::Object(
                cells
                    .map(|(name, cell)| ((*name).to_owned(), json!(cell)))
                    .collect(),
            )
        })
        .collect();
    let batches: Vec<Vec<Value>> = rows.chunks(2_000).map(<[Value]>::to_vec).collect();
    never_held(&batches);
}
