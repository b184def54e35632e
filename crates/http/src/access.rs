//! Admission: who holds a bearer token, for the authorizer, the page and the local cloud alike.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tasador_access::{Caller, Denial, Token, bearer};
use tasador_registry::RegistryError;
use tasador_runtime::{Classify, Context, ErrorClass, SecretError, chain};

use crate::problem::Problem;

/// Why a caller is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Whether the token is valid is not known.
    #[error("the token cannot be looked up")]
    Lookup(#[from] RegistryError),
    #[error("tokens cannot be checked")]
    Key(#[from] SecretError),
    #[error(
        "tokens cannot be checked: neither TASADOR_TOKEN_KEY nor TASADOR_TOKEN_KEY_SECRET is set"
    )]
    NoKey,
}

impl Classify for AdmissionError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Denied(_) => ErrorClass::InvalidInput,
            Self::Lookup(error) => error.class(),
            Self::Key(error) => error.class(),
            Self::NoKey => ErrorClass::Bug,
        }
    }
}

/// Admits the holder of a token. Each call reads the table, so a revoked token is refused at once.
///
/// # Errors
/// [`AdmissionError`].
pub async fn admit(ctx: &Context, token: &Token) -> Result<Caller, AdmissionError> {
    let key = ctx.token_key().await?.ok_or(AdmissionError::NoKey)?;
    let record = ctx.registry.token(token.id()).await?;
    let admitted = tasador_access::admit(token, record.as_ref(), &key, ctx.now());
    // Without a record no key helps.
    if admitted == Err(Denial::Unknown)
        && let Some(record) = &record
        && let Some(key) = ctx.rotated_token_key(&key).await?
    {
        return Ok(tasador_access::admit(token, Some(record), &key, ctx.now())?);
    }
    Ok(admitted?)
}

/// Admits the sender of an `Authorization` header.
///
/// # Errors
/// [`AdmissionError`].
pub async fn admit_header(
    ctx: &Context,
    authorization: Option<&HeaderValue>,
) -> Result<Caller, AdmissionError> {
    let header = authorization.ok_or(Denial::Missing)?;
    let token = header.to_str().map_err(|_| Denial::Malformed)?;
    admit(ctx, &bearer(token)?).await
}

/// The status of the answer to a denied caller.
pub fn status(denial: Denial) -> StatusCode {
    if denial.is_forbidden() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::UNAUTHORIZED
    }
}

/// 401 or 403 with the challenge of RFC 6750, or 503 while the table cannot be read.
impl IntoResponse for AdmissionError {
    fn into_response(self) -> Response {
        let Self::Denied(denial) = self else {
            tracing::error!("{}", chain(&self));
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE)
                .detail("Tokens cannot be checked right now; try again.")
                .into_response();
        };
        let mut response = Problem::new(status(denial))
            .detail(sentence(&denial.to_string()))
            .into_response();
        if let Ok(challenge) = HeaderValue::try_from(denial.challenge()) {
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tasador_access::Scope;

    #[test]
    fn a_denial_names_the_scheme_and_the_missing_scope() {
        let lacks = Denial::Lacks {
            scope: Scope::Admin,
        };
        for (denial, status) in [(Denial::Missing, 401), (Denial::Revoked, 401), (lacks, 403)] {
            let response = AdmissionError::from(denial).into_response();
            assert_eq!(response.status(), status);
            let headers = response.headers();
            assert_eq!(headers["content-type"], "application/problem+json");
            let challenge = headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer "), "{challenge}");
        }
        let unknown = AdmissionError::NoKey.into_response();
        assert_eq!(unknown.status(), 503);
        assert!(!unknown.headers().contains_key("www-authenticate"));
    }
}
