//! AWS's quotas that a deployment can meet, each with what the product needs of it, and what docs/costs.md says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tasador_runtime::Config;
use tests::template::{Template, list, repository, under};

const FUNCTION: &str = "AWS::Serverless::Function";

/// A quota, and what was found. New accounts have these; most can be raised.
struct Quota {
    what: &'static str,
    limit: u64,
    needed: u64,
}

fn default_of(template: &Template, parameter: &str) -> Value {
    template.document["Parameters"][parameter]["Default"].clone()
}

/// Bytes of the variables of the function that has most, each parameter at its longest sensible value.
fn environment_bytes(template: &Template) -> u64 {
    // ARNs, names of tables and buckets with the longest stack name, addresses.
    const TEXT_BYTES: usize = 200;
    // The longest number that means anything, and room.
    const NUMBER_BYTES: usize = 40;
    let numbers: BTreeSet<&str> = Config::all_variables()
        .filter(|variable| {
            let default = variable.default.map(str::parse::<f64>);
            matches!(default, Some(Ok(_)))
        })
        .map(|variable| variable.name)
        .collect();
    let value_bytes = |name: &str| {
        if numbers.contains(name) {
            NUMBER_BYTES
        } else {
            TEXT_BYTES
        }
    };
    let common = &template.document["Globals"]["Function"]["Environment"]["Variables"];
    let all = template.of_type(FUNCTION).map(|function| {
        let own = &function.properties["Environment"]["Variables"];
        let names =
            [common, own].map(|variables| variables.as_object().cloned().unwrap_or_default());
        let bytes: usize = names
            .iter()
            .flat_map(|variables| variables.keys())
            .map(|name| name.len() + value_bytes(name))
            .sum();
        bytes as u64
    });
    all.max().unwrap()
}

#[test]
fn what_is_needed_stays_within_the_quotas_of_a_new_account() {
    let template = Template::read();
    let count = |kind: &str| template.of_type(kind).count() as u64;
    let resources = template.document["Resources"].as_object().unwrap();
    let text = std::fs::read_to_string(repository().join("infra/template.yaml")).unwrap();
    let machine =
        std::fs::read_to_string(repository().join("statemachine/training.asl.json")).unwrap();
    let definition: Value = serde_json::from_str(&machine).unwrap();
    let candidates = &definition["States"]["TrainCandidates"];
    let number = |value: &Value| value.as_u64().unwrap();
    let functions: Vec<_> = template.of_type(FUNCTION).collect();
    let largest = |field: &str| {
        let of = |function: &tests::template::Resource<'_>| function.properties[field].as_u64();
        functions.iter().filter_map(of).max().unwrap()
    };
    let disk_mb = functions
        .iter()
        .filter_map(|function| function.properties["EphemeralStorage"]["Size"].as_u64());
    let quotas = [
        Quota {
            what: "resources of a stack; SAM adds some",
            limit: 500 - 60,
            needed: resources.len() as u64,
        },
        Quota {
            what: "parameters of a stack",
            limit: 200,
            needed: template.document["Parameters"].as_object().unwrap().len() as u64,
        },
        Quota {
            what: "bytes of a template in S3",
            limit: 1 << 20,
            needed: text.len() as u64,
        },
        Quota {
            what: "bytes of a definition",
            limit: 1 << 20,
            needed: machine.len() as u64,
        },
        Quota {
            what: "routes of an API",
            limit: 300,
            needed: count("AWS::ApiGatewayV2::Route"),
        },
        Quota {
            what: "seconds that an API waits",
            limit: 30,
            needed: 29,
        },
        Quota {
            what: "seconds of a function",
            limit: 900,
            needed: largest("Timeout"),
        },
        Quota {
            what: "MB of memory in a new account",
            limit: 3_008,
            needed: largest("MemorySize"),
        },
        Quota {
            what: "MB of /tmp",
            limit: 10_240,
            needed: disk_mb.max().unwrap(),
        },
        Quota {
            what: "bytes of a function's environment",
            limit: 4_096,
            needed: environment_bytes(&template),
        },
        Quota {
            what: "seconds of an execution",
            limit: 31_536_000,
            needed: number(&definition["TimeoutSeconds"]),
        },
        // One run at a time: its candidates, and what answers HTTP beside them.
        Quota {
            what: "concurrent executions of functions",
            limit: 10,
            needed: number(&candidates["MaxConcurrency"]) + 3,
        },
        Quota {
            what: "branches of a Map at once",
            limit: 40,
            needed: number(&candidates["MaxConcurrency"]),
        },
        Quota {
            what: "secrets",
            limit: 500_000,
            needed: count("AWS::SecretsManager::Secret"),
        },
        Quota {
            what: "alarms",
            limit: 5_000,
            needed: count("AWS::CloudWatch::Alarm"),
        },
    ];
    for Quota {
        what,
        limit,
        needed,
    } in quotas
    {
        assert!(needed <= limit, "{what}: {needed} of {limit}");
        assert!(needed > 0, "{what}: nothing was found");
    }
    assert_eq!(
        default_of(&template, "MaxRuns"),
        "",
        "the default of the code, one run"
    );
}

#[test]
fn a_function_s_environment_is_measured() {
    let template = Template::read();
    let most = environment_bytes(&template);
    // It would notice if somebody put a document into a variable's name.
    assert!((1_000..4_096).contains(&most), "{most}");
}

#[test]
fn the_costs_page_counts_what_the_template_makes_by_default() {
    let template = Template::read();
    let parameters = |name: &str| default_of(&template, name);
    let conditions = BTreeMap::from([
        ("HasAlarms", parameters("Alarms") == "true"),
        ("HasDashboard", parameters("Dashboard") == "true"),
        ("HasScheduleAlarm", parameters("ScheduleState") == "ENABLED"),
        ("HasTrainJobs", parameters("TrainImage") != ""),
    ]);
    let holds = |name: &str| conditions.get(name).copied().unwrap_or(false);
    let made = |kind: &'static str| {
        let all = template.of_type(kind);
        all.filter(|one| one.whole["Condition"].as_str().is_none_or(&holds))
            .count()
    };
    let page = std::fs::read_to_string(repository().join("docs/costs.md")).unwrap();
    let alarms = made("AWS::CloudWatch::Alarm");
    assert!(
        page.contains(&format!("| Alarms | {alarms} × 0.10")),
        "{alarms} alarms"
    );
    assert_eq!(made("AWS::CloudWatch::Dashboard"), 0);
    assert_eq!(made("AWS::SecretsManager::Secret"), 1);
    let stage = template.resource("Stage").properties;
    let routes = under(&stage["DefaultRouteSettings"], &holds).unwrap();
    assert_eq!(routes["DetailedMetricsEnabled"], false);
    for function in template.of_type(FUNCTION) {
        assert!(function.properties["ProvisionedConcurrencyConfig"].is_null());
        assert!(
            list(&function.properties["VpcConfig"]).is_empty(),
            "{}",
            function.name
        );
    }
    // Its sums are those of its rows.
    for column in 3..=6 {
        let cell = |row: &str| -> Option<f64> {
            let text = row.split('|').nth(column)?.trim().trim_matches('*');
            text.parse().ok()
        };
        let rows = page
            .lines()
            .skip_while(|line| !line.starts_with("| Secret"));
        let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
        let (sum, rows) = rows.split_last().unwrap();
        let total: f64 = rows.iter().map(|row| cell(row).unwrap()).sum();
        let written = cell(sum).unwrap();
        assert!(
            (total - written).abs() < 0.005,
            "column {column}: {total} and not {written}"
        );
    }
}
