//! MLflow's own pages, from the copy of `mlflow` that the user has installed.
//!
//! They ask by relative paths, so their own folder is all they need: `/mlflow/` has the bundle,
//! and behind it the API that it asks. Nothing of MLflow is part of this program.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

/// Where the pages are served.
pub const MLFLOW_UI: &str = "/mlflow";

/// The bundle within an installed `mlflow`.
const WITHIN_PACKAGE: &str = "server/js/build";

/// Why a folder has no pages.
#[derive(Debug, thiserror::Error)]
#[error(
    "{folder} holds no pages of MLflow; name the folder that `python -c \"import mlflow; print(mlflow.__path__[0])\"` prints"
)]
pub struct NoPages {
    folder: String,
}

/// The folder of the bundle, given it or the installed package.
///
/// # Errors
/// [`NoPages`].
pub(super) fn bundle(folder: &Path) -> Result<PathBuf, NoPages> {
    [folder.to_path_buf(), folder.join(WITHIN_PACKAGE)]
        .into_iter()
        .find(|folder| folder.join("index.html").is_file())
        .ok_or_else(|| NoPages {
            folder: folder.display().to_string(),
        })
}

/// The pages of a bundle, with the API that they ask.
pub(super) fn router(bundle: PathBuf, api: Router) -> Router {
    let pages = Router::new()
        .route("/", get(index))
        .route("/static-files/{*path}", get(file))
        .with_state(bundle);
    let all = pages.merge(api);
    Router::new()
        // Relative paths begin behind the last slash.
        .route(MLFLOW_UI, get(|| async { Redirect::permanent("/mlflow/") }))
        .nest(&format!("{MLFLOW_UI}/"), all)
}

async fn index(State(bundle): State<PathBuf>) -> Response {
    served(&bundle, "index.html").await
}

async fn file(State(bundle): State<PathBuf>, UrlPath(path): UrlPath<String>) -> Response {
    served(&bundle, &path).await
}

async fn served(bundle: &Path, path: &str) -> Response {
    let leads_elsewhere = path
        .split(['/', '\\'])
        .any(|part| matches!(part, "" | "." | ".."));
    if leads_elsewhere {
        return StatusCode::NOT_FOUND.into_response();
    }
    match tokio::fs::read(bundle.join(path)).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, kind(path))], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript",
        "css" => "text/css",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn the_bundle_is_served_and_nothing_beside_it() {
        let package = tempfile::tempdir().unwrap();
        assert!(bundle(package.path()).is_err());
        let folder = package.path().join(WITHIN_PACKAGE);
        std::fs::create_dir_all(folder.join("static")).unwrap();
        std::fs::write(folder.join("index.html"), "<html>").unwrap();
        std::fs::write(folder.join("static/a.js"), "1").unwrap();
        std::fs::write(package.path().join("secret"), "2").unwrap();
        assert_eq!(bundle(package.path()).unwrap(), folder);
        let api = Router::new().route("/ajax-api/x", get(|| async { "api" }));
        let router = router(folder, api);
        for (path, status) in [
            ("/mlflow", 308),
            ("/mlflow/", 200),
            ("/mlflow/static-files/static/a.js", 200),
            ("/mlflow/static-files/static/b.js", 404),
            ("/mlflow/static-files/..%2f..%2f..%2fsecret", 404),
            ("/mlflow/ajax-api/x", 200),
        ] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
        }
    }
}
