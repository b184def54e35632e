//! The product's functions as the local Lambda holds them: the same handlers that are deployed, in
//! this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use serde_json::Value;
use tasador_pricing::{HostTrouble, Pricing};
use tasador_runtime::{Context, ErrorClass, Failure, Handler, handler};
use tracing::Instrument as _;
use utoipa::openapi::OpenApi;

use crate::aws::http_event;
use crate::cloud::{ACCOUNT, REGION};

/// Every function by name. Cloning is cheap.
#[derive(Clone)]
pub struct Functions {
    all: Arc<BTreeMap<&'static str, Function>>,
    pricing: Pricing,
}

enum Function {
    /// A step of the state machine: JSON in, JSON out.
    Step(Handler),
    /// One that answers HTTP, and takes API Gateway's events when it is invoked.
    Http {
        /// With its own word on unknown paths, as it is deployed.
        alone: Router,
        /// For one port with the others.
        shared: Router,
    },
}

/// ARN of the function called `name`.
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

impl Functions {
    /// All functions of the product around one context.
    pub fn new(context: &Context) -> Self {
        Self::hosted(context, None)
    }

    /// The same in a process that may have trouble itself.
    pub(crate) fn hosted(context: &Context, host: Option<Arc<HostTrouble>>) -> Self {
        /// A function of this name around the context, behind JSON.
        macro_rules! step {
            ($name:ident) => {
                (
                    stringify!($name),
                    Function::Step(handler({
                        let context = context.clone();
                        move |request| {
                            let context = context.clone();
                            async move { $name::handle(request, &context).await }
                        }
                    })),
                )
            };
        }
        let http = |name, alone: Router, shared| {
            let alone = alone.layer(from_fn(tasador_http::trace));
            (name, Function::Http { alone, shared })
        };
        let pricing = Pricing::hosted(context.clone(), host);
        let all = BTreeMap::from([
            step!(fetch),
            step!(preprocess),
            step!(gate),
            step!(train),
            step!(compare),
            step!(promote),
            step!(record),
            step!(compact),
            step!(authorize),
            http(
                "mlflow",
                mlflow::router(context.clone()),
                mlflow::api(context.clone()),
            ),
            http(
                "predict",
                predict::router(pricing.clone()),
                predict::api(pricing.clone()),
            ),
            http(
                "tracking",
                tracking::router(context.clone()),
                tracking::api(context.clone()),
            ),
            http(
                "upload",
                upload::router(context.clone()),
                upload::page(context.clone()),
            ),
            http(
                "web",
                web::router(pricing.clone()),
                web::page(pricing.clone()),
            ),
        ]);
        Self {
            all: Arc::new(all),
            pricing,
        }
    }

    /// Names in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.all.keys().copied()
    }

    /// What the functions that answer HTTP answer, together.
    pub fn openapi(&self) -> OpenApi {
        let mut all = predict::openapi();
        all.merge(tracking::openapi());
        all
    }

    /// Prices, as all functions here share them.
    pub fn pricing(&self) -> &Pricing {
        &self.pricing
    }

    /// Whether there is such a function.
    pub fn has(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// The routers of the functions that answer HTTP, on one port.
    pub fn http(&self) -> Router {
        self.all
            .values()
            .fold(Router::new(), |all, function| match function {
                Function::Http { shared, .. } => all.merge(shared.clone()),
                Function::Step(_) => all,
            })
            .merge(predict::serve_openapi(self.pricing.clone(), self.openapi()))
    }

    /// Invokes one function and waits for its answer.
    ///
    /// # Errors
    /// The function's own failure with its stable class; [`ErrorClass::Bug`] where no function has
    /// this name, [`ErrorClass::InvalidInput`] where an HTTP function gets something else than an
    /// HTTP event.
    pub async fn invoke(&self, name: &str, request: Value) -> Result<Value, Failure> {
        match self.all.get(name) {
            Some(Function::Step(handler)) => {
                let span = tracing::info_span!("function", name);
                handler(request).instrument(span).await
            }
            Some(Function::Http { alone, .. }) => http_event::answer(alone.clone(), request)
                .await
                .map_err(|message| Failure::new(ErrorClass::InvalidInput, message)),
            None => Err(Failure::new(
                ErrorClass::Bug,
                format!("there is no function called `{name}`"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_things_have_one_name_in_the_document() {
        let schemas = |part: OpenApi| part.components.unwrap().schemas;
        let (prices, rest) = (schemas(predict::openapi()), schemas(tracking::openapi()));
        let same = |name: &&String| rest.get(*name).is_none_or(|other| prices[*name] == *other);
        let clash: Vec<&String> = prices.keys().filter(|name| !same(name)).collect();
        assert!(clash.is_empty(), "{clash:?}");
    }
}
