//! `tasador appraise`: a file of listings with the price that `POST /predict` gives each, and comparable sales
//! of the version that was trained.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use local::cloud::{Cloud, Options};
use local::folder::Folder;
use serde_json::{Value, json};
use tasador_ids::Format;
use tasador_listing::schema_file::SchemaFile;
use tasador_runtime::Config;
use tokio::process::Command;

use crate::TASADOR;

const HOMES: u32 = 400;

const ZIPS: [&str; 4] = ["98101", "98030", "98055", "98001"];

async fn tasador(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(TASADOR);
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(folder.join("data"))
        .current_dir(folder)
        .env("TASADOR_CANDIDATES", "blend")
        .env_remove("TASADOR_SCHEMA")
        .kill_on_drop(true);
    command.output().await.unwrap()
}

fn said_by(output: &Output) -> String {
    [&output.stdout[..], &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}

/// A home by its number: bedrooms, size, place and price.
fn home(number: u32) -> (u32, u32, usize, f64) {
    let (bed, size) = (1 + number % 5, 700 + number * 37 % 2_600);
    let place = (number * 7 % 4) as usize;
    let noise = 0.9 + f64::from(number * 13 % 200) / 1_000.0;
    let price = (60_000.0 + 150.0 * f64::from(size) + 40_000.0 * place as f64) * noise;
    (bed, size, place, price.round())
}

/// The columns of a file, by name.
fn columns(file: &Path, format: Format) -> HashMap<String, Vec<Option<String>>> {
    let bytes = std::fs::read(file).unwrap();
    let raw = tasador_reader::read(bytes.into(), format, &SchemaFile::default()).unwrap();
    let columns = raw.columns.iter().map(|(name, text)| {
        let cells = text.iter().map(|cell| cell.map(str::to_owned));
        (name.clone(), cells.collect())
    });
    columns.collect()
}

#[tokio::test]
async fn a_file_gets_the_prices_that_its_rows_get_one_by_one() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let mut sales = "sold_price,beds,sqft,zipcode,last_sold_date\n".to_owned();
    for number in 0..HOMES {
        let (bed, size, place, price) = home(number);
        let day = 1 + number % 28;
        writeln!(
            sales,
            "{price},{bed},{size},{},2024-05-{day:02}",
            ZIPS[place]
        )
        .unwrap();
    }
    std::fs::write(folder.join("sales.csv"), sales).unwrap();
    let mut listings = "reference,beds,sqft,zipcode\n".to_owned();
    for number in 0..60 {
        let (bed, size, place, _) = home(number * 3 + 1);
        writeln!(listings, "R{number},{bed},{},{}", size + 5, ZIPS[place]).unwrap();
    }
    listings += "bad,three,1200,98101\nlow,3,-4,98101\nbare,,,\nnew,3,1500,10001\n\"br,oken\n";
    std::fs::write(folder.join("listings.csv"), &listings).unwrap();

    // Without a model it says what to do.
    let appraise = ["appraise", "listings.csv", "--out", "priced.csv"];
    let output = tasador(folder, &appraise).await;
    let said = said_by(&output);
    assert!(
        !output.status.success() && said.contains("tasador run --source"),
        "{said}"
    );
    assert!(!folder.join("priced.csv").exists());

    let output = tasador(folder, &["run", "--source", "sales.csv"]).await;
    let said = said_by(&output);
    assert!(
        output.status.success() && said.contains("promoted"),
        "{said}"
    );
    let output = tasador(folder, &appraise).await;
    let said = said_by(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("priced.csv: 62 homes priced by BestHousePriceModel version 1"),
        "{said}"
    );
    assert!(said.contains("2 have no price"), "{said}");
    assert!(
        said.contains("Column `sqft` is read as `house_size`."),
        "{said}"
    );
    assert!(said.contains("listings.csv, line 66"), "{said}");
    assert!(
        said.contains("does not use these columns: reference"),
        "{said}"
    );
    let arguments = [
        "appraise",
        "listings.csv",
        "--out",
        "priced.parquet",
        "--contributions",
        "1",
    ];
    let output = tasador(folder, &arguments).await;
    assert!(output.status.success(), "{}", said_by(&output));
    // A priced file can be priced again: its columns are replaced.
    let output = tasador(folder, &["appraise", "priced.csv", "--out", "again.csv"]).await;
    assert!(output.status.success(), "{}", said_by(&output));
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert_eq!(read("priced.csv"), read("again.csv"));

    let priced = columns(&folder.join("priced.csv"), Format::Csv);
    let parquet = columns(&folder.join("priced.parquet"), Format::Parquet);
    let own = Folder::take(&folder.join("data")).await.unwrap();
    let cloud = Cloud::start(Options::new(own, Config::default()))
        .await
        .unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let predict = async |query: &str, home: &Value| -> Value {
        let answer = client
            .post(format!("{}/predict{query}", cloud.endpoints().http))
            .header("content-type", "application/json")
            .body(home.to_string());
        let text = answer.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let number = |columns: &HashMap<String, Vec<Option<String>>>, name: &str, row: usize| {
        columns[name][row]
            .as_ref()
            .map(|text| text.parse::<f64>().unwrap())
    };
    let rows = priced["beds"].len();
    assert_eq!((rows, parquet["beds"].len()), (64, 64));
    for row in 0..rows {
        let cell = |name: &str| json!(priced[name][row]);
        let home =
            json!({"bed": cell("beds"), "house_size": cell("sqft"), "zip_code": cell("zipcode")});
        let answer = predict("?explain=true", &home).await;
        assert_eq!(
            number(&priced, "predicted_price", row),
            answer["predicted_price"].as_f64()
        );
        assert_eq!(
            number(&priced, "price_low", row),
            answer["interval"]["low"].as_f64()
        );
        assert_eq!(
            number(&priced, "price_high", row),
            answer["interval"]["high"].as_f64()
        );
        assert_eq!(number(&priced, "fsd", row), answer["fsd"].as_f64());
        assert_eq!(
            priced["confidence"][row].as_deref(),
            answer["confidence"].as_str()
        );
        for priced in [&priced, &parquet] {
            assert_eq!(
                priced["price_kind"][row].as_deref().unwrap_or_default(),
                answer["price_kind"].as_str().unwrap_or_default()
            );
        }
        assert_eq!(number(&priced, "version", row), Some(1.0));
        for name in ["predicted_price", "price_low", "price_high", "fsd"] {
            assert_eq!(
                number(&priced, name, row),
                number(&parquet, name, row),
                "{row}"
            );
        }
        assert_eq!(priced["error"][row], parquet["error"][row]);
        let text = |name: &str| priced[name][row].clone().unwrap_or_default();
        if let Some(errors) = answer["errors"].as_array() {
            let error = &errors[0];
            let (field, reason) = (
                error["field"].as_str().unwrap(),
                error["reason"].as_str().unwrap(),
            );
            assert_eq!(text("error"), format!("{field}: {reason}"));
            continue;
        }
        let largest = &answer["explanation"]["contributions"][0];
        let (name, amount) = (
            largest["name"].as_str().unwrap(),
            largest["amount"].as_f64().unwrap(),
        );
        assert_eq!(
            parquet["contributions"][row],
            Some(format!("{name}: {amount:+.2}"))
        );
        assert!(text("contributions").starts_with(&format!("{name}: {amount:+.2}; ")));
        for warning in answer["warnings"].as_array().into_iter().flatten() {
            assert!(text("warnings").contains(warning["message"].as_str().unwrap()));
        }
    }

    // The sales that are comparable are those of the file.
    let asked = json!({"bed": 3, "house_size": 1_500, "zip_code": "98030"});
    let answer = predict("?comparables=5", &asked).await;
    let given = answer["comparables"].as_array().unwrap();
    assert_eq!(given.len(), 5);
    for sale in given {
        let price = sale["price"].as_f64().unwrap();
        let size = price / sale["price_per_area"].as_f64().unwrap();
        let is_known = (0..HOMES)
            .map(home)
            .any(|(_, known, _, asked)| asked == price && (size - f64::from(known)).abs() < 0.5);
        assert!(is_known, "{sale:#}");
        assert!(
            sale["date"].as_str().unwrap().starts_with("2024-05-"),
            "{sale:#}"
        );
    }
    let same = given
        .iter()
        .filter(|sale| sale["zip_code"] == "98030")
        .count();
    assert!(same >= 3, "{given:#?}");
    cloud.stop().await;
}

#[tokio::test]
async fn what_cannot_be_appraised_is_said() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    std::fs::write(folder.join("a.csv"), "beds\n3\n").unwrap();
    std::fs::write(folder.join("a.docx"), "beds\n3\n").unwrap();
    for (file, out, said) in [
        ("a.csv", "b.xlsx", "name the output .csv or .parquet"),
        ("a.csv", "a.csv", "give --out another name"),
        ("none.csv", "b.csv", "none.csv cannot be read"),
        ("a.docx", "b.csv", "the format of a.docx is not known"),
    ] {
        let output = tasador(folder, &["appraise", file, "--out", out]).await;
        let text = said_by(&output);
        assert!(
            !output.status.success() && text.contains(said),
            "{file} {out}: {text}"
        );
    }
    let help = tasador(folder, &["appraise", "--help"]).await;
    assert!(said_by(&help).contains("tasador appraise portfolio.csv --out priced.csv"));
}
