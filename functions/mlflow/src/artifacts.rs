//! Artefacts: listed, fetched, sent and taken away.
//!
//! Small files pass through the function. A large one is fetched from the bucket itself, by an
//! address that the client is sent on to, and sent in parts by addresses of their own.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tasador_lake::{Entry, Key};
use tasador_registry::RunRecord;
use tasador_runtime::Context;

use super::call::{Call, required, text};
use super::place::{self, Place};
use super::refusal::Refusal;
use super::{logged_models, runs, versions, view};

/// Up to which size a file passes through the function, in bytes: an answer of Lambda has at most
/// 6 MB, of which base64 leaves 4.5.
const DIRECT_MAX_BYTES: u64 = 4_000_000;

/// The largest file that is taken at once, in bytes. Lambda lets some 4.5 MB in; on one machine
/// there is only this.
const SENT_MAX_BYTES: usize = 256 * 1024 * 1024;

/// The most parts that S3 takes.
const PARTS_MAX: i64 = 10_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    run_id: Option<String>,
    run_uuid: Option<String>,
    path: Option<String>,
    name: Option<String>,
    #[serde(deserialize_with = "text")]
    version: Option<String>,
    artifact_file_path: Option<String>,
    artifact_directory_path: Option<String>,
}

impl Asked {
    async fn run(&mut self, ctx: &Context) -> Result<RunRecord, Refusal> {
        let run_id = required("run_id", self.run_id.take().or(self.run_uuid.take()))?;
        runs::known(ctx, &run_id).await
    }
}

/// What stands in a folder of a run's artefacts; paths begin at the run.
pub(super) async fn of_run(
    State(ctx): State<Context>,
    Call(mut asked): Call<Asked>,
) -> Result<Json<Value>, Refusal> {
    let run = asked.run(&ctx).await?;
    listing(&ctx, place::of_run(&run), asked.path.unwrap_or_default()).await
}

/// The same of a logged model.
pub(super) async fn of_logged_model(
    State(ctx): State<Context>,
    Path(model_id): Path<String>,
    Call(asked): Call<Asked>,
) -> Result<Json<Value>, Refusal> {
    let model = logged_models::known(&ctx, &model_id).await?;
    let folder = asked.artifact_directory_path.unwrap_or_default();
    listing(&ctx, model.artifact_uri, folder).await
}

async fn listing(ctx: &Context, root: String, folder: String) -> Result<Json<Value>, Refusal> {
    let folder = folder.trim_matches('/');
    let mut answer = Map::from_iter([("root_uri".to_owned(), root.clone().into())]);
    if let Some(place) = Place::within(&root, folder)? {
        let files = entries(ctx, &place, folder).await?;
        view::put_list(&mut answer, "files", files);
    }
    Ok(Json(answer.into()))
}

async fn entries(ctx: &Context, place: &Place, folder: &str) -> Result<Vec<Value>, Refusal> {
    let entries = ctx.lake.entries(&place.key).await?;
    let path = |name: &str| match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    };
    let shown = entries.iter().map(|entry| match entry {
        Entry::Folder(name) => json!({"path": path(name), "is_dir": true}),
        Entry::Object { name, size_bytes } => {
            json!({"path": path(name), "is_dir": false, "file_size": size_bytes})
        }
    });
    Ok(shown.collect())
}

/// What stands in a folder of the server; names alone.
pub(super) async fn list(
    State(ctx): State<Context>,
    Call(asked): Call<Asked>,
) -> Result<Json<Value>, Refusal> {
    let place = Place::of(&asked.path.unwrap_or_default())?;
    let mut answer = Map::new();
    view::put_list(&mut answer, "files", entries(&ctx, &place, "").await?);
    Ok(Json(answer.into()))
}

pub(super) async fn fetch(
    State(ctx): State<Context>,
    Path(path): Path<String>,
) -> Result<Response, Refusal> {
    file(&ctx, &Place::of(&path)?.object()?).await
}

/// A file of a run, for the browser.
pub(super) async fn fetch_of_run(
    State(ctx): State<Context>,
    Call(mut asked): Call<Asked>,
) -> Result<Response, Refusal> {
    let run = asked.run(&ctx).await?;
    within(&ctx, &place::of_run(&run), asked.path).await
}

/// A file of a version, for the browser.
pub(super) async fn fetch_of_version(
    State(ctx): State<Context>,
    Call(asked): Call<Asked>,
) -> Result<Response, Refusal> {
    let (model, version) = versions::parts(&ctx, asked.name, asked.version).await?;
    let record = ctx.registry.version(&model, version).await?;
    let record = record.ok_or_else(|| versions::no_version(&model, version))?;
    within(&ctx, &place::of_version(&record), asked.path).await
}

/// A file of a logged model, for the browser.
pub(super) async fn fetch_of_logged_model(
    State(ctx): State<Context>,
    Path(model_id): Path<String>,
    Call(asked): Call<Asked>,
) -> Result<Response, Refusal> {
    let model = logged_models::known(&ctx, &model_id).await?;
    within(&ctx, &model.artifact_uri, asked.artifact_file_path).await
}

async fn within(ctx: &Context, root: &str, path: Option<String>) -> Result<Response, Refusal> {
    let path = required("path", path)?;
    match Place::within(root, &path)? {
        Some(place) => file(ctx, &place.object()?).await,
        None => Err(Refusal::missing(
            "These artifacts are outside of this server's store.",
        )),
    }
}

/// A file: its bytes, or where they can be had.
async fn file(ctx: &Context, key: &Key) -> Result<Response, Refusal> {
    let Some(info) = ctx.lake.head(key).await? else {
        return Err(Refusal::missing("There is no such artifact."));
    };
    if info.size_bytes > DIRECT_MAX_BYTES {
        let address = ctx.lake.address(key).await?;
        return Ok(Redirect::temporary(&address).into_response());
    }
    let bytes = ctx.lake.get(key).await?;
    let name = key.file_name().replace(['"', '\\'], "_");
    let name: String = name.chars().filter(char::is_ascii).collect();
    let headers = [
        (header::CONTENT_TYPE, kind(key.file_name()).to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        // What people store is shown as what it is, never run as a page of this server.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

/// The type of a file, by its name.
fn kind(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "json" => "application/json",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "txt" | "md" | "log" | "yaml" | "yml" | "csv" | "py" | "html" | "svg" => "text/plain",
        _ if name == "MLmodel" => "text/plain",
        _ => "application/octet-stream",
    }
}

pub(super) async fn send(
    State(ctx): State<Context>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    let key = Place::of(&path)?.open()?.object()?;
    let bytes = to_bytes(request.into_body(), SENT_MAX_BYTES)
        .await
        .map_err(|_| {
            Refusal::invalid(format!(
                "The file has more than {SENT_MAX_BYTES} bytes: send it in parts (MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD)."
            ))
        })?;
    ctx.lake.put(&key, bytes).await?;
    Ok(Json(json!({})))
}

/// Takes a file away, or a folder with all that is in it.
pub(super) async fn remove(
    State(ctx): State<Context>,
    Path(path): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let place = Place::of(&path)?.open()?;
    let key = place.object()?;
    let mut all = ctx.lake.list(&format!("{}/", place.key)).await?;
    if let Some(info) = ctx.lake.head(&key).await? {
        all.push(info);
    }
    for object in all {
        ctx.lake.delete(&object.key).await?;
    }
    Ok(Json(json!({})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part {
    #[serde(deserialize_with = "super::call::whole")]
    part_number: Option<i64>,
    etag: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Upload {
    path: Option<String>,
    #[serde(deserialize_with = "super::call::whole")]
    num_parts: Option<i64>,
    upload_id: Option<String>,
    parts: Vec<Part>,
}

impl Upload {
    /// The key of a file in a folder.
    fn key(&self, folder: &str) -> Result<Key, Refusal> {
        let name = required("path", self.path.clone())?;
        Place::of(&format!("{folder}/{name}"))?.open()?.object()
    }
}

/// Begins an upload in parts at the root of the server.
pub(super) async fn begin_parts_at_root(
    ctx: State<Context>,
    call: Call<Upload>,
) -> Result<Json<Value>, Refusal> {
    begin_parts(ctx, Path(String::new()), call).await
}

pub(super) async fn begin_parts(
    State(ctx): State<Context>,
    Path(folder): Path<String>,
    Call(call): Call<Upload>,
) -> Result<Json<Value>, Refusal> {
    let key = call.key(&folder)?;
    let parts = call.num_parts.unwrap_or(1);
    if !(1..=PARTS_MAX).contains(&parts) {
        return Err(Refusal::invalid(format!(
            "A file is sent in at least one part and at most {PARTS_MAX}."
        )));
    }
    let upload = ctx.lake.begin_parts(&key).await?;
    let mut credentials = Vec::new();
    for number in 1..=i32::try_from(parts).unwrap_or(1) {
        let url = ctx.lake.part_address(&key, &upload, number).await?;
        credentials.push(json!({"url": url, "part_number": number, "headers": {}}));
    }
    Ok(Json(
        json!({"upload_id": upload, "credentials": credentials}),
    ))
}

pub(super) async fn end_parts(
    State(ctx): State<Context>,
    Path(folder): Path<String>,
    Call(call): Call<Upload>,
) -> Result<Json<Value>, Refusal> {
    let key = call.key(&folder)?;
    let upload = required("upload_id", call.upload_id.clone())?;
    let parts = call.parts.iter().map(|part| {
        let number = part
            .part_number
            .and_then(|number| i32::try_from(number).ok());
        number
            .zip(part.etag.clone())
            .ok_or_else(|| Refusal::invalid("Each part has a part_number and an etag."))
    });
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    ctx.lake.end_parts(&key, &upload, &parts).await?;
    Ok(Json(json!({})))
}

pub(super) async fn drop_parts(
    State(ctx): State<Context>,
    Path(folder): Path<String>,
    Call(call): Call<Upload>,
) -> Result<Json<Value>, Refusal> {
    let key = call.key(&folder)?;
    let upload = required("upload_id", call.upload_id.clone())?;
    ctx.lake.drop_parts(&key, &upload).await?;
    Ok(Json(json!({})))
}
