//! The store as a router.

use std::sync::Arc;

use axum::Router;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

use crate::disk::Disk;
use crate::operations::Store;

/// Serves a folder to holders of one access key.
pub fn service(disk: Disk, access_key: &str, secret_key: &str) -> Router {
    let mut builder = S3ServiceBuilder::new(Store(Arc::new(disk)));
    builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = HandleError::new(builder.build(), |error: s3s::HttpError| async move {
        tracing::error!(?error, "S3 request failed");
        StatusCode::INTERNAL_SERVER_ERROR
    });
    Router::new().fallback_service(service)
}
