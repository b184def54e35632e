//! Each role allows what its function does, and nothing that it does not do: every function runs here
//! with separate clients, and their requests are compared with its role.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tasador_access::Scope;
use tasador_ids::{BatchId, Digest};
use tasador_runtime::{Clock, Context};
use tasador_testing::listings::Batch;
use tasador_testing::secrets::Secrets;
use tasador_testing::source::{Answer, EXHAUSTED};
use tests::deployment::Deployment;
use tests::stories::train_on_anything;
use tests::template::{Template, list, target};
use tests::witness::{Need, Witness};
use tests::world::World;

/// What roles allow and this story does not come to, each with when it is needed.
const NOT_SEEN: &[(&str, &str, &str)] = &[
    (
        "preprocess",
        "dynamodb:PutItem on RegistryTable",
        "clean rows that were lost are made again with other duplicates",
    ),
    (
        "preprocess",
        "dynamodb:UpdateItem on RegistryTable",
        "clean rows that were lost are made again with other duplicates",
    ),
    (
        "compact",
        "dynamodb:UpdateItem on RegistryTable",
        "a later sale evaluates a served price, and the version's MLflow run gets the figures",
    ),
    (
        "compact",
        "dynamodb:BatchWriteItem on RegistryTable",
        "a later sale evaluates a served price, and the version's MLflow run gets the figures",
    ),
    (
        "compact",
        "s3:GetObject on Bucket/models/*",
        "a former version is loaded before a rollback to it is proposed",
    ),
    (
        "mlflow",
        "s3:GetObject on Bucket/registry/promotions/*",
        "the copy of a promotion exists already",
    ),
    (
        "web",
        "s3:GetObject on Bucket/registry/promotions/*",
        "the copy of a promotion exists already",
    ),
    (
        "mlflow",
        "s3:PutObject on Bucket/registry/promotions/*",
        "an MLflow client sets the alias `champion`",
    ),
    (
        "web",
        "s3:PutObject on Bucket/registry/promotions/*",
        "a signed-in person changes the champion on the page",
    ),
    (
        "promote",
        "dynamodb:Query on RegistryTable",
        "former champions are looked up for a rollback",
    ),
];

/// The page's cookie with a token.
const SIGNED_IN: &str = "token";

/// All functions, each with separate clients whose requests are recorded.
fn watched(world: &World, secrets: &Secrets) -> (Deployment, BTreeMap<String, Witness>) {
    let sdk = secrets.reached_by(&world.cloud().endpoints().sdk_config());
    let mut witnesses = BTreeMap::new();
    let deployed = Deployment::new(world.cloud().functions().names(), |name| {
        let witness = Witness::default();
        witnesses.insert(name.to_owned(), witness.clone());
        let interceptors = vec![witness.interceptor()];
        let mut config = (*world.context().config).clone();
        // As deployed: functions know where the key is.
        config.token_key = None;
        config.token_key_secret = Some("TokenKey".to_owned());
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
        (&config.inferences_table, "InferencesTable"),
        (&config.tokens_table, "TokensTable"),
        ("TokenKey", "TokenKey"),
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

/// Every way that a run can go.
async fn runs(world: &World, deployed: &Deployment) {
    let batch = |seed, rows| Answer::Json(Batch::new(seed, rows).api_json());
    world
        .source
        .then(batch(1, 600))
        .then(batch(2, 51))
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
}

/// A file that is uploaded, checked twice and learned from.
async fn uploads(world: &World, deployed: &Deployment) {
    let token = world.token(&Scope::ALL).await;
    let cookies = [format!("{SIGNED_IN}={token}")];
    let csv = Batch::new(6, 60).csv();
    let digest = Digest::of(&csv);
    let csv = String::from_utf8(csv).unwrap();
    let form = format!(
        "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"june.csv\"\r\n\r\n{csv}\r\n--b--\r\n"
    );
    let form = ("multipart/form-data; boundary=b", form);
    let status = deployed.form("upload", "/page/checks", form, &cookies);
    assert_eq!(status.await, 303);
    let mapping = || {
        (
            "application/x-www-form-urlencoded",
            "schema=version+%3D+1".to_owned(),
        )
    };
    let check = format!("/page/checks/{digest}");
    let status = deployed.form("upload", &check, mapping(), &cookies);
    assert_eq!(status.await, 303);
    let shown = format!("/?check={digest}");
    let (status, _) = deployed
        .http_with("web", "GET", &shown, &Value::Null, &cookies)
        .await;
    assert_eq!(status, 200);
    let lake = &world.context().lake;
    let key = format!("checks/{digest}/june.csv");
    let object = json!({"object": {"bucket": lake.bucket(), "key": key}});
    deployed.run("uploaded", &object).await;
    let learn = format!("{check}/learn");
    let status = deployed.form("web", &learn, mapping(), &cookies);
    assert_eq!(status.await, 303);
    world.cloud().executions().idle().await;
    lake.delete(&tasador_ids::key::listing_schema())
        .await
        .unwrap();
}

/// Every address that is read.
async fn reads(world: &World, deployed: &Deployment) {
    let model = &world.context().config.model;
    let home = json!({"bed": 3, "house_size": 1500});
    let get = Value::Null;
    let (_, price) = deployed.http("predict", "POST", "/predict", &home).await;
    let many = json!({"instances": [home, home]});
    deployed.http("predict", "POST", "/predict", &many).await;
    for path in ["/model", "/metrics", "/health"] {
        deployed.http("predict", "GET", path, &get).await;
    }
    let token = world.token(&Scope::ALL).await;
    let cookies = [format!("{SIGNED_IN}={token}")];
    let run = "promoted".parse().unwrap();
    let run = world.context().registry.history_of(&run).await.unwrap();
    let run = run.unwrap();
    let (batch, dataset) = (run.batch.unwrap(), run.dataset.unwrap());
    let request = price["request_id"].as_str().unwrap();
    for path in [
        "/appraisal?in.bed=3",
        "/",
        "/?section=history",
        "/?section=models",
        "/?section=performance",
        "/?section=data",
        // Counts what was answered.
        "/?section=operations",
        "/page/live",
        "/?version=1",
        "/?run=promoted",
        &format!("/?batch={batch}"),
        &format!("/?dataset={dataset}"),
        &format!("/?request={request}"),
    ] {
        let (status, _) = deployed.http_with("web", "GET", path, &get, &cookies).await;
        assert_eq!(status, 200, "{path}");
    }
    let asked = json!({
        "routeKey": "GET /history", "headers": {"authorization": format!("Bearer {token}")},
        "requestContext": {"requestId": "id"},
    });
    let answer = deployed.invoke("authorize", asked).await;
    assert_eq!(answer["isAuthorized"], true);

    for path in [
        "/history",
        "/history/promoted",
        "/runs",
        "/models",
        &format!("/models/{model}"),
        &format!("/models/{model}/versions"),
        &format!("/models/{model}/versions/1"),
        &format!("/models/{model}/versions/1/files/card.md"),
        &format!("/models/{model}/versions/1/files/none.txt"),
        &format!("/models/{model}/versions/1/lineage"),
        &format!("/models/{model}/versions/1/ratio-study"),
        &format!("/predictions/{request}"),
    ] {
        let (status, answer) = deployed.http("tracking", "GET", path, &get).await;
        let expected = if path.ends_with("none.txt") { 404 } else { 200 };
        assert_eq!(status, expected, "{path}: {answer}");
    }
}

/// Every address that changes something, and the hours that pass.
async fn changes(world: &World, deployed: &Deployment) {
    let model = &world.context().config.model;
    let get = Value::Null;
    let seen = world.context().registry.champion(model).await.unwrap();
    let seen = seen.unwrap().version.0;
    let promote = json!({"expected": seen, "reason": "a test"});
    let path = format!("/models/{model}/versions/{}/promote", seen % 2 + 1);
    let (status, answer) = deployed.http("tracking", "POST", &path, &promote).await;
    assert_eq!(status, 200, "{answer}");
    let (_, started) = deployed.http("tracking", "POST", "/runs", &json!({})).await;
    let path = format!("/runs/{}", started["run"].as_str().unwrap());
    assert_eq!(deployed.http("tracking", "GET", &path, &get).await.0, 200);
    world.cloud().executions().idle().await;
    let sale = json!({"sales": [{"street": "12 N Main St", "zip_code": "06016", "price": 1, "date": "2026-01-01"}]});
    let (status, answer) = deployed.http("tracking", "POST", "/outcomes", &sale).await;
    assert_eq!(status, 202, "{answer}");
    // So many lists of row hashes are merged.
    for n in 0..8_u128 {
        let batch = BatchId::of(&n.to_le_bytes());
        let lake = &world.context().lake;
        tasador_seen::write(lake, &batch, vec![n]).await.unwrap();
    }
    decisions(world, deployed).await;
    deployed.invoke("compact", json!({})).await;
    deployed.invoke("compact", json!({})).await;
    let (status, _) = deployed.http("tracking", "GET", "/performance", &get).await;
    assert_eq!(status, 200);
}

/// What people decide about batches and properties, over the API and on the page.
async fn decisions(world: &World, deployed: &Deployment) {
    let registry = &world.context().registry;
    let token = world.token(&Scope::ALL).await;
    let cookies = [format!("{SIGNED_IN}={token}")];
    let reason = json!({"reason": "a test"});
    for (function, run, prefix) in [
        ("tracking", "rejected", "/batches"),
        ("web", "resumed", "/page/batches"),
    ] {
        let outcome = registry.history_of(&run.parse().unwrap()).await.unwrap();
        let batch = outcome.unwrap().batch.unwrap();
        for action in ["withdraw", "release"] {
            let path = format!("{prefix}/{batch}/{action}");
            let (status, answer) = deployed
                .http_with(function, "POST", &path, &reason, &cookies)
                .await;
            assert!(matches!(status, 200 | 204), "{path}: {status} {answer}");
            world.cloud().executions().idle().await;
        }
        let path = format!("{prefix}/{batch}/rejected");
        let (status, _) = deployed
            .http_with(function, "GET", &path, &Value::Null, &cookies)
            .await;
        assert_eq!(status, 404, "{path}: no row was rejected");
    }
    let path = format!("/properties/{:032x}/withdraw", 7);
    let (status, answer) = deployed.http("tracking", "POST", &path, &reason).await;
    assert_eq!(status, 200, "{answer}");
    world.cloud().executions().idle().await;
}

/// What MLflow's clients do: they load the champion, log a run with its files, and register a model
/// and delete it.
async fn logs(world: &World, deployed: &Deployment) {
    let ask = async |method: &str, path: String, body: Value| {
        let (status, answer) = deployed.http("mlflow", method, &path, &body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    };
    let post = async |path: &str, body| ask("POST", format!("/api/2.0/mlflow/{path}"), body).await;
    let made = post("experiments/create", json!({"name": "own"})).await;
    let experiment = made["experiment_id"].as_str().unwrap();
    let made = post("runs/create", json!({"experiment_id": experiment})).await;
    let run = made["run"]["info"]["run_id"].as_str().unwrap();
    let metrics = json!([{"key": "m", "value": 1.5, "timestamp": 1, "step": 0}]);
    post("runs/log-batch", json!({"run_id": run, "metrics": metrics})).await;
    let search = json!({"experiment_ids": [experiment], "order_by": ["metrics.m DESC"]});
    post("runs/search", search).await;

    let files = "/api/2.0/mlflow-artifacts";
    let folder = format!("{experiment}/{run}/artifacts");
    let file = format!("{files}/artifacts/{folder}/note.json");
    ask("PUT", file.clone(), json!({"note": true})).await;
    ask("GET", file.clone(), Value::Null).await;
    let mut large = json!({"path": "large.bin", "num_parts": 1});
    let begun = ask(
        "POST",
        format!("{files}/mpu/create/{folder}"),
        large.clone(),
    )
    .await;
    large["upload_id"] = begun["upload_id"].clone();
    ask("POST", format!("{files}/mpu/abort/{folder}"), large).await;
    ask("DELETE", file, Value::Null).await;
    let model = &world.context().config.model;
    let loaded = format!("{files}/artifacts/models/{model}/1/MLmodel");
    ask("GET", loaded, Value::Null).await;

    post("registered-models/create", json!({"name": "own"})).await;
    let version = json!({"name": "own", "source": "s3://elsewhere/model"});
    post("model-versions/create", version).await;
    let tag = json!({"name": "own", "key": "team", "value": "pricing"});
    post("registered-models/set-tag", tag).await;
    let first = json!({"name": "own", "version": "1"});
    post("model-versions/delete", first).await;
    post("registered-models/delete", json!({"name": "own"})).await;
}

/// Whether a permission is for what only happens on the way of a repetition or a loss.
fn is_of_the_way(allowed: &Need, asked: &BTreeSet<Need>) -> bool {
    match (allowed.0.as_str(), allowed.1.split_once('/')) {
        // What is not there is told from what is forbidden only to those who may list.
        ("s3:ListBucket", _) => asked.iter().any(|(action, _)| action == "s3:GetObject"),
        // A repeated write looks at what is there.
        ("s3:GetObject", Some(_)) => {
            let written = ("s3:PutObject".to_owned(), allowed.1.clone());
            asked.iter().any(|asked| covers(&written, asked))
        }
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_allows_what_its_function_does_and_nothing_else() {
    let template = Template::read();
    let world = World::guarded(train_on_anything).await;
    let secrets = Secrets::start().await;
    let key = std::fs::read_to_string(world.folder().join("token.key")).unwrap();
    secrets.set("TokenKey", key.trim());
    let (deployed, witnesses) = watched(&world, &secrets);
    // Everything a deployment does in its life, once; on the heap, for a test's stack is small.
    Box::pin(runs(&world, &deployed)).await;
    Box::pin(uploads(&world, &deployed)).await;
    Box::pin(reads(&world, &deployed)).await;
    Box::pin(changes(&world, &deployed)).await;
    Box::pin(logs(&world, &deployed)).await;

    let mut excused: BTreeSet<Need> = NOT_SEEN
        .iter()
        .map(|(who, what, _)| ((*who).to_owned(), (*what).to_owned()))
        .collect();
    let mut wrong = Vec::new();
    for (name, witness) in &witnesses {
        let asked = asked(witness, world.context());
        let allowed = allowed(&template, name);
        for need in &asked {
            if !allowed.iter().any(|allowed| covers(allowed, need)) {
                wrong.push(format!("{name} may not {} on {}", need.0, need.1));
            }
        }
        for allowed in &allowed {
            let seen = asked.iter().any(|asked| covers(allowed, asked));
            let what = format!("{} on {}", allowed.0, allowed.1);
            if !seen
                && !is_of_the_way(allowed, &asked)
                && !excused.remove(&(name.clone(), what.clone()))
            {
                wrong.push(format!("{name} may {what}, and never does"));
            }
        }
    }
    // What is left was seen, or is not allowed any more.
    for (who, what) in excused {
        wrong.push(format!("{who}: take {what} off the list"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The function's role and the job's are for the same program, which is told the same.
#[test]
fn a_training_job_may_and_knows_what_the_function_does() {
    let template = Template::read();
    let statements = |role: &str| {
        let policy = &template.resource(role).properties["Policies"][0]["PolicyDocument"];
        let all = list(&policy["Statement"]).into_iter();
        // Whoever starts a container writes its log.
        let own = all.filter(|one| {
            !list(&one["Action"])
                .iter()
                .any(|action| action.as_str().unwrap().starts_with("logs:"))
        });
        own.cloned().collect::<Vec<Value>>()
    };
    assert_eq!(statements("TrainJobRole"), statements("TrainRole"));

    let job = template.resource("TrainJobDefinition").properties;
    let known: BTreeMap<&str, &Value> = list(&job["ContainerProperties"]["Environment"])
        .into_iter()
        .map(|variable| (variable["Name"].as_str().unwrap(), &variable["Value"]))
        .collect();
    let of_all = &template.document["Globals"]["Function"]["Environment"]["Variables"];
    let own = &template.resource("TrainFunction").properties["Environment"]["Variables"];
    let mut needed: BTreeMap<&str, &Value> = [of_all, own]
        .into_iter()
        .flat_map(|variables| variables.as_object().unwrap())
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    // Training has nothing to do with this table, as its role says.
    needed.remove("TASADOR_INFERENCES_TABLE").unwrap();
    assert_eq!(known, needed);
}
