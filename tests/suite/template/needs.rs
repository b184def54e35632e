//! Each role allows what its function does, and nothing that it does not do: every function runs here
//! with clients of its own, and what they ask is held against its role.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::config::SharedInterceptor;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tasador_runtime::{Clock, Context};
use tests::deployment::Deployment;
use tests::listings::Batch;
use tests::source::{Answer, EXHAUSTED};
use tests::stories::train_on_anything;
use tests::template::{Template, list, target};
use tests::witness::{Need, Witness};
use tests::world::World;

/// What roles allow and this story does not come to, each with when it is needed.
const NOT_SEEN: &[(&str, &str, &str)] = &[(
    "fetch",
    "s3:GetObject on Bucket/raw/*",
    "an object that is there already is looked at, where a repeated write finds it",
)];

/// All functions, each with clients of its own that somebody watches.
fn watched(world: &World) -> (Deployment, BTreeMap<String, Witness>) {
    let sdk = world.cloud().endpoints().sdk_config();
    let mut witnesses = BTreeMap::new();
    let deployed = Deployment::new(world.cloud().functions().names(), |name| {
        let witness = Witness::default();
        witnesses.insert(name.to_owned(), witness.clone());
        let interceptors = vec![SharedInterceptor::new(witness)];
        let config = (*world.context().config).clone();
        let context = Context::intercepted(config, &sdk, &interceptors);
        match name {
            // The inference log is compacted when an hour is over.
            "compact" => context.with_clock(Clock::new(|| {
                Timestamp::now() + SignedDuration::from_hours(3)
            })),
            _ => context,
        }
    });
    (deployed, witnesses)
}

/// What a role allows: action and resource, the resource by its name in the template.
fn allowed(template: &Template, function: &str) -> BTreeSet<Need> {
    let resource = template
        .of_type("AWS::Serverless::Function")
        .find(|resource| resource.binary() == function)
        .unwrap();
    let role = template.resource(target(&resource.properties["Role"]).unwrap());
    let statements = &role.properties["Policies"][0]["PolicyDocument"]["Statement"];
    let mut all = BTreeSet::new();
    for statement in list(statements) {
        // A statement that only some deployments have: an object of another bucket.
        if statement["Fn::If"].is_array() {
            continue;
        }
        for action in list(&statement["Action"]) {
            let action = action.as_str().unwrap();
            if action.starts_with("logs:") {
                continue;
            }
            for resource in list(&statement["Resource"]) {
                let name = match resource["Fn::Sub"].as_str() {
                    Some(text) if text.contains(":execution:") => "executions/*".to_owned(),
                    Some(text) => text.replacen("${", "", 1).replacen(".Arn}", "", 1),
                    None => target(resource).unwrap().to_owned(),
                };
                all.insert((action.to_owned(), name));
            }
        }
    }
    all
}

/// What a function asked for, with the names of the template in the places of this world's.
fn asked(witness: &Witness, context: &Context) -> BTreeSet<Need> {
    let config = &context.config;
    let names = [
        (config.bucket.as_str(), "Bucket"),
        (&config.registry_table, "RegistryTable"),
        (&config.rows_table, "RowsTable"),
        (&config.inferences_table, "InferencesTable"),
    ];
    let executions = local::machine::execution_arn("");
    let named = witness.needs().into_iter().map(|(action, resource)| {
        if resource == local::machine::machine_arn() {
            return (action, "TrainingMachine".to_owned());
        }
        if let Some(name) = resource.strip_prefix(&executions) {
            return (action, format!("executions/{name}"));
        }
        let (first, rest) = match resource.split_once('/') {
            Some((first, rest)) => (first, format!("/{rest}")),
            None => (resource.as_str(), String::new()),
        };
        let known = names.iter().find(|(name, _)| *name == first);
        let (_, name) = known.unwrap_or_else(|| panic!("{action} on {resource}"));
        (action, format!("{name}{rest}"))
    });
    named.collect()
}

fn covers(allowed: &Need, asked: &Need) -> bool {
    allowed.0 == asked.0
        && match allowed.1.strip_suffix('*') {
            Some(prefix) => asked.1.starts_with(prefix),
            None => allowed.1 == asked.1,
        }
}

/// Everything a deployment does in its life, once.
async fn live(world: &World, deployed: &Deployment) {
    let model = &world.context().config.model;
    let batch = |seed, rows| Answer::Json(Batch::new(seed, rows).api_json());
    world
        .source
        .then(batch(1, 300))
        .then(batch(2, 60))
        .then(batch(3, 49))
        .then(EXHAUSTED);
    let ends = |path: Vec<String>, state: &str| {
        assert!(path.iter().any(|entered| entered == state), "{path:?}");
    };
    ends(
        deployed.run("promoted", &json!({})).await,
        "RecordPromotion",
    );
    ends(
        deployed.run("rejected", &json!({})).await,
        "RecordRejection",
    );
    ends(deployed.run("skipped", &json!({})).await, "RecordSkip");
    ends(
        deployed.run("nothing", &json!({})).await,
        "RecordNothingNew",
    );

    // A run that ended after it had fetched; the next one goes on with its batch.
    world.source.then(batch(4, 300));
    let fetched =
        json!({"run_id": "dead", "execution": local::machine::execution_arn("dead"), "input": {}});
    let fetched = deployed.invoke("fetch", fetched).await;
    deployed.run("resumed", &json!({})).await;
    deployed
        .run("named", &json!({"batch": fetched["batch"]}))
        .await;
    let lake = &world.context().lake;
    let dropped = Batch::new(5, 80).csv();
    lake.put(&"drop/may.csv".parse().unwrap(), dropped)
        .await
        .unwrap();
    let object = json!({"object": {"bucket": lake.bucket(), "key": "drop/may.csv"}});
    deployed.run("dropped", &object).await;

    let home = json!({"bed": 3, "house_size": 1500});
    let get = Value::Null;
    let price = deployed.http("predict", "POST", "/predict", &home).await;
    let many = json!({"instances": [home, home]});
    deployed.http("predict", "POST", "/predict", &many).await;
    for path in ["/model", "/metrics", "/health"] {
        deployed.http("predict", "GET", path, &get).await;
    }
    deployed.http("web", "GET", "/", &get).await;
    deployed
        .http("web", "GET", "/appraisal?in.bed=3", &get)
        .await;
    deployed.http("web", "GET", "/", &get).await;

    let request = price["request_id"].as_str().unwrap();
    for path in [
        "/history",
        "/history/promoted",
        "/runs",
        "/runs/promoted",
        "/models",
        &format!("/models/{model}"),
        &format!("/models/{model}/versions"),
        &format!("/models/{model}/versions/1"),
        &format!("/models/{model}/versions/1/files/card.md"),
        &format!("/models/{model}/versions/1/files/none.txt"),
        &format!("/models/{model}/versions/1/lineage"),
        &format!("/predictions/{request}"),
    ] {
        deployed.http("tracking", "GET", path, &get).await;
    }
    let promote = json!({"expected": 1, "reason": "a test"});
    let path = format!("/models/{model}/versions/2/promote");
    deployed.http("tracking", "POST", &path, &promote).await;
    deployed.http("tracking", "POST", "/runs", &json!({})).await;
    world.cloud().executions().idle().await;
    deployed.invoke("compact", json!({})).await;
    deployed.invoke("compact", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_allows_what_its_function_does_and_nothing_else() {
    let template = Template::read();
    let world = World::new(train_on_anything).await;
    let (deployed, witnesses) = watched(&world);
    live(&world, &deployed).await;

    let mut wrong = Vec::new();
    let mut excused = BTreeSet::new();
    for (name, witness) in &witnesses {
        let asked = asked(witness, world.context());
        let allowed = allowed(&template, name);
        for need in &asked {
            if !allowed.iter().any(|allowed| covers(allowed, need)) {
                wrong.push(format!("{name} may not {} on {}", need.0, need.1));
            }
        }
        for allowed in &allowed {
            if asked.iter().any(|asked| covers(allowed, asked)) {
                continue;
            }
            let what = format!("{} on {}", allowed.0, allowed.1);
            let known = NOT_SEEN
                .iter()
                .find(|(who, known, _)| who == name && *known == what);
            match known {
                Some((who, known, _)) => drop(excused.insert((*who, *known))),
                None => wrong.push(format!("{name} may {what}, and never does")),
            }
        }
    }
    for (who, what, _) in NOT_SEEN {
        if !excused.contains(&(*who, *what)) {
            wrong.push(format!(
                "{who} does {what} by now, or may not any more: take it off the list"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
