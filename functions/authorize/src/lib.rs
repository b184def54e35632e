//! Checks bearer tokens for API Gateway: the authorizer of an HTTP API, payload 2.0, with simple
//! answers.
//!
//! What a route wants is read from its key (`GET /history/{run}`) and from nothing else of the request:
//! API Gateway keeps an answer under its identity sources, `$request.header.Authorization` and
//! `$context.routeKey`, for [`CACHE_S`] seconds, and it must hold for all that share it. So a revoked
//! token may be let in for that long, no longer.
//!
//! | Request | Answer |
//! |---|---|
//! | a live token with the scope that the route wants | `isAuthorized: true`, and `token_id` and `scopes` for the function behind |
//! | any other token, none, or something else | `isAuthorized: false` |
//! | the table does not answer | a failure, which API Gateway answers with 500 and does not keep |

use std::collections::BTreeMap;

use http::HeaderValue;
use serde::{Deserialize, Serialize};
use tasador_access::{Caller, Denial, Need, need};
use tasador_http::audit::AdminAction;
use tasador_http::{AdmissionError, admit_header, status};
use tasador_runtime::Context;

/// How long API Gateway may keep an answer, in seconds: the template's `AuthorizerResultTtlInSeconds`.
/// A dashboard that asks every few seconds costs one lookup a minute; a revoked token is shut out
/// within the same.
pub const CACHE_S: u32 = 60;

/// The part of API Gateway's request that is looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The route that matched, such as `GET /history/{run}`.
    route_key: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    request_context: RequestContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    #[serde(default)]
    request_id: Option<String>,
}

/// What API Gateway takes for an answer.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Whether the request is let through.
    pub is_authorized: bool,
    /// Who it is from, for the function behind: `token_id`, and `scopes` separated by spaces.
    pub context: BTreeMap<&'static str, String>,
}

impl Answer {
    fn yes(caller: &Caller) -> Self {
        Self {
            is_authorized: true,
            context: BTreeMap::from([
                ("token_id", caller.token_id.to_string()),
                ("scopes", caller.scopes.to_string()),
            ]),
        }
    }

    fn without_caller(is_authorized: bool) -> Self {
        Self {
            is_authorized,
            context: BTreeMap::new(),
        }
    }
}

/// Whether API Gateway may let a request through.
///
/// # Errors
/// [`AdmissionError::Lookup`] where the table does not answer, [`AdmissionError::NoKey`]: never an answer
/// that lets in whom nobody checked.
pub async fn handle(request: Request, ctx: &Context) -> Result<Answer, AdmissionError> {
    let (method, route) = request
        .route_key
        .split_once(' ')
        .unwrap_or(("", &request.route_key));
    let scope = match need(method, route) {
        Need::Token(scope) => scope,
        // The page checks its cookie itself.
        Need::Open | Need::SignIn(_) => return Ok(Answer::without_caller(true)),
    };
    let request_id = request.request_context.request_id.as_deref();
    let action = AdminAction::at(method, route, route)
        .map(|action| action.in_request(request_id.unwrap_or("-")));
    let refused = |action: Option<AdminAction>, denial: Denial| {
        if let Some(action) = action {
            action.write(status(denial));
        }
        Answer::without_caller(false)
    };
    let header = authorization(&request.headers);
    let caller = match admit_header(ctx, header.as_ref()).await {
        Ok(caller) => caller,
        Err(AdmissionError::Denied(denial)) => return Ok(refused(action, denial)),
        Err(error) => return Err(error),
    };
    Ok(match caller.require(scope) {
        // What comes of it is told by the function behind.
        Ok(()) => Answer::yes(&caller),
        Err(denial) => refused(action.map(|action| action.by(&caller)), denial),
    })
}

fn authorization(headers: &BTreeMap<String, String>) -> Option<HeaderValue> {
    let mut headers = headers.iter();
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    // What is no header's value is no token either.
    Some(HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("-")))
}
