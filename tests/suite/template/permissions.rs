//! No role may do more than it must: no actions by pattern, and no resources by pattern where they
//! have names.

use serde_json::Value;
use tests::template::{Template, list};

/// Actions that AWS gives no resources to, and who needs them why.
const WITHOUT_RESOURCE: &[(&str, &[&str])] = &[
    // A trace belongs to the account.
    (
        "TracingPolicy",
        &["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    ),
    // Step Functions sets up the delivery of its log itself, under the machine's role.
    (
        "TrainingRole",
        &[
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        ],
    ),
    // A job is known by its id only once it is there.
    (
        "TrainingRole",
        &["batch:DescribeJobs", "batch:TerminateJob"],
    ),
    // A registry's password is the account's.
    ("TrainJobStartRole", &["ecr:GetAuthorizationToken"]),
    // All alarms are read at once.
    ("DeployRole", &["cloudwatch:DescribeAlarms"]),
];

/// Every statement that allows something, with the resource it stands in.
fn allowed(template: &Template) -> Vec<(&str, &Value)> {
    let roles = template.of_type("AWS::IAM::Role").flat_map(|role| {
        list(&role.properties["Policies"])
            .into_iter()
            .map(move |policy| (role.name, &policy["PolicyDocument"]))
    });
    let policies = template
        .of_type("AWS::IAM::ManagedPolicy")
        .map(|policy| (policy.name, &policy.properties["PolicyDocument"]));
    roles
        .chain(policies)
        .flat_map(|(name, document)| {
            list(&document["Statement"])
                .into_iter()
                .map(move |statement| (name, statement))
        })
        .map(|(name, statement)| match &statement["Fn::If"] {
            // A statement that only some deployments have.
            Value::Array(branches) => (name, &branches[1]),
            _ => (name, statement),
        })
        .filter(|(_, statement)| statement["Effect"] == "Allow")
        .collect()
}

fn texts(value: &Value) -> Vec<&str> {
    list(value)
        .into_iter()
        .map(|one| one.as_str().unwrap())
        .collect()
}

#[test]
fn no_action_is_allowed_by_pattern() {
    let template = Template::read();
    let all = allowed(&template);
    assert!(all.len() > 40, "{}", all.len());
    for (name, statement) in all {
        assert!(statement["NotAction"].is_null(), "{name}");
        for action in texts(&statement["Action"]) {
            assert!(!action.contains('*'), "{name}: {action}");
        }
    }
}

#[test]
fn no_resource_is_allowed_by_pattern_where_it_has_a_name() {
    let template = Template::read();
    for (name, statement) in allowed(&template) {
        assert!(statement["NotResource"].is_null(), "{name}");
        for resource in list(&statement["Resource"]) {
            if resource == "*" {
                let found = (name, texts(&statement["Action"]));
                let excused = |(who, actions): &(&str, &[&str])| found == (who, actions.to_vec());
                assert!(WITHOUT_RESOURCE.iter().any(excused), "{name}: {statement}");
                continue;
            }
            // `!Ref` and `!GetAtt` name one thing; a text names one, or all that is in one.
            let Some(text) = resource["Fn::Sub"].as_str() else {
                assert!(
                    resource["Ref"].is_string() || resource["Fn::GetAtt"].is_string(),
                    "{name}: {resource}"
                );
                continue;
            };
            let inside = text
                .strip_suffix('*')
                .is_none_or(|rest| rest.ends_with(['/', ':']));
            assert!(
                inside && !text.trim_end_matches('*').contains('*'),
                "{name}: {text}"
            );
            assert!(text.contains("${"), "{name}: {text} is not of this stack");
        }
    }
}

#[test]
fn every_exception_is_needed() {
    let template = Template::read();
    for (name, actions) in WITHOUT_RESOURCE {
        let used = allowed(&template).into_iter().any(|(who, statement)| {
            who == *name && statement["Resource"] == "*" && texts(&statement["Action"]) == *actions
        });
        assert!(used, "{name} is an exception without need");
    }
}

#[test]
fn nobody_who_is_no_service_may_take_a_role() {
    let template = Template::read();
    for role in template.of_type("AWS::IAM::Role") {
        for statement in list(&role.properties["AssumeRolePolicyDocument"]["Statement"]) {
            let principals = statement["Principal"].as_object().unwrap();
            assert_eq!(
                principals.keys().collect::<Vec<_>>(),
                ["Service"],
                "{}",
                role.name
            );
        }
    }
}

#[test]
fn the_bucket_is_closed() {
    let template = Template::read();
    let bucket = template.resource("Bucket").properties;
    let blocked = bucket["PublicAccessBlockConfiguration"]
        .as_object()
        .unwrap();
    assert_eq!(blocked.len(), 4);
    assert!(blocked.values().all(|value| value == true), "{blocked:?}");
    assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
    assert!(bucket["BucketEncryption"].is_object());
    let statement = &template.resource("BucketPolicy").properties["PolicyDocument"]["Statement"][0];
    assert_eq!(statement["Effect"], "Deny");
    assert_eq!(
        statement["Condition"]["Bool"]["aws:SecureTransport"],
        "false"
    );
}
