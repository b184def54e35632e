//! HTTP: reads a file that a person uploads on the page, and stores what it would be read as. Models do not learn
//! from it: the page, which shows what was found, starts that.
//!
//! | Request | Answer |
//! |---|---|
//! | `POST /page/checks`, a form with a file | back to the page, which shows what was found |
//! | `POST /page/checks/{check}`, a form with a schema | the same, read again by that schema |
//!
//! It is a separate function because it reads files with the data frame library, without which the page starts faster.

use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, middleware};
use http::{StatusCode, header};
use serde::Deserialize;
use tasador_check::schema::{self, SchemaError};
use tasador_check::{Found, UPLOAD_MAX_BYTES, Upload};
use tasador_http::{Problem, audit, visitor};
use tasador_ids::{Digest, Key};
use tasador_lake::key;
use tasador_listing::checked::{Checked, format_of};
use tasador_listing::schema_file::SchemaFile;
use tasador_runtime::{Context, chain};

/// The longest name that is kept of a file, in characters.
const NAME_MAX_CHARS: usize = 100;
/// The name of a file that came without a usable one.
const NAMELESS: &str = "listings.csv";

/// The function: its [`page`], and a problem for everything else.
pub fn router(ctx: Context) -> Router {
    tasador_http::with_not_found(page(ctx))
}

/// What it answers, for a router that has its own word on unknown paths.
pub fn page(ctx: Context) -> Router {
    Router::new()
        .route("/page/checks", post(first))
        .route("/page/checks/{check}", post(again))
        .route_layer(middleware::from_fn(audit::record))
        // Around the audit, which is told here who it is.
        .route_layer(middleware::from_fn_with_state(ctx.clone(), visitor::check))
        // The file is measured while it arrives.
        .layer(DefaultBodyLimit::disable())
        .with_state(ctx)
}

/// Reads an uploaded file.
async fn first(
    State(ctx): State<Context>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let Ok(mut form) = form else {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("Send the form of the page: multipart/form-data with a field `file`."));
    };
    let (name, bytes) = match received(&mut form).await? {
        Received::File(name, bytes) => (name, bytes),
        Received::Nothing => return Ok(back("../", "new")),
        Received::TooLarge => return Ok(back("../", "too-large")),
    };
    let digest = Digest::of(&bytes);
    let key = key_of(&digest, &name);
    ctx.lake.put(&key, bytes.clone()).await?;
    check(&ctx, &digest, (name, key), bytes, None).await?;
    Ok(back("../", &digest.to_string()))
}

#[derive(Debug, Deserialize)]
struct Wanted {
    schema: String,
}

/// Reads a file again, by the schema that a person wrote.
async fn again(
    State(ctx): State<Context>,
    Path(check_id): Path<String>,
    form: Result<Form<Wanted>, FormRejection>,
) -> Result<Response, Problem> {
    let Ok(Form(wanted)) = form else {
        return Err(Problem::new(StatusCode::BAD_REQUEST)
            .detail("Send the form of the page: a field `schema`."));
    };
    let Ok(digest) = check_id.parse::<Digest>() else {
        return Err(Problem::new(StatusCode::NOT_FOUND));
    };
    let upload: Upload = ctx.lake.get_json(&key::check(&digest)).await?;
    let bytes = ctx.lake.get(&upload.key).await?;
    let file = (upload.name, upload.key);
    check(&ctx, &digest, file, bytes, Some(wanted.schema)).await?;
    Ok(back("../../", &digest.to_string()))
}

enum Received {
    File(String, Bytes),
    /// The form was sent without a file.
    Nothing,
    TooLarge,
}

/// The file of the form. One that is too large is read to its end, and dropped: a browser shows an answer only when
/// it has sent everything.
async fn received(form: &mut Multipart) -> Result<Received, Problem> {
    let cut_off = |_| Problem::new(StatusCode::BAD_REQUEST).detail("The form was cut off.");
    while let Some(mut field) = form.next_field().await.map_err(cut_off)? {
        if field.name() != Some("file") {
            continue;
        }
        let name = name_of(field.file_name().unwrap_or_default());
        let mut bytes = Vec::new();
        let mut size = 0;
        while let Some(piece) = field.chunk().await.map_err(cut_off)? {
            size += piece.len();
            if size > UPLOAD_MAX_BYTES {
                bytes = Vec::new();
            } else {
                bytes.extend_from_slice(&piece);
            }
        }
        return Ok(match size {
            0 => Received::Nothing,
            size if size > UPLOAD_MAX_BYTES => Received::TooLarge,
            _ => Received::File(name, bytes.into()),
        });
    }
    Ok(Received::Nothing)
}

/// The last part of a path, as far as it is fit for a key.
fn name_of(sent: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = last.chars().filter(|c| !c.is_control());
    let kept: Vec<char> = plain.collect();
    // The extension tells the format.
    let from = kept.len().saturating_sub(NAME_MAX_CHARS);
    let name: String = kept.into_iter().skip(from).collect();
    match name.trim() {
        "" | "." | ".." => NAMELESS.to_owned(),
        name => name.to_owned(),
    }
}

fn key_of(file: &Digest, name: &str) -> Key {
    let prefix = key::upload_prefix(file);
    let named = format!("{prefix}{name}").parse();
    named.unwrap_or_else(|_| key::check(file))
}

/// Reads the file and stores what was found.
async fn check(
    ctx: &Context,
    digest: &Digest,
    (name, key): (String, Key),
    bytes: Bytes,
    wanted: Option<String>,
) -> Result<(), Problem> {
    let (declared, found) = match declaration(ctx, wanted.as_deref()).await {
        Ok((declared, file)) => (declared, found(ctx, &name, bytes, file).await),
        Err(SchemaError::Lake(error)) => return Err(error.into()),
        Err(error) => (None, Found::Unreadable(chain(&error).to_string())),
    };
    let upload = Upload {
        name,
        key,
        declared,
        wanted,
        found,
    };
    let json = serde_json::to_vec(&upload).map_err(|error| {
        tracing::error!("what was found of a file cannot be written: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    ctx.lake.put(&key::check(digest), json).await?;
    Ok(())
}

/// The schema to read the file by, and where it is if one is declared: that one counts.
async fn declaration(
    ctx: &Context,
    wanted: Option<&str>,
) -> Result<(Option<String>, SchemaFile), SchemaError> {
    if let Some(declared) = schema::current(ctx).await? {
        return Ok((Some(declared.place), declared.file));
    }
    let file = match wanted {
        Some(text) => schema::usable(ctx, text)?,
        None => SchemaFile::default(),
    };
    Ok((None, file))
}

async fn found(ctx: &Context, name: &str, bytes: Bytes, declared: SchemaFile) -> Found {
    let Some(format) = format_of(name) else {
        return Found::Unreadable(format!(
            "the format of {name} is not known by its name; name it .csv, .ndjson, .json, .parquet, .xlsx or .zip (also .gz)"
        ));
    };
    let units = ctx.config.units();
    let mut file = schema::with_units(declared.clone(), units);
    // A file in another currency is reported.
    file.currency.get_or_insert(units.currency);
    // The data frame library's threads panic inside a single-threaded runtime.
    let work =
        tokio::task::spawn_blocking(move || tasador_reader::check(bytes, format, &file)).await;
    match work {
        Ok(Ok(checked)) => Found::Checked(Box::new(of_installation(checked, &declared))),
        Ok(Err(error)) => Found::Unreadable(chain(&error).to_string()),
        Err(stopped) => {
            tracing::error!("the reader of {name} stopped: {stopped}");
            Found::Unreadable("the reader stopped; report this file as a bug".to_owned())
        }
    }
}

/// Units are those of the installation: a proposal declares only what was declared.
fn of_installation(mut checked: Checked, declared: &SchemaFile) -> Checked {
    checked.proposed.currency = declared.currency;
    checked.proposed.area_unit = declared.area_unit;
    checked
}

/// To the page that shows it.
fn back(root: &str, check: &str) -> Response {
    let to = format!("{root}?check={check}");
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_for_keys() {
        let long = format!("{}.csv", "x".repeat(300));
        for (sent, name) in [
            ("may.csv", "may.csv"),
            ("C:\\files\\may 2.csv", "may 2.csv"),
            ("../../raw/may.csv", "may.csv"),
            ("..", NAMELESS),
            ("", NAMELESS),
            ("a\u{7}b.csv", "ab.csv"),
            (&long, &long[204..]),
        ] {
            assert_eq!(name_of(sent), name, "{sent}");
            let digest = Digest::of(b"");
            let key = key_of(&digest, &name_of(sent));
            assert_eq!(key.as_str(), format!("checks/{digest}/{name}"));
        }
    }
}
