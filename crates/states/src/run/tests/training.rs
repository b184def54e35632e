//! The deployed machine, on each of its paths.

use super::*;

/// The definition; each placeholder is replaced by the ARN of a function with the same name.
pub(crate) fn definition() -> String {
    let mut text = include_str!("../../../../../statemachine/training.asl.json").to_owned();
    while let Some(start) = text.find("${") {
        let end = start + text[start..].find('}').unwrap();
        let place = text[start + 2..end].to_owned();
        let arn = match (place.as_str(), place.strip_suffix("FunctionArn")) {
            (_, Some(function)) => format!(
                "arn:aws:lambda:us-east-1:000000000000:function:{}",
                function.to_lowercase()
            ),
            ("PublishResource", _) => "arn:aws:states:::sns:publish".to_owned(),
            ("TrainJobResource", _) => "arn:aws:states:::batch:submitJob.sync".to_owned(),
            _ => "arn:aws:sns:us-east-1:000000000000:outcomes".to_owned(),
        };
        text.replace_range(start..=end, &arn);
    }
    text
}

/// The answers of the functions in a run that ends with a promotion.
pub(super) fn answer(state: &str, input: &Value) -> Value {
    match state {
        "Fetch" => {
            json!({ "status": "batch", "batch": "b1", "key": "raw/b1.json", "format": "json", "origin": "source", "repeat": false, "turn": { "status": "go" } })
        }
        "Preprocess" => json!({ "clean_key": "clean/b1.parquet", "rows": { "raw": 60 } }),
        "Gate" => {
            json!({ "decision": "train", "dataset": "d1", "dataset_key": "datasets/d1.json", "candidates": ["linear", "boosting", "ridge"], "train_on": "function" })
        }
        "Train" => json!({ "version": format!("v-{}", input["algorithm"].as_str().unwrap()) }),
        "TrainJob" => json!({ "JobId": "j", "Status": "SUCCEEDED" }),
        "Compare" => {
            json!({ "decision": "promote", "challenger": "v-boosting", "champion": null, "sentence": "better", "verdict_key": "k" })
        }
        "Promote" => json!({ "promotion": 1 }),
        "Notify" | "NotifyFailure" => json!({ "MessageId": "m" }),
        record if record.starts_with("Record") => {
            json!({ "outcome": input["outcome"], "sentence": format!("Batch: {}", input["outcome"].as_str().unwrap()) })
        }
        other => panic!("nobody knows {other}"),
    }
}

/// The same, with a different answer of one state.
pub(super) fn but(
    state: &'static str,
    other: Answer,
) -> impl Fn(&Call<'_>) -> (u64, Answer) + Send + Sync {
    move |call| {
        (
            1,
            if call.state == state {
                other.clone()
            } else {
                Ok(answer(call.state, &call.input))
            },
        )
    }
}

pub(super) fn train(answer: impl Fn(&Call<'_>) -> (u64, Answer) + Send + Sync) -> Ran {
    go_on(
        &Machine::parse(&definition()).unwrap(),
        &[first(&json!({}))],
        answer,
    )
}

#[test]
fn a_better_challenger_is_promoted() {
    let ran = train(but("", Ok(Value::Null)));
    let ways = [
        "Fetch",
        "Exhausted",
        "Preprocess",
        "Gate",
        "Decide",
        "TrainOn",
        "TrainOn",
        "TrainOn",
        "Train",
        "Train",
        "Train",
        "TrainCandidates",
        "Compare",
        "Verdict",
        "Promote",
        "RecordPromotion",
        "Notify",
        "Done",
    ];
    assert_eq!(ran.exited(), ways);
    assert_eq!(
        ran.output()["candidates"],
        json!([{ "version": "v-linear" }, { "version": "v-boosting" }, { "version": "v-ridge" }])
    );
    // The three candidates were trained within the same second.
    assert_eq!(ran.took_s, 8);
    let call = |state: &str| ran.seen.iter().find(|seen| seen.0 == state).unwrap();
    assert_eq!(
        call("Fetch").2,
        json!({ "run_id": "run-1", "execution": execution().arn, "input": {} })
    );
    assert_eq!(
        call("Train").2,
        json!({ "run_id": "run-1", "dataset": "d1", "dataset_key": "datasets/d1.json", "algorithm": "linear", "train_on": "function" })
    );
    assert_eq!(
        call("RecordPromotion").2["started_at"],
        "2023-11-14T22:13:20.000Z"
    );
    assert_eq!(
        call("RecordPromotion").2["state"]["promotion"],
        json!({ "promotion": 1 })
    );
    let notify = call("Notify");
    assert_eq!(
        (&*notify.1, &notify.2["Subject"], &notify.2["Message"]),
        (
            "sns:publish",
            &json!("Tasador: promoted"),
            &json!("Batch: promoted")
        )
    );
}

#[test]
fn a_job_trains_large_datasets_and_the_function_reports_it() {
    let mut gate = answer("Gate", &Value::Null);
    gate["train_on"] = "job".into();
    let ran = train(but("Gate", Ok(gate.clone())));
    let whole = train(but("", Ok(Value::Null)));
    assert_eq!(ran.output()["candidates"], whole.output()["candidates"]);
    let call = |state: &str| ran.seen.iter().find(|seen| seen.0 == state).unwrap();
    let (_, resource, job, ..) = call("TrainJob");
    assert_eq!(resource, "batch:submitJob.sync");
    assert_eq!(job["JobName"], "run-1-linear");
    // The job gets the same request as the function after it.
    let command = job["ContainerOverrides"]["Command"].as_array().unwrap();
    let request: Value = serde_json::from_str(command[0].as_str().unwrap()).unwrap();
    assert_eq!((command.len(), &request), (1, &call("Train").2));

    // A job that fails is tried again; then its candidate has failed, and the others continue.
    let ran = train(|call| match (call.state, call.input["JobName"].as_str()) {
        ("Gate", _) => (1, Ok(gate.clone())),
        ("TrainJob", Some("run-1-boosting")) => (1, fails("States.TaskFailed")),
        (state, _) => (1, Ok(answer(state, &call.input))),
    });
    let tries = ran.seen.iter().filter(|seen| seen.0 == "TrainJob").count();
    assert_eq!(tries, 4);
    let mut expected = failed("boosting", "States.TaskFailed");
    expected["error"]["Cause"] = "see the log of job run-1-boosting in AWS Batch".into();
    assert_eq!(ran.output()["candidates"][1], expected);
    assert_eq!(
        ran.output()["candidates"][2],
        whole.output()["candidates"][2]
    );
}

/// The cause of a failed job is the job's description as JSON, within the JSON of the state.
#[test]
fn the_causes_of_failed_jobs_fit_into_a_state() {
    let mut gate = answer("Gate", &Value::Null);
    gate["train_on"] = "job".into();
    gate["candidates"] = json!(["linear", "ridge", "forest", "boosting", "blend"]);
    let cause = "\"".repeat(32_768);
    let ran = train(|call| match call.state {
        "Gate" => (1, Ok(gate.clone())),
        "TrainJob" => {
            let error = "States.TaskFailed".to_owned();
            (
                1,
                Err(TaskError {
                    error,
                    cause: cause.clone(),
                }),
            )
        }
        state => (1, Ok(answer(state, &call.input))),
    });
    assert!(
        matches!(ran.ending, Ending::Succeeded { .. }),
        "{:?}",
        ran.ending
    );
    let candidates = ran.output()["candidates"].to_string();
    assert!(candidates.len() < 16 * 1024, "{}", candidates.len());
}

/// What comes of a candidate whose training failed for reasons other than its data.
fn failed(algorithm: &str, error: &str) -> Value {
    let caught = json!({ "Error": error, "Cause": format!("{error} happened") });
    json!({ "status": "failed", "algorithm": algorithm, "reason": error, "error": caught })
}

#[test]
fn a_candidate_that_fails_leaves_the_others_alone() {
    for error in [
        "Runtime.OutOfMemory",
        "States.Timeout",
        "Sandbox.Timedout",
        "Bug",
        "Retryable",
    ] {
        let ran = train(
            |call| match (call.state, call.input["algorithm"].as_str()) {
                ("Train", Some("boosting")) => (1, fails(error)),
                (state, _) => (1, Ok(answer(state, &call.input))),
            },
        );
        assert!(
            matches!(ran.ending, Ending::Succeeded { .. }),
            "{error}: {:?}",
            ran.ending
        );
        let compared = ran.seen.iter().find(|seen| seen.0 == "Compare").unwrap();
        let expected =
            json!([{ "version": "v-linear" }, failed("boosting", error), { "version": "v-ridge" }]);
        assert_eq!(compared.2["candidates"], expected, "{error}");
    }
}

#[test]
fn a_run_waits_until_it_is_its_turn() {
    let asked = std::sync::atomic::AtomicU32::new(0);
    let ran = train(|call| {
        let mut answer = answer(call.state, &call.input);
        let waits =
            call.state == "Fetch" && asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2;
        if waits {
            answer["turn"] = json!({ "status": "wait", "wait_s": 60 });
        }
        (1, Ok(answer))
    });
    let rounds = ["Fetch", "Exhausted", "WaitForTurn"];
    assert_eq!(
        ran.exited()[..7],
        [&rounds[..], &rounds[..], &["Fetch"]].concat()
    );
    // Two waits more than a run that goes on at once.
    assert_eq!(ran.took_s, 8 + 2 * 61);
    let again = ran
        .seen
        .iter()
        .filter(|seen| seen.0 == "Fetch")
        .nth(1)
        .unwrap();
    assert_eq!(again.2["input"]["fetch"]["turn"]["status"], "wait");
}

#[test]
fn each_refusal_is_recorded_and_succeeds() {
    let table = [
        (
            "Fetch",
            json!({ "status": "nothing_new" }),
            vec!["Fetch", "Exhausted", "RecordNothingNew", "NothingNew"],
        ),
        (
            "Gate",
            json!({ "decision": "skip" }),
            vec![
                "Fetch",
                "Exhausted",
                "Preprocess",
                "Gate",
                "Decide",
                "RecordSkip",
                "Notify",
                "Done",
            ],
        ),
        (
            "Gate",
            json!({ "decision": "hold" }),
            vec![
                "Fetch",
                "Exhausted",
                "Preprocess",
                "Gate",
                "Decide",
                "RecordQuarantine",
                "Notify",
                "Done",
            ],
        ),
        (
            "Compare",
            json!({ "decision": "reject" }),
            vec![
                "Fetch",
                "Exhausted",
                "Preprocess",
                "Gate",
                "Decide",
                "TrainOn",
                "TrainOn",
                "TrainOn",
                "Train",
                "Train",
                "Train",
                "TrainCandidates",
                "Compare",
                "Verdict",
                "RecordRejection",
                "Notify",
                "Done",
            ],
        ),
    ];
    for (state, answer, ways) in table {
        let ran = train(but(state, Ok(answer)));
        assert_eq!(ran.exited(), ways);
        assert!(matches!(ran.ending, Ending::Succeeded { .. }));
    }
}

#[test]
fn a_failure_of_any_task_is_recorded_and_notified_with_its_cause() {
    let way_of = |state: &'static str| match state {
        "RecordSkip" => ("Gate", json!({ "decision": "skip" })),
        "RecordQuarantine" => ("Gate", json!({ "decision": "hold" })),
        "RecordNothingNew" => ("Fetch", json!({ "status": "nothing_new" })),
        "RecordRejection" => ("Compare", json!({ "decision": "reject" })),
        _ => ("", Value::Null),
    };
    for state in [
        "Fetch",
        "Preprocess",
        "Gate",
        "Compare",
        "Promote",
        "RecordPromotion",
        "RecordRejection",
        "RecordSkip",
        "RecordQuarantine",
        "RecordNothingNew",
    ] {
        let (turn, turned) = way_of(state);
        let ran = train(|call| {
            let answer = match call.state {
                now if now == state => fails("Bug"),
                now if now == turn => Ok(turned.clone()),
                now => Ok(answer(now, &call.input)),
            };
            (1, answer)
        });
        assert_eq!(ran.failure(), ("Bug", "Bug happened"), "{state}");
        assert!(
            ran.exited().ends_with(&["RecordFailure", "NotifyFailure"]),
            "{state}: {:?}",
            ran.exited()
        );
        let recorded = ran
            .seen
            .iter()
            .find(|seen| seen.0 == "RecordFailure")
            .unwrap();
        assert_eq!(
            recorded.2["state"]["error"],
            json!({ "Error": "Bug", "Cause": "Bug happened" }),
            "{state}"
        );
    }
}

#[test]
fn transient_errors_are_retried() {
    for state in [
        "Fetch",
        "Preprocess",
        "Gate",
        "Train",
        "Compare",
        "Promote",
        "RecordPromotion",
    ] {
        let ran = train(|call| {
            (
                1,
                if call.state == state && call.retries < 2 {
                    fails("Retryable")
                } else {
                    Ok(answer(call.state, &call.input))
                },
            )
        });
        assert!(
            matches!(ran.ending, Ending::Succeeded { .. }),
            "{state}: {:?}",
            ran.ending
        );
        let tries = ran.seen.iter().filter(|seen| seen.0 == state).count();
        assert_eq!(tries, if state == "Train" { 9 } else { 3 }, "{state}");
    }
    // The notification fails, and the outcome stays.
    let ran = train(but("Notify", fails("Bug")));
    assert_eq!(ran.exited().last(), Some(&"Done"));
}

#[test]
fn a_changed_champion_is_compared_again() {
    let promotions = std::sync::atomic::AtomicU32::new(0);
    let ran = train(|call| {
        let contended = call.state == "Promote"
            && promotions.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        (
            1,
            if contended {
                fails("ChampionChanged")
            } else {
                Ok(answer(call.state, &call.input))
            },
        )
    });
    let ways = ran.exited();
    assert_eq!(
        ways[12..18],
        [
            "Compare", "Verdict", "Promote", "Compare", "Verdict", "Promote"
        ]
    );
    assert_eq!(ran.output()["contended"]["Error"], "ChampionChanged");
}
