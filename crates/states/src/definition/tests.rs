use serde_json::{Value, json};

use super::*;

fn refused(definition: &Value) -> String {
    match Machine::parse(&definition.to_string()) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

/// A machine with one state `A`, and `B` if a transition leads there.
fn with(state: &Value) -> Value {
    let mut states = json!({ "A": state });
    if state.to_string().contains(r#""Next":"B""#) {
        states["B"] = json!({ "Type": "Succeed" });
    }
    json!({ "StartAt": "A", "States": states })
}

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// A Task that ends, with these fields on top.
fn task(more: Value) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": ARN, "End": true });
    for (field, value) in more.as_object().unwrap() {
        task[field] = value.clone();
    }
    task
}

#[test]
fn unsupported_definitions_are_rejected_with_state_and_field() {
    let retrier = json!({ "ErrorEquals": ["X"] });
    let all = json!({ "ErrorEquals": ["States.ALL"] });
    let inner = json!({ "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } } });
    let map = |more: Value| {
        let mut map = json!({ "Type": "Map", "End": true });
        for (field, value) in more.as_object().unwrap() {
            map[field] = value.clone();
        }
        map
    };
    let table = [
        (json!({ "Type": "Succeed", "Nonsense": 1 }), "Nonsense"),
        (json!({ "Type": "Dance" }), "Type"),
        (json!({ "Comment": "no type" }), "Type"),
        (json!({ "Type": "Pass" }), "Next"),
        (json!({ "Type": "Pass", "End": false }), "End"),
        (json!({ "Type": "Pass", "End": true, "Next": "B" }), "End"),
        (json!({ "Type": "Pass", "Next": "C" }), "Next"),
        (
            json!({ "Type": "Pass", "End": true, "InputPath": "a" }),
            "InputPath",
        ),
        (
            json!({ "Type": "Pass", "End": true, "ResultPath": "$[0]" }),
            "ResultPath",
        ),
        (
            json!({ "Type": "Pass", "End": true, "Assign": {} }),
            "Assign",
        ),
        (
            json!({ "Type": "Pass", "End": true, "Parameters": { "a.$": "States.UUID()" } }),
            "Parameters",
        ),
        (
            json!({ "Type": "Pass", "End": true, "Parameters": { "a.$": "$$.Task.Token" } }),
            "Parameters",
        ),
        (
            json!({ "Type": "Pass", "End": true, "ResultSelector": {} }),
            "ResultSelector",
        ),
        (json!({ "Type": "Pass", "End": true, "Retry": [] }), "Retry"),
        (
            json!({ "Type": "Pass", "End": true, "QueryLanguage": "JSONata" }),
            "QueryLanguage",
        ),
        (json!({ "Type": "Succeed", "Next": "B" }), "Next"),
        (json!({ "Type": "Fail", "InputPath": "$" }), "InputPath"),
        (
            json!({ "Type": "Fail", "Error": "a", "ErrorPath": "$.a" }),
            "ErrorPath",
        ),
        (
            json!({ "Type": "Fail", "CausePath": "States.Hash('a', 'MD5')" }),
            "CausePath",
        ),
        (json!({ "Type": "Wait", "End": true }), "Seconds"),
        (
            json!({ "Type": "Wait", "End": true, "Seconds": -1 }),
            "Seconds",
        ),
        (
            json!({ "Type": "Wait", "End": true, "Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z" }),
            "Timestamp",
        ),
        (
            json!({ "Type": "Wait", "End": true, "Timestamp": "tomorrow" }),
            "Timestamp",
        ),
        (json!({ "Type": "Choice", "Default": "B" }), "Choices"),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.a", "IsNull": true }] }),
            "Choices[0].Next",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.a", "IsOdd": true, "Next": "B" }] }),
            "Choices[0]",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.a", "IsNull": true, "Next": "B", "Else": 1 }] }),
            "Choices[0].Else",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.a", "IsNull": true, "Next": "C" }] }),
            "Choices",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.a", "IsNull": true, "Next": "B" }], "Default": "C" }),
            "Default",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.a", "IsNull": true, "Next": "B" }], "End": true }),
            "End",
        ),
        (
            task(json!({ "Resource": "arn:aws:states:::sqs:sendMessage" })),
            "Resource",
        ),
        (
            task(json!({ "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken" })),
            "Resource",
        ),
        (
            task(json!({ "Resource": "${FetchFunctionArn}" })),
            "Resource",
        ),
        (
            task(json!({ "Resource": "arn:aws:states:::lambda:invoke" })),
            "Parameters",
        ),
        (
            task(
                json!({ "Resource": "arn:aws:states:::lambda:invoke", "Parameters": { "Payload.$": "$" } }),
            ),
            "Parameters",
        ),
        (
            task(
                json!({ "Resource": "arn:aws:states:::lambda:invoke", "Parameters": { "FunctionName": "f", "InvocationType": "Event" } }),
            ),
            "Parameters.InvocationType",
        ),
        (task(json!({ "TimeoutSeconds": 0 })), "TimeoutSeconds"),
        (
            task(json!({ "TimeoutSeconds": 1, "TimeoutSecondsPath": "$.a" })),
            "TimeoutSecondsPath",
        ),
        (task(json!({ "HeartbeatSeconds": 5 })), "HeartbeatSeconds"),
        (task(json!({ "Credentials": {} })), "Credentials"),
        (task(json!({ "Parameters": "$" })), "Parameters"),
        (task(json!({ "Retry": {} })), "Retry"),
        (
            task(json!({ "Retry": [{ "ErrorEquals": ["States.Runtime"] }] })),
            "Retry[0]",
        ),
        (task(json!({ "Retry": [all, retrier] })), "Retry"),
        (
            task(json!({ "Catch": [{ "ErrorEquals": ["X"] }] })),
            "Catch[0].Next",
        ),
        (
            task(json!({ "Catch": [{ "ErrorEquals": ["X"], "Next": "C" }] })),
            "Catch",
        ),
        (
            task(json!({ "Catch": [{ "ErrorEquals": ["X"], "Next": "B", "OutputPath": "$" }] })),
            "Catch[0].OutputPath",
        ),
        (
            json!({ "Type": "Parallel", "End": true, "Branches": [] }),
            "Branches",
        ),
        (
            json!({ "Type": "Parallel", "End": true, "Branches": [{ "StartAt": "I", "States": {} }] }),
            "Branches[0].StartAt",
        ),
        (map(json!({})), "ItemProcessor"),
        (
            map(json!({ "ItemProcessor": inner, "Iterator": inner })),
            "Iterator",
        ),
        (
            map(json!({ "ItemProcessor": inner, "ItemReader": {} })),
            "ItemReader",
        ),
        (
            map(json!({ "ItemProcessor": inner, "MaxConcurrency": -1 })),
            "MaxConcurrency",
        ),
        (
            map(json!({ "ItemProcessor": inner, "ItemSelector": {}, "Parameters": {} })),
            "Parameters",
        ),
        (
            map(
                json!({ "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED" }, "StartAt": "I", "States": inner["States"] } }),
            ),
            "ItemProcessor.ProcessorConfig.Mode",
        ),
        (
            map(
                json!({ "ItemProcessor": { "StartAt": "A", "States": { "A": { "Type": "Succeed" } } } }),
            ),
            "States",
        ),
        (json!([]), ""),
    ];
    for (state, field) in table {
        let error = refused(&with(&state));
        let expected = format!("state `A`, field `{field}`: ");
        assert!(
            error.starts_with(&expected),
            "{state}\n  {error:?}\n  {expected:?}"
        );
    }
}

#[test]
fn a_machine_is_refused_by_its_own_fields() {
    let end = json!({ "Type": "Succeed" });
    let rounds =
        json!({ "A": { "Type": "Pass", "Next": "B" }, "B": { "Type": "Pass", "Next": "A" } });
    let table = [
        (json!({ "States": { "A": end } }), "StartAt"),
        (json!({ "StartAt": "B", "States": { "A": end } }), "StartAt"),
        (json!({ "StartAt": "A" }), "States"),
        (
            json!({ "StartAt": "A", "States": { "A": end, "B": end } }),
            "States",
        ),
        (json!({ "StartAt": "A", "States": rounds }), "States"),
        (json!({ "StartAt": "", "States": { "": end } }), "States"),
        (
            json!({ "StartAt": "A", "States": { "A": end }, "TimeoutSeconds": 0.5 }),
            "TimeoutSeconds",
        ),
        (
            json!({ "StartAt": "A", "States": { "A": end }, "Version": "2.0" }),
            "Version",
        ),
        (
            json!({ "StartAt": "A", "States": { "A": end }, "QueryLanguage": "JSONata" }),
            "QueryLanguage",
        ),
        (
            json!({ "StartAt": "A", "States": { "A": end }, "Extra": 1 }),
            "Extra",
        ),
    ];
    for (definition, field) in table {
        let error = refused(&definition);
        assert!(
            error.starts_with(&format!("field `{field}`: ")),
            "{definition}\n  {error}"
        );
    }
    for text in [
        "",
        "{",
        r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "A": {"Type": "Fail"}}}"#,
    ] {
        assert!(
            matches!(Machine::parse(text), Err(DefinitionError::Json(_))),
            "{text}"
        );
    }
}

#[test]
fn names_are_listed_from_all_depths() {
    let machine = Machine::parse(&crate::run::training()).unwrap();
    let definition: Value = serde_json::from_str(&crate::run::training()).unwrap();
    let mut expected: BTreeSet<&str> = definition["States"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    expected.extend([
        "TrainOn",
        "TrainJob",
        "Train",
        "JobFailed",
        "CandidateFailed",
    ]);
    assert_eq!(machine.state_names(), expected);
    let errors = machine.error_names();
    assert!(
        [
            "ChampionChanged",
            "Retryable",
            "SourceUnavailable",
            "States.ALL"
        ]
        .iter()
        .all(|name| errors.contains(name)),
        "{errors:?}"
    );
}
