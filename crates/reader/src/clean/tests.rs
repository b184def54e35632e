use std::collections::HashMap;

use bytes::Bytes;
use polars::prelude::AnyValue;
use proptest::prelude::*;
use tasador_lake::Format;
use tasador_listing::Reason;

use super::*;
use crate::LeftError;
use crate::{read, to_parquet};
use tasador_listing::property::NotAHash;

fn raw(csv: &str) -> Raw {
    read(
        Bytes::copy_from_slice(csv.as_bytes()),
        Format::Csv,
        &SchemaFile::default(),
    )
    .unwrap()
}

fn clean_raw(raw: Raw) -> Cleaned {
    draft(raw, &SchemaFile::default())
        .unwrap()
        .finish(|_| false)
        .unwrap()
}

/// Cleaned by a schema file.
fn clean_by(toml: &str, csv: &str) -> Cleaned {
    let file = SchemaFile::read(toml.as_bytes()).unwrap();
    let raw = read(Bytes::copy_from_slice(csv.as_bytes()), Format::Csv, &file).unwrap();
    draft(raw, &file).unwrap().finish(|_| false).unwrap()
}

fn clean(csv: &str) -> Cleaned {
    clean_raw(raw(csv))
}

/// The values of a column as text; empty if missing.
fn column(table: &DataFrame, name: &str) -> Vec<String> {
    let column = table.column(name).unwrap();
    (0..column.len())
        .map(|row| match column.get(row).unwrap() {
            AnyValue::Null => String::new(),
            value => value
                .get_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        })
        .collect()
}

fn names(table: &DataFrame) -> Vec<&str> {
    table
        .columns()
        .iter()
        .map(|column| column.name().as_str())
        .collect()
}

const HEAD: &str = "brokered_by,status,price,bed,bath,acre_lot,street,city,state,zip_code,house_size,prev_sold_date\n";

#[test]
fn a_row_of_the_source_is_typed() {
    let cleaned = clean(&format!(
        "{HEAD}101640.0,for_sale,289900.0,4.0,2.0,0.38,1758218.0, East  Windsor,Connecticut,6016.0,1617.0,1999-09-30\n\
         ,,1,,,,,,,,,\n"
    ));
    let table = &cleaned.clean;
    let expected = [
        ("brokered_by", "101640"),
        ("status", "for_sale"),
        ("price", "289900.0"),
        ("bed", "4.0"),
        ("bath", "2.0"),
        ("acre_lot", "0.38"),
        ("street", "1758218"),
        ("city", "East Windsor"),
        ("state", "Connecticut"),
        ("zip_code", "06016"),
        ("house_size", "1617.0"),
        ("prev_sold_date", "1999-09-30"),
    ];
    for (name, value) in expected {
        let empty = if name == "price" { "1.0" } else { "" };
        assert_eq!(column(table, name), [value, empty], "{name}");
    }
    assert_eq!(names(table)[12..], ["property_key", "row_hash"]);
    assert!(
        column(table, "property_key")
            .iter()
            .all(|key| key.len() == 32)
    );
    assert_eq!(cleaned.quality.columns_new, [""; 0]);
    assert_eq!(cleaned.quality.columns_gone, [""; 0]);
    assert_eq!(
        names(&cleaned.rejected)[11..],
        ["prev_sold_date", "reason", "detail"]
    );
}

#[test]
fn zip_codes_have_five_digits() {
    let cleaned = clean("price,zip_code\n1,6016.0\n2,06016\n3,6016\n4,6016-1234\n5,K1A\n6,\n");
    assert_eq!(
        column(&cleaned.clean, "zip_code"),
        ["06016", "06016", "06016", "06016", "", ""]
    );
    let zip = cleaned
        .quality
        .columns
        .iter()
        .find(|column| column.name == "zip_code")
        .unwrap();
    assert_eq!((zip.nulls, zip.bad), (1, 1));
}

#[test]
fn impossible_rows_are_stored_unchanged_with_their_reasons() {
    let cleaned = clean(
        "price,bed,city,note\n 289900 ,3, Lee ,a\n,3,Lee,b\nask,3,Lee,c\n-5,3,Lee,d\n7,-1.0, Lee,e\n,3,Lee,b\n",
    );
    assert_eq!(column(&cleaned.clean, "city"), ["Lee"]);
    let rejected = &cleaned.rejected;
    assert_eq!(
        column(rejected, "reason"),
        [
            "price_missing",
            "price_unreadable",
            "price_not_positive",
            "bed_negative",
            "price_missing"
        ]
    );
    assert_eq!(
        column(rejected, "detail")[2],
        "The price is not above zero. `price` is -5."
    );
    assert_eq!(column(rejected, "price"), ["", "ask", "-5", "7", ""]);
    assert_eq!(column(rejected, "bed")[3], "-1.0");
    assert_eq!(column(rejected, "city")[3], " Lee");
    assert_eq!(cleaned.quality.rejected[&Reason::PriceMissing], 2);
    assert_eq!(cleaned.quality.rejected_rows(), 5);
    assert!(cleaned.quality.adds_up());
}

#[test]
fn the_first_of_equal_rows_is_kept_in_order() {
    let csv = "price,city,zip_code\n3,Lee,6016\n1,Lee,1\n3.0,Lee ,06016.0\n2,Lee,2\n1,Lee,1\n";
    let draft = draft(raw(csv), &SchemaFile::default()).unwrap();
    let hashes = draft.row_hashes().to_vec();
    assert_eq!(hashes.len(), 3);
    let cleaned = draft.finish(|hash| hash == hashes[1]).unwrap();
    assert_eq!(column(&cleaned.clean, "price"), ["3.0", "2.0"]);
    assert_eq!(cleaned.row_hashes, [hashes[0], hashes[2]]);
    assert_eq!(
        (
            cleaned.quality.duplicates_within,
            cleaned.quality.duplicates_across
        ),
        (2, 1)
    );
    assert_eq!(cleaned.profile.rows, 2);
    assert!(cleaned.quality.adds_up());
}

#[test]
fn new_and_missing_columns_are_reported() {
    let cleaned = clean(
        "Price,Acre Lot,Grade,sold,lot code,price,\n9,1.5,7,2020-01-02,007,8,x\n10,,NaN,,8,,\n",
    );
    let table = &cleaned.clean;
    assert_eq!(
        names(table)[12..],
        [
            "Grade",
            "sold",
            "lot code",
            "price_2",
            "column_7",
            "property_key",
            "row_hash"
        ]
    );
    assert_eq!(column(table, "acre_lot"), ["1.5", ""]);
    assert_eq!(column(table, "Grade"), ["7.0", ""]);
    assert_eq!(column(table, "sold"), ["2020-01-02", ""]);
    assert_eq!(column(table, "lot code"), ["007", "8"]);
    assert_eq!(column(table, "bed"), ["", ""]);
    assert_eq!(
        cleaned.quality.columns_new,
        ["Grade", "sold", "lot code", "price_2", "column_7"]
    );
    assert_eq!(cleaned.quality.columns_gone.len(), 10);
    let renamed = cleaned
        .quality
        .problems
        .iter()
        .filter(|p| p.kind == ProblemKind::Renamed);
    let sentences: Vec<&str> = renamed.map(|problem| problem.sentence.as_str()).collect();
    assert_eq!(
        sentences,
        [
            "The source's column `price` was renamed to `price_2`.",
            "The source's column `` was renamed to `column_7`."
        ]
    );
}

#[test]
fn a_column_of_another_type_is_counted_and_reported() {
    let cleaned = clean("price,house_size\n1,big\n2,small\n3,1617\n4,NaN\n5,Infinity\n");
    let size = cleaned
        .quality
        .columns
        .iter()
        .find(|column| column.name == "house_size")
        .unwrap();
    assert_eq!((size.nulls, size.bad), (1, 3));
    assert_eq!(
        column(&cleaned.clean, "house_size"),
        ["", "", "1617.0", "", ""]
    );
    assert!(
        cleaned
            .quality
            .problems
            .iter()
            .any(|problem| problem.kind == ProblemKind::MostlyUnreadable)
    );
}

#[test]
fn batches_without_rows_or_columns() {
    for raw in [
        Raw::default(),
        raw("price,city\n"),
        Raw {
            rows: 3,
            ..Raw::default()
        },
    ] {
        let rows = raw.rows as u64;
        let cleaned = clean_raw(raw);
        assert_eq!(cleaned.clean.height(), 0);
        assert_eq!(cleaned.quality.rejected_rows(), rows);
        assert!(cleaned.quality.adds_up());
        let parquet = to_parquet(cleaned.clean).unwrap();
        let back = read(parquet.into(), Format::Parquet, &SchemaFile::default()).unwrap();
        assert_eq!((back.rows, back.columns.len()), (0, 14));
        assert!(!to_parquet(cleaned.rejected).unwrap().is_empty());
    }
}

#[test]
fn datasets_read_what_is_written() {
    let cleaned = clean(&format!(
        "{HEAD}1.0,sold,5,3,,,,Lee,,6016,,1999-09-30\n1.0,sold,6,3,,,,Lee,,6016,,\n"
    ));
    let hashes = cleaned.row_hashes.clone();
    let bytes: Bytes = to_parquet(cleaned.clean).unwrap().into();
    assert_eq!(
        crate::table::row_hashes(bytes.clone()).unwrap(),
        hashes.iter().copied().collect()
    );
    let batch = tasador_dataset::read_batch(bytes).unwrap();
    assert_eq!(batch.row_hashes, hashes);
    assert_eq!(batch.properties[0], batch.properties[1]);
}

#[test]
fn a_clean_file_with_a_damaged_hash_is_rejected() {
    let mut table = crate::table::Table::new(2);
    table.texts(schema::ROW_HASH, ["0".repeat(32), "0".repeat(31)].iter());
    table.texts(
        schema::PROPERTY_KEY,
        ["0".repeat(32), "0".repeat(32)].iter(),
    );
    let bytes: Bytes = to_parquet(table.finish().unwrap()).unwrap().into();
    let left = crate::table::row_hashes(bytes.clone()).unwrap_err();
    assert!(
        matches!(left, LeftError::Hash(NotAHash { row: 1 })),
        "{left:?}"
    );
    let read = tasador_dataset::read_batch(bytes).unwrap_err();
    assert!(
        matches!(
            read,
            tasador_dataset::ReadError::NotAHash {
                column: "row_hash",
                ..
            }
        ),
        "{read:?}"
    );
}

/// One field as sources write it, including bad ones.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,6}",
        "-?[0-9]{1,7}(\\.[0-9])?",
        Just(String::new()),
        Just("NaN".to_owned()),
        Just("1999-09-30".to_owned()),
    ]
}

fn table() -> impl Strategy<Value = String> {
    let row = (
        prop_oneof!["[1-9]", cell()],
        cell(),
        "[A-C]",
        cell(),
        cell(),
    );
    prop::collection::vec(row, 0..30).prop_map(|rows| {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut csv = "price,bed,city,zip_code,extra\n".to_owned();
        for (price, bed, city, zip_code, extra) in rows {
            let cells = [price, bed, city, zip_code, extra].map(|text| quoted(&text));
            csv += &(cells.join(",") + "\n");
        }
        csv
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counts_add_up_and_order_is_kept(csv in table(), elsewhere in any::<u8>()) {
        let raw = raw(&csv);
        let rows = raw.rows as u64;
        let draft = draft(raw, &SchemaFile::default()).unwrap();
        let all = draft.row_hashes().to_vec();
        let is_elsewhere = |hash: u128| hash as u8 & elsewhere == 1;
        let cleaned = draft.finish(is_elsewhere).unwrap();
        let quality = &cleaned.quality;
        prop_assert_eq!(quality.raw, rows);
        prop_assert!(quality.adds_up());
        prop_assert_eq!(cleaned.clean.height() as u64, quality.clean);
        prop_assert_eq!(cleaned.rejected.height() as u64, quality.rejected_rows());
        prop_assert_eq!(cleaned.profile.rows, quality.clean);
        let kept: Vec<u128> = all.into_iter().filter(|hash| !is_elsewhere(*hash)).collect();
        prop_assert_eq!(&cleaned.row_hashes, &kept);
        let written = column(&cleaned.clean, "row_hash");
        prop_assert_eq!(written, kept.iter().map(|hash| Digits::of(*hash).as_str().to_owned()).collect::<Vec<_>>());
        for described in &cleaned.profile.columns {
            prop_assert_eq!(described.rows(), quality.clean);
        }
    }

    #[test]
    fn clean_rows_cleaned_again_are_the_same(csv in table()) {
        let once = clean(&csv).clean;
        let mut again = read(to_parquet(once.clone()).unwrap().into(), Format::Parquet, &SchemaFile::default()).unwrap();
        again.columns.retain(|(name, _)| name != schema::PROPERTY_KEY && name != schema::ROW_HASH);
        // A new column's kind is inferred from its values. Those of rejected rows are missing the
        // second time, so its spelling may change, and with it the row's hash.
        let texts: HashMap<String, Vec<String>> = names(&once).iter()
            .map(|name| ((*name).to_owned(), column(&once, name))).collect();
        let again = clean_raw(again);
        prop_assert_eq!(again.quality.clean, again.quality.raw);
        for name in names(&once) {
            if !["extra", schema::ROW_HASH, schema::PROPERTY_KEY].contains(&name) {
                prop_assert_eq!(&column(&again.clean, name), &texts[name], "{}", name);
            }
        }
        // A row that says nothing of its home is a separate property, named by its hash.
        let named = |keys: &[String], hashes: &[String]| -> Vec<Option<String>> {
            let pairs = keys.iter().zip(hashes);
            pairs.map(|(key, hash)| (key != hash).then(|| key.clone())).collect()
        };
        let again = [schema::PROPERTY_KEY, schema::ROW_HASH].map(|name| column(&again.clean, name));
        prop_assert_eq!(
            named(&again[0], &again[1]),
            named(&texts[schema::PROPERTY_KEY], &texts[schema::ROW_HASH])
        );
    }

    #[test]
    fn the_same_rows_give_the_same_bytes(csv in table()) {
        let [one, two] = [clean(&csv), clean(&csv)].map(|cleaned| (to_parquet(cleaned.clean).unwrap(),
            to_parquet(cleaned.rejected).unwrap(), cleaned.quality, cleaned.profile));
        prop_assert_eq!(one, two);
    }
}

fn problems(cleaned: &Cleaned) -> Vec<&'static str> {
    let problems = cleaned.quality.problems.iter();
    problems.map(|problem| problem.kind.code()).collect()
}

#[test]
fn an_export_with_other_names_and_units_is_cleaned() {
    let cleaned = clean(
        "list_price,beds,full_baths,half_baths,sqft,lot_sqft,zip_code,state\n\
         $350k,3,2,1,\"1,180 sqft\",43560,981781234,WA\n\
         $1.2M,4,3,,2000,21780,98178.0,WA\n\
         soon,4,3,,2000,21780,98178,WA\n",
    );
    let table = &cleaned.clean;
    assert_eq!(column(table, "price"), ["350000.0", "1.2e6"]);
    assert_eq!(column(table, "bath"), ["2.5", "3.0"]);
    assert_eq!(column(table, "house_size"), ["1180.0", "2000.0"]);
    assert_eq!(column(table, "acre_lot"), ["1.0", "0.5"]);
    assert_eq!(column(table, "zip_code"), ["98178", "98178"]);
    // A rejected row is as the source wrote it.
    assert_eq!(column(&cleaned.rejected, "price"), ["soon"]);
    assert_eq!(column(&cleaned.rejected, "acre_lot"), ["21780"]);
    assert!(problems(&cleaned).contains(&"mapped") && problems(&cleaned).contains(&"converted"));
}

#[test]
fn a_short_zip_code_of_another_state_is_not_padded() {
    let cleaned = clean(
        "price,state,zip_code\n1,Texas,7701\n2,Texas,77001\n3,NJ,7701\n4,Texas,07701\n5,Ontario,7701\n",
    );
    assert_eq!(
        column(&cleaned.clean, "zip_code"),
        ["", "77001", "07701", "07701", "07701"]
    );
    let sentence = &cleaned.quality.problems.last().unwrap().sentence;
    assert!(
        sentence.starts_with("2 zip codes") && sentence.contains("1 of them"),
        "{sentence}"
    );
    for (state, given, read) in [
        ("NY", "100011234", "10001"),
        ("MA", "2134", "02134"),
        ("MA", "2134.0", "02134"),
        ("CA", "2134", ""),
        ("PR", "601", "00601"),
        ("WA", "601", ""),
    ] {
        let cleaned = clean(&format!("price,state,zip_code\n1,{state},{given}\n"));
        assert_eq!(
            column(&cleaned.clean, "zip_code"),
            [read],
            "{state} {given}"
        );
    }
}

#[test]
fn zip_codes_in_other_forms_are_read_and_compared_with_their_state() {
    let cleaned = clean(
        "price,state,zip_code\n1,CT,60161234\n2,TX,60161234\n3,CT,06016 1234\n4,CT,06016-\n5,TX,CT 06016\n6,TX,06016 1234\n",
    );
    assert_eq!(
        column(&cleaned.clean, "zip_code"),
        ["06016", "", "06016", "06016", "06016", "06016"]
    );
    let sentence = |cleaned: &Cleaned| {
        let mut problems = cleaned.quality.problems.iter();
        let problem = problems.find(|problem| problem.kind == ProblemKind::ZipContradictsState);
        problem.map(|problem| problem.sentence.clone()).unwrap()
    };
    let said = sentence(&cleaned);
    assert!(
        said.starts_with("3 zip codes") && said.contains("1 of them"),
        "{said}"
    );
    // A file without a column of states.
    let cleaned = clean("price,zip_code\n1,CT 06016\n2,TX 06016\n3,06016\n");
    assert!(sentence(&cleaned).starts_with("1 zip codes"));
}

#[test]
fn when_a_row_was_read_makes_it_no_new_row() {
    for name in [
        "scraped_at",
        "fetchedAt",
        "last_updated",
        "Timestamp",
        "scrape_date",
        "etl_loaded_at",
        "days_on_market",
        "views",
    ] {
        let with = |when: &str| {
            let raw = raw(&format!("price,city,{name}\n3,Lee,{when}\n4,Lee,{when}\n"));
            draft(raw, &SchemaFile::default())
                .unwrap()
                .row_hashes()
                .to_vec()
        };
        assert_eq!(with("2024-01-01"), with("2024-02-01"), "{name}");
    }
    let sold = |when: &str| {
        draft(
            raw(&format!("price,sold\n3,{when}\n")),
            &SchemaFile::default(),
        )
        .unwrap()
        .row_hashes()
        .to_vec()
    };
    assert_ne!(sold("2024-01-01"), sold("2024-02-01"));
}

/// A column of 199 cells and one other one.
fn with_odd_cell(cell: impl Fn(u32) -> String, odd: &str) -> String {
    let mut csv = "price,bed,other\n".to_owned();
    for row in 1..200 {
        csv.push_str(&format!("{row},{},{}\n", row % 5, cell(row)));
    }
    csv + &format!("200,3,{odd}\n")
}

#[test]
fn one_odd_cell_does_not_change_the_kind_of_a_column() {
    let number = |row: u32| row.to_string();
    let date = |row: u32| format!("2024-01-{:02}", row % 28 + 1);
    let text = |row: u32| format!("street {row}");
    for (cell, odd, kind, bad) in [
        (
            &number as &dyn Fn(u32) -> String,
            "1133 - 1384",
            ColumnKind::Number,
            1,
        ),
        (&number, "on request", ColumnKind::Number, 1),
        (&number, "0049", ColumnKind::Number, 0),
        (&date, "next spring", ColumnKind::Date, 1),
        (&text, "17", ColumnKind::Category, 0),
    ] {
        let cleaned = clean(&with_odd_cell(cell, odd));
        let mut columns = cleaned.quality.columns.iter();
        let other = columns.find(|column| column.name == "other").unwrap();
        assert_eq!((other.kind, other.bad), (kind, bad), "{odd}");
    }
}

#[test]
fn the_kind_of_a_column_is_remembered_and_a_change_is_reported() {
    let after = |remembered: ColumnKind, numbers: usize| {
        let mut file = SchemaFile::default();
        file.remembered.insert("other".to_owned(), remembered);
        let mut csv = "price,bed,other\n".to_owned();
        for row in 0..100 {
            let cell = if row < numbers { "7" } else { "a few" };
            csv.push_str(&format!("{},3,{cell}\n", row + 1));
        }
        let cleaned = draft(raw(&csv), &file).unwrap().finish(|_| false).unwrap();
        let quality = cleaned.quality;
        let kind = quality.kinds()["other"];
        let column = quality.columns.iter().find(|column| column.name == "other");
        assert_eq!(kind, column.unwrap().kind);
        let problem = quality.problems.iter().find(|problem| {
            matches!(
                problem.kind,
                ProblemKind::KindChanged | ProblemKind::KindKept
            )
        });
        (kind, problem.map(|problem| problem.sentence.clone()))
    };
    let (number, category) = (ColumnKind::Number, ColumnKind::Category);
    assert_eq!(after(number, 99), (number, None));
    assert_eq!(
        after(number, 80),
        (
            number,
            Some(
                "Column `other` has numbers as before; 20 of 100 values could not be read as such and are missing."
                    .to_owned()
            )
        )
    );
    assert_eq!(
        after(number, 20),
        (
            category,
            Some("Column `other` has text in this batch, and had numbers before.".to_owned())
        )
    );
    assert_eq!(after(category, 80), (category, None));
    assert_eq!(
        after(category, 100).1.as_deref(),
        Some("Column `other` has numbers in this batch, and had text before.")
    );
}

#[test]
fn identifiers_and_codes_are_no_amounts() {
    let row = |row: u64| {
        format!(
            "{},{},{},{},{},{}.0,{}\n",
            100_000 + row * 997,
            7_129_300_520 + row * 7,
            98_001 + row % 199,
            format_args!("MLS{row}"),
            format_args!("0{}", 526_301_100 + row),
            2_000 + row % 20,
            1 + row % 4,
        )
    };
    let rows: String = (0..200).map(row).collect();
    let cleaned = clean(&format!("price,id,zipcode,MLS#,PID,Postcode,bed\n{rows}"));
    let kind = |name: &str| {
        let mut columns = cleaned.quality.columns.iter();
        columns.find(|column| column.name == name).map(|it| it.kind)
    };
    assert_eq!(kind("zip_code"), Some(ColumnKind::Zip));
    for (column, other) in [
        ("id", None),
        ("listing_id", Some("mls")),
        ("parcel_number", Some("pid")),
    ] {
        assert!(!schema::is_feature(column), "{column}");
        assert!(
            kind(column).is_some(),
            "{column}: {:?}",
            cleaned.quality.columns
        );
        assert!(other.is_none_or(|other| kind(other).is_none()), "{column}");
    }
    // Leading zeros are part of an identifier.
    assert_eq!(column(&cleaned.clean, "parcel_number")[0], "0526301100");
}

#[test]
fn what_cannot_be_read_is_reported_by_its_column() {
    // Forms and units that people use, and what cannot be meant.
    for (header, cell, read, bad) in [
        ("house_size", "\"1,180 sqft\"", "1180.0", 0),
        ("acre_lot", "2 acres", "2.0", 0),
        ("prev_sold_date", "5/31/2024", "2024-05-31", 0),
        ("prev_sold_date", "May-31-2024", "2024-05-31", 0),
        ("acre_lot", "\"10,890 sqft\"", "0.25", 0),
        ("house_size", "large", "", 60),
        ("prev_sold_date", "last year", "", 60),
        ("zip_code", "downtown", "", 60),
        ("bed", "several", "", 60),
    ] {
        let rows: String = (0..60)
            .map(|row| format!("{},{cell}\n", 100 + row))
            .collect();
        let cleaned = clean(&format!("price,{header}\n{rows}"));
        let mut columns = cleaned.quality.columns.iter();
        let found = columns.find(|column| column.name == header).unwrap();
        assert_eq!(found.bad, bad, "{header} {cell}");
        let is_reported = cleaned.quality.problems.iter().any(|problem| {
            problem.kind == ProblemKind::MostlyUnreadable
                && problem.column.as_deref() == Some(header)
        });
        assert_eq!(is_reported, bad > 0, "{header} {cell}");
        if bad == 0 {
            assert_eq!(column(&cleaned.clean, header)[0], read, "{header} {cell}");
        }
    }
    let gone = clean("price,view\n100,sea\n120,hill\n")
        .quality
        .columns_gone;
    assert!(
        gone.contains(&"house_size".to_owned()) && gone.len() == 11,
        "{gone:?}"
    );
}

#[test]
fn a_second_column_of_the_price_is_no_feature() {
    for second in ["Price ", "PRICE", "price_2", "List Price", "price per sqft"] {
        let rows: String = (0..60)
            .map(|row| format!("{},{row},{}\n", 100 + row, 1 + row % 4))
            .collect();
        let cleaned = clean(&format!("price,{second},bed\n{rows}"));
        let reported = cleaned.quality.problems.iter().find_map(|problem| {
            (problem.kind == ProblemKind::Leak).then(|| problem.column.clone())?
        });
        let reported =
            reported.unwrap_or_else(|| panic!("{second}: {:?}", cleaned.quality.problems));
        assert!(!schema::is_feature(&reported), "{second}: {reported}");
        assert_eq!(column(&cleaned.clean, "price")[0], "100.0", "{second}");
    }
}

#[test]
fn rejected_rows_have_their_lines() {
    let csv =
        "price,bed,note\n1,2,\"a\nb\"\n\n-5,2,x\n3,2,x\n-6,2,x,surplus\n-7,2,\"c\n\"\nnone,2,x\n";
    let cleaned = clean(csv);
    let lines = |reason: Reason| {
        cleaned
            .rejected_lines
            .get(&reason)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(lines(Reason::PriceNotPositive), [5, 8]);
    assert_eq!(lines(Reason::SurplusFields), [7]);
    assert_eq!(lines(Reason::PriceMissing), [10]);
    assert_eq!(
        column(&cleaned.rejected, "source_line"),
        ["5.0", "8.0", "10.0", "7.0"]
    );
}

#[test]
fn a_declared_schema_decides_names_units_limits_and_roles() {
    let toml = r#"
        version = 1
        header = ["ref", "worth", "estrato", "area", "note"]
        identity = ["ref"]
        [columns.price]
        names = ["worth"]
        unit = "thousands"
        min = 50_000
        [columns.house_size]
        names = ["area"]
        unit = "m2"
        max = 5000
        [columns.estrato]
        kind = "category"
        [columns.note]
        role = "ignored"
    "#;
    let csv = "a1,100,3,50,x\na1,120,3,50,y\nb2,10,4,60,z\nb2,200,4,600,z\n";
    let cleaned = clean_by(toml, csv);
    assert_eq!(column(&cleaned.clean, "price"), ["100000.0", "120000.0"]);
    assert_eq!(column(&cleaned.clean, "estrato"), ["3", "3"]);
    let found = names(&cleaned.clean);
    assert!(
        !found.contains(&"ref") && !found.contains(&"note"),
        "{found:?}"
    );
    let keys = column(&cleaned.clean, "property_key");
    assert_eq!(keys[0], keys[1]);
    assert_eq!(cleaned.quality.identity, [(IdentityRule::Id, 2)].into());
    // Rejected rows are as the source wrote them.
    assert_eq!(column(&cleaned.rejected, "note"), ["z", "z"]);
    assert_eq!(
        column(&cleaned.rejected, "reason"),
        ["outside_limits", "outside_limits"]
    );
    assert_eq!(
        column(&cleaned.rejected, "detail"),
        [
            "A value is outside of the declared limits. `price` is 10000.",
            "A value is outside of the declared limits. `house_size` is 6458.346250025833."
        ]
    );
    assert_eq!(cleaned.quality.readable(), 4);
}

#[test]
fn a_row_without_its_declared_identifier_is_identified_otherwise() {
    let toml = "version = 1\nidentity = [\"a\", \"b\"]";
    let cleaned = clean_by(
        toml,
        "price,a,b,street,zip_code\n1,x,y,Main,98178\n2,x,y,Oak,98178\n3,x,,Main,98178\n",
    );
    let keys = column(&cleaned.clean, "property_key");
    assert!(keys[0] == keys[1] && keys[1] != keys[2]);
    assert_eq!(
        cleaned.quality.identity,
        [(IdentityRule::Id, 2), (IdentityRule::Address, 1)].into()
    );
}

#[test]
fn two_rows_are_the_same_sale_by_identity_date_and_price() {
    let hashes = |csv: &str| {
        draft(raw(csv), &SchemaFile::default())
            .unwrap()
            .row_hashes()
            .to_vec()
    };
    let distinct = |csv: &str| hashes(csv).len();
    for (csv, sales) in [
        // An id: nothing else counts.
        (
            "parcel_number,price,date,view\n7,100,2024-01-01,sea\n7,100,2024-01-01,hill\n",
            1,
        ),
        (
            "parcel_number,price,date\n7,100,2024-01-01\n7,101,2024-01-01\n7,100,2024-01-02\n8,100,2024-01-01\n",
            4,
        ),
        // An address may have several homes.
        (
            "street,zip,price,status\n1 Oak St,98178,100,for_sale\n\"1, Oak Street\",98178,100,sold\n",
            1,
        ),
        (
            "street,zip,price,bed\n1 Oak St,98178,100,2\n1 Oak St,98178,100,3\n",
            2,
        ),
        (
            "street,zip,price,unit\n1 Oak St,98178,100,a\n1 Oak St,98178,100,b\n",
            2,
        ),
        // Without either, homes are told apart by all that is known.
        ("zip,bed,price,view\n98178,2,100,sea\n98178,2,100,hill\n", 2),
        (
            "zip,bed,price,scraped_at\n98178,2,100,2024-01-01\n98178,2,100,2024-01-02\n",
            1,
        ),
    ] {
        assert_eq!(distinct(csv), sales, "{csv}");
    }
    // A column that joins later makes no row new.
    let before = hashes("parcel_number,price\n7,100\n");
    assert_eq!(hashes("parcel_number,price,pool\n7,100,1\n"), before);
}

#[test]
fn columns_that_repeat_the_price_or_differ_in_every_row_are_named() {
    let mut csv = "price,sqft,tax,worth_per_foot,listing,link,lot_number\n".to_owned();
    for row in 0..300_u32 {
        let price = 100_000 + row * 7_919 % 300 * 1_000;
        let size = 500 + row * 37 % 900;
        csv += &format!(
            "{price},{size},{},{},{},a{row},{}\n",
            price * 12 / 1_000,
            price / size,
            3_000_000 + row * 104_729 % 250_007,
            row % 50,
        );
    }
    let cleaned = clean(&csv);
    let of = |kind: ProblemKind| -> Vec<&str> {
        let problems = cleaned.quality.problems.iter();
        let of_kind = problems.filter(|problem| problem.kind == kind);
        of_kind
            .filter_map(|problem| problem.column.as_deref())
            .collect()
    };
    assert_eq!(of(ProblemKind::Leak), ["tax", "worth_per_foot"]);
    assert_eq!(of(ProblemKind::Identifier), ["listing", "link"]);
}
