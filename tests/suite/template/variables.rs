//! What the template sets is what the code reads.

use std::collections::{BTreeMap, BTreeSet};

use tasador_runtime::Config;
use tests::template::{Template, target};

/// Variables of the code that no deployment sets, and why.
const NOT_SET: &[(&str, &str)] = &[
    (
        "TASADOR_REQUIRE_TOKENS",
        "true, as it is where nothing is said: the gateway asks for tokens in any case",
    ),
    (
        "TASADOR_TOKEN_KEY",
        "functions read the key from Secrets Manager, so that it can be rotated",
    ),
    (
        "TASADOR_SCHEDULE_START",
        "AWS says of no schedule when it began; the page shows the next run of a cron expression",
    ),
    ("TASADOR_SOURCE_FILES", "a function has no files"),
    (
        "TASADOR_SCHEMA",
        "a function has no files; its schema is in the bucket",
    ),
    (
        "TASADOR_S3_PATH_STYLE",
        "for S3 elsewhere; where an endpoint is set it is so anyway",
    ),
    (
        "TASADOR_INFERENCE_LOG",
        "for measurements: off, no answer can be traced",
    ),
];

/// Each variable that the template sets, with those who get it.
fn set(template: &Template) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let common = &template.document["Globals"]["Function"]["Environment"]["Variables"];
    for function in template.of_type("AWS::Serverless::Function") {
        let own = function.properties["Environment"]["Variables"].as_object();
        let common = common.as_object().unwrap();
        for name in common
            .keys()
            .chain(own.into_iter().flat_map(|own| own.keys()))
        {
            all.entry(name).or_default().insert(function.name);
        }
    }
    all
}

#[test]
fn the_template_sets_what_the_code_reads_and_nothing_else() {
    let template = Template::read();
    let known: BTreeSet<&str> = Config::all_variables()
        .map(|variable| variable.name)
        .collect();
    let not_set: BTreeSet<&str> = NOT_SET.iter().map(|(name, _)| *name).collect();
    let set: BTreeSet<&str> = set(&template).into_keys().collect();
    let unknown: Vec<_> = set.difference(&known).collect();
    assert!(unknown.is_empty(), "nothing reads {unknown:?}");
    assert!(not_set.is_subset(&known) && not_set.is_disjoint(&set));
    let missing: Vec<_> = known
        .difference(&set)
        .filter(|name| !not_set.contains(**name))
        .collect();
    assert!(missing.is_empty(), "no deployment can set {missing:?}");
}

#[test]
fn who_starts_runs_knows_the_machine_and_who_fetches_the_source() {
    let template = Template::read();
    let set = set(&template);
    assert_eq!(
        set["TASADOR_STATE_MACHINE_ARN"],
        BTreeSet::from(["TrackingFunction", "WebFunction"])
    );
    assert_eq!(set["TASADOR_SOURCE"], BTreeSet::from(["FetchFunction"]));
}

#[test]
fn a_setting_has_its_default_in_the_code_alone() {
    let template = Template::read();
    let parameters = template.document["Parameters"].as_object().unwrap();
    // The one that names a dimension of the dashboard as well.
    let model = Config::all_variables().find(|one| one.name == "TASADOR_MODEL");
    assert_eq!(
        parameters["Model"]["Default"].as_str(),
        model.unwrap().default
    );
    for function in template.of_type("AWS::Serverless::Function") {
        let own = function.properties["Environment"]["Variables"].as_object();
        for (name, value) in own.into_iter().flatten() {
            let Some(parameter) = target(value).and_then(|name| parameters.get(name)) else {
                continue;
            };
            assert_eq!(parameter["Default"], "", "{name}");
        }
    }
}
