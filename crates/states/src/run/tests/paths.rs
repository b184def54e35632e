//! The document in states, branches and items.

use super::*;

#[test]
fn the_fields_transform_input_to_output() {
    let input = json!({ "a": { "b": 1 }, "list": [1, 2] });
    let task = |fields: Value| {
        let mut task = json!({ "Type": "Task", "Resource": ARN, "End": true });
        for (field, value) in fields.as_object().unwrap() {
            task[field] = value.clone();
        }
        task
    };
    let table = [
        (task(json!({})), input.clone()),
        (task(json!({ "InputPath": "$.a" })), json!({ "b": 1 })),
        (task(json!({ "InputPath": null })), json!({})),
        (task(json!({ "OutputPath": "$.list[1]" })), json!(2)),
        (task(json!({ "OutputPath": null })), json!({})),
        (task(json!({ "ResultPath": null })), input.clone()),
        (
            task(json!({ "InputPath": "$.a", "ResultPath": "$.a.c" })),
            json!({ "a": { "b": 1, "c": { "b": 1 } }, "list": [1, 2] }),
        ),
        (
            task(json!({ "Parameters": { "x.$": "$.list[0]", "y": "$.a" } })),
            json!({ "x": 1, "y": "$.a" }),
        ),
        (
            task(
                json!({ "InputPath": "$.a", "Parameters": { "x.$": "$.b" }, "ResultSelector": { "z.$": "$.x" }, "ResultPath": "$.r", "OutputPath": "$.r" }),
            ),
            json!({ "z": 1 }),
        ),
        (
            json!({ "Type": "Pass", "End": true, "Result": [7], "ResultPath": "$.r", "OutputPath": "$.r" }),
            json!([7]),
        ),
        (
            json!({ "Type": "Pass", "End": true, "Parameters": { "n.$": "States.ArrayLength($.list)" } }),
            json!({ "n": 2 }),
        ),
        (
            json!({ "Type": "Succeed", "InputPath": "$.a", "OutputPath": "$.b" }),
            json!(1),
        ),
        (
            json!({ "Type": "Wait", "Seconds": 1, "InputPath": "$.a", "End": true }),
            json!({ "b": 1 }),
        ),
    ];
    for (state, expected) in table {
        assert_eq!(
            run_state(state.clone(), input.clone()).output(),
            &expected,
            "{state}"
        );
    }
}

#[test]
fn the_context_object_describes_execution_and_state() {
    let state = json!({ "Type": "Pass", "End": true, "Parameters": { "all.$": "$$", "name.$": "$$.Execution.Name" } });
    let expected = json!({
        "Execution": {
            "Id": execution().arn, "Input": { "in": 1 }, "Name": "run-1", "RoleArn": execution().role_arn,
            "StartTime": "2023-11-14T22:13:20.000Z",
        },
        "State": { "EnteredTime": "2023-11-14T22:13:20.000Z", "Name": "A", "RetryCount": 0 },
        "StateMachine": { "Id": execution().machine_arn, "Name": "m" },
    });
    assert_eq!(
        run_state(state, json!({ "in": 1 })).output(),
        &json!({ "all": expected, "name": "run-1" })
    );
}

#[test]
fn a_function_is_invoked_by_its_arn_or_through_lambda_invoke() {
    let plain = run_state(
        json!({ "Type": "Task", "Resource": ARN, "End": true }),
        json!({ "x": 1 }),
    );
    assert_eq!(plain.seen[0].1, ARN);
    assert_eq!(
        plain.kinds(),
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    assert_eq!(
        plain.events[2].details.as_ref().unwrap().0,
        "lambdaFunctionScheduledEventDetails"
    );
    assert_eq!(plain.events[2].detail("input"), Some(r#"{"x":1}"#));

    let invoke = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Parameters": { "FunctionName": "f", "Payload": { "y.$": "$.x" } },
    });
    let invoked = run_state(invoke, json!({ "x": 1 }));
    assert_eq!(
        (&*invoked.seen[0].1, &invoked.seen[0].2),
        ("f", &json!({ "y": 1 }))
    );
    assert_eq!(
        invoked.output(),
        &json!({ "ExecutedVersion": "$LATEST", "Payload": { "y": 1 }, "StatusCode": 200 })
    );
    assert_eq!(
        invoked.kinds()[2..5],
        ["TaskScheduled", "TaskStarted", "TaskSucceeded"]
    );
    let (name, details) = invoked.events[2].details.clone().unwrap();
    assert_eq!(
        (name.as_str(), &details["resourceType"], &details["region"]),
        (
            "taskScheduledEventDetails",
            &json!("lambda"),
            &json!("us-east-1")
        )
    );
}

#[test]
fn a_choice_takes_the_first_rule_that_is_true() {
    let definition = json!({
        "StartAt": "C",
        "States": {
            "C": {
                "Type": "Choice",
                "Choices": [
                    { "Variable": "$.n", "NumericLessThan": 10, "Next": "Small" },
                    { "And": [{ "Variable": "$.n", "NumericLessThan": 20 }, { "Variable": "$.ok", "IsPresent": true }], "Next": "Middle" },
                ],
            },
            "Small": { "Type": "Pass", "Result": "small", "End": true },
            "Middle": { "Type": "Pass", "Result": "middle", "End": true },
        },
    });
    let pass = |input: Value| run(&definition, &input, |_| (0, fails("no task here")));
    assert_eq!(pass(json!({ "n": 5 })).output(), "small");
    assert_eq!(pass(json!({ "n": 15, "ok": null })).output(), "middle");
    assert_eq!(
        pass(json!({ "n": 15 })).failure().0,
        "States.NoChoiceMatched"
    );
    let (error, cause) = {
        let ran = pass(json!({}));
        let (error, cause) = ran.failure();
        (error.to_owned(), cause.to_owned())
    };
    assert_eq!(error, "States.Runtime");
    assert!(
        cause.starts_with(
            "An error occurred while executing the state 'C' (entered at the event id #2). "
        ),
        "{cause}"
    );
}

#[test]
fn waits_have_the_configured_duration() {
    let input = json!({ "seconds": 7, "when": "2023-11-14T22:14:00Z" });
    let table = [
        (json!({ "Seconds": 90 }), 90),
        (json!({ "SecondsPath": "$.seconds" }), 7),
        (json!({ "Timestamp": "2023-11-14T22:13:30+00:00" }), 10),
        (json!({ "TimestampPath": "$.when" }), 40),
        (json!({ "Timestamp": "2020-01-01T00:00:00Z" }), 0),
    ];
    for (fields, took_s) in table {
        let mut state = fields.clone();
        state["Type"] = json!("Wait");
        state["End"] = json!(true);
        let ran = run_state(state, input.clone());
        assert_eq!((ran.output(), ran.took_s), (&input, took_s), "{fields}");
    }
    let wrong = run_state(
        json!({ "Type": "Wait", "SecondsPath": "$.when", "End": true }),
        input,
    );
    assert_eq!(wrong.failure().0, "States.Runtime");
}

fn map(more: Value) -> Value {
    let mut map = json!({
        "Type": "Map", "ItemsPath": "$.items", "End": true,
        "ItemProcessor": { "StartAt": "T", "States": { "T": { "Type": "Task", "Resource": ARN, "End": true } } },
    });
    for (field, value) in more.as_object().unwrap() {
        map[field] = value.clone();
    }
    json!({ "StartAt": "M", "States": { "M": map } })
}

#[test]
fn a_map_keeps_the_order_of_its_items() {
    let input = json!({ "items": [3, 1, 2], "k": "v" });
    let selector = json!({ "ItemSelector": { "value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index", "k.$": "$.k" } });
    let ran = run(&map(selector), &input, |call| {
        (
            call.input["value"].as_u64().unwrap(),
            Ok(call.input["value"].clone()),
        )
    });
    assert_eq!(ran.output(), &json!([3, 1, 2]));
    assert_eq!(ran.took_s, 3);
    assert_eq!(ran.seen[1].2, json!({ "value": 1, "index": 1, "k": "v" }));
    let ended: Vec<_> = ran
        .events
        .iter()
        .filter(|event| event.kind == "MapIterationSucceeded")
        .collect();
    let order: Vec<_> = ended
        .iter()
        .map(|event| event.details.as_ref().unwrap().1["index"].as_u64().unwrap())
        .collect();
    assert_eq!(order, [1, 2, 0]);

    let plain = run(
        &map(json!({ "ResultPath": "$.out" })),
        &json!({ "items": [] }),
        |_| (0, fails("nobody calls")),
    );
    assert_eq!(plain.output(), &json!({ "items": [], "out": [] }));
    let no_list = run(&map(json!({})), &json!({ "items": 3 }), |_| {
        (0, fails("nobody calls"))
    });
    assert_eq!(no_list.failure().0, "States.Runtime");
}

#[test]
fn a_map_respects_max_concurrency() {
    for (limit, took_s) in [
        (json!({ "MaxConcurrency": 1 }), 60),
        (json!({ "MaxConcurrency": 4 }), 20),
        (json!({ "MaxConcurrencyPath": "$.at_once" }), 30),
        (json!({}), 10),
    ] {
        let input = json!({ "items": [0, 1, 2, 3, 4, 5], "at_once": 2 });
        let ran = run(&map(limit.clone()), &input, |call| {
            (10, Ok(call.input.clone()))
        });
        assert_eq!(
            (ran.output(), ran.took_s),
            (&input["items"], took_s),
            "{limit}"
        );
    }
}

#[test]
fn an_error_in_one_item_ends_the_map_and_drops_the_others() {
    let answer = |call: &Call<'_>| {
        if call.input == json!(2) {
            (5, fails("Bad"))
        } else {
            (call.input.as_u64().unwrap(), Ok(Value::Null))
        }
    };
    let ran = run(&map(json!({})), &json!({ "items": [1, 2, 50] }), answer);
    assert_eq!(ran.failure(), ("Bad", "Bad happened"));
    assert_eq!(ran.took_s, 5);
    let kinds = ran.kinds();
    assert_eq!(
        kinds[kinds.len() - 5..],
        [
            "LambdaFunctionFailed",
            "MapIterationFailed",
            "MapIterationAborted",
            "MapStateFailed",
            "ExecutionFailed"
        ]
    );
}

#[test]
fn nested_maps_see_their_item() {
    let inner = json!({
        "Type": "Map", "End": true,
        "ItemProcessor": { "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true, "Parameters": { "i.$": "$$.Map.Item.Index", "v.$": "$" } } } },
    });
    let outer = json!({ "Type": "Map", "End": true, "Iterator": { "StartAt": "In", "States": { "In": inner } } });
    assert_eq!(
        run_state(outer, json!([["a", "b"], []])).output(),
        &json!([[{ "i": 0, "v": "a" }, { "i": 1, "v": "b" }], []])
    );
}

#[test]
fn branches_run_concurrently_on_the_same_input() {
    let branch = |name: &str| json!({ "StartAt": name, "States": { name: { "Type": "Task", "Resource": ARN, "End": true } } });
    let parallel = json!({ "Type": "Parallel", "Branches": [branch("Slow"), branch("Fast")], "ResultSelector": { "slow.$": "$[0]", "fast.$": "$[1]" }, "End": true });
    let definition = json!({ "StartAt": "P", "States": { "P": parallel } });
    let ran = run(&definition, &json!({ "n": 1 }), |call| {
        (
            if call.state == "Slow" { 9 } else { 4 },
            Ok(json!([call.state, call.input])),
        )
    });
    assert_eq!(
        ran.output(),
        &json!({ "slow": ["Slow", { "n": 1 }], "fast": ["Fast", { "n": 1 }] })
    );
    assert_eq!(ran.took_s, 9);
    let failed = run(&definition, &json!({}), |call| {
        if call.state == "Fast" {
            (4, fails("Bad"))
        } else {
            (9, Ok(Value::Null))
        }
    });
    assert_eq!((failed.failure().0, failed.took_s), ("Bad", 4));
}
