//! Who looks at the page: whoever it is where no token is required; else whom the page's own cookie
//! names.
//!
//! The cookie holds a token, out of reach of scripts (`HttpOnly`) and of requests that other sites
//! cause (`SameSite=Strict`). Each request has it checked against the table, so that a revoked token
//! ends what is shown at once.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode, header};
use tasador_access::{Caller, Denial, Need, Scope, Token, need};
use tasador_runtime::{Context, chain};

use crate::access::{AdmissionError, admit};
use crate::audit::AdminAction;
use crate::cookie::{self, TOKEN};
use crate::problem::Problem;

/// Who looks at the page.
#[derive(Debug)]
pub enum Visitor {
    /// Anybody: no token is required.
    Anybody,
    /// The holder of a live token.
    SignedIn(Caller),
    /// Nobody that is known.
    Stranger(Denial),
    /// Nobody knows: the tokens can't be checked.
    Unchecked(AdmissionError),
}

impl Visitor {
    /// Who sent this request.
    pub async fn of(ctx: &Context, headers: &HeaderMap) -> Self {
        if !ctx.config.require_tokens {
            return Self::Anybody;
        }
        let Some(text) = cookie::value(headers, TOKEN) else {
            return Self::Stranger(Denial::Missing);
        };
        let Ok(token) = text.parse::<Token>() else {
            return Self::Stranger(Denial::Malformed);
        };
        match admit(ctx, &token).await {
            Ok(caller) => Self::SignedIn(caller),
            Err(AdmissionError::Denied(denial)) => Self::Stranger(denial),
            Err(error) => {
                tracing::error!("a visitor's token cannot be checked: {}", chain(&error));
                Self::Unchecked(error)
            }
        }
    }

    /// Whether they may do what `scope` is wanted for.
    pub fn may(&self, scope: Scope) -> bool {
        match self {
            Self::Anybody => true,
            Self::SignedIn(caller) => caller.scopes.allow(scope),
            Self::Stranger(_) | Self::Unchecked(_) => false,
        }
    }
}

/// Lets through who has signed in with the scope that the matched route wants, and nothing that a
/// page of another site sends to change something. A layer of routes.
pub async fn check(State(ctx): State<Context>, mut request: Request, next: Next) -> Response {
    if request.method() == Method::POST && !is_from_own_page(request.headers()) {
        return Problem::new(StatusCode::FORBIDDEN)
            .detail("Only pages of this service may send that.")
            .into_response();
    }
    let route = request.extensions().get::<MatchedPath>();
    let wanted = route.map(|route| need(request.method().as_str(), route.as_str()));
    let scope = match wanted {
        None | Some(Need::Open) => return next.run(request).await,
        // The latter is a route that the list does not have: closed, not open.
        Some(Need::SignIn(scope) | Need::Token(scope)) => scope,
    };
    let refused = |action: Option<AdminAction>, error: AdmissionError| {
        let response = error.into_response();
        if let Some(action) = action {
            action.write(response.status());
        }
        response
    };
    let action = AdminAction::of(&request);
    match Visitor::of(&ctx, request.headers()).await {
        Visitor::Anybody => {}
        Visitor::SignedIn(caller) => {
            if let Err(denial) = caller.require(scope) {
                return refused(action.map(|action| action.by(&caller)), denial.into());
            }
            request.extensions_mut().insert(caller);
        }
        Visitor::Stranger(denial) => return refused(action, denial.into()),
        Visitor::Unchecked(error) => return refused(action, error),
    }
    next.run(request).await
}

/// Whether a request comes from a page of this service, as browsers say it; programs say nothing, and
/// no browser gives them a cookie.
fn is_from_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    match text(header::ORIGIN.as_str()) {
        None => true,
        Some(origin) => {
            let origin = origin.split_once("://").map(|(_, host)| host);
            origin.is_some() && origin == text(header::HOST.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_other_sites_send_is_told_apart() {
        let table = [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://homes.example"),
                    ("host", "homes.example"),
                ],
                false,
            ),
            (
                &[
                    ("origin", "https://homes.example"),
                    ("host", "homes.example"),
                ],
                true,
            ),
            (
                &[
                    ("origin", "http://127.0.0.1:3000"),
                    ("host", "127.0.0.1:3000"),
                ],
                true,
            ),
            (
                &[
                    ("origin", "https://evil.example"),
                    ("host", "homes.example"),
                ],
                false,
            ),
            (
                &[
                    ("origin", "https://homes.example.evil"),
                    ("host", "homes.example"),
                ],
                false,
            ),
            (&[("origin", "null"), ("host", "homes.example")], false),
            (&[("origin", "https://homes.example")], false),
            (&[("host", "homes.example")], true),
        ];
        for (sent, expected) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_from_own_page(&headers), expected, "{sent:?}");
        }
    }
}
