use serde_json::json;
use tasador_ids::ModelVersion;
use tasador_registry::InferenceRecord;

use crate::fixture::{at, model, registry};

fn record(n: i64, second: i64) -> InferenceRecord {
    InferenceRecord {
        request_id: format!("request-{n}"),
        at: at(second),
        model: model(),
        version: Some(ModelVersion(3)),
        status: 200,
        error: None,
        duration_us: 412,
        input: json!({"bed": 3, "city": "Añasco", "price": null, "none": {}}),
        output: json!({"predicted_price": 123_456.78, "interval": [1e5, 1.5e5]}),
    }
}

#[tokio::test]
async fn what_was_answered_in_an_hour_is_found_by_the_hour() {
    let registry = registry().await;
    let records: Vec<InferenceRecord> = (0..40).map(|n| record(n, n * 60)).collect();
    for record in records.iter().rev() {
        registry.put_inference(record).await.unwrap();
        registry.put_inference(record).await.unwrap();
    }
    registry.put_inference(&record(99, 3_600)).await.unwrap();
    assert_eq!(registry.inferences_of_hour(at(1)).await.unwrap(), records);
    assert_eq!(
        registry.inferences_of_hour(at(7_000)).await.unwrap(),
        [record(99, 3_600)]
    );
    assert_eq!(registry.inferences_of_hour(at(-1)).await.unwrap(), []);
}

#[tokio::test]
async fn a_request_larger_than_an_item_is_logged_whole() {
    let registry = registry().await;
    let mut large = record(1, 5);
    large.input = json!({"instances": vec![json!({"city": "ü".repeat(200), "bed": 2}); 3_000]});
    registry.put_inference(&large).await.unwrap();
    registry.put_inference(&record(2, 6)).await.unwrap();
    assert_eq!(
        registry.inferences_of_hour(at(0)).await.unwrap(),
        [large, record(2, 6)]
    );
}

#[tokio::test]
async fn an_entry_that_was_cut_off_is_not_half_an_entry() {
    let registry = registry().await;
    let mut large = record(1, 5);
    large.output = json!("x".repeat(900_000));
    registry.put_inference(&large).await.unwrap();
    // Killed before the last write, which is the one with the facts.
    let items = registry
        .client
        .scan()
        .table_name("inferences")
        .send()
        .await
        .unwrap()
        .items
        .unwrap();
    let first = items
        .iter()
        .find(|item| item.contains_key("facts"))
        .unwrap();
    registry
        .client
        .delete_item()
        .table_name("inferences")
        .key("pk", first["pk"].clone())
        .key("sk", first["sk"].clone())
        .send()
        .await
        .unwrap();
    assert!(items.len() > 2);
    registry.put_inference(&record(2, 6)).await.unwrap();
    assert_eq!(
        registry.inferences_of_hour(at(0)).await.unwrap(),
        [record(2, 6)]
    );
}
