//! Signing in with a token, and out.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use maud::{Markup, html};
use tasador_access::Token;
use tasador_http::AdmissionError;
use tasador_runtime::chain;

use crate::Site;
use crate::cookie;
use crate::language::{Language, PageLanguage as _};
use crate::visitor::Visitor;

/// What became of signing in, as the address says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The token was good.
    Done,
    /// It was not.
    Refused,
    /// It could not be checked.
    Unchecked,
}

impl Attempt {
    const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Unchecked];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unchecked => "unchecked",
        }
    }

    pub(crate) fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// Takes a token, and keeps it in the visitor's browser where it is good.
pub(crate) async fn sign_in(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let token = form_urlencoded::parse(&body)
        .find(|(name, _)| name == "token")
        .and_then(|(_, text)| text.trim().parse::<Token>().ok());
    let Some(token) = token else {
        return back(Attempt::Refused).into_response();
    };
    match tasador_http::admit(site.pricing.context(), &token).await {
        Ok(_) => {
            let mut response = back(Attempt::Done).into_response();
            if let Some(cookie) = cookie::signed_in(&headers, Some(&token.reveal())) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(AdmissionError::Denied(_)) => back(Attempt::Refused).into_response(),
        Err(error) => {
            tracing::error!("a sign-in cannot be checked: {}", chain(&error));
            back(Attempt::Unchecked).into_response()
        }
    }
}

/// Forgets the token.
pub(crate) async fn sign_out(headers: HeaderMap) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "../")]).into_response();
    if let Some(cookie) = cookie::signed_in(&headers, None) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// To the page, which may stand below its own path.
fn back(attempt: Attempt) -> (StatusCode, [(header::HeaderName, String); 1]) {
    let address = format!("../?sign-in={}", attempt.as_str());
    (StatusCode::SEE_OTHER, [(header::LOCATION, address)])
}

/// The form, with what went wrong.
pub(crate) fn form(language: Language, attempt: Option<Attempt>, visitor: &Visitor) -> Markup {
    let words = language.words();
    let trouble = match (attempt, visitor) {
        (_, Visitor::Unchecked(_)) | (Some(Attempt::Unchecked), _) => Some(words.unavailable_hint),
        (Some(Attempt::Refused), _) => Some(words.token_refused),
        // It was good, and has not come back.
        (Some(Attempt::Done), _) => Some(words.cookie_lost),
        (None, _) => None,
    };
    html! {
        section #sign-in aria-labelledby="sign-in-title" {
            div.card.narrow {
                h1 #sign-in-title { (words.sign_in_title) }
                p.lead { (words.sign_in_lead) " " code { "tasador token create" } "." }
                form method="post" action="page/sign-in" {
                    div.field.wrong[trouble.is_some()] {
                        label for="token" { (words.token) }
                        input #token name="token" type="password" required autocomplete="current-password"
                            spellcheck="false" autocapitalize="off" aria-describedby="token-hint"
                            aria-invalid=[trouble.map(|_| "true")];
                        p.hint #token-hint role=[trouble.map(|_| "alert")] { (trouble.unwrap_or(words.token_hint)) }
                    }
                    div.actions { button.button type="submit" { (words.sign_in) } }
                }
            }
        }
    }
}
