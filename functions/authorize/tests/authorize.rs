//! The authorizer with API Gateway's events, on a table on this machine.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use authorize::Answer;
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tasador_access::{
    HashKey, MLFLOW, Need, RANDOM_BYTES, ROUTES, Scope, Scopes, Token, TokenRecord,
};
use tasador_http::AdmissionError;
use tasador_runtime::{Classify as _, Clock, Config, Context, ErrorClass};
use tasador_testing::ports;
use tasador_testing::stores::{Stores, sdk_at};

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn key() -> HashKey {
    HashKey::new("a key of the test, of 32 characters and more").unwrap()
}

fn context(sdk: &SdkConfig) -> Context {
    let config = Config {
        token_key: Some(key()),
        ..Config::default()
    };
    Context::new(config, sdk).with_clock(Clock::fixed(now()))
}

async fn table() -> (Context, Stores) {
    let stores = Stores::start().await;
    let ctx = context(&stores.sdk_config());
    ctx.registry.create_tables().await.unwrap();
    (ctx, stores)
}

fn token(number: u8) -> Token {
    Token::from_random(&[number; RANDOM_BYTES])
}

async fn keep(ctx: &Context, number: u8, scopes: &[Scope], change: impl FnOnce(&mut TokenRecord)) {
    let scopes: Scopes = scopes.iter().copied().collect();
    let mut record = TokenRecord::new(&token(number), &key(), scopes, now());
    change(&mut record);
    ctx.registry.add_token(&record).await.unwrap();
}

/// The sample event, for this route and with this header.
fn event(route_key: &str, authorization: Option<&str>) -> Value {
    let sample = include_str!("../../../events/authorize.json");
    let mut event: Value = serde_json::from_str(sample).unwrap();
    event["routeKey"] = json!(route_key);
    let headers = event["headers"].as_object_mut().unwrap();
    match authorization {
        Some(text) => headers.insert("authorization".to_owned(), json!(text)),
        None => headers.remove("authorization"),
    };
    event
}

async fn asked(
    ctx: &Context,
    route: &str,
    authorization: Option<&str>,
) -> Result<Answer, AdmissionError> {
    let request = serde_json::from_value(event(route, authorization)).unwrap();
    authorize::handle(request, ctx).await
}

fn bearer(number: u8) -> String {
    format!("Bearer {}", token(number).reveal())
}

#[tokio::test]
async fn every_route_lets_in_the_tokens_that_have_its_scope_and_no_others() {
    let (ctx, _stores) = table().await;
    keep(&ctx, 1, &[Scope::Predict], |_| ()).await;
    keep(&ctx, 2, &[Scope::Read], |_| ()).await;
    keep(&ctx, 3, &[Scope::Admin], |_| ()).await;
    keep(&ctx, 4, &Scope::ALL, |it| it.revoked_at = Some(now())).await;
    keep(&ctx, 5, &Scope::ALL, |it| {
        it.expires_at = Some(now() - SignedDuration::from_secs(1));
    })
    .await;
    let another_secret = {
        let mut random = [9; RANDOM_BYTES];
        random[..8].fill(3);
        format!("Bearer {}", Token::from_random(&random).reveal())
    };
    for route in ROUTES.iter().chain(MLFLOW) {
        let key = format!("{} {}", route.method, route.path);
        let Need::Token(wanted) = route.need else {
            let answer = asked(&ctx, &key, None).await.unwrap();
            assert!(answer.is_authorized, "{key} is the page's own affair");
            continue;
        };
        for (number, own) in [(1, Scope::Predict), (2, Scope::Read), (3, Scope::Admin)] {
            let answer = asked(&ctx, &key, Some(&bearer(number))).await.unwrap();
            assert_eq!(
                answer.is_authorized,
                own.includes(wanted),
                "{key} with {own}"
            );
            if answer.is_authorized {
                assert_eq!(answer.context["token_id"], token(number).id().to_string());
                assert_eq!(answer.context["scopes"], own.as_str());
            } else {
                assert!(answer.context.is_empty());
            }
        }
        for (what, header) in [
            ("nothing", None),
            ("no token", Some("Bearer nonsense".to_owned())),
            (
                "another scheme",
                Some(format!("Basic {}", token(3).reveal())),
            ),
            ("a revoked token", Some(bearer(4))),
            ("an expired token", Some(bearer(5))),
            ("an unknown token", Some(bearer(6))),
            ("another secret", Some(another_secret.clone())),
        ] {
            let answer = asked(&ctx, &key, header.as_deref()).await.unwrap();
            assert!(!answer.is_authorized, "{key} with {what}");
        }
    }
}

#[tokio::test]
async fn a_route_that_is_not_known_needs_an_admin() {
    let (ctx, _stores) = table().await;
    keep(&ctx, 2, &[Scope::Read, Scope::Predict], |_| ()).await;
    keep(&ctx, 3, &[Scope::Admin], |_| ()).await;
    for route in ["$default", "ANY /history", "ANY /{proxy+}", "GET /new", ""] {
        for (number, expected) in [(2, false), (3, true)] {
            let answer = asked(&ctx, route, Some(&bearer(number))).await.unwrap();
            assert_eq!(answer.is_authorized, expected, "{route}");
        }
    }
}

#[tokio::test]
async fn the_answer_is_what_api_gateway_takes() {
    let (ctx, _stores) = table().await;
    keep(&ctx, 3, &[Scope::Read, Scope::Predict], |_| ()).await;
    // API Gateway writes header names in small letters; other senders of events need not.
    let mut event = event("GET /history/{run}", None);
    event["headers"]["Authorization"] = json!(bearer(3));
    let request = serde_json::from_value(event).unwrap();
    let answer = authorize::handle(request, &ctx).await.unwrap();
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({"isAuthorized": true, "context": {"token_id": "0303030303030303", "scopes": "predict read"}})
    );
    let sample = serde_json::from_str(include_str!("../../../events/authorize.json")).unwrap();
    let answer = authorize::handle(sample, &ctx).await.unwrap();
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({"isAuthorized": false, "context": {}})
    );
}

#[tokio::test]
async fn a_table_that_does_not_answer_lets_nobody_in() {
    let (_socket, address) = ports::refused();
    let ctx = context(&sdk_at(&format!("http://{address}")).build());
    let failed = asked(&ctx, "GET /history", Some(&bearer(1))).await;
    assert_eq!(failed.unwrap_err().class(), ErrorClass::Retryable);
    // Nor does a deployment that has no key.
    let (mut ctx, _stores) = table().await;
    keep(&ctx, 1, &Scope::ALL, |_| ()).await;
    ctx.config = std::sync::Arc::new(Config::default());
    let failed = asked(&ctx, "GET /history", Some(&bearer(1))).await;
    assert!(matches!(failed, Err(AdmissionError::NoKey)));
}
