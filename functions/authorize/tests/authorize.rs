//! The authorizer with API Gateway's events, on a table on this machine.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::{Arc, Mutex};

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
use tasador_testing::secrets::Secrets;
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

/// A clock that a test moves on, and a context whose key is a secret.
async fn with_secret(secrets: &Secrets) -> (Context, Stores, Arc<Mutex<Timestamp>>) {
    let stores = Stores::start().await;
    let config = Config {
        token_key_secret: Some("key".to_owned()),
        ..Config::default()
    };
    let time = Arc::new(Mutex::new(now()));
    let told = Arc::clone(&time);
    let ctx = Context::new(config, &secrets.reached_by(&stores.sdk_config()))
        .with_clock(Clock::new(move || *told.lock().unwrap()));
    ctx.registry.create_tables().await.unwrap();
    (ctx, stores, time)
}

async fn is_admitted(ctx: &Context, number: u8) -> bool {
    let answer = asked(ctx, "GET /history", Some(&bearer(number))).await;
    answer.unwrap().is_authorized
}

#[tokio::test]
async fn a_rotated_key_takes_effect_without_a_restart() {
    const NEW_KEY: &str = "the second key of the test, long enough for a hash";
    let secrets = Secrets::start().await;
    secrets.set("key", "a key of the test, of 32 characters and more");
    let (ctx, _stores, time) = with_secret(&secrets).await;
    let pass = |seconds| *time.lock().unwrap() += SignedDuration::from_secs(seconds);
    keep(&ctx, 1, &[Scope::Read], |_| ()).await;
    assert!(is_admitted(&ctx, 1).await && is_admitted(&ctx, 1).await);
    assert_eq!(secrets.reads(), 1, "the key is kept in memory");

    secrets.set("key", NEW_KEY);
    let new_key = HashKey::new(NEW_KEY).unwrap();
    let mut record = TokenRecord::new(
        &token(2),
        &new_key,
        [Scope::Read].into_iter().collect(),
        now(),
    );
    record.note = Some("made after the rotation".to_owned());
    ctx.registry.add_token(&record).await.unwrap();
    pass(9);
    assert!(!is_admitted(&ctx, 2).await, "the key was read 9 s ago");
    pass(1);
    assert!(
        is_admitted(&ctx, 2).await,
        "a token that is unknown causes a read"
    );
    assert!(
        !is_admitted(&ctx, 1).await,
        "a token under the old key is revoked"
    );
    assert_eq!(secrets.reads(), 2);
    for _ in 0..20 {
        assert!(!is_admitted(&ctx, 1).await);
        assert!(!is_admitted(&ctx, 7).await);
    }
    assert_eq!(
        secrets.reads(),
        2,
        "wrong tokens cause at most a read every 10 s"
    );
    pass(60);
    assert!(!is_admitted(&ctx, 7).await);
    assert_eq!(secrets.reads(), 2, "without a record no key helps");
}

#[tokio::test]
async fn tokens_under_an_old_key_are_refused_after_five_minutes_without_any_new_token() {
    let secrets = Secrets::start().await;
    secrets.set("key", "a key of the test, of 32 characters and more");
    let (ctx, _stores, time) = with_secret(&secrets).await;
    let pass = |seconds| *time.lock().unwrap() += SignedDuration::from_secs(seconds);
    keep(&ctx, 1, &[Scope::Read], |_| ()).await;
    assert!(is_admitted(&ctx, 1).await);
    secrets.set("key", "the second key of the test, long enough for a hash");
    pass(299);
    assert!(is_admitted(&ctx, 1).await);
    pass(1);
    assert!(!is_admitted(&ctx, 1).await);
}

#[tokio::test]
async fn an_outage_of_secrets_manager_is_no_outage_of_the_api() {
    let secrets = Secrets::start().await;
    let (ctx, _stores, time) = with_secret(&secrets).await;
    keep(&ctx, 1, &[Scope::Read], |_| ()).await;
    let missing = asked(&ctx, "GET /history", Some(&bearer(1)))
        .await
        .unwrap_err();
    assert_eq!(
        missing.class(),
        ErrorClass::Bug,
        "nobody is let in without a key"
    );
    secrets.set("key", "too short");
    let weak = asked(&ctx, "GET /history", Some(&bearer(1)))
        .await
        .unwrap_err();
    assert!(
        !tasador_runtime::chain(&weak).contains("too short,"),
        "{weak}"
    );
    assert_eq!(weak.class(), ErrorClass::Bug);
    secrets.set("key", "a key of the test, of 32 characters and more");
    assert!(is_admitted(&ctx, 1).await);
    secrets.fail(true);
    *time.lock().unwrap() += SignedDuration::from_hours(1);
    assert!(
        is_admitted(&ctx, 1).await,
        "the last known key stays in use"
    );
}
