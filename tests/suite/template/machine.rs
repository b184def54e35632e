//! The state machine is deployed whole: every place of its definition is filled, and it may call what
//! it calls, no longer than the called ones live.

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

/// The resource that fills a place; jobs are only there where an image is given.
fn filled_with(value: &Value) -> &str {
    match value["Fn::If"].as_array().map(Vec::as_slice) {
        Some([condition, resource, none]) => {
            assert_eq!((condition, none), (&"HasTrainJobs".into(), &"none".into()));
            target(resource).unwrap()
        }
        _ => target(value).unwrap(),
    }
}

/// Every task with its resource and its time-out, those within maps too.
fn tasks(states: &Value, found: &mut Vec<(String, String, u64)>) {
    for (name, state) in states["States"].as_object().unwrap() {
        if state["Type"] == "Task" {
            let timeout = state["TimeoutSeconds"].as_u64();
            let timeout = timeout.unwrap_or_else(|| panic!("{name} may take for ever"));
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
        assert!(
            *place == format!("{resource}Arn"),
            "{place} is filled with {resource}"
        );
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
            let services = ["sns:publish", "batch:submitJob.sync"];
            let service = resource.strip_prefix("arn:aws:states:::").unwrap();
            assert!(services.contains(&service), "{state}");
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
fn the_machine_may_call_what_it_calls_and_nothing_else() {
    let template = Template::read();
    let machine = template.resource("TrainingMachine").properties;
    let filled = machine["DefinitionSubstitutions"].as_object().unwrap();
    let called: BTreeSet<&str> = filled.values().map(filled_with).collect();
    let role = template.resource(target(&machine["Role"]).unwrap());
    let statements = &role.properties["Policies"][0]["PolicyDocument"]["Statement"];
    let allowed: BTreeSet<&str> = statements
        .as_array()
        .unwrap()
        .iter()
        // Some are only there where there are jobs.
        .map(|statement| match &statement["Fn::If"] {
            Value::Array(branches) => &branches[1],
            _ => statement,
        })
        .filter(|statement| {
            matches!(
                statement["Action"].as_str(),
                Some("lambda:InvokeFunction" | "sns:Publish" | "batch:SubmitJob")
            )
        })
        .flat_map(|statement| list(&statement["Resource"]))
        .map(|resource| target(resource).unwrap())
        .collect();
    assert_eq!(allowed, called);
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
