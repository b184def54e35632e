//! Requires a token for every request that the routes want one for: what API Gateway and its authorizer
//! do on AWS.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tasador_access::{Caller, Need, Scope, Token, TokenRecord, admit, bearer, need};
use tasador_http::AdmissionError;
use tasador_http::audit::AdminAction;
use tasador_runtime::Context;

/// What the guard checks with.
#[derive(Clone)]
pub(super) struct Guard {
    context: Context,
    /// The token of this process's own commands, which is in no table and ends with the process.
    owner: Arc<TokenRecord>,
}

impl Guard {
    /// One that also admits the holder of `owner`.
    pub(super) fn new(context: Context, owner: TokenRecord) -> Self {
        Self {
            context,
            owner: owner.into(),
        }
    }

    async fn caller(&self, header: Option<&HeaderValue>) -> Result<Caller, AdmissionError> {
        let token = header.and_then(|header| bearer(header.to_str().ok()?).ok());
        match token.filter(|token| *token.id() == self.owner.id) {
            Some(token) => self.owner(&token),
            None => tasador_http::admit_header(&self.context, header).await,
        }
    }

    fn owner(&self, token: &Token) -> Result<Caller, AdmissionError> {
        let key = self.context.config.token_key.as_ref();
        let key = key.ok_or(AdmissionError::NoKey)?;
        Ok(admit(token, Some(&self.owner), key, self.context.now())?)
    }
}

/// Lets through who has the scope that the matched route wants, and says to the function who it is.
pub(super) async fn require_token(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    let scope = match request.extensions().get::<MatchedPath>() {
        Some(route) => match need(request.method().as_str(), route.as_str()) {
            Need::Open | Need::SignIn(_) => return next.run(request).await,
            Need::Token(scope) => Some(scope),
        },
        // There is nothing at that address, which is for those to know who hold a token.
        None => None,
    };
    let action = AdminAction::of(&request);
    let header = request.headers().get(header::AUTHORIZATION);
    let caller = match guard.caller(header).await {
        Ok(caller) => caller,
        Err(error) => return refused(action, error),
    };
    if let Some(Err(denial)) = scope.map(|scope: Scope| caller.require(scope)) {
        return refused(action.map(|action| action.by(&caller)), denial.into());
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The function behind never sees the request, so the audit line is written here.
fn refused(action: Option<AdminAction>, error: AdmissionError) -> Response {
    let response = error.into_response();
    if let Some(action) = action {
        action.write(response.status());
    }
    response
}
