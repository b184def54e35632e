//! What the handler answers, stores and rejects.

use tasador_ids::Digest;
use tasador_lake::Format;
use tasador_runtime::ErrorClass;

use crate::place::{Place, attempt, column, rows};

#[tokio::test]
async fn the_answer_names_the_files_of_the_rows() {
    let place = Place::new().await;
    let json = r#"{"group_number": 2, "day": "Tuesday", "batch_number": 0, "data": [
        {"price": 289900.0, "bed": 4.0, "city": "East Windsor", "zip_code": 6016.0, "view": "sea"},
        {"price": 289900, "bed": 4, "city": " East Windsor", "zip_code": "06016", "view": "sea"},
        {"price": null, "bed": 4.0, "city": "Lee", "zip_code": 1238.0},
        {"price": 5.0, "bed": "four", "city": null, "zip_code": "6016-1234"}]}"#;
    let request = place.batch(json, Format::ApiJson).await;
    let answer = place.run(&request).await;
    let seen = serde_json::to_value(&answer).unwrap();
    let batch = request.batch;
    let clean = place.ctx.lake.get(&answer.clean_key).await.unwrap();
    assert_eq!(
        seen,
        serde_json::json!({
            "rows": {"raw": 4, "clean": 2, "rejected": 1, "duplicates": 1},
            "clean_key": format!("clean/{batch}.parquet"),
            "clean_sha256": Digest::of(&clean).to_string(),
            "rejected_key": format!("rejected/{batch}.parquet"),
            "profile_key": format!("profiles/{batch}.json"),
            "columns_new": ["view"],
            "columns_gone": ["brokered_by", "status", "bath", "acre_lot", "street", "state",
                "house_size", "prev_sold_date"],
            "rejected_for": {"price_missing": 1},
        })
    );
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        place.clean(&answer, "zip_code").await,
        [some("06016"), some("06016")]
    );
    assert_eq!(place.clean(&answer, "bed").await, [some("4.0"), None]);
    assert_eq!(place.clean(&answer, "state").await, [None, None]);
    let rejected = place.rows(&answer.rejected_key).await;
    assert_eq!(column(&rejected, "city"), [some("Lee")]);
    assert_eq!(column(&rejected, "reason"), [some("price_missing")]);
    let report = place.report(&answer).await;
    assert_eq!(report.clean_sha256, answer.clean_sha256);
    assert!(report.quality.adds_up());
}

#[tokio::test]
async fn a_broken_row_is_stored_as_it_came() {
    let place = Place::new().await;
    let good: String = (0..59)
        .map(|row| format!("{},{row},Lee\n", 100_000 + row))
        .collect();
    for (row, reason, detail) in [
        (
            &b"1,2,Lee,surplus"[..],
            "surplus_fields",
            "Line 2: 4 fields, but the header has 3.",
        ),
        (
            b"1,2,\"Lee\" W",
            "bad_quote",
            "Line 2: text after the closing quote",
        ),
        (
            b"1,2,Le\xe9",
            "bad_encoding",
            "Line 2: byte 7 of the row (0xE9) is not UTF-8; save",
        ),
    ] {
        let csv = [b"price,bed,city\n", row, b"\n-5,2,Lee\n", good.as_bytes()].concat();
        let request = place.batch(csv, Format::Csv).await;
        let answer = place.run(&request).await;
        assert_eq!((answer.rows.raw, answer.rows.rejected), (61, 2), "{reason}");
        let rejected = place.rows(&answer.rejected_key).await;
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(column(&rejected, "price"), [some("-5"), None]);
        assert_eq!(
            column(&rejected, "reason"),
            [some("price_not_positive"), some(reason)]
        );
        assert_eq!(column(&rejected, "source_line"), [some("3.0"), some("2.0")]);
        let text = String::from_utf8_lossy(row).into_owned();
        assert_eq!(column(&rejected, "source_text"), [None, Some(text)]);
        let found = column(&rejected, "detail").pop().flatten().unwrap();
        assert!(found.starts_with(detail), "{found}");
        let report = place.report(&answer).await;
        assert!(report.quality.adds_up() && report.quality.usable());
        assert_eq!(report.quality.readable(), 60);
    }
}

#[tokio::test]
async fn an_unreadable_batch_is_rejected_and_nothing_is_stored() {
    let place = Place::new().await;
    let wide: Vec<String> = (0..1_001).map(|column| column.to_string()).collect();
    for (text, format, said) in [
        (
            "<html>Bad gateway</html>",
            Format::ApiJson,
            "this is an HTML page",
        ),
        (
            r#"{"data": [{"price": 1}, {"pri"#,
            Format::ApiJson,
            "ends unexpectedly at line 1",
        ),
        (r#"{"detail": "oops"}"#, Format::ApiJson, "no list `data`"),
        ("", Format::ApiJson, "ends unexpectedly"),
        (r#"[7, 8]"#, Format::Json, "a row is not an object"),
        ("\n{]", Format::Ndjson, "none of the 1 rows can be read"),
        (
            "price,city\n1,\"Lee",
            Format::Csv,
            "Line 2: a quoted field does not end",
        ),
        (
            "price,city\n1,2,3\n",
            Format::Csv,
            "Line 2: 3 fields, but the header has 2",
        ),
        (&wide.join(","), Format::Csv, "more than 1000 columns"),
        (
            "PAR1PAR1",
            Format::Parquet,
            "the parquet file is damaged, or it is not parquet",
        ),
        ("\u{1f}\u{8b}", Format::Csv, "the CSV"),
    ] {
        let request = place.batch(text.to_owned(), format).await;
        let answer = attempt(&request, &place.ctx).await;
        if text == "\u{1f}\u{8b}" {
            // U+008B is two bytes in UTF-8: odd text, but not gzip.
            assert_eq!(answer.unwrap().rows.raw, 0);
            continue;
        }
        let failure = answer.unwrap_err();
        assert_eq!(
            failure.error_type,
            ErrorClass::InvalidInput,
            "{text:.40}: {failure}"
        );
        assert!(failure.message.contains(said), "{text:.40}: {failure}");
    }
    for (bytes, said) in [
        (
            &b"price\n\xff\n"[..],
            "Line 2: byte 1 of the row is not text",
        ),
        (b"pric\xff\n1\n", "not UTF-8 at byte 4"),
        (
            b"\x1f\x8b\x08\x00\x00",
            "the gzip file is damaged or incomplete",
        ),
    ] {
        let request = place.batch(bytes, Format::Csv).await;
        let failure = attempt(&request, &place.ctx).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorClass::InvalidInput);
        assert!(failure.message.contains(said), "{failure}");
    }
    assert_eq!(place.objects().await.len(), 4);
}

#[tokio::test]
async fn a_batch_without_rows_is_preprocessed() {
    let place = Place::new().await;
    for (text, format) in [
        (r#"{"data": []}"#, Format::ApiJson),
        ("", Format::Csv),
        ("price,city\n", Format::Csv),
        ("", Format::Ndjson),
    ] {
        let request = place.batch(text, format).await;
        let answer = place.run(&request).await;
        assert_eq!((answer.rows.raw, answer.rows.clean), (0, 0));
        assert_eq!(place.run(&request).await, answer);
    }
}

#[tokio::test]
async fn a_damaged_raw_object_is_not_preprocessed() {
    let place = Place::new().await;
    let one = place.csv(&rows(1..5)).await;
    let two = place.csv(&rows(5..9)).await;
    let mut crossed = one.clone();
    crossed.key = two.key;
    let failure = attempt(&crossed, &place.ctx).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorClass::CorruptArtifact, "{failure}");
    crossed.key = "raw/none.csv".parse().unwrap();
    let failure = attempt(&crossed, &place.ctx).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorClass::InvalidInput, "{failure}");
    assert!(place.objects().await.is_empty());
}

#[tokio::test]
async fn the_answer_stays_small_with_many_columns() {
    let place = Place::new().await;
    let names: Vec<String> = (0..990)
        .map(|column| format!("{column}{}", "\u{1}é\"".repeat(60)))
        .collect();
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("\"{}\"", name.replace('"', "\"\"")))
        .collect();
    let cells = vec!["1"; names.len()].join(",");
    let request = place
        .csv(&format!("price,{}\n5,{cells}\n", quoted.join(",")))
        .await;
    let answer = place.run(&request).await;
    assert!(serde_json::to_string(&answer).unwrap().len() < 4_000);
    assert!(!answer.columns_new.is_empty());
    assert_eq!(place.report(&answer).await.quality.columns_new.len(), 990);
}
