//! Each function is deployed, with a limit to everything it takes and somebody who is told.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::template::{Template, repository, target};

const FUNCTION: &str = "AWS::Serverless::Function";

/// API Gateway waits no longer.
const HTTP_LIMIT_S: u64 = 30;
/// How late metrics of Lambda and API Gateway may be.
const METRICS_LATE_MIN: u64 = 3;
/// Lambda allows no more.
const LIMIT_S: u64 = 900;

#[test]
fn every_function_is_deployed_from_its_own_program() {
    let template = Template::read();
    let deployed: Vec<&str> = template
        .of_type(FUNCTION)
        .map(|function| {
            let whole = function.whole;
            assert_eq!(
                whole["Metadata"]["BuildMethod"], "rust-cargolambda",
                "{}",
                function.name
            );
            assert_eq!(template.of_function(function, "Runtime"), "provided.al2023");
            assert_eq!(template.of_function(function, "CodeUri"), "..");
            whole["Metadata"]["BuildProperties"]["Binary"]
                .as_str()
                .unwrap()
        })
        .collect();
    let written: BTreeSet<String> = std::fs::read_dir(repository().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let unique: BTreeSet<String> = deployed.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(unique, written);
    assert_eq!(unique.len(), deployed.len(), "a program is deployed twice");
}

#[test]
fn every_function_has_time_out_memory_own_role_log_and_alarm() {
    let template = Template::read();
    let mut roles = BTreeSet::new();
    let mut logs = BTreeSet::new();
    for function in template.of_type(FUNCTION) {
        let (name, properties) = (function.name, function.properties);
        let timeout = properties["Timeout"].as_u64();
        assert!(
            timeout.is_some_and(|seconds| (1..=LIMIT_S).contains(&seconds)),
            "{name}: time-out {timeout:?}"
        );
        assert!(properties["MemorySize"].is_u64(), "{name} has no memory");
        assert_eq!(
            template.of_function(function, "Tracing"),
            "Active",
            "{name} is not traced"
        );

        let role = target(&properties["Role"]).unwrap();
        assert!(roles.insert(role.to_owned()), "{role} serves two");
        assert!(properties["Policies"].is_null(), "{name}: see its role");
        assert_eq!(template.resource(role).whole["Type"], "AWS::IAM::Role");

        let log = target(&properties["LoggingConfig"]["LogGroup"]).unwrap();
        assert!(logs.insert(log.to_owned()), "{log} serves two");

        let alarms = template.of_type("AWS::CloudWatch::Alarm").filter(|alarm| {
            let dimensions = alarm.properties["Dimensions"].as_array();
            alarm.properties["MetricName"] == "Errors"
                && dimensions.is_some_and(|all| {
                    all.iter()
                        .any(|one| target(&one["Value"]) == Some(function.name))
                })
        });
        assert_eq!(alarms.count(), 1, "{name} has no alarm for its errors");
    }
}

#[test]
fn every_log_is_forgotten_after_a_while() {
    let template = Template::read();
    for log in template.of_type("AWS::Logs::LogGroup") {
        assert_eq!(
            target(&log.properties["RetentionInDays"]),
            Some("LogRetentionDays"),
            "{}",
            log.name
        );
    }
}

#[test]
fn every_alarm_is_heard() {
    let template = Template::read();
    for alarm in template.of_type("AWS::CloudWatch::Alarm") {
        let actions = alarm.properties["AlarmActions"].as_array().unwrap();
        assert_eq!(
            actions.iter().map(target).collect::<Vec<_>>(),
            [Some("NotificationTopic")],
            "{}",
            alarm.name
        );
        assert!(
            alarm.properties["TreatMissingData"].is_string(),
            "{}: silence must mean something",
            alarm.name
        );
    }
}

#[test]
fn what_answers_http_ends_before_the_gateway_gives_up() {
    let template = Template::read();
    let behind: BTreeSet<&str> = template
        .of_type("AWS::ApiGatewayV2::Integration")
        .map(|integration| target(&integration.properties["IntegrationUri"]).unwrap())
        .collect();
    assert!(!behind.is_empty());
    for name in behind {
        let function = template.resource(name).properties;
        let timeout = function["Timeout"].as_u64().unwrap();
        assert!(timeout < HTTP_LIMIT_S, "{name}: {timeout} s");
    }
}

#[test]
fn a_new_predict_goes_back_where_it_fails_or_is_slow() {
    let template = Template::read();
    let predict = template.resource("PredictFunction").properties;
    assert_eq!(predict["AutoPublishAlias"], "live");
    let called = &template.resource("PredictIntegration").properties["IntegrationUri"]["Fn::If"];
    assert_eq!(called[0], "IsGradual");
    assert_eq!(called[1]["Ref"], "PredictFunction.Alias");
    let kind = predict["DeploymentPreference"]["Type"].as_str().unwrap();
    let canary_min: u64 = kind
        .strip_prefix("Canary10Percent")
        .and_then(|rest| rest.strip_suffix("Minutes"))
        .and_then(|minutes| minutes.parse().ok())
        .unwrap();
    let watched = predict["DeploymentPreference"]["Alarms"]
        .as_array()
        .unwrap();
    for alarm in watched {
        let alarm = template.resource(target(alarm).unwrap());
        // A roll-out must not lose its alarms where nobody wants to pay for the others.
        assert_eq!(alarm.whole["Condition"], Value::Null, "{}", alarm.name);
        // It rings before the roll-out ends, though metrics come some minutes late.
        let number = |field: &str| alarm.properties[field].as_u64().unwrap();
        let minutes = number("Period") * number("EvaluationPeriods") / 60;
        assert!(minutes + METRICS_LATE_MIN < canary_min, "{}", alarm.name);
    }
    // Lambda's own errors, what is slow, and what answers 5xx by itself.
    let metrics: BTreeSet<&str> = watched
        .iter()
        .map(|alarm| template.resource(target(alarm).unwrap()).properties)
        .map(|alarm| alarm["MetricName"].as_str().unwrap())
        .collect();
    assert_eq!(metrics, BTreeSet::from(["5xx", "Duration", "Errors"]));
}
