//! What the state machine calls, against what its role allows and what its states retry. AWS checks a
//! part of this when it creates the state machine and the rest only when a state runs; emulators check
//! nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::template::{Template, conditions, list, repository, target, under};

/// Runs of a throttled function go on for as long: longer than a training takes.
const THROTTLED_AT_LEAST_S: f64 = 3_600.0;

/// Errors of Lambda that pass, as AWS's documentation lists them.
const LAMBDA: &[&str] = &[
    "Retryable",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
];

/// An action and the resource it is done to: a logical name, or a text.
type Permission = (String, String);

/// A task of the definition: its name and all of it.
fn tasks<'a>(states: &'a Value, found: &mut Vec<(&'a str, &'a Value)>) {
    for (name, state) in states["States"].as_object().unwrap() {
        if state["Type"] == "Task" {
            found.push((name, state));
        }
        if state["ItemProcessor"].is_object() {
            tasks(&state["ItemProcessor"], found);
        }
    }
}

fn definition() -> Value {
    let path = repository().join("statemachine/training.asl.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A resource in a policy or a substitution, as text: the logical name, or the text itself.
fn named(value: &Value) -> String {
    match (target(value), &value["Fn::Sub"], value) {
        (Some(name), _, _) => name.to_owned(),
        (_, Value::String(text), _) | (_, _, Value::String(text)) => text.clone(),
        _ => panic!("no resource: {value}"),
    }
}

/// The state machine with its role under one combination of conditions.
struct Deployed {
    definition: Value,
    substitutions: Value,
    allowed: BTreeSet<Permission>,
}

impl Deployed {
    fn new(template: &Template, definition: &Value, holds: &impl Fn(&str) -> bool) -> Self {
        let machine = template.resource("TrainingMachine").properties;
        let role = template.resource(target(&machine["Role"]).unwrap());
        let policies = under(&role.properties["Policies"], holds).unwrap();
        let statements = list(&policies)
            .into_iter()
            .flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        let allowed = statements.flat_map(|statement| {
            let resources: Vec<String> = list(&statement["Resource"])
                .into_iter()
                .map(named)
                .collect();
            list(&statement["Action"])
                .into_iter()
                .flat_map(move |action| {
                    let action = action.as_str().unwrap().to_owned();
                    resources
                        .clone()
                        .into_iter()
                        .map(move |on| (action.clone(), on))
                })
                .collect::<Vec<_>>()
        });
        Self {
            definition: definition.clone(),
            substitutions: under(&machine["DefinitionSubstitutions"], holds).unwrap(),
            // Delivery of its log is no business of a state.
            allowed: allowed
                .filter(|(action, _)| !action.starts_with("logs:"))
                .collect(),
        }
    }

    /// A text of the definition with its place filled.
    fn filled(&self, text: &Value) -> String {
        let text = text.as_str().unwrap_or_default();
        match text
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'))
        {
            Some(place) => named(&self.substitutions[place]),
            None => text.to_owned(),
        }
    }

    /// What the states need; an error names the integration that this test does not know.
    fn needed(&self) -> Result<BTreeSet<Permission>, String> {
        let mut all = Vec::new();
        tasks(&self.definition, &mut all);
        let mut needed = BTreeSet::new();
        for (name, state) in all {
            let resource = self.filled(&state["Resource"]);
            let Some((_, integration)) = resource.split_once(":states:::") else {
                needed.insert(("lambda:InvokeFunction".to_owned(), resource));
                continue;
            };
            let parameter = |field: &str| self.filled(&state["Parameters"][field]);
            let rule = |name: &str| {
                format!(
                    "arn:${{AWS::Partition}}:events:${{AWS::Region}}:${{AWS::AccountId}}:rule/{name}"
                )
            };
            // An integration that waits (.sync) hears of the end through a rule that Step Functions makes
            // under this role, and asks and stops through actions without resources.
            let (actions, on, without_resource, managed): (
                &[&str],
                Vec<String>,
                &[&str],
                Option<&str>,
            ) = match integration {
                "lambda:invoke" => (
                    &["lambda:InvokeFunction"],
                    vec![parameter("FunctionName")],
                    &[],
                    None,
                ),
                "sns:publish" => (&["sns:Publish"], vec![parameter("TopicArn")], &[], None),
                "batch:submitJob" => (
                    &["batch:SubmitJob"],
                    vec![parameter("JobQueue"), parameter("JobDefinition")],
                    &[],
                    None,
                ),
                "batch:submitJob.sync" => (
                    &["batch:SubmitJob"],
                    vec![parameter("JobQueue"), parameter("JobDefinition")],
                    &["batch:DescribeJobs", "batch:TerminateJob"],
                    Some("StepFunctionsGetEventsForBatchJobsRule"),
                ),
                "ecs:runTask.sync" => (
                    &["ecs:RunTask"],
                    vec![parameter("TaskDefinition")],
                    &["ecs:StopTask", "ecs:DescribeTasks"],
                    Some("StepFunctionsGetEventsForECSTaskRule"),
                ),
                "states:startExecution.sync" | "states:startExecution.sync:2" => (
                    &["states:StartExecution"],
                    vec![parameter("StateMachineArn")],
                    &["states:DescribeExecution", "states:StopExecution"],
                    Some("StepFunctionsGetEventsForStepFunctionsExecutionRule"),
                ),
                other => {
                    return Err(format!(
                        "{name}: this test does not know what {other} needs; add it"
                    ));
                }
            };
            let own = on
                .iter()
                .flat_map(|on| actions.iter().map(move |action| (*action, on.clone())));
            let others = without_resource
                .iter()
                .map(|action| (*action, "*".to_owned()));
            let events = ["events:PutTargets", "events:PutRule", "events:DescribeRule"];
            let events = managed
                .into_iter()
                .flat_map(|name| events.map(|action| (action, rule(name))));
            let all = own.chain(others).chain(events);
            needed.extend(all.map(|(action, on)| (action.to_owned(), on)));
        }
        Ok(needed)
    }

    fn missing(&self) -> Result<Vec<Permission>, String> {
        Ok(self.needed()?.difference(&self.allowed).cloned().collect())
    }
}

/// The state machine under every combination of the conditions that it and its role depend on.
fn combinations(template: &Template, definition: &Value) -> Vec<Deployed> {
    let machine = template.resource("TrainingMachine").properties;
    let role = template
        .resource(target(&machine["Role"]).unwrap())
        .properties;
    let names: Vec<String> = conditions(machine)
        .union(&conditions(role))
        .cloned()
        .collect();
    (0..1_u32 << names.len())
        .map(|bits| {
            let holds = |name: &str| {
                names
                    .iter()
                    .position(|known| known == name)
                    .is_some_and(|at| bits >> at & 1 == 1)
            };
            Deployed::new(template, definition, &holds)
        })
        .collect()
}

#[test]
fn the_role_allows_what_the_definition_needs_and_nothing_else_under_every_condition() {
    let template = Template::read();
    let all = combinations(&template, &definition());
    assert!(all.len() >= 2);
    let mut seen = BTreeSet::new();
    for deployed in all {
        let needed = deployed.needed().unwrap();
        assert_eq!(needed, deployed.allowed);
        seen.insert(needed);
    }
    // With jobs and without.
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_permission_that_is_removed_is_missed() {
    let template = Template::read();
    let with_jobs = |condition: &str| condition == "HasTrainJobs";
    let whole = Deployed::new(&template, &definition(), &with_jobs);
    assert_eq!(whole.missing(), Ok(vec![]));
    assert!(whole.allowed.len() > 10, "{:?}", whole.allowed);
    for permission in &whole.allowed {
        let mut less = Deployed::new(&template, &definition(), &with_jobs);
        less.allowed.remove(permission);
        assert_eq!(less.missing(), Ok(vec![permission.clone()]));
    }
}

#[test]
fn a_sync_integration_without_its_permissions_is_missed() {
    let template = Template::read();
    let with = |resource: &str| {
        let mut definition = definition();
        definition["States"]["Added"] = json!({
            "Type": "Task", "Resource": resource, "End": true,
            "Parameters": {"TaskDefinition": "task", "JobQueue": "queue", "JobDefinition": "job", "StateMachineArn": "machine"},
        });
        combinations(&template, &definition)
    };
    // The rule of jobs that wait is needed wherever one waits: also where the template knows of none.
    for (resource, rule) in [
        ("arn:aws:states:::batch:submitJob.sync", "BatchJobs"),
        ("arn:aws:states:::ecs:runTask.sync", "ECSTask"),
        (
            "arn:aws:states:::states:startExecution.sync:2",
            "StepFunctionsExecution",
        ),
    ] {
        let without_rule = with(resource).into_iter().filter(|deployed| {
            let missing = deployed.missing().unwrap();
            missing
                .iter()
                .any(|(action, on)| action == "events:PutRule" && on.contains(rule))
        });
        assert!(without_rule.count() >= 1, "{resource}");
    }
    for deployed in with("arn:aws:states:::sagemaker:createTrainingJob.sync") {
        assert!(deployed.missing().unwrap_err().contains("sagemaker"));
    }
}

/// The waits of a retrier, in seconds, without its jitter.
fn waits_s(retrier: &Value) -> f64 {
    let number = |field: &str, default: f64| retrier[field].as_f64().unwrap_or(default);
    let (mut wait, mut all) = (number("IntervalSeconds", 1.0), 0.0);
    for _ in 0..retrier["MaxAttempts"].as_u64().unwrap_or(3) {
        all += wait.min(number("MaxDelaySeconds", f64::MAX));
        wait *= number("BackoffRate", 2.0);
    }
    all
}

/// What a task lacks to be tried again when its integration fails for a while.
fn lacking(state: &Value, resource: &str) -> Vec<String> {
    let retriers = list(&state["Retry"]);
    let errors = |retrier: &&Value| -> BTreeSet<String> {
        let names = list(&retrier["ErrorEquals"]);
        names
            .into_iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    };
    let retried: BTreeSet<String> = retriers.iter().flat_map(errors).collect();
    let integration = resource
        .split_once(":states:::")
        .map(|(_, integration)| integration);
    let (transient, throttled): (&[&str], &str) = match integration {
        None | Some("lambda:invoke") => (LAMBDA, "Lambda.TooManyRequestsException"),
        Some("batch:submitJob.sync") => (
            &[
                "States.TaskFailed",
                "Batch.ServerException",
                "Batch.SdkClientException",
            ],
            "Batch.TooManyRequestsException",
        ),
        // What SNS is short of passes, and nothing else waits for it.
        Some("sns:publish") => (&["States.TaskFailed"], ""),
        Some(other) => return vec![format!("a rule in this test for {other}")],
    };
    let mut lacks: Vec<String> = transient
        .iter()
        .filter(|name| !retried.contains(**name))
        .map(|name| format!("a retrier for {name}"))
        .collect();
    if throttled.is_empty() {
        return lacks;
    }
    // The first retrier that names an error decides, and one that counts other errors too is used up by them.
    match retriers
        .iter()
        .find(|retrier| errors(retrier).contains(throttled))
    {
        None => lacks.push(format!("a retrier for {throttled}")),
        Some(retrier) => {
            if errors(retrier)
                .iter()
                .any(|name| LAMBDA.contains(&name.as_str()))
            {
                lacks.push(format!("a retrier for {throttled} alone"));
            }
            if retrier["JitterStrategy"] != "FULL" {
                lacks.push("full jitter".to_owned());
            }
            // Full jitter halves waits on average.
            if waits_s(retrier) / 2.0 < THROTTLED_AT_LEAST_S {
                lacks.push(format!("patience: {} s", waits_s(retrier) / 2.0));
            }
        }
    }
    lacks
}

#[test]
fn every_task_is_tried_again_for_what_passes() {
    let definition: Value = serde_json::from_str(&local::machine::definition()).unwrap();
    let mut all = Vec::new();
    tasks(&definition, &mut all);
    assert!(all.len() > 10);
    for (name, state) in &all {
        let resource = state["Resource"].as_str().unwrap();
        assert_eq!(lacking(state, resource), Vec::<String>::new(), "{name}");
        // The test notices where any of them is gone.
        for at in 0..list(&state["Retry"]).len() {
            let mut less = (*state).clone();
            less["Retry"].as_array_mut().unwrap().remove(at);
            assert_ne!(
                lacking(&less, resource),
                Vec::<String>::new(),
                "{name} without retrier {at}"
            );
        }
    }
}
