//! Artifacts: listed, downloaded, uploaded and deleted.
//!
//! Small files pass through the function. A large one is downloaded from the bucket itself by a redirect,
//! and uploaded in parts by separate addresses.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::header;
use serde_json::{Value, json};
use tasador_ids::Digest;
use tasador_lake::{Entry, Key, LakeError};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError, Code};
use crate::place::{self, Place};
use crate::{logged_models, registered, runs, view};

/// The largest file that passes through the function, in bytes: an answer of Lambda has at most 6 MB,
/// of which base64 leaves 4.5.
const DIRECT_MAX_BYTES: u64 = 4_000_000;
/// The largest file that is accepted at once, in bytes. Lambda accepts some 4.5 MB; on one machine there
/// is only this limit.
const UPLOAD_MAX_BYTES: usize = 256 * 1024 * 1024;
/// The files of a version whose SHA-256 is recorded when a client registers it: the smallest come first. A request
/// has some 29 seconds on AWS, and what was uploaded in parts is read for it.
const RECORDED_MAX_BYTES: u64 = 512 * 1024 * 1024;
const RECORDED_MAX_FILES: usize = 1_000;
/// Files that are read for it at once.
const READS: usize = 8;
/// The most parts that S3 accepts.
const PARTS_MAX: i64 = 10_000;

/// Lists a folder of a run's artifacts; paths are relative to the run.
pub(crate) async fn list_of_run(ctx: &Context, args: Args) -> Answer {
    let run = runs::known(ctx, &args.run_id()?).await?;
    let folder = args.text("path")?.unwrap_or_default();
    listing(ctx, &place::of_run(&run), &folder).await
}

pub(crate) async fn list_of_logged_model(ctx: &Context, args: Args) -> Answer {
    let model = logged_models::known(ctx, &args.required("model_id")?).await?;
    let folder = args.text("artifact_directory_path")?.unwrap_or_default();
    listing(ctx, &model.artifact_uri, &folder).await
}

async fn listing(ctx: &Context, root: &str, folder: &str) -> Answer {
    let folder = folder.trim_matches('/');
    let files = match Place::within(root, folder)? {
        Some(place) => entries(ctx, &place, folder).await?,
        None => Vec::new(),
    };
    Ok(view::lean(json!({"root_uri": root, "files": files})))
}

async fn entries(ctx: &Context, place: &Place, folder: &str) -> Result<Vec<Value>, ApiError> {
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

/// Lists a folder of the server; names only.
pub(crate) async fn list(ctx: &Context, args: Args) -> Answer {
    let place = Place::of(&args.text("path")?.unwrap_or_default())?;
    Ok(view::lean(
        json!({"files": entries(ctx, &place, "").await?}),
    ))
}

pub(crate) async fn find(_: &Context, args: Args) -> Result<Place, ApiError> {
    Place::of(&args.required("path")?)
}

pub(crate) async fn find_of_run(ctx: &Context, args: Args) -> Result<Place, ApiError> {
    let run = runs::known(ctx, &args.run_id()?).await?;
    within(&place::of_run(&run), &args.required("path")?)
}

pub(crate) async fn find_of_version(ctx: &Context, args: Args) -> Result<Place, ApiError> {
    let version = registered::version(ctx, &args).await?;
    within(&place::of_version(&version), &args.required("path")?)
}

pub(crate) async fn find_of_logged_model(ctx: &Context, args: Args) -> Result<Place, ApiError> {
    let model = logged_models::known(ctx, &args.required("model_id")?).await?;
    within(&model.artifact_uri, &args.required("artifact_file_path")?)
}

fn within(root: &str, path: &str) -> Result<Place, ApiError> {
    Place::within(root, path)?
        .ok_or_else(|| ApiError::not_found("These artifacts are outside this server's store."))
}

/// A file: its bytes, or a redirect to them.
pub(crate) async fn download(ctx: &Context, place: &Place) -> Result<Response, ApiError> {
    let key = place.object()?;
    let (info, recorded) = tokio::join!(ctx.lake.head(&key), ctx.registry.recorded_file(&key));
    let (Some(info), recorded) = (info?, recorded?) else {
        return Err(ApiError::not_found("No such artifact."));
    };
    if info.size_bytes > DIRECT_MAX_BYTES {
        if recorded.is_some() {
            let checked = ctx.lake.check(&key, recorded).await;
            checked.map_err(|error| unverified(&key, error))?;
        }
        let address = ctx.lake.address(&key).await?;
        return Ok(Redirect::temporary(&address).into_response());
    }
    let bytes = match recorded {
        Some(digest) => ctx.lake.get_verified(&key, digest).await,
        None => ctx.lake.get(&key).await,
    };
    let bytes = bytes.map_err(|error| unverified(&key, error))?;
    let name = key.file_name().replace(['"', '\\'], "_");
    let name: String = name.chars().filter(char::is_ascii).collect();
    let headers = [
        (header::CONTENT_TYPE, kind(key.file_name())),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        // With the disposition: what people store is downloaded, never run as a page of this server.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "sandbox".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

/// A file that is not as it was written, or not as it was registered.
fn unverified(key: &Key, error: LakeError) -> ApiError {
    if !matches!(error, LakeError::Corrupt { .. }) {
        return error.into();
    }
    tracing::error!(%key, "the file is not served: {error}");
    ApiError::new(
        Code::InternalError,
        format!(
            "The file {} is damaged, or was replaced in the bucket after its version was registered, so it is not served. `tasador verify` names such files.",
            key.file_name()
        ),
    )
}

/// Records the SHA-256 of each file at a place of this server, which become those of a version.
pub(crate) async fn record(ctx: &Context, uri: &str) -> Result<(), ApiError> {
    let place = Place::within(uri, "")?;
    // The pipeline records its own.
    let Some(place) = place.filter(|place| place.is_writable) else {
        return Ok(());
    };
    let mut objects = ctx.lake.list(&format!("{}/", place.key)).await?;
    objects.sort_by_key(|object| object.size_bytes);
    let mut left_bytes = RECORDED_MAX_BYTES;
    objects.truncate(RECORDED_MAX_FILES);
    objects.retain(|object| match left_bytes.checked_sub(object.size_bytes) {
        Some(left) => {
            left_bytes = left;
            true
        }
        None => false,
    });
    let digests = stream::iter(objects).map(async |object| {
        let digest = digest(ctx, &object.key).await?;
        Ok::<_, ApiError>((object.key, digest))
    });
    let files = digests.buffer_unordered(READS).try_collect().await?;
    Ok(ctx.registry.record_files(&files).await?)
}

/// The SHA-256 of a file: what it was written with, or of its bytes where it was uploaded in parts.
async fn digest(ctx: &Context, key: &Key) -> Result<Digest, ApiError> {
    let info = ctx.lake.head(key).await?;
    match info.and_then(|info| info.sha256) {
        Some(digest) => Ok(digest),
        None => Ok(ctx.lake.check(key, None).await?.digest),
    }
}

/// What MLflow's pages show as text, by the end of a name or the whole of it.
const TEXTS: &str = "txt log err cfg conf cnf cf ini properties prop hocon toml yaml yml xml json js py \
                     py3 csv tsv md rst ipynb MLmodel mlproject";

/// The type of a file by its name, as MLflow's server has it.
fn kind(name: &str) -> String {
    let extension = name
        .rsplit_once('.')
        .map_or(name, |(_, extension)| extension);
    match TEXTS.split(' ').any(|text| text == extension) {
        true => "text/plain".to_owned(),
        false => mime_guess::from_path(name)
            .first_or_octet_stream()
            .to_string(),
    }
}

pub(crate) async fn upload(
    State(ctx): State<Context>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let key = Place::of(&path)?.writable()?.object()?;
    let bytes = to_bytes(request.into_body(), UPLOAD_MAX_BYTES).await.map_err(|_| {
        ApiError::invalid(format!(
            "The file has more than {UPLOAD_MAX_BYTES} bytes: upload it in parts (MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD)."
        ))
    })?;
    let digest = Digest::of(&bytes);
    ctx.lake.put(&key, bytes).await?;
    // MLflow's clients may replace files of a version, such as its signature.
    ctx.registry.replace_file(&key, digest).await?;
    Ok(Json(json!({})))
}

/// Deletes a file, or a folder with everything in it.
pub(crate) async fn delete(ctx: &Context, args: Args) -> Answer {
    let place = Place::of(&args.required("path")?)?.writable()?;
    let key = place.object()?;
    let mut all = ctx.lake.list(&format!("{}/", place.key)).await?;
    all.extend(ctx.lake.head(&key).await?);
    for object in all {
        ctx.lake.delete(&object.key).await?;
    }
    Ok(json!({}))
}

/// The key of an upload in parts: the base name of the client's local path, in the folder of the URL.
fn upload_key(args: &Args) -> Result<Key, ApiError> {
    let folder = args.text("folder")?.unwrap_or_default();
    let path = args.required("path")?;
    let is_separator = |c: char| c == '/' || (c == '\\' && is_windows(&path));
    let name = path.rsplit(is_separator).next();
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ApiError::missing("path"))?;
    Place::of(&format!("{folder}/{name}"))?.writable()?.object()
}

/// Whether a local path has a drive or a server of Windows. Elsewhere a backslash is part of a name.
fn is_windows(path: &str) -> bool {
    path.starts_with(r"\\") || path.get(1..3) == Some(r":\") || path.get(1..3) == Some(":/")
}

pub(crate) async fn create_upload(ctx: &Context, args: Args) -> Answer {
    let key = upload_key(&args)?;
    let parts = args.whole("num_parts")?.unwrap_or(1);
    if !(1..=PARTS_MAX).contains(&parts) {
        return Err(ApiError::invalid(format!(
            "A file has at least one part and at most {PARTS_MAX}."
        )));
    }
    let upload = ctx.lake.begin_parts(&key).await?;
    let mut credentials = Vec::new();
    for number in 1..=i32::try_from(parts).unwrap_or(1) {
        let url = ctx.lake.part_address(&key, &upload, number).await?;
        credentials.push(json!({"url": url, "part_number": number, "headers": {}}));
    }
    Ok(json!({"upload_id": upload, "credentials": credentials}))
}

pub(crate) async fn complete_upload(ctx: &Context, args: Args) -> Answer {
    let (key, upload) = (upload_key(&args)?, args.required("upload_id")?);
    let parts = args.list("parts")?.into_iter().map(|part| {
        let number = part.whole("part_number")?;
        let number = number.and_then(|number| i32::try_from(number).ok());
        let number = number.ok_or_else(|| ApiError::missing("part_number"))?;
        Ok((number, part.required("etag")?))
    });
    let parts = parts.collect::<Result<Vec<_>, ApiError>>()?;
    ctx.lake.end_parts(&key, &upload, &parts).await?;
    if ctx.registry.recorded_file(&key).await?.is_some() {
        let replaced = digest(ctx, &key).await?;
        ctx.registry.replace_file(&key, replaced).await?;
    }
    Ok(json!({}))
}

pub(crate) async fn abort_upload(ctx: &Context, args: Args) -> Answer {
    let upload = args.required("upload_id")?;
    ctx.lake.drop_parts(&upload_key(&args)?, &upload).await?;
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_in_parts_has_the_base_name_of_the_local_path() {
        for (path, folder, expected) in [
            (
                "/home/ana/mp.bin",
                "0/r/artifacts/sub",
                "mlflow/0/r/artifacts/sub/mp.bin",
            ),
            ("mp.bin", "0/r/artifacts", "mlflow/0/r/artifacts/mp.bin"),
            ("C:\\data\\mp.bin", "0", "mlflow/0/mp.bin"),
            ("C:/data\\mp.bin", "0", "mlflow/0/mp.bin"),
            ("\\\\server\\data\\mp.bin", "0", "mlflow/0/mp.bin"),
            ("/home/ana/a\\b:\\c.bin", "0", "mlflow/0/a\\b:\\c.bin"),
            ("/tmp/mp.bin", "", "mlflow/mp.bin"),
        ] {
            let args = Args::default().with("path", path).with("folder", folder);
            assert_eq!(upload_key(&args).unwrap().as_str(), expected, "{path}");
        }
        for path in ["/home/ana/", "..", ""] {
            let args = Args::default().with("path", path).with("folder", "0");
            assert!(upload_key(&args).is_err(), "{path}");
        }
    }
    #[test]
    fn files_have_the_types_that_mlflows_pages_expect() {
        for (name, expected) in [
            ("a.pdf", "application/pdf"),
            ("MLproject", "application/octet-stream"),
            ("mlproject", "text/plain"),
            ("MLmodel", "text/plain"),
            ("a.json", "text/plain"),
            ("a.b.yaml", "text/plain"),
            ("plot.png", "image/png"),
            ("page.html", "text/html"),
            ("plot.svg", "image/svg+xml"),
            ("noname", "application/octet-stream"),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }
}
