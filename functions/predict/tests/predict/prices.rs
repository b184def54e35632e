//! What is answered where there is a model.

use serde_json::{Value, json};
use tasador_listing::clean::{clean_date, days_since_epoch};
use tasador_model::{Algorithm, Model, Value as RowValue};

use crate::place::{Place, home, trained};

/// To the cent, as answers have it.
fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

/// What the model says of [`home`] by itself.
fn expected(model: &Model) -> tasador_model::Prediction {
    let mut row = model.row();
    for (name, value) in home().as_object().unwrap() {
        let value = match value {
            Value::Number(number) => RowValue::Number(number.as_f64().unwrap()),
            Value::String(text) => match clean_date(text) {
                Some(date) => RowValue::Number(f64::from(days_since_epoch(date))),
                None => RowValue::Text(text),
            },
            _ => unreachable!(),
        };
        row.set(name, value).unwrap();
    }
    model.predict_row(&row)
}

#[tokio::test]
async fn one_listing_has_the_price_and_the_interval_of_the_model() {
    for algorithm in [Algorithm::Linear, Algorithm::Boosting] {
        let model = trained(algorithm, 1);
        let place = Place::with(&model).await;
        let (status, answer) = place.price(&home()).await;
        assert_eq!(status, 200, "{answer:#}");
        let said = expected(&model);
        assert_eq!(answer["predicted_price"], cents(said.price));
        assert_eq!(
            answer["interval"],
            json!({"low": cents(said.interval.0), "high": cents(said.interval.1), "confidence": 0.9})
        );
        assert_eq!(
            answer["model"],
            json!({"name": "BestHousePriceModel", "version": 1})
        );
        assert!(
            answer["request_id"]
                .as_str()
                .is_some_and(|id| id.len() == 36)
        );
        assert_eq!(answer.get("ignored_fields"), None);
        assert_eq!(answer.get("explanation"), None);
    }
}

#[tokio::test]
async fn a_value_means_the_same_however_it_is_spelled() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    let (_, plain) = place.price(&home()).await;
    for (field, spelled) in [
        ("zip_code", json!(6037)),
        ("zip_code", json!(6037.0)),
        ("zip_code", json!("6037.0")),
        ("zip_code", json!("06037-1234")),
        ("house_size", json!("1,800")),
        ("bath", json!(" 2.0 ")),
        ("city", json!("Town   1")),
        ("prev_sold_date", json!("2014-05-27T00:00:00Z")),
        ("prev_sold_date", json!("20140527")),
    ] {
        let mut other = home();
        other[field] = spelled.clone();
        let (status, answer) = place.price(&other).await;
        assert_eq!(status, 200, "{field} {spelled}: {answer:#}");
        assert_eq!(
            answer["predicted_price"], plain["predicted_price"],
            "{field} {spelled}"
        );
    }
    // Names as headers have them.
    let mut other = home();
    let fields = other.as_object_mut().unwrap();
    let size = fields.remove("house_size").unwrap();
    fields.insert("House Size".to_owned(), size);
    let (_, answer) = place.price(&other).await;
    assert_eq!(answer["predicted_price"], plain["predicted_price"]);
    assert_eq!(answer.get("ignored_fields"), None);
}

#[tokio::test]
async fn what_is_absent_is_missing_and_what_is_unknown_is_ignored() {
    let place = Place::with(&trained(Algorithm::Boosting, 1)).await;
    let (status, nothing) = place.price(&json!({})).await;
    assert_eq!(status, 200);
    for missing in [json!(null), json!(""), json!("N/A"), json!({})] {
        let (status, answer) = place
            .price(&json!({"house_size": missing, "city": missing}))
            .await;
        assert_eq!(status, 200, "{answer:#}");
        assert_eq!(answer["predicted_price"], nothing["predicted_price"]);
    }
    let mut known = home();
    known["price"] = json!(1);
    known["street"] = json!("Elm");
    known["address"] = json!({"floor": 3});
    known["tags"] = json!(["a", {"b": 1}]);
    let (status, answer) = place.price(&known).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer["ignored_fields"],
        json!(["price", "street", "address.floor", "tags"])
    );
    assert_eq!(
        answer["predicted_price"],
        place.price(&home()).await.1["predicted_price"]
    );
    assert_ne!(answer["predicted_price"], nothing["predicted_price"]);
}

#[tokio::test]
async fn an_explanation_adds_up_to_the_price() {
    for algorithm in [Algorithm::Linear, Algorithm::Boosting] {
        let model = trained(algorithm, 1);
        let place = Place::with(&model).await;
        let (status, answer) = place
            .post("/predict?explain=true", home().to_string())
            .await;
        assert_eq!(status, 200, "{answer:#}");
        let explanation = &answer["explanation"];
        let parts = explanation["contributions"].as_array().unwrap();
        let mut names: Vec<&str> = parts
            .iter()
            .map(|part| part["name"].as_str().unwrap())
            .collect();
        let sum = |field: &str| {
            parts
                .iter()
                .map(|part| part[field].as_f64().unwrap())
                .sum::<f64>()
        };
        let price = expected(&model).price;
        assert!(
            (explanation["base_price"].as_f64().unwrap() + sum("amount") - price).abs()
                < 1e-6 * price
        );
        assert!(
            (explanation["base_value"].as_f64().unwrap() + sum("value") - price.ln()).abs() < 1e-9
        );
        assert!((answer["predicted_price"].as_f64().unwrap() - price).abs() < 0.006);
        let amounts: Vec<f64> = parts
            .iter()
            .map(|part| part["amount"].as_f64().unwrap().abs())
            .collect();
        assert!(amounts.is_sorted_by(|a, b| a >= b));
        names.sort_unstable();
        let mut inputs: Vec<&str> = model
            .inputs()
            .iter()
            .map(|input| input.name.as_str())
            .collect();
        inputs.sort_unstable();
        assert_eq!(names, inputs);

        let both = json!({"instances": [home(), {"bath": []}]}).to_string();
        let (_, batch) = place.post("/predict?explain=true", both).await;
        assert_eq!(batch["predictions"][0]["explanation"], *explanation);
        assert_eq!(batch["predictions"][1]["error"]["status"], 422);
        let (_, bare) = place
            .post("/predict?explain=false", home().to_string())
            .await;
        assert_eq!(bare.get("explanation"), None);
    }
}

#[tokio::test]
async fn instances_are_answered_in_order_and_a_wrong_one_harms_no_other() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    let sizes = [900.0, 1_800.0, 3_600.0];
    let listing = |size: f64| json!({"house_size": size, "unheard_of": 1});
    let mut alone = Vec::new();
    for size in sizes {
        alone.push(place.price(&listing(size)).await.1["predicted_price"].clone());
    }
    let body = json!({
        "instances": [listing(sizes[0]), {"bath": "many"}, listing(sizes[1]), 7, {"bed": 1, "bath": -1}, listing(sizes[2])],
        "comment": "please",
    });
    let (status, answer) = place.price(&body).await;
    assert_eq!(status, 200, "{answer:#}");
    let predictions = answer["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), 6);
    for (place, price) in [0, 2, 5].into_iter().zip(&alone) {
        assert_eq!(predictions[place]["predicted_price"], *price);
        assert_eq!(predictions[place]["ignored_fields"], json!(["unheard_of"]));
    }
    for (place, field) in [
        (1, "instances[1].bath"),
        (3, "instances[3]"),
        (4, "instances[4].bath"),
    ] {
        let error = &predictions[place]["error"];
        assert_eq!(
            (&error["status"], &error["errors"][0]["field"]),
            (&json!(422), &json!(field)),
            "{error:#}"
        );
        assert!(predictions[place].get("predicted_price").is_none());
    }
    assert_eq!(answer["ignored_fields"], json!(["comment"]));
    assert_eq!(answer["model"]["version"], 1);
}

#[tokio::test]
async fn as_many_instances_as_are_allowed_are_priced() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    let many: Vec<Value> = (0..1_000).map(|n| json!({"house_size": 600 + n})).collect();
    let (status, answer) = place.price(&json!({"instances": many})).await;
    assert_eq!(status, 200);
    let prices: Vec<f64> = answer["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["predicted_price"].as_f64().unwrap())
        .collect();
    assert_eq!(prices.len(), 1_000);
    assert!(prices.is_sorted());
    let logged = place.logged().await;
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].output, answer);
}

#[tokio::test]
async fn the_model_is_described_so_that_a_form_can_be_drawn() {
    let model = trained(Algorithm::Boosting, 1);
    let place = Place::with(&model).await;
    let (status, described) = place.get("/model").await;
    assert_eq!(status, 200);
    assert_eq!(described["version"], 1);
    assert_eq!(described["algorithm"], "boosting");
    assert_eq!(described["trained_at"], "2026-01-01T12:00:00Z");
    assert_eq!(described["training_rows"], 520);
    assert_eq!(described["interval"]["confidence"], 0.9);
    assert_eq!(described["metrics"]["validation_mae"], 12_345.0);
    assert_eq!(described["dataset"].as_str().map(str::len), Some(64));
    let inputs = described["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), model.inputs().len());
    let input = |name: &str| inputs.iter().find(|input| input["name"] == name).unwrap();
    let size = input("house_size");
    assert_eq!(
        (&size["kind"], &size["unit"]),
        (&json!("number"), &json!("sqft"))
    );
    assert!(
        size["min"].as_f64() < size["example"].as_f64()
            && size["example"].as_f64() < size["max"].as_f64()
    );
    let zip = input("zip_code");
    assert_eq!(
        (&zip["kind"], &zip["format"]),
        (&json!("category"), &json!("zip_code"))
    );
    assert_eq!(zip["example"], zip["most_frequent"][0]);
    let sold = input("prev_sold_date");
    assert_eq!(
        (&sold["kind"], &sold["min"]),
        (&json!("date"), &json!("2013-10-22"))
    );
    // What is offered as an example can be priced.
    let (status, answer) = place.price(&described["example"]).await;
    assert_eq!(status, 200, "{answer:#}");
    assert_eq!(answer.get("ignored_fields"), None);
}

#[tokio::test]
async fn a_date_beyond_training_is_warned_about_as_a_date() {
    let place = Place::with(&trained(Algorithm::Boosting, 1)).await;
    let mut late = home();
    late["prev_sold_date"] = json!("2100-01-31");
    let (_, answer) = place.price(&late).await;
    let warnings = answer["warnings"].as_array().unwrap();
    let warning = warnings
        .iter()
        .find(|warning| warning["field"] == "prev_sold_date");
    let warning = warning.unwrap_or_else(|| panic!("{answer:#}"));
    assert_eq!(warning["code"], "outside_training");
    let used = warning["used"].as_str().unwrap();
    assert!(clean_date(used).is_some(), "{warning}");
    let expected = format!("2100-01-31 is outside the range of the training data; {used} was used");
    assert_eq!(warning["message"], expected);
}

#[tokio::test]
async fn the_answer_says_which_kind_of_price_it_is() {
    // In the town, homes for sale are asked a tenth more.
    let town = crate::town::homes(520, 1);
    let prices = town.prices().unwrap().iter().enumerate();
    let asked = prices.map(|(row, price)| if row % 3 == 0 { *price } else { price * 1.1 });
    let asked = tasador_model::Column::Number(asked.collect());
    let config = tasador_model::train::TrainConfig::new(Algorithm::Ridge, 1);
    let learned = crate::town::with(&town, "price", Some(asked));
    let trained = tasador_model::train::fit(&config, &learned).unwrap();
    let place = Place::with(&trained.model).await;
    let price = async |status: Value| {
        let mut home = home();
        home["status"] = status;
        let (code, answer) = place.price(&home).await;
        assert_eq!(code, 200, "{answer:#}");
        let kind = answer["price_kind"].as_str().unwrap().to_owned();
        let codes = answer["warnings"].as_array().into_iter().flatten();
        let is_unknown = codes.clone().any(|it| it["field"] == "status");
        (
            answer["predicted_price"].as_f64().unwrap(),
            kind,
            is_unknown,
        )
    };
    let (asking, kind, _) = price(json!("for_sale")).await;
    assert_eq!(kind, "asking");
    let (sale, kind, _) = price(json!("sold")).await;
    assert_eq!(kind, "sale");
    assert!((1.08..1.12).contains(&(asking / sale)), "{asking} {sale}");
    assert_eq!(price(Value::Null).await, (sale, kind.clone(), false));
    assert_eq!(price(json!("pending")).await, (sale, kind, true));
    let (_, model) = place.get("/model").await;
    assert_eq!(model["price_kind"], "sale");
}
