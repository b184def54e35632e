//! Errors: retried, caught, timed out, too large.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A task with these fields, and `Caught`, which passes its input on.
fn tried(fields: Value) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": ARN, "End": true });
    for (field, value) in fields.as_object().unwrap() {
        task[field] = value.clone();
    }
    let mut states = json!({ "A": task });
    if task.get("Catch").is_some() {
        states["Caught"] = json!({ "Type": "Succeed" });
    }
    json!({ "StartAt": "A", "States": states })
}

#[test]
fn retries_have_growing_waits_until_one_succeeds() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["Retryable"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 5, "MaxDelaySeconds": 10 }] });
    let ran = run(&tried(retry), &json!({}), |call| {
        (
            1,
            if call.retries < 4 {
                fails("Retryable")
            } else {
                Ok(json!(call.retries))
            },
        )
    });
    assert_eq!(ran.output(), 4);
    let starts: Vec<i64> = ran.seen.iter().map(|seen| seen.4 - 1_700_000_000).collect();
    // Each attempt takes 1 s; the waits are 2, 6, 10 and 10 s.
    assert_eq!(starts, [0, 3, 10, 21, 32]);
}

#[test]
fn jitter_shortens_waits_and_is_the_same_for_the_same_run() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 100, "BackoffRate": 1, "MaxAttempts": 20, "JitterStrategy": "FULL" }] });
    let definition = tried(retry);
    let ran = || run(&definition, &json!({}), |_| (0, fails("X")));
    let (one, other) = (ran(), ran());
    assert_eq!(one.failure(), ("X", "X happened"));
    assert_eq!((one.seen.len(), one.took_s), (21, other.took_s));
    assert!((500..1500).contains(&one.took_s), "{}", one.took_s);
}

#[test]
fn each_retrier_has_a_separate_count() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["A"], "MaxAttempts": 2 }, { "ErrorEquals": ["B"], "MaxAttempts": 1 }] });
    let ran = run(&tried(retry), &json!({}), |call| {
        (0, fails(if call.retries % 2 == 0 { "A" } else { "B" }))
    });
    // A, B, A, B: the second B is one too many.
    assert_eq!((ran.failure().0, ran.seen.len()), ("B", 4));
}

#[test]
fn catchers_write_the_error_to_their_path_and_continue() {
    let catch = json!({ "Catch": [{ "ErrorEquals": ["Known"], "ResultPath": "$.error", "Next": "Caught" }, { "ErrorEquals": ["States.ALL"], "Next": "Caught" }] });
    let caught = |error: &'static str| {
        run(&tried(catch.clone()), &json!({ "in": 1 }), move |_| {
            (0, fails(error))
        })
    };
    assert_eq!(
        caught("Known").output(),
        &json!({ "in": 1, "error": { "Error": "Known", "Cause": "Known happened" } })
    );
    assert_eq!(
        caught("Other").output(),
        &json!({ "Error": "Other", "Cause": "Other happened" })
    );
    assert_eq!(caught("States.Runtime").failure().0, "States.Runtime");
    let discards = json!({ "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "Caught" }] });
    assert_eq!(
        run(&tried(discards), &json!({ "in": 1 }), |_| (0, fails("X"))).output(),
        &json!({ "in": 1 })
    );
}

#[test]
fn a_map_is_retried_before_its_catchers_apply() {
    let map = json!({
        "Type": "Map", "End": true,
        "ItemProcessor": { "StartAt": "T", "States": { "T": { "Type": "Task", "Resource": ARN, "End": true } } },
        "Retry": [{ "ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1 }],
        "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }],
    });
    let definition =
        json!({ "StartAt": "M", "States": { "M": map, "Caught": { "Type": "Succeed" } } });
    let failures = AtomicU32::new(0);
    let bad_once = |call: &Call<'_>| {
        let first = call.input == json!(2) && failures.fetch_add(1, Ordering::Relaxed) == 0;
        (
            1,
            if first {
                fails("X")
            } else {
                Ok(call.input.clone())
            },
        )
    };
    let ran = run(&definition, &json!([1, 2]), bad_once);
    assert_eq!((ran.output(), ran.seen.len()), (&json!([1, 2]), 4));
    let ran = run(&definition, &json!([1, 2]), |_| (1, fails("X")));
    assert_eq!(
        ran.output(),
        &json!({ "Error": "X", "Cause": "X happened" })
    );
}

#[test]
fn a_task_timeout_is_matched_only_by_its_names() {
    let fixed = json!({ "TimeoutSeconds": 5, "Retry": [{ "ErrorEquals": ["States.TaskFailed"] }] });
    let ran = run(&tried(fixed), &json!({}), |_| (6, Ok(Value::Null)));
    assert_eq!(
        (ran.failure().0, ran.took_s, ran.seen.len()),
        ("States.Timeout", 5, 1)
    );
    assert!(ran.kinds().contains(&"LambdaFunctionTimedOut"));
    let by_path = json!({ "TimeoutSecondsPath": "$.limit", "Retry": [{ "ErrorEquals": ["States.Timeout"], "MaxAttempts": 1 }] });
    let ran = run(&tried(by_path), &json!({ "limit": 3 }), |call| {
        (if call.retries == 0 { 4 } else { 2 }, Ok(json!("late")))
    });
    assert_eq!((ran.output(), ran.took_s), (&json!("late"), 6));
}

#[test]
fn the_machine_timeout_starts_with_the_first_event() {
    let mut definition =
        tried(json!({ "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 1000 }] }));
    definition["TimeoutSeconds"] = json!(60);
    let ran = run(&definition, &json!({}), |_| (7, fails("X")));
    assert_eq!((&ran.ending, ran.took_s), (&Ending::TimedOut, 60));
    assert_eq!(ran.kinds().last(), Some(&"ExecutionTimedOut"));
    // Resumed after the time-out, it enters no state.
    let machine = Machine::parse(&definition.to_string()).unwrap();
    let mut late = ran.events[..3].to_vec();
    late[2].timestamp = late[0].timestamp + Duration::from_secs(61);
    let resumed = go_on(&machine, &late, |_| (0, Ok(Value::Null)));
    assert_eq!(
        (resumed.ending, resumed.seen.len(), resumed.events.len()),
        (Ending::TimedOut, 0, 4)
    );
}

#[test]
fn too_large_payloads_fail_the_state() {
    let large = "x".repeat(262_144);
    let catch = json!({ "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }] });
    let ran = run(&tried(catch), &json!({}), |_| (0, Ok(json!(large))));
    assert_eq!(ran.failure().0, "States.DataLimitExceeded");
    let named = json!({ "Catch": [{ "ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": "$.e", "Next": "Caught" }] });
    let ran = run(&tried(named), &json!({ "in": 1 }), |_| {
        (0, Ok(json!(large)))
    });
    assert_eq!(ran.output()["e"]["Error"], "States.DataLimitExceeded");
    // Two payloads below the limit are too large together.
    let half = "x".repeat(140_000);
    let adds = run(
        &tried(json!({ "ResultPath": "$.more" })),
        &json!({ "half": half }),
        |_| (0, Ok(json!(half))),
    );
    assert_eq!(adds.failure().0, "States.DataLimitExceeded");
}

#[test]
fn a_fail_state_reports_its_error_and_cause() {
    let input = json!({ "error": { "Error": "E", "Cause": "C" }, "n": 4 });
    let table = [
        (json!({ "Type": "Fail" }), (None, None)),
        (
            json!({ "Type": "Fail", "Error": "X", "Cause": "Y" }),
            (Some("X"), Some("Y")),
        ),
        (
            json!({ "Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause" }),
            (Some("E"), Some("C")),
        ),
        (
            json!({ "Type": "Fail", "Error": "X", "CausePath": "States.Format('{} of {}', $.n, $$.State.Name)" }),
            (Some("X"), Some("4 of A")),
        ),
    ];
    for (state, (error, cause)) in table {
        let ran = run_state(state.clone(), input.clone());
        let expected = Ending::Failed {
            error: error.map(str::to_owned),
            cause: cause.map(str::to_owned),
        };
        assert_eq!(ran.ending, expected, "{state}");
        assert_eq!(
            ran.kinds(),
            ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]
        );
    }
    assert_eq!(
        run_state(json!({ "Type": "Fail", "ErrorPath": "$.n" }), input)
            .failure()
            .0,
        "States.Runtime"
    );
}

#[test]
fn an_endless_loop_ends_at_the_longest_history() {
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Choice", "Choices": [{ "Variable": "$.stop", "IsPresent": true, "Next": "End" }], "Default": "B" },
        "B": { "Type": "Pass", "Next": "A" },
        "End": { "Type": "Succeed" },
    } });
    let ran = run(&definition, &json!({}), |_| (0, Ok(Value::Null)));
    assert_eq!(
        (ran.failure().0, ran.events.len()),
        ("States.Runtime", 25_000)
    );
}
