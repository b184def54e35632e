//! A page of another origin, in a real browser: it reads nothing and writes nothing on any port.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde_json::json;
use tasador_testing::listings::Batch;
use tests::world::World;

use super::driver::Browser;

/// Tries what a page can: requests with and without CORS, with and without a preflight, and forms.
/// Gives the names of those whose answers the page could read.
const ATTACK: &str = r#"
const [ports, done] = arguments;
const readable = [];
const attempt = async (name, url, options) => {
  try {
    const answer = await fetch(url, options);
    if (answer.type !== 'opaque') readable.push(`${name}: ${answer.status}`);
  } catch {}
};
const form = (action, enctype, fields) => new Promise(resolve => {
  const frame = document.createElement('iframe');
  frame.name = `frame${Math.random()}`;
  document.body.append(frame);
  const form = document.createElement('form');
  Object.assign(form, {action, enctype, method: 'post', target: frame.name});
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement('textarea');
    Object.assign(input, {name, value});
    form.append(input);
  }
  document.body.append(form);
  frame.onload = () => {
    try { if (frame.contentDocument?.body?.innerText) readable.push(`form ${action}`); } catch {}
    resolve();
  };
  form.submit();
  setTimeout(resolve, 2000);
});
(async () => {
  for (const [name, base] of Object.entries(ports)) {
    for (const path of ['/', '/health', '/history', '/runs', '/tasador?list-type=2', '/2015-03-31/functions']) {
      await attempt(`${name} GET ${path}`, base + path, {});
      await attempt(`${name} GET ${path} with credentials`, base + path, {credentials: 'include'});
      await attempt(`${name} GET ${path} without CORS`, base + path, {mode: 'no-cors'});
    }
    for (const target of ['DynamoDB_20120810.ListTables', 'DynamoDB_20120810.DeleteTable', 'AWSStepFunctions.StartExecution']) {
      const headers = {'x-amz-target': target, 'content-type': 'application/x-amz-json-1.0',
        authorization: 'AWS4-HMAC-SHA256 Credential=tasador/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
        'x-amz-date': '20260101T000000Z'};
      await attempt(`${name} ${target}`, base + '/', {method: 'POST', headers, body: '{"TableName": "tasador-registry"}'});
    }
    for (const path of ['/', '/runs', '/tasador', '/predict', '/2015-03-31/functions/record/invocations', '/api/2.0/mlflow/experiments/create']) {
      const body = '{"name": "evil"}';
      await attempt(`${name} POST ${path}`, base + path, {method: 'POST', body, headers: {'content-type': 'application/json'}});
      await attempt(`${name} POST ${path} as text`, base + path, {method: 'POST', body});
      await attempt(`${name} POST ${path} without CORS`, base + path, {method: 'POST', body, mode: 'no-cors'});
      await form(base + path, 'multipart/form-data', {key: 'models/evil', file: 'evil'});
      await form(base + path, 'text/plain', {'{"name": "evil", "x': '": 1}'});
    }
    await attempt(`${name} PUT`, base + '/tasador/models/evil', {method: 'PUT', body: 'evil'});
    await attempt(`${name} DELETE`, base + '/tasador/models/evil', {method: 'DELETE'});
  }
  done(readable);
})();
"#;

/// The files of a folder with their sizes.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), entry.metadata().unwrap().len()));
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_origin_neither_reads_nor_writes_on_any_port() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = World::new(|_| ()).await;
    world.deliver(&Batch::new(1, 300)).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pages = Router::new().route(
        "/",
        get(|| async { Html("<!doctype html><title>evil</title>") }),
    );
    tokio::spawn(async move { axum::serve(listener, pages).await.unwrap() });

    let cloud = world.cloud();
    let endpoints = cloud.endpoints();
    let ports = json!({
        "http": endpoints.http,
        "aws": endpoints.aws,
        "s3": endpoints.s3,
        "dynamodb": endpoints.dynamodb,
    });
    let state = || async {
        let (_, experiments) = world
            .http(
                reqwest::Method::GET,
                "/api/2.0/mlflow/experiments/search?max_results=100",
                None,
            )
            .await;
        let objects = files(&cloud.folder().root().join("s3"));
        let executions = cloud.executions().list().len();
        let tables = aws_sdk_dynamodb::Client::new(&endpoints.sdk_config());
        let tables = tables.list_tables().send().await.unwrap();
        (
            experiments,
            objects,
            executions,
            tables.table_names().to_vec(),
        )
    };
    let before = state().await;
    // By its name the page is of another site, by its address of another origin of the same site.
    for site in ["localhost", "127.0.0.1"] {
        let page = browser.look(super::DESK, false).await;
        page.address(&format!("http://{site}:{port}/")).await;
        let readable = page.script_async_with(ATTACK, json!([ports])).await;
        assert_eq!(readable, json!([]), "from {site}");
        assert_eq!(state().await, before, "from {site}");
    }
    browser.close().await;
}
