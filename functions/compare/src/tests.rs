use super::*;
use serde_json::json;

fn trained(algorithm: &str, version: u32, mae: f64) -> Candidate {
    Candidate {
        version: Some(ModelVersion(version)),
        validation: [("mae", mae)].into_iter().collect(),
        reason: None,
        ..failed(algorithm)
    }
}

fn failed(algorithm: &str) -> Candidate {
    Candidate::failed(algorithm, "every home costs the same")
}

#[test]
fn what_the_state_machine_caught_is_told_from_what_the_data_did_not_allow() {
    let caught = json!({
        "status": "failed", "algorithm": "forest", "reason": "Runtime.OutOfMemory",
        "error": {"Error": "Runtime.OutOfMemory", "Cause": "{}"},
    });
    let caught: Candidate = serde_json::from_value(caught).unwrap();
    assert!(broke(&caught));
    assert!(!broke(&failed("linear")) && !broke(&trained("ridge", 1, 50.0)));
    assert!(!broke_on_a_store(&caught));
    let stored = json!({
        "status": "failed", "algorithm": "forest", "reason": "Retryable: the bucket is full",
        "error": {"Error": "Retryable", "Cause": "{}"},
    });
    assert!(broke_on_a_store(&serde_json::from_value(stored).unwrap()));
    let verdict = nobody(
        &[caught],
        limits(&tasador_runtime::Config::default().compare),
    );
    assert_eq!(
        Language::English.reason(&verdict.reasons[0]),
        "forest could not be trained: Runtime.OutOfMemory"
    );
}

#[test]
fn the_best_by_validation_goes_first() {
    let candidates = [
        trained("linear", 1, 70.0),
        failed("ridge"),
        trained("boosting", 2, 50.0),
        trained("forest", 3, f64::NAN),
    ];
    assert_eq!(
        ranking(&candidates),
        [("boosting", ModelVersion(2)), ("linear", ModelVersion(1))]
    );
    let equal = [trained("linear", 1, 50.0), trained("boosting", 2, 50.0)];
    assert_eq!(ranking(&equal)[0].0, "linear");
    assert!(ranking(&[]).is_empty());
}

#[test]
fn without_a_challenger_the_verdict_says_why() {
    let verdict = nobody(
        &[failed("linear"), failed("boosting")],
        limits(&tasador_runtime::Config::default().compare),
    );
    assert_eq!(verdict.decision, Decision::Reject);
    assert_eq!(verdict.reasons.len(), 2);
    assert_eq!(
        verdict.sentence,
        "Rejected: no usable new model: linear could not be trained: every home costs the same; \
         boosting could not be trained: every home costs the same."
    );
    assert!(
        !nobody(&[], limits(&tasador_runtime::Config::default().compare))
            .reasons
            .is_empty()
    );
}

#[test]
fn the_rule_is_the_configured_one() {
    let configured = CompareLimits {
        min_mae_gain_share: 0.1,
        max_rmse_loss_share: 0.2,
        confidence: 0.8,
        samples: 7,
        min_rows: 9,
        rmse_margin_usd: Some(1_000.0),
        max_segment_loss_share: 0.3,
        segment_min_homes: 50,
        ratio_ranges: true,
    };
    assert_eq!(
        limits(&configured),
        Rule {
            mae_down: 0.1,
            rmse_up: 0.2,
            confidence: 0.8,
            samples: 7,
            least_rows: 9,
            rmse_margin: Some(1_000.0),
            segment_up: 0.3,
            segment_least: 50,
            ratio_ranges: true,
        }
    );
}

#[test]
fn a_verdict_with_every_field_stays_small() {
    let prices: Vec<f64> = (1..200).map(|i| f64::from(i) * 1_000.0).collect();
    let ids: Vec<u64> = (1..200).collect();
    let says: Vec<tasador_model::Prediction> = prices
        .iter()
        .map(|price| tasador_model::Prediction {
            price: price * 1.1,
            interval: (*price, price * 1.2),
            fsd: 0.1,
        })
        .collect();
    let verdict = rule::judge(
        &limits(&tasador_runtime::Config::default().compare),
        1,
        &Parts::default(),
        &prices,
        &ids,
        &says,
        rule::Champion::Predictions(&says),
    );
    let response = Response {
        decision: verdict.decision,
        challenger: Some(ModelVersion(2)),
        champion: Some(ModelVersion(1)),
        stand_in: None,
        sentence: verdict.sentence.clone(),
        reasons: verdict.reasons.clone(),
        verdict_key: "verdicts/run-1/a.json".parse().unwrap(),
        challenger_metrics: verdict.challenger.map(|scores| scores.by_name().collect()),
        champion_metrics: verdict.champion.map(|scores| scores.by_name().collect()),
    };
    let json = serde_json::to_value(&response).unwrap();
    assert_eq!(json["decision"], "reject");
    assert_eq!(json["challenger"], 2);
    assert!(json.to_string().len() < 4_096);
}
