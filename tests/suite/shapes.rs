//! Files in the shapes that people download, written anew here: each goes from file to a price on the
//! page with `tasador check --write` and `tasador run`, unedited.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tasador_testing::tools::repository;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::TASADOR;

const ROWS: u32 = 400;

/// A home that all shapes are written from.
struct Home {
    number: u32,
    sqft: f64,
    bed: u32,
    bath: u32,
    lot_sqft: f64,
    year: u32,
    /// 0 to 4.
    place: usize,
    /// In US dollars.
    price: f64,
    month: u32,
    day: u32,
}

fn homes() -> impl Iterator<Item = Home> {
    (0..ROWS).map(|number| {
        let mixed = |salt: u64, below: u64| {
            let mixed = (u64::from(number) * 16 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((mixed >> 33) % below) as u32
        };
        let sqft = 700.0 + f64::from(mixed(1, 2_600));
        let bed = 1 + mixed(2, 5);
        let place = mixed(3, 5) as usize;
        let noise = 0.9 + f64::from(mixed(4, 200)) / 1_000.0;
        let price =
            (60_000.0 + 150.0 * sqft + 15_000.0 * f64::from(bed) + 20_000.0 * place as f64) * noise;
        Home {
            number,
            sqft,
            bed,
            bath: 1 + mixed(5, 3),
            lot_sqft: 2_000.0 + f64::from(mixed(6, 9_000)),
            year: 1_920 + mixed(7, 100),
            place,
            price: (price / 100.0).round() * 100.0,
            month: 1 + mixed(8, 12),
            day: 1 + mixed(9, 28),
        }
    })
}

fn m2(sqft: f64) -> f64 {
    (sqft / 10.763_910_4).round()
}

const CITIES: [&str; 5] = ["Seattle", "Kent", "Renton", "Auburn", "Bellevue"];
const ZIPS: [&str; 5] = ["98101", "98030", "98055", "98001", "98004"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A file and what is expected of it.
struct Shape {
    name: &'static str,
    file: &'static str,
    header: &'static str,
    row: fn(&Home) -> String,
    /// Names in the file, and the columns that they are read as.
    recognised: &'static [(&'static str, &'static str)],
    /// What is said besides, by its code, with its column.
    said: &'static [(&'static str, &'static str)],
    /// What a person has to confirm in the proposal, because `tasador check` alone calls the file unusable.
    asked: Option<&'static str>,
    /// The currency that the file shows; that of the installation if it shows none.
    currency: Option<&'static str>,
    /// Whether its areas are in square metres.
    metric: bool,
    /// A price lies within, for the home of [`home`].
    price: (f64, f64),
}

/// A home of 2,000 square feet, by the columns that models know.
fn home(metric: bool) -> Value {
    let size = if metric { 186 } else { 2_000 };
    json!({"house_size": size, "bed": 3, "bath": 2, "median_income": 5.0, "SizeRank": 7})
}

const US: (f64, f64) = (250_000.0, 650_000.0);

const SHAPES: [Shape; 12] = [
    Shape {
        name: "Realtor",
        file: "realtor-data.csv",
        header: "brokered_by,status,price,bed,bath,acre_lot,street,city,state,zip_code,house_size,prev_sold_date",
        row: |home| {
            format!(
                "{}.0,for_sale,{:.1},{}.0,{}.0,{:.2},{}.0,{},Washington,{}.0,{:.1},{}-{:02}-{:02}",
                100 + home.number % 40,
                home.price,
                home.bed,
                home.bath,
                home.lot_sqft / 43_560.0,
                1_000_000 + home.number,
                CITIES[home.place],
                ZIPS[home.place],
                home.sqft,
                2_021,
                home.month,
                home.day
            )
        },
        recognised: &[],
        said: &[],
        asked: None,
        currency: None,
        metric: false,
        price: US,
    },
    Shape {
        name: "Redfin",
        file: "redfin.csv",
        header: "SALE TYPE,SOLD DATE,PROPERTY TYPE,ADDRESS,CITY,STATE OR PROVINCE,ZIP OR POSTAL CODE,PRICE,BEDS,BATHS,LOCATION,SQUARE FEET,LOT SIZE,YEAR BUILT,DAYS ON MARKET,$/SQUARE FEET,HOA/MONTH,STATUS,URL (SEE https://www.redfin.com/buy-a-home/comparative-market-analysis FOR INFO ON PRICING),SOURCE,MLS#,LATITUDE,LONGITUDE",
        row: |home| {
            format!(
                "PAST SALE,{}-{}-2023,Single Family Residential,{} Oak St,{},WA,{},{},{},{},Downtown,{},{},{},{},{:.0},,Sold,https://host/{},NWMLS,{},47.{},-122.{}",
                MONTHS[home.month as usize - 1],
                home.day,
                home.number,
                CITIES[home.place],
                ZIPS[home.place],
                home.price,
                home.bed,
                home.bath,
                home.sqft,
                home.lot_sqft,
                home.year,
                home.day,
                home.price / home.sqft,
                home.number,
                2_000_000 + home.number,
                500 + home.place,
                300 + home.place
            )
        },
        recognised: &[
            ("SOLD DATE", "prev_sold_date"),
            ("ADDRESS", "street"),
            ("STATE OR PROVINCE", "state"),
            ("ZIP OR POSTAL CODE", "zip_code"),
            ("BEDS", "bed"),
            ("BATHS", "bath"),
            ("SQUARE FEET", "house_size"),
            ("LOT SIZE", "acre_lot"),
            ("MLS#", "listing_id"),
        ],
        said: &[("leak", "$/SQUARE FEET"), ("converted", "acre_lot")],
        asked: None,
        currency: None,
        metric: false,
        price: US,
    },
    Shape {
        name: "Zillow ZHVI",
        file: "Metro_zhvi_uc_sfrcondo_tier_0.33_0.67_sm_sa_month.csv",
        header: "RegionID,SizeRank,RegionName,RegionType,StateName,State,Metro,CountyName,2026-07-31,2026-08-31,2026-09-30,2026-10-31",
        row: |home| {
            format!(
                "{},{},{} {},city,{},{},{},{} County,{:.2},{:.2},{:.2},{:.2}",
                390_000 + home.number,
                home.number,
                CITIES[home.place],
                home.number,
                "WA",
                "WA",
                CITIES[home.place],
                CITIES[home.place],
                home.price * 0.97,
                home.price * 0.98,
                home.price * 0.99,
                home.price
            )
        },
        recognised: &[],
        said: &[("values_over_time", "2026-10-31")],
        asked: Some("whether the newest month is the price"),
        currency: None,
        metric: false,
        price: (100_000.0, 800_000.0),
    },
    Shape {
        name: "RESO",
        file: "mls.csv",
        header: "ListingKey,StandardStatus,ListPrice,ClosePrice,CloseDate,BedroomsTotal,BathroomsTotalInteger,LivingArea,LotSizeAcres,StreetNumber,StreetName,StreetSuffix,City,StateOrProvince,PostalCode,YearBuilt,ListOfficeName",
        row: |home| {
            format!(
                "K{},Closed,{},{},2024-{:02}-{:02},{},{},{},{:.3},{},Oak,St,{},WA,{}-1234,{},Office {}",
                home.number,
                home.price * 1.02,
                home.price,
                home.month,
                home.day,
                home.bed,
                home.bath,
                home.sqft,
                home.lot_sqft / 43_560.0,
                home.number,
                CITIES[home.place],
                ZIPS[home.place],
                home.year,
                home.number % 9
            )
        },
        recognised: &[
            ("ClosePrice", "price"),
            ("CloseDate", "prev_sold_date"),
            ("BedroomsTotal", "bed"),
            ("BathroomsTotalInteger", "bath"),
            ("LivingArea", "house_size"),
            ("LotSizeAcres", "acre_lot"),
            ("StateOrProvince", "state"),
            ("PostalCode", "zip_code"),
            ("StandardStatus", "status"),
            ("ListOfficeName", "brokered_by"),
            ("ListingKey", "listing_id"),
        ],
        said: &[("leak", "ListPrice"), ("mapped", "street")],
        asked: None,
        currency: None,
        metric: false,
        price: US,
    },
    Shape {
        name: "HomeHarvest",
        file: "homeharvest.csv",
        header: "property_url,mls,mls_id,status,style,street,unit,city,state,zip_code,beds,full_baths,half_baths,sqft,year_built,days_on_mls,list_price,list_date,sold_price,last_sold_date,lot_sqft,price_per_sqft,latitude,longitude",
        row: |home| {
            format!(
                "https://host/{},SEAA,{},SOLD,SINGLE_FAMILY,{} Oak St,,{},WA,{},{},{},1,{},{},{},{},2024-01-02,{},2024-{:02}-{:02},{},{:.0},47.{},-122.{}",
                home.number,
                9_000_000 + home.number,
                home.number,
                CITIES[home.place],
                ZIPS[home.place],
                home.bed,
                home.bath,
                home.sqft,
                home.year,
                home.day,
                home.price * 1.01,
                home.price,
                home.month,
                home.day,
                home.lot_sqft,
                home.price / home.sqft,
                500 + home.place,
                300 + home.place
            )
        },
        recognised: &[
            ("sold_price", "price"),
            ("beds", "bed"),
            ("sqft", "house_size"),
            ("lot_sqft", "acre_lot"),
            ("last_sold_date", "prev_sold_date"),
            ("mls_id", "listing_id"),
        ],
        said: &[
            ("leak", "list_price"),
            ("leak", "price_per_sqft"),
            ("mapped", "bath"),
        ],
        asked: None,
        currency: None,
        metric: false,
        price: US,
    },
    Shape {
        name: "King County",
        file: "kc_house_data.csv",
        header: "id,date,price,bedrooms,bathrooms,sqft_living,sqft_lot,floors,waterfront,grade,yr_built,zipcode,lat,long",
        row: |home| {
            format!(
                "\"{}\",\"2014{:02}{:02}T000000\",{},{},{},{},{},\"1\",0,7,{},\"{}\",47.{},-122.{}",
                7_129_300_520_u64 + u64::from(home.number) * 977,
                home.month,
                home.day,
                home.price,
                home.bed,
                home.bath,
                home.sqft,
                home.lot_sqft,
                home.year,
                ZIPS[home.place],
                500 + home.place,
                300 + home.place
            )
        },
        recognised: &[
            ("date", "prev_sold_date"),
            ("bedrooms", "bed"),
            ("bathrooms", "bath"),
            ("sqft_living", "house_size"),
            ("sqft_lot", "acre_lot"),
            ("zipcode", "zip_code"),
        ],
        said: &[("identifier", "id"), ("converted", "acre_lot")],
        asked: None,
        currency: None,
        metric: false,
        price: US,
    },
    Shape {
        name: "Ames",
        file: "AmesHousing.tsv",
        header: "Order\tPID\tMS SubClass\tLot Area\tNeighborhood\tOverall Qual\tYear Built\tGr Liv Area\tFull Bath\tHalf Bath\tBedroom AbvGr\tGarage Area\tMo Sold\tYr Sold\tSale Type\tSalePrice",
        row: |home| {
            format!(
                "{}\t0{}\t020\t{}\t{}\t6\t{}\t{}\t{}\t0\t{}\t528\t{}\t2010\tWD \t{}",
                home.number + 1,
                526_301_100 + home.number,
                home.lot_sqft,
                CITIES[home.place],
                home.year,
                home.sqft,
                home.bath,
                home.bed,
                home.month,
                home.price
            )
        },
        recognised: &[
            ("SalePrice", "price"),
            ("PID", "parcel_number"),
            ("Bedroom AbvGr", "bed"),
            ("Gr Liv Area", "house_size"),
            ("Lot Area", "acre_lot"),
        ],
        said: &[
            ("mapped", "bath"),
            ("mapped", "prev_sold_date"),
            ("converted", "acre_lot"),
        ],
        asked: None,
        currency: None,
        metric: false,
        price: US,
    },
    Shape {
        name: "Melbourne",
        file: "melb_data.csv",
        header: "Suburb,Address,Rooms,Type,Price,Method,SellerG,Date,Distance,Postcode,Bedroom2,Bathroom,Car,Landsize,BuildingArea,YearBuilt,CouncilArea,Lattitude,Longtitude,Regionname",
        row: |home| {
            format!(
                "{},{} Oak St,{},h,{},S,Agent{},{}/{:02}/2016,2.5,306{}.0,{}.0,{}.0,1.0,{}.0,{},{}.0,Yarra,-37.{},144.{},Northern Metropolitan",
                CITIES[home.place],
                home.number,
                home.bed,
                home.price,
                home.number % 9,
                home.day,
                home.month,
                home.place,
                home.bed,
                home.bath,
                m2(home.lot_sqft),
                m2(home.sqft),
                home.year,
                700 + home.place,
                900 + home.place
            )
        },
        recognised: &[
            ("Suburb", "city"),
            ("Address", "street"),
            ("Rooms", "bed"),
            ("SellerG", "brokered_by"),
            ("Date", "prev_sold_date"),
            ("Postcode", "zip_code"),
            ("Bathroom", "bath"),
            ("Landsize", "acre_lot"),
            ("BuildingArea", "house_size"),
            ("Regionname", "state"),
        ],
        said: &[
            ("currency", "price"),
            ("converted", "house_size"),
            ("converted", "prev_sold_date"),
        ],
        asked: None,
        currency: Some("AUD"),
        metric: true,
        price: US,
    },
    Shape {
        name: "California",
        file: "housing.csv",
        header: "longitude,latitude,housing_median_age,total_rooms,total_bedrooms,population,households,median_income,median_house_value,ocean_proximity",
        row: |home| {
            format!(
                "-122.{},37.{},{}.0,{}.0,{}.0,322.0,126.0,{:.4},{:.1},NEAR BAY",
                200 + home.place,
                800 + home.place,
                2_020 - home.year,
                home.sqft,
                home.bed,
                home.price / 90_000.0 + f64::from(home.day) / 40.0,
                home.price
            )
        },
        recognised: &[("median_house_value", "price")],
        said: &[],
        asked: None,
        currency: None,
        metric: false,
        price: US,
    },
    Shape {
        name: "Land Registry",
        file: "pp-2024.csv",
        header: "",
        row: |home| {
            format!(
                "\"{{{:08X}-89AB-CDEF-0123-456789ABCDEF}}\",\"{}\",\"2024-{:02}-{:02} 00:00\",\"LS{} 4AP\",\"T\",\"N\",\"F\",\"{}\",\"\",\"HIGH STREET\",\"\",\"{}\",\"LEEDS\",\"WEST YORKSHIRE\",\"A\",\"A\"",
                home.number,
                home.price,
                home.month,
                home.day,
                home.place + 1,
                home.number,
                CITIES[home.place].to_uppercase()
            )
        },
        recognised: &[
            ("date_of_transfer", "prev_sold_date"),
            ("town_city", "city"),
            ("county", "state"),
            ("saon", "unit"),
        ],
        said: &[
            ("currency", "price"),
            ("mapped", "street"),
            ("mapped", "postcode"),
        ],
        asked: None,
        currency: Some("GBP"),
        metric: false,
        price: (100_000.0, 800_000.0),
    },
    Shape {
        name: "idealista",
        file: "idealista.csv",
        header: "propertyCode;price;size;rooms;bathrooms;address;province;municipality;latitude;longitude;priceByArea",
        row: |home| {
            format!(
                "{};{} €;{},0;{};{};Calle Mayor, {};Madrid;{};40,{};-3,{};{:.0}",
                90_000_000 + home.number,
                grouped(home.price),
                m2(home.sqft),
                home.bed,
                home.bath,
                home.number,
                CITIES[home.place],
                400 + home.place,
                700 + home.place,
                home.price / m2(home.sqft)
            )
        },
        recognised: &[
            ("propertyCode", "listing_id"),
            ("size", "house_size"),
            ("rooms", "bed"),
            ("bathrooms", "bath"),
            ("address", "street"),
            ("province", "state"),
            ("municipality", "city"),
        ],
        said: &[
            ("currency", "price"),
            ("leak", "priceByArea"),
            ("converted", "price"),
            ("converted", "house_size"),
        ],
        asked: None,
        currency: Some("EUR"),
        metric: true,
        price: US,
    },
    Shape {
        name: "Bogotá",
        file: "bogota.csv",
        header: "Precio venta;Área construida;Habitaciones;Baños;Estrato;Barrio;Ciudad;Fecha",
        row: |home| {
            format!(
                "$ {};{} m²;{};{};{};{};Bogotá;{:02}/{:02}/2025",
                grouped(home.price * 4_000.0),
                m2(home.sqft),
                home.bed,
                home.bath,
                home.place + 2,
                CITIES[home.place],
                home.day,
                home.month
            )
        },
        recognised: &[
            ("Precio venta", "price"),
            ("Área construida", "house_size"),
            ("Habitaciones", "bed"),
            ("Baños", "bath"),
            ("Ciudad", "city"),
            ("Fecha", "prev_sold_date"),
        ],
        said: &[
            ("currency", "price"),
            ("converted", "price"),
            ("converted", "house_size"),
            ("converted", "prev_sold_date"),
        ],
        asked: None,
        currency: Some("COP"),
        metric: true,
        price: (1_000_000_000.0, 2_600_000_000.0),
    },
];

/// With points between groups of three digits.
fn grouped(amount: f64) -> String {
    let digits = format!("{amount:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push('.');
        }
        text.push(digit);
    }
    text
}

async fn tasador(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(TASADOR);
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(folder)
        .env("TASADOR_CANDIDATES", "linear")
        .env_remove("TASADOR_SCHEMA")
        .kill_on_drop(true);
    command.output().await.unwrap()
}

fn said_by(output: &Output) -> String {
    [&output.stdout[..], &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}

/// Writes the file, checks it, runs it and prices a home.
async fn from_file_to_price(shape: &Shape) {
    let Shape { name, .. } = shape;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(shape.file);
    let mut text = String::new();
    if !shape.header.is_empty() {
        writeln!(text, "{}", shape.header).unwrap();
    }
    if *name == "Redfin" {
        // Its exports have this line before the first home.
        text += "\"In accordance with local MLS rules, some MLS listings are not included in the download\",,,,,,,,,,,,,,,,,,,,,,\n";
    }
    for home in homes() {
        writeln!(text, "{}", (shape.row)(&home)).unwrap();
    }
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let data = folder.path().join("data");

    let output = tasador(&data, &["check", file, "--json"]).await;
    assert_eq!(
        output.status.success(),
        shape.asked.is_none(),
        "{name}: {}",
        said_by(&output)
    );
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = checked["quality"]["problems"].as_array().unwrap();
    let sentences: Vec<&str> = problems
        .iter()
        .map(|problem| problem["sentence"].as_str().unwrap())
        .collect();
    for (given, column) in shape.recognised {
        let sentence = format!("Column `{given}` is read as `{column}`.");
        assert!(sentences.contains(&sentence.as_str()), "{name}: {sentence}");
    }
    for (code, column) in shape.said {
        let said = problems
            .iter()
            .any(|problem| problem["kind"] == *code && problem["column"] == *column);
        assert!(said, "{name}: {code} {column} in {problems:#?}");
    }
    let mapped = sentences
        .iter()
        .filter(|sentence| sentence.contains("` is read as `"));
    assert_eq!(
        mapped.count(),
        shape.recognised.len(),
        "{name}: {sentences:#?}"
    );

    let output = tasador(&data, &["check", file, "--write"]).await;
    assert!(output.status.success(), "{name}: {}", said_by(&output));
    let output = tasador(&data, &["run", "--source", file]).await;
    let said = said_by(&output);
    assert!(
        output.status.success() && said.contains("promoted"),
        "{name}: {said}"
    );
    // What was recognised is said there too.
    for (_, column) in shape.recognised.iter().take(3) {
        assert!(
            said.contains(&format!("is read as `{column}`, as declared.")),
            "{name}: {said}"
        );
    }

    let output = tasador(&data, &["verify"]).await;
    assert!(output.status.success(), "{name}: {}", said_by(&output));

    let served = Served::start(&data).await;
    let answer = served.predict(&home(shape.metric)).await;
    let price = answer["predicted_price"]
        .as_f64()
        .unwrap_or_else(|| panic!("{name}: {answer}"));
    assert!(
        price > shape.price.0 && price < shape.price.1,
        "{name}: {price}"
    );
    units_are_right_everywhere(shape, &served, &answer).await;
    let output = tasador(&data, &["history"]).await;
    let history = said_by(&output);
    let is_dollar = shape.currency.is_none_or(|currency| currency == "AUD");
    assert_eq!(history.contains('$'), is_dollar, "{name}: {history}");
}

/// Currency and areas in answers, on the page, in the model card and for MLflow.
async fn units_are_right_everywhere(shape: &Shape, served: &Served, price: &Value) {
    let name = shape.name;
    let currency = shape.currency.unwrap_or("USD");
    assert_eq!(price["currency"], currency, "{name}: {price}");
    let model: Value = serde_json::from_str(&served.text("/model").await).unwrap();
    assert_eq!(model["currency"], currency, "{name}: {model}");
    let mut inputs = model["inputs"].as_array().unwrap().iter();
    let size = inputs.find(|input| input["name"] == "house_size");
    if let Some(size) = size {
        let unit = if shape.metric { "m2" } else { "sqft" };
        assert_eq!(size["unit"], unit, "{name}: {size}");
    }
    // The signs of the currency in English and in Spanish, and one that must not be there.
    let (english, spanish, other) = match currency {
        "EUR" => ("€", "\u{a0}€", "$"),
        "GBP" => ("£", "\u{a0}GBP", "$"),
        "AUD" => ("A$", "\u{a0}AUD", "US$"),
        "COP" => ("COP\u{a0}", "$\u{a0}", "US$"),
        _ => ("$", "US$\u{a0}", "€"),
    };
    for (language, sign) in [("en", english), ("es", spanish)] {
        let appraisal = format!("/appraisal?lang={language}&in.house_size=186&in.bed=3");
        let appraisal = served.page(&appraisal).await;
        let mut sections = String::new();
        for section in ["appraise", "history", "models", "data", "operations"] {
            let page = format!("/?lang={language}&section={section}");
            let page = served.page(&page).await;
            sections += page.split_once("<main").unwrap().1;
        }
        for html in [&appraisal, &sections] {
            assert!(
                html.contains(sign) && !html.contains(other),
                "{name} {language}: {html}"
            );
        }
        if shape.metric {
            let american = ["sq ft", "pies²", " acres"];
            let found = american.iter().find(|unit| sections.contains(**unit));
            assert!(
                found.is_none() && sections.contains("m²"),
                "{name} {language}: {found:?}"
            );
        }
    }
    let version = "/models/BestHousePriceModel/versions/1/files";
    let card = served.text(&format!("{version}/card.md")).await;
    assert!(
        card.contains(&format!("the price of a home, in {currency},")) && card.contains(english),
        "{name}: {card}"
    );
    // Without sizes, predictions are so close that no round price is between them.
    if size.is_some() {
        let plot = served.text(&format!("{version}/residuals.svg")).await;
        assert!(plot.contains(english.trim()), "{name}: {plot}");
    }
    let signature = served.text(&format!("{version}/signature.json")).await;
    assert!(
        signature.contains(&format!("\"{currency}\"")),
        "{name}: {signature}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_checked_beside_the_model_in_production() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let write = |name: &str, price: fn(&Home) -> f64| {
        let mut text = "price,bed,bath,house_size,zip_code\n".to_owned();
        for home in homes() {
            let Home {
                bed, bath, sqft, ..
            } = home;
            let zip = ZIPS[home.place];
            writeln!(text, "{},{bed},{bath},{sqft},{zip}", price(&home)).unwrap();
        }
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let sound = write("sound.csv", |home| home.price);
    let thousands = write("thousands.csv", |home| home.price / 1_000.0);
    let rents = write("rents.csv", |home| match home.number % 10 {
        0 => home.price / 250.0,
        3 if home.number < 20 => -1.0,
        _ => home.price,
    });
    let (sound, thousands, rents) = (sound.as_str(), thousands.as_str(), rents.as_str());
    let checked = async |file: &str| -> Value {
        let output = tasador(&data, &["check", file, "--json"]).await;
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let before = checked(rents).await;
    assert_eq!(before["champion"], Value::Null);
    let suspected = before["suspected_rents"].as_str().unwrap();
    assert!(suspected.starts_with("10"), "{suspected}");
    assert_eq!(
        before["rejected_lines"],
        json!({"price_not_positive": [5, 15]})
    );
    assert!(!data.exists(), "checking a file makes no data folder");

    let output = tasador(&data, &["run", "--source", sound]).await;
    assert!(output.status.success(), "{}", said_by(&output));
    for (file, reason) in [(thousands, "1,000"), (rents, "rents")] {
        let champion = &checked(file).await["champion"];
        assert_eq!(champion["decision"], "hold", "{champion}");
        assert!(
            champion["reasons"].to_string().contains(reason),
            "{champion}"
        );
    }
    let output = tasador(&data, &["check", rents]).await;
    let said = said_by(&output);
    assert!(
        said.contains("(lines 5, 15)") && said.contains("held until you decide"),
        "{said}"
    );
    assert_eq!(checked(sound).await["suspected_rents"], Value::Null);
}

/// `tasador up` without a source.
struct Served {
    http: String,
    _process: Child,
}

impl Served {
    async fn start(data: &Path) -> Self {
        let mut process = Command::new(TASADOR)
            .args(["--port", "0", "--data-dir"])
            .arg(data)
            .arg("up")
            .env_remove("TASADOR_SCHEMA")
            .env_remove("TASADOR_SOURCE")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap();
        assert!(first.is_some_and(|line| line.contains("Tasador is up")));
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let server = std::fs::read(data.join("server.json")).unwrap();
        let server: Value = serde_json::from_slice(&server).unwrap();
        Self {
            http: server["http"].as_str().unwrap().to_owned(),
            _process: process,
        }
    }

    async fn predict(&self, home: &Value) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client
            .post(format!("{}/predict", self.http))
            .header("content-type", "application/json")
            .body(home.to_string());
        let answer = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    async fn text(&self, path: &str) -> String {
        self.get(path, "*/*").await
    }

    async fn page(&self, path: &str) -> String {
        self.get(path, "text/html").await
    }

    async fn get(&self, path: &str, accept: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client
            .get(format!("{}{path}", self.http))
            .header("accept", accept);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }
}

/// A test for each shape, by its place.
macro_rules! shapes {
    ($($test:ident: $place:literal,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                from_file_to_price(&SHAPES[$place]).await;
            }
        )*
    };
}

shapes! {
    realtor_goes_from_file_to_a_price: 0,
    redfin_goes_from_file_to_a_price: 1,
    zillow_zhvi_goes_from_file_to_a_price: 2,
    reso_goes_from_file_to_a_price: 3,
    homeharvest_goes_from_file_to_a_price: 4,
    king_county_goes_from_file_to_a_price: 5,
    ames_goes_from_file_to_a_price: 6,
    melbourne_goes_from_file_to_a_price: 7,
    california_goes_from_file_to_a_price: 8,
    land_registry_goes_from_file_to_a_price: 9,
    idealista_goes_from_file_to_a_price: 10,
    bogota_goes_from_file_to_a_price: 11,
}

/// Where the table of public files begins and ends in the docs.
const TABLE: [&str; 2] = ["<!-- public files -->\n", "<!-- end of public files -->\n"];

/// TASADOR_UPDATE=1 writes the table.
#[test]
fn the_docs_say_what_is_recognised_of_each_shape_and_what_is_asked() {
    let mut table =
        "| File | Recognised | Currency and areas | Asked |\n|---|---|---|---|\n".to_owned();
    for shape in &SHAPES {
        let names = shape.recognised.iter();
        let mut names: Vec<String> = names
            .map(|(given, column)| format!("`{given}` as `{column}`"))
            .collect();
        for (code, column) in shape.said {
            names.push(match *code {
                "leak" => format!("`{column}` repeats the price: not learned from"),
                "identifier" => format!("`{column}` proposed as identity"),
                "mapped" if *column == "postcode" => "`postcode` keeps its name".to_owned(),
                "mapped" => format!("`{column}` put together"),
                _ => continue,
            });
        }
        if names.is_empty() {
            names.push("the columns under their own names".to_owned());
        }
        let currency = shape.currency.unwrap_or("that of the installation");
        let areas = if shape.metric { ", m²" } else { "" };
        let asked = shape.asked.unwrap_or("nothing");
        writeln!(
            table,
            "| {} | {} | {currency}{areas} | {asked} |",
            shape.name,
            names.join(", ")
        )
        .unwrap();
    }
    let page = repository().join("docs/using.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(TABLE[0]).unwrap();
    let (written, after) = rest.split_once(TABLE[1]).unwrap();
    if std::env::var_os("TASADOR_UPDATE").is_some() {
        let text = [before, TABLE[0], &table, TABLE[1], after].concat();
        return std::fs::write(&page, text).unwrap();
    }
    assert_eq!(written, table, "run with TASADOR_UPDATE=1");
}
