//! Whoever presents a token, looked up and checked: the one way in, for the authorizer, the page and
//! the local cloud alike.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use tasador_access::{Caller, Denial, Token, admit, bearer};
use tasador_registry::RegistryError;

use crate::context::Context;
use crate::failure::{Classify, ErrorClass, chain};
use crate::problem::Problem;

/// Why nobody is admitted.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// The rules say so.
    #[error("{0}")]
    Denied(Denial),
    /// The table of tokens could not be read: whether the token is good is not known.
    #[error("the token can't be looked up")]
    Unknown(#[from] RegistryError),
    /// The deployment lacks the key.
    #[error("the token can't be checked without TASADOR_TOKEN_KEY")]
    NoKey,
}

impl From<Denial> for NotAdmitted {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl Classify for NotAdmitted {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Denied(_) => ErrorClass::InvalidInput,
            Self::Unknown(error) => error.class(),
            Self::NoKey => ErrorClass::Bug,
        }
    }
}

impl Context {
    /// Who holds this token. Each call asks the table, so that a revoked token is refused at once.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub async fn admit(&self, token: &Token) -> Result<Caller, NotAdmitted> {
        let key = self.config.token_key.as_ref().ok_or(NotAdmitted::NoKey)?;
        let record = self.registry.token(token.id()).await?;
        Ok(admit(token, record.as_ref(), key, self.now())?)
    }

    /// Who sent this `Authorization` header; none where there is no such header.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub async fn admit_header(
        &self,
        authorization: Option<&HeaderValue>,
    ) -> Result<Caller, NotAdmitted> {
        let header = authorization.ok_or(Denial::Missing)?;
        let token = header.to_str().map_err(|_| Denial::Malformed)?;
        self.admit(&bearer(token)?).await
    }
}

/// The answer to whoever is not admitted: 401 or 403 with the challenge of RFC 6750, or 503 while the
/// table can't be read.
pub fn refusal(error: &NotAdmitted) -> Response {
    let denial = match error {
        NotAdmitted::Denied(denial) => *denial,
        error => {
            tracing::error!("a caller can't be checked: {}", chain(error));
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE)
                .detail("Tokens can't be checked right now; try again.")
                .into_response();
        }
    };
    let status = if denial.is_forbidden() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::UNAUTHORIZED
    };
    let mut response = Problem::new(status)
        .detail(sentence(&denial.to_string()))
        .into_response();
    if let Ok(challenge) = HeaderValue::try_from(denial.challenge()) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
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
    fn a_refusal_says_what_is_wanted() {
        let lacks = Denial::Lacks {
            scope: Scope::Admin,
        };
        for (denial, status) in [(Denial::Missing, 401), (Denial::Revoked, 401), (lacks, 403)] {
            let response = refusal(&denial.into());
            assert_eq!(response.status(), status);
            let headers = response.headers();
            assert_eq!(headers["content-type"], "application/problem+json");
            let challenge = headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer "), "{challenge}");
        }
        let unknown = refusal(&NotAdmitted::NoKey);
        assert_eq!(unknown.status(), 503);
        assert!(!unknown.headers().contains_key("www-authenticate"));
    }
}
