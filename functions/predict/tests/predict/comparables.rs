//! Comparable sales, which are loaded only when somebody asks.

use serde_json::{Value, json};
use tasador_ids::ModelVersion;
use tasador_lake::key::{self, ModelFile};
use tasador_model::train::{TrainConfig, fit};
use tasador_model::{Algorithm, Comparables};

use crate::place::{Place, home};
use crate::town;

/// A place whose champion learned from the town, with these bytes as its sales; and the sales.
async fn place(bytes: impl FnOnce(&Comparables) -> Option<Vec<u8>>) -> (Place, Comparables) {
    let mut config = TrainConfig::new(Algorithm::Blend, 1);
    config.most_rounds = std::num::NonZeroUsize::new(40).unwrap();
    let trained = fit(&config, &town::homes(520, 1)).unwrap();
    let sales = Comparables::of(&trained.model, &trained.homes).unwrap();
    let place = Place::with(&trained.model).await;
    if let Some(bytes) = bytes(&sales) {
        let key = key::model(
            &place.ctx.config.model,
            ModelVersion(1),
            ModelFile::Comparables,
        );
        place.ctx.lake.put_once(&key, bytes).await.unwrap();
    }
    (place, sales)
}

/// An answer without what differs between two requests.
fn bare(mut answer: Value) -> Value {
    let fields = answer.as_object_mut().unwrap();
    fields.shift_remove("request_id");
    fields.shift_remove("comparables");
    answer
}

#[tokio::test]
async fn the_sales_most_similar_to_a_home_are_given_when_asked_for() {
    let (place, sales) = place(|sales| Some(sales.to_bytes().unwrap())).await;
    let (status, without) = place.price(&home()).await;
    assert_eq!((status, without.get("comparables")), (200, None));
    let (status, answer) = place
        .post("/predict?comparables=3", home().to_string())
        .await;
    assert_eq!(status, 200, "{answer:#}");
    assert_eq!(bare(answer.clone()), bare(without.clone()));
    let given = answer["comparables"].as_array().unwrap();
    assert_eq!(given.len(), 3);
    let distances: Vec<f64> = given
        .iter()
        .map(|it| it["distance"].as_f64().unwrap())
        .collect();
    assert!(distances.is_sorted(), "{distances:?}");
    for sale in given {
        let price = sale["price"].as_f64().unwrap();
        let per_area = sale["price_per_area"].as_f64().unwrap();
        let differences = sale["differences"].as_array().unwrap();
        let size = differences.iter().find(|it| it["field"] == "house_size");
        let size = size.map_or(1_800.0, |it| it["sale"].as_f64().unwrap());
        assert!((price / size - per_area).abs() < 0.006, "{sale:#}");
        assert!(
            sale["date"].as_str().unwrap().starts_with("201"),
            "{sale:#}"
        );
        assert!(
            differences.iter().all(|it| it["home"] != it["sale"]),
            "{sale:#}"
        );
    }
    assert!(sales.len() > 100);

    let both = json!({"instances": [home(), {"bath": []}]}).to_string();
    let (_, batch) = place.post("/predict?comparables=3", both).await;
    assert_eq!(
        batch["predictions"][0]["comparables"],
        answer["comparables"]
    );
    assert_eq!(batch["predictions"][1]["error"]["status"], 422);
    // They are in the inference log, as all that was answered.
    let logged = place.logged().await;
    assert!(
        logged
            .iter()
            .any(|it| it.output["comparables"] == answer["comparables"])
    );
    let (_, none) = place
        .post("/predict?comparables=0", home().to_string())
        .await;
    assert_eq!(none.get("comparables"), None);
}

#[tokio::test]
async fn a_version_without_sales_gives_none() {
    let (place, _) = place(|_| None).await;
    let (status, answer) = place
        .post("/predict?comparables=3", home().to_string())
        .await;
    assert_eq!((status, &answer["comparables"]), (200, &json!([])));
}

#[tokio::test]
async fn damaged_sales_harm_only_those_who_ask_for_them() {
    let (place, _) = place(|sales| {
        let mut bytes = sales.to_bytes().unwrap();
        bytes.truncate(100);
        Some(bytes)
    })
    .await;
    let (status, problem) = place
        .post("/predict?comparables=3", home().to_string())
        .await;
    assert_eq!(status, 503, "{problem:#}");
    assert!(problem["detail"].as_str().unwrap().contains("Ask without"));
    assert_eq!(place.price(&home()).await.0, 200);
}

#[tokio::test]
async fn numbers_beyond_the_limits_are_refused() {
    let (place, _) = place(|_| None).await;
    for count in ["11", "-1", "many", ""] {
        let path = format!("/predict?comparables={count}");
        let (status, problem) = place.post(&path, home().to_string()).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!("comparables")),
            "{count}"
        );
    }
    let instances: Vec<Value> = vec![home(); 101];
    let body = json!({"instances": instances});
    assert_eq!(place.price(&body).await.0, 200);
    let (status, problem) = place.post("/predict?comparables=1", body.to_string()).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (422, &json!("instances"))
    );
}
