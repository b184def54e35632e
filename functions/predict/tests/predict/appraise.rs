//! Many listings at once: what `POST /predict` says of each.

use serde_json::{Map, Value, json};
use tasador_model::Algorithm;
use tasador_pricing::{Appraiser, Listings, NoModel};

use crate::place::{Place, trained};

/// Columns of text, one row after the other.
const ROWS: [[Option<&str>; 6]; 9] = [
    [
        Some("1800"),
        Some("2"),
        Some("0.3"),
        Some("06037"),
        Some("Town 1"),
        Some("2014-05-27"),
    ],
    [Some(" 1,800 sqft"), Some("2"), None, None, None, None],
    [
        Some("2,400"),
        Some("N/A"),
        Some(""),
        Some("6037.0"),
        Some("  Town   1 "),
        Some("20140527"),
    ],
    [
        Some("95000"),
        Some("3"),
        Some("0.2"),
        Some("99999"),
        Some("Nowhere"),
        None,
    ],
    [Some("many"), Some("three"), None, Some("06037"), None, None],
    [Some("1800"), Some("-1"), None, None, None, None],
    [None, None, None, None, None, None],
    [
        Some("1200"),
        Some("1"),
        Some("2"),
        Some("06111"),
        Some("Town 0"),
        Some("5/31/2014"),
    ],
    [
        Some("1e3"),
        Some("1"),
        Some("0.5"),
        Some("K1A 0B1"),
        Some("Town 0"),
        None,
    ],
];

const COLUMNS: [&str; 6] = [
    "house_size",
    "bath",
    "acre_lot",
    "zip_code",
    "city",
    "prev_sold_date",
];

fn listings() -> Listings<'static> {
    let columns = COLUMNS.iter().enumerate();
    Listings {
        rows: ROWS.len(),
        columns: columns
            .map(|(place, name)| (*name, ROWS.iter().map(|row| row[place]).collect()))
            .collect(),
    }
}

#[tokio::test]
async fn each_of_many_listings_gets_what_predict_answers() {
    let place = Place::new().await;
    let first = place.promote(&trained(Algorithm::Linear, 2), None).await;
    let second = place
        .promote(&trained(Algorithm::Blend, 1), Some(first))
        .await;
    let appraiser = Appraiser::load(&place.ctx).await.unwrap();
    assert_eq!(appraiser.version().version, second.0);
    assert_eq!(appraiser.previous_version(), Some(first.0));

    let mut refused = 0;
    for (appraised, row) in appraiser.appraise(&listings(), 3).iter().zip(ROWS) {
        let fields: Map<String, Value> = COLUMNS
            .iter()
            .zip(row)
            .filter_map(|(name, cell)| Some(((*name).to_owned(), json!(cell?))))
            .collect();
        let fields = Value::Object(fields);
        let (status, mut answer) = place
            .post("/predict?explain=true", fields.to_string())
            .await;
        let appraised = match appraised {
            Ok(appraised) => appraised,
            Err(errors) => {
                refused += 1;
                assert_eq!(
                    (status, &answer["errors"]),
                    (422, &json!(errors)),
                    "{fields}"
                );
                continue;
            }
        };
        assert_eq!(status, 200, "{fields}: {answer:#}");
        let contributions = answer["explanation"]["contributions"].as_array().unwrap();
        assert_eq!(
            json!(appraised.contributions),
            json!(contributions[..3]),
            "{fields}"
        );
        for field in ["explanation", "model", "request_id"] {
            answer.as_object_mut().unwrap().shift_remove(field);
        }
        assert_eq!(json!(appraised.price), answer, "{fields}");
    }
    assert_eq!(refused, 5);

    // The price by the version before is what it answers when it is in production.
    let price = appraiser.appraise(&listings(), 0)[0].clone().unwrap();
    let old = Place::with(&trained(Algorithm::Linear, 2)).await;
    let fields: Map<String, Value> = COLUMNS
        .iter()
        .zip(ROWS[0])
        .filter_map(|(name, cell)| Some(((*name).to_owned(), json!(cell?))))
        .collect();
    let (_, answer) = old.price(&Value::Object(fields)).await;
    assert_eq!(json!(price.previous_price), answer["predicted_price"]);
    assert!(price.contributions.is_empty());
}

#[tokio::test]
async fn without_a_champion_nothing_is_appraised() {
    let place = Place::new().await;
    let none = Appraiser::load(&place.ctx).await.unwrap_err();
    assert_eq!(none, NoModel::NoChampion);
    let only = Place::with(&trained(Algorithm::Linear, 1)).await;
    let appraiser = Appraiser::load(&only.ctx).await.unwrap();
    assert_eq!(appraiser.previous_version(), None);
    let appraised = appraiser.appraise(&listings(), 1);
    assert_eq!(appraised[0].as_ref().unwrap().previous_price, None);
}
