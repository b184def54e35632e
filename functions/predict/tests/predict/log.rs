//! Every answer is in the log before it goes out.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};
use tasador_ids::ModelVersion;
use tasador_model::Algorithm;
use tasador_registry::InferenceRecord;

use crate::place::{Place, home, trained};

#[tokio::test]
async fn every_answer_has_its_record() {
    let place = Place::new().await;
    let mut answers = vec![(home(), place.price(&home()).await)];
    place.promote(&trained(Algorithm::Linear, 1), None).await;
    place.later(place.refresh());
    for body in [
        home(),
        json!({"bath": "many"}),
        json!({"instances": [home(), {"bath": []}]}),
        json!({"instances": []}),
    ] {
        answers.push((body.clone(), place.price(&body).await));
    }
    answers.push((
        json!("{\"bed\": "),
        place.post("/predict", "{\"bed\": ").await,
    ));
    let records = place.logged().await;
    assert_eq!(records.len(), answers.len());
    for (input, (status, answer)) in &answers {
        let record = records
            .iter()
            .find(|record| answer["request_id"] == *record.request_id)
            .unwrap();
        assert_eq!(
            (record.status, &record.input, &record.output),
            (*status, input, answer)
        );
        let asked = matches!(record.status, 200) || answer["errors"][0]["field"] == "bath";
        assert_eq!(
            record.version,
            asked.then_some(ModelVersion(1)),
            "{record:?}"
        );
        assert!(record.duration_us > 0);
    }
}

#[tokio::test]
async fn an_id_of_the_caller_is_kept_where_it_is_sane() {
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    let ask = async |id: Option<&str>| -> String {
        let mut request =
            Request::post("/predict").header(header::CONTENT_TYPE, "application/json");
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        // Lambda's own id does not tell its time, so lineage could not find the record by it.
        let mut context = lambda_runtime::Context::default();
        context.request_id = "8d3b1f0e-0c5a-4c4e-9d8f-3a1b2c3d4e5f".to_owned();
        request = request.extension(context);
        let answer = place.send(request.body(Body::from("{}")).unwrap()).await;
        answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(ask(Some("trace-1:2_3.4")).await, "trace-1:2_3.4");
    // A UUID of version 7.
    let own = ask(None).await;
    assert_eq!((own.len(), own.chars().nth(14)), (36, Some('7')), "{own}");
    for insane in ["", "a b", "x#y", "a/b", &"x".repeat(73)] {
        let id = ask(Some(insane)).await;
        assert_eq!(id.len(), 36, "{insane}: {id}");
    }
    assert_ne!(ask(None).await, ask(None).await);
    assert_eq!(place.logged().await.len(), 9);
}

/// What was logged on this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn json(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }
}

#[tokio::test]
async fn what_the_table_does_not_take_is_in_the_structured_log() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::ERROR)
        .with_writer({
            let lines = lines.clone();
            move || lines.clone()
        })
        .finish();
    // For all tests of this program: one of a thread misses places that others came by first.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    place.faults.set(&["PutItem"]);
    let (status, one) = place.price(&home()).await;
    assert_eq!(status, 200);
    let many = json!({"instances": vec![home(); 1_000]});
    let (status, all) = place.price(&many).await;
    assert_eq!(status, 200);

    let mut records: Vec<InferenceRecord> = Vec::new();
    let mut text = String::new();
    let mine = |line: &Value| {
        [&one, &all]
            .iter()
            .any(|answer| answer["request_id"] == line["request_id"])
    };
    for line in lines.json().into_iter().filter(mine) {
        let part = line["record"].as_str().unwrap();
        assert!(part.len() <= 120_000);
        text.push_str(part);
        if line["is_last"] == true {
            records.push(serde_json::from_str(&text).unwrap());
            text.clear();
        }
    }
    let kept: Vec<(&Value, &Value)> = records
        .iter()
        .map(|record| (&record.input, &record.output))
        .collect();
    assert_eq!(kept, [(&home(), &one), (&many, &all)]);
    let (_, health) = place.get("/health").await;
    assert_eq!(health["inference_log"], json!({"failures": 2}));
    assert_eq!(health["status"], "degraded");
    let reason = health["reason"].as_str().unwrap();
    assert!(reason.contains("structured log"), "{health}");

    place.faults.set(&[]);
    assert!(place.logged().await.is_empty());
    // Nobody has to ask for a price before it is well again.
    assert_eq!(place.get("/health").await.1["status"], "ok");
    assert_eq!(place.logged().await.len(), 1);
    place.price(&home()).await;
    assert_eq!(place.logged().await.len(), 2);
    assert_eq!(
        place.get("/health").await.1["inference_log"],
        json!({"failures": 2})
    );
}
