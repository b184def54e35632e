//! Tokens as an operator has to do with them: `tasador token`, and `tasador up` that wants some.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use super::served::Served;
use crate::TASADOR;

async fn tasador(folder: &Path, arguments: &[&str]) -> Output {
    tasador_in(folder, arguments, &[]).await
}

async fn tasador_in(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(TASADOR)
        .args(arguments)
        .arg("--data-dir")
        .arg(folder)
        .env_remove("TASADOR_TOKENS_TABLE")
        .env_remove("TASADOR_TOKEN_KEY")
        .envs(environment.iter().copied())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The one line of a command's result.
fn line(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    let text = text(&output.stdout);
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim().to_owned()
}

fn id(token: &str) -> &str {
    token.split('_').nth(1).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_shown_once_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let none = tasador(folder, &["token", "list"]).await;
    assert!(none.status.success() && none.stdout.is_empty(), "{none:?}");
    assert!(
        text(&none.stderr).contains("tasador token create"),
        "{none:?}"
    );

    let create = [
        "token",
        "create",
        "--scope",
        "predict,read",
        "--note",
        "the shop",
    ];
    let first = line(&tasador(folder, &create).await);
    let create = ["token", "create", "--scope", "admin", "--expires", "never"];
    let second = line(&tasador(folder, &create).await);
    assert!(first.starts_with("tsd_") && first.len() == 85, "{first}");
    assert_ne!(first, second);

    let listed = text(&tasador(folder, &["token", "list"]).await.stdout);
    for word in [
        id(&first),
        id(&second),
        "predict read",
        "admin",
        "the shop",
        "valid",
        "never",
    ] {
        assert!(listed.contains(word), "{word} is not in\n{listed}");
    }
    let secret = first.rsplit('_').next().unwrap();
    assert!(!listed.contains(secret));
    // Nor is it anywhere in the folder.
    for file in ["dynamodb.sqlite", "dynamodb.sqlite-wal", "token.key"] {
        let bytes = std::fs::read(folder.join(file)).unwrap_or_default();
        let found = bytes.windows(64).any(|window| window == secret.as_bytes());
        assert!(!found, "{file}");
    }

    let revoked = tasador(folder, &["token", "revoke", id(&first)]).await;
    assert!(revoked.status.success(), "{revoked:?}");
    // The whole of one is taken, too.
    assert!(
        tasador(folder, &["token", "revoke", &second])
            .await
            .status
            .success()
    );
    let listed = tasador(folder, &["token", "list", "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    for token in listed.as_array().unwrap() {
        assert_eq!(token["status"], "revoked", "{listed:#}");
        assert!(token.get("hash").is_none());
    }
    for (arguments, word) in [
        (
            &["token", "revoke", "0011223344556677"][..],
            "0011223344556677",
        ),
        (&["token", "revoke", "nonsense"], "tasador token list"),
        (&["token", "create"], "--scope"),
        (&["token", "create", "--scope", "root"], "admin"),
        (
            &["token", "create", "--scope", "read", "--expires", "soon"],
            "30d",
        ),
    ] {
        let failed = tasador(folder, arguments).await;
        assert!(!failed.status.success(), "{arguments:?}");
        assert!(failed.stdout.is_empty(), "{arguments:?}");
        let said = text(&failed.stderr);
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_others_can_reach_it_nothing_starts_without_a_live_token() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let up = ["up", "--address", "0.0.0.0", "--port", "0"];
    let refused = async || {
        let refused = tasador(folder, &up).await;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let said = text(&refused.stderr);
        assert!(
            said.contains("0.0.0.0") && said.contains("tasador token create"),
            "{said}"
        );
        assert!(refused.stdout.is_empty(), "{refused:?}");
        assert!(!folder.join("server.json").exists());
    };
    refused().await;
    // A revoked or expired one does not count.
    let create = ["token", "create", "--scope", "admin"];
    let token = line(&tasador(folder, &create).await);
    let revoked = tasador(folder, &["token", "revoke", id(&token)]).await;
    assert!(revoked.status.success());
    refused().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_a_token_is_served_and_admins_are_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mut served = Served::start_with(data, &["--require-tokens"]).await;
    assert_eq!(served.ask("GET", "/history", None).await.status(), 401);
    assert_eq!(served.ask("GET", "/health", None).await.status(), 200);

    // Made while it runs, and good at once.
    let create = |scope| ["token", "create", "--scope", scope, "--expires", "1h"];
    let reader = line(&tasador(data, &create("read")).await);
    let admin = line(&tasador(data, &create("admin")).await);
    assert_eq!(
        served.ask("GET", "/history", Some(&reader)).await.status(),
        200
    );
    assert_eq!(
        served.ask("GET", "/model", Some(&reader)).await.status(),
        403
    );

    let started = served.ask("POST", "/runs", Some(&admin)).await;
    assert_eq!(started.status(), 202);
    let request = started.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let said = served.said(&["audit", "POST /runs", &request]).await;
    assert!(said.contains(id(&admin)) && said.contains("done"), "{said}");
    assert!(!said.contains(admin.rsplit('_').next().unwrap()), "{said}");
    let rollback = "/models/BestHousePriceModel/rollback";
    assert_eq!(
        served.ask("POST", rollback, Some(&admin)).await.status(),
        422
    );
    let said = served.said(&["audit", rollback, id(&admin)]).await;
    assert!(
        said.contains("refused") && said.contains("/models/{name}/rollback"),
        "{said}"
    );
    assert_eq!(
        served.ask("POST", rollback, Some(&reader)).await.status(),
        403
    );
    let said = served.said(&["audit", rollback, id(&reader)]).await;
    assert!(said.contains("403"), "{said}");
    assert_eq!(served.ask("POST", rollback, None).await.status(), 401);
    served.said(&["audit", rollback, "401"]).await;

    // Whoever may read the folder needs no separate token for its commands.
    let history = tasador(data, &["history", "--json"]).await;
    assert!(history.status.success(), "{history:?}");
    let history: Value = serde_json::from_slice(&history.stdout).unwrap();
    assert!(!history.as_array().unwrap().is_empty());

    assert!(
        tasador(data, &["token", "revoke", id(&reader)])
            .await
            .status
            .success()
    );
    assert_eq!(
        served.ask("GET", "/history", Some(&reader)).await.status(),
        401
    );
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployed_table_is_reached_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let served = Served::start_with(data, &["--require-tokens"]).await;
    let server = std::fs::read(data.join("server.json")).unwrap();
    let server: Value = serde_json::from_slice(&server).unwrap();
    let key = std::fs::read_to_string(data.join("token.key")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let environment = [
        (
            "AWS_ENDPOINT_URL_DYNAMODB",
            server["dynamodb"].as_str().unwrap(),
        ),
        (
            "AWS_ACCESS_KEY_ID",
            server["access_key"]["id"].as_str().unwrap(),
        ),
        (
            "AWS_SECRET_ACCESS_KEY",
            server["access_key"]["secret"].as_str().unwrap(),
        ),
        ("AWS_REGION", "us-east-1"),
    ];
    let create = [
        "token",
        "--table",
        "tasador-tokens",
        "create",
        "--scope",
        "read",
    ];
    let without = tasador_in(elsewhere.path(), &create, &environment).await;
    assert!(!without.status.success() && without.stdout.is_empty());
    assert!(
        text(&without.stderr).contains("TASADOR_TOKEN_KEY"),
        "{without:?}"
    );

    let mut environment = environment.to_vec();
    environment.push(("TASADOR_TOKEN_KEY", &key));
    let token = line(&tasador_in(elsewhere.path(), &create, &environment).await);
    assert_eq!(
        served.ask("GET", "/history", Some(&token)).await.status(),
        200
    );
    // The name may come from the environment, and revoking needs no key.
    environment.pop();
    environment.push(("TASADOR_TOKENS_TABLE", "tasador-tokens"));
    let revoke = ["token", "revoke", id(&token)];
    let revoked = tasador_in(elsewhere.path(), &revoke, &environment).await;
    assert!(revoked.status.success(), "{revoked:?}");
    assert_eq!(
        served.ask("GET", "/history", Some(&token)).await.status(),
        401
    );
    // Nothing was made in the folder that was not meant.
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    served.stop().await;
}
