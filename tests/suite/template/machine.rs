//! The state machine is deployed whole: every place of its definition is filled, and no state gives up
//! before the function that it calls.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tasador_states::Machine;
use tests::template::{Template, list, repository, target};

fn definition() -> String {
    std::fs::read_to_string(repository().join("statemachine/training.asl.json")).unwrap()
}

/// The names in `${…}`.
fn places(definition: &str) -> BTreeSet<String> {
    let parts = definition.split("${").skip(1);
    parts
        .map(|rest| rest.split('}').next().unwrap().to_owned())
        .collect()
}

/// What fills a place: a resource, in both branches where there are two, or the ARN of an integration.
fn filled_with(value: &Value) -> &str {
    match value["Fn::If"].as_array().map(Vec::as_slice) {
        Some([condition, resource, _]) => {
            assert_eq!(condition, "HasTrainJobs");
            filled_with(resource)
        }
        _ => target(value).unwrap_or_else(|| value["Fn::Sub"].as_str().unwrap()),
    }
}

/// Every task with its resource and its time-out, those within maps too.
fn tasks(states: &Value, found: &mut Vec<(String, String, u64)>) {
    for (name, state) in states["States"].as_object().unwrap() {
        if state["Type"] == "Task" {
            let timeout = state["TimeoutSeconds"].as_u64();
            let timeout = timeout.unwrap_or_else(|| panic!("{name} has no time-out"));
            let resource = state["Resource"].as_str().unwrap();
            found.push((name.clone(), resource.to_owned(), timeout));
        }
        if state["ItemProcessor"].is_object() {
            tasks(&state["ItemProcessor"], found);
        }
    }
}

#[test]
fn every_place_is_filled_and_nothing_else() {
    let template = Template::read();
    let machine = template.resource("TrainingMachine");
    let filled = machine.properties["DefinitionSubstitutions"].as_object();
    let filled: BTreeMap<&String, &Value> = filled.unwrap().iter().collect();
    let names: BTreeSet<String> = filled.keys().map(|name| (*name).clone()).collect();
    assert_eq!(names, places(&definition()));
    for (place, with) in filled {
        let resource = filled_with(with);
        let expected = match resource.split_once(":states:::") {
            Some(("arn:${AWS::Partition}", "sns:publish")) => "PublishResource".to_owned(),
            Some(("arn:${AWS::Partition}", "batch:submitJob.sync")) => {
                "TrainJobResource".to_owned()
            }
            _ => format!("{resource}Arn"),
        };
        assert_eq!(*place, expected, "{place} is filled with {resource}");
    }
    assert_eq!(
        machine.properties["DefinitionUri"],
        "../statemachine/training.asl.json"
    );
    // An emulator accepts a definition that begins nowhere; ours does not.
    Machine::parse(&local::machine::definition()).unwrap();
}

#[test]
fn no_function_outlives_its_state() {
    let template = Template::read();
    let mut all = Vec::new();
    tasks(&serde_json::from_str(&definition()).unwrap(), &mut all);
    let mut functions = 0;
    for (state, resource, state_limit) in all {
        // Functions, and the integrations there are.
        let Some(name) = resource
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix("Arn}"))
        else {
            let services = ["${PublishResource}", "${TrainJobResource}"];
            assert!(services.contains(&resource.as_str()), "{state}");
            continue;
        };
        let limit = template.resource(name).properties["Timeout"].as_u64();
        assert!(
            limit.unwrap() <= state_limit,
            "{state} gives up after {state_limit} s, {name} after {limit:?} s"
        );
        functions += 1;
    }
    assert!(functions >= 7, "{functions}");
}

#[test]
fn the_machine_is_logged_and_traced() {
    let template = Template::read();
    let machine = template.resource("TrainingMachine").properties;
    assert_eq!(machine["Tracing"]["Enabled"], true);
    assert_eq!(machine["Logging"]["Level"], "ERROR");
    let log = &machine["Logging"]["Destinations"][0]["CloudWatchLogsLogGroup"]["LogGroupArn"];
    assert_eq!(target(log), Some("TrainingLogGroup"));
}

#[test]
fn the_schedule_is_off_and_a_drop_is_an_execution() {
    let template = Template::read();
    let parameters = &template.document["Parameters"];
    assert_eq!(parameters["ScheduleState"]["Default"], "DISABLED");
    let schedule = template.resource("TrainingSchedule").properties;
    assert_eq!(target(&schedule["State"]), Some("ScheduleState"));

    let bucket = template.resource("Bucket").properties;
    let told = &bucket["NotificationConfiguration"]["EventBridgeConfiguration"];
    assert_eq!(told["EventBridgeEnabled"], true);
    let rule = template.resource("DropRule").properties;
    let to = &rule["Targets"][0];
    assert_eq!(target(&to["Arn"]), Some("TrainingMachine"));
    // What `fetch` reads, once EventBridge has put JSON texts into the places.
    let input = to["InputTransformer"]["InputTemplate"].as_str().unwrap();
    let input = input
        .replace("<bucket>", "\"b\"")
        .replace("<key>", "\"drop/a.csv\"");
    let input: Value = serde_json::from_str(&input).unwrap();
    assert_eq!(
        input,
        serde_json::json!({"object": {"bucket": "b", "key": "drop/a.csv"}})
    );
}

#[test]
fn what_starts_nothing_is_in_a_queue_that_somebody_watches() {
    let template = Template::read();
    let rule = &template.resource("DropRule").properties["Targets"][0];
    let schedules = ["TrainingSchedule", "CompactSchedule"]
        .map(|name| &template.resource(name).properties["Target"]);
    for started in [rule].into_iter().chain(schedules) {
        let queue = target(&started["DeadLetterConfig"]["Arn"]);
        assert_eq!(queue, Some("UndeliveredQueue"), "{started}");
    }
    // AWS's own attempts, 185 within 24 hours, for what nothing else takes up.
    for started in [rule, schedules[0]] {
        assert!(started["RetryPolicy"].is_null(), "{started}");
    }
    let policy = template.resource("UndeliveredQueuePolicy").properties;
    let statement = &policy["PolicyDocument"]["Statement"][0];
    assert_eq!(statement["Principal"]["Service"], "events.amazonaws.com");
    let source = &statement["Condition"]["ArnEquals"]["aws:SourceArn"];
    assert_eq!(target(source), Some("DropRule"));
    let role = template.resource("StartRole").properties;
    let statements = list(&role["Policies"][0]["PolicyDocument"]["Statement"]);
    let sends = |statement: &&&Value| {
        statement["Action"] == "sqs:SendMessage"
            && target(&statement["Resource"]) == Some("UndeliveredQueue")
    };
    assert_eq!(statements.iter().filter(sends).count(), 1);
    let alarm = template.resource("UndeliveredAlarm").properties;
    assert_eq!(alarm["MetricName"], "ApproximateNumberOfMessagesVisible");
    assert_eq!(alarm["Threshold"], 0);
}

/// How long a state may take with the tries that follow on an error after its full time.
fn longest_s(state: &Value) -> u64 {
    let timeout_s = state["TimeoutSeconds"].as_u64().unwrap_or(0);
    // A function that fails does so early; a job may fail in its last minute.
    let retriers = list(&state["Retry"]);
    let after_all = retriers.iter().filter(|retrier| {
        state["Resource"] == "${TrainJobResource}"
            && list(&retrier["ErrorEquals"]).contains(&&Value::from("States.TaskFailed"))
    });
    let tries: u64 = after_all
        .map(|retrier| retrier["MaxAttempts"].as_u64().unwrap())
        .sum();
    timeout_s * (1 + tries)
}

#[test]
fn the_machine_has_time_for_its_longest_way_and_a_long_wait() {
    const WAIT_S: u64 = 24 * 3_600;
    let definition: Value = serde_json::from_str(&definition()).unwrap();
    let states = definition["States"].as_object().unwrap();
    // More than any way has: every state once, and those of a candidate one after the other.
    let within = states["TrainCandidates"]["ItemProcessor"]["States"]
        .as_object()
        .unwrap();
    let all_s: u64 = states.values().chain(within.values()).map(longest_s).sum();
    assert!(all_s > 6 * 3_600, "{all_s}");
    let timeout_s = definition["TimeoutSeconds"].as_u64().unwrap();
    assert!(
        all_s + WAIT_S <= timeout_s,
        "{all_s} + {WAIT_S} > {timeout_s}"
    );
}

/// In China and GovCloud ARNs begin otherwise.
#[test]
fn no_partition_is_written_into_what_is_deployed() {
    for folder in ["statemachine", "infra"] {
        let files = std::fs::read_dir(repository().join(folder)).unwrap();
        let mut read = 0;
        for file in files.map(|file| file.unwrap().path()) {
            let kind = file.extension().and_then(|kind| kind.to_str());
            if !matches!(kind, Some("json" | "yaml")) {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let hard_coded = text.lines().find(|line| line.contains("arn:aws"));
            assert_eq!(hard_coded, None, "{}", file.display());
            read += 1;
        }
        assert!(read > 0, "{folder}");
    }
}
