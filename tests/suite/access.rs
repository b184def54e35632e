//! Who is let in: every route with every kind of token, the page's own way in, and what is left
//! behind of both.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tasador_access::{MLFLOW, Need, ROUTES, Scope, Token};
use tasador_registry::OutcomeKind;
use tasador_testing::listings::Batch;
use tests::world::{Answered, World};

/// The operations of the API as its description has them: method, path, and the scope it names.
fn described(document: &Value) -> BTreeSet<(String, String, Option<String>)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| {
            let scope = operation["security"][0]["bearer"][0].as_str();
            (
                method.to_uppercase(),
                path.clone(),
                scope.map(str::to_owned),
            )
        })
    });
    operations.collect()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A path with something in each place of its pattern.
fn filled(pattern: &str) -> String {
    let parts = pattern.split('/').map(|part| match part.strip_prefix('{') {
        Some(_) => "x",
        None => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn asked(world: &World, route: (&str, &str), headers: &[(&str, &str)]) -> Answered {
    let method: Method = route.0.parse().unwrap();
    let body = (method == Method::POST).then(|| json!({}));
    let path = filled(route.1);
    world.asked(method, &path, body.as_ref(), headers).await
}

/// Invalid tokens of every kind, each with its name, as headers.
async fn bad_tokens(world: &World) -> Vec<(&'static str, String)> {
    let now = world.context().now();
    let revoked = world.token_with(&Scope::ALL, |it| it.revoked_at = Some(now));
    let revoked = revoked.await;
    let expired = world.token_with(&Scope::ALL, |it| {
        it.expires_at = Some(now - SignedDuration::from_secs(5));
    });
    let expired = expired.await;
    let good = world.token(&Scope::ALL).await;
    let (head, secret) = good.split_at(good.len() - 64);
    let turned: String = secret.chars().rev().collect();
    vec![
        ("unknown", bearer(&Token::from_random(&[1; 40]).reveal())),
        ("of another secret", bearer(&format!("{head}{turned}"))),
        ("cut", bearer(&good[..good.len() - 1])),
        ("no token", bearer("secret")),
        ("of another scheme", format!("Basic {good}")),
        ("revoked", bearer(&revoked)),
        ("expired", bearer(&expired)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_is_closed_to_all_but_its_scope() {
    let world = World::guarded(|_| ()).await;
    let admin = bearer(&world.token(&[Scope::Admin]).await);
    let document = world
        .asked(
            Method::GET,
            "/openapi.json",
            None,
            &[("authorization", &admin)],
        )
        .await
        .json();
    // The routes are those that the code describes, and the list of needs knows each of them: what is
    // in one and not in the other is forgotten.
    let described = described(&document);
    let listed = ROUTES.iter().filter_map(|route| {
        let scope = match route.need {
            Need::Token(scope) => Some(scope.to_string()),
            Need::Open if route.path == "/health" => None,
            Need::Open | Need::SignIn(_) => return None,
        };
        Some((route.method.to_owned(), route.path.to_owned(), scope))
    });
    let listed: BTreeSet<_> = listed.collect();
    assert_eq!(described, listed);
    assert_eq!(
        document["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );

    let strangers = Strangers::of(&world).await;
    let mut cases = 0;
    for (method, path, scope) in &described {
        let route = (method.as_str(), path.as_str());
        match scope {
            None => assert_eq!(asked(&world, route, &[]).await.status, 200, "{route:?}"),
            Some(scope) => cases += strangers.are_kept_from(&world, route, scope).await,
        }
    }
    assert!(cases > 100, "{cases} cases");
}

/// MLflow's protocol is described by MLflow; what it needs is its own list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mlflows_calls_are_closed_too() {
    let world = World::guarded(|_| ()).await;
    let strangers = Strangers::of(&world).await;
    for route in MLFLOW {
        let Need::Token(scope) = route.need else {
            panic!("{route:?} is open");
        };
        // A call that each of the gateway's catch-alls catches.
        let (method, rest) = match (route.method, route.path) {
            (method, "/api/3.0/mlflow/{proxy}") => (method, "server-info"),
            ("GET", "/api/2.0/mlflow/{proxy}") => ("GET", "runs/get"),
            ("GET", _) => ("GET", "artifacts/x"),
            ("ANY", "/api/2.0/mlflow/{proxy}") => ("POST", "runs/create"),
            ("ANY", _) => ("PUT", "artifacts/x"),
            (method, _) => (method, ""),
        };
        let method = if method == "ANY" { "POST" } else { method };
        let path = route.path.replace("{proxy}", rest);
        let route = (method, path.as_str());
        strangers
            .are_kept_from(&world, route, &scope.to_string())
            .await;
    }
}

/// All tokens that do not allow a route.
struct Strangers {
    bad: Vec<(&'static str, String)>,
    of_scope: Vec<(Scope, String)>,
}

impl Strangers {
    async fn of(world: &World) -> Self {
        let mut of_scope = Vec::new();
        for scope in Scope::ALL {
            of_scope.push((scope, bearer(&world.token(&[scope]).await)));
        }
        Self {
            bad: bad_tokens(world).await,
            of_scope,
        }
    }

    /// Refused all of them, and let in who has the scope; how many were refused.
    async fn are_kept_from(&self, world: &World, route: (&str, &str), scope: &str) -> usize {
        let wanted: Scope = scope.parse().unwrap();
        let mut refused = 1;
        assert_refused(&asked(world, route, &[]).await, 401, &format!("{route:?}"));
        for (what, header) in &self.bad {
            let answer = asked(world, route, &[("authorization", header)]).await;
            assert_refused(&answer, 401, &format!("{route:?}, {what}"));
            refused += 1;
        }
        for (own, header) in &self.of_scope {
            let answer = asked(world, route, &[("authorization", header)]).await;
            if own.includes(wanted) {
                assert!(
                    !matches!(answer.status, 401 | 403),
                    "{route:?} as {own}: {answer:?}"
                );
            } else {
                assert_refused(&answer, 403, &format!("{route:?} as {own}"));
                assert!(answer.header("www-authenticate").contains(scope));
                refused += 1;
            }
        }
        refused
    }
}

fn assert_refused(answer: &Answered, status: u16, what: &str) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{what}"
    );
    assert!(
        answer.header("www-authenticate").starts_with("Bearer "),
        "{what}"
    );
    assert_eq!(answer.json()["status"], status, "{what}");
}

/// Described or not: whatever a function routes stands in the list, and nothing else does. MLflow's
/// protocol is listed by prefix.
#[test]
fn every_path_that_is_routed_is_listed() {
    let functions = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let mut routed = BTreeSet::new();
    for function in ["predict", "tracking", "upload", "web"] {
        for file in std::fs::read_dir(functions.join(function).join("src")).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                let source = std::fs::read_to_string(path).unwrap();
                let named = source.split(".route(").skip(1);
                let named = named.filter_map(|rest| rest.split('"').nth(1));
                let paths = named.filter(|text| text.starts_with('/'));
                routed.extend(paths.map(|path| path.replace("{*", "{")));
            }
        }
    }
    let listed: BTreeSet<String> = ROUTES.iter().map(|route| route.path.to_owned()).collect();
    assert_eq!(routed, listed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rest_is_closed_too_and_aws_is_not_there() {
    let world = World::guarded(|_| ()).await;
    let read = bearer(&world.token(&[Scope::Read]).await);
    let admin = bearer(&world.token(&[Scope::Admin]).await);
    // An unknown address says nothing to a stranger; an unknown method is refused to all but admins.
    for (route, as_stranger, as_reader, as_admin) in [
        (("GET", "/nowhere"), 401, 404, 404),
        (("DELETE", "/history"), 401, 403, 405),
        (("POST", "/"), 401, 403, 405),
        (("GET", "/2015-03-31/functions"), 401, 404, 404),
    ] {
        for (headers, expected) in [
            (&[][..], as_stranger),
            (&[("authorization", read.as_str())], as_reader),
            (&[("authorization", admin.as_str())], as_admin),
        ] {
            let answer = asked(&world, route, headers).await;
            assert_eq!(answer.status, expected, "{route:?} {headers:?}");
        }
    }
    // What speaks AWS's protocols is on loopback, each at its own port.
    let endpoints = world.cloud().endpoints();
    for endpoint in [&endpoints.aws, &endpoints.s3, &endpoints.dynamodb] {
        assert!(endpoint.starts_with("http://127.0.0.1:"), "{endpoint}");
        assert_ne!(*endpoint, endpoints.http);
    }
    // A revoked token is shut out at once.
    let answer = asked(&world, ("GET", "/history"), &[("authorization", &read)]).await;
    assert_eq!(answer.status, 200);
    let token: Token = read.strip_prefix("Bearer ").unwrap().parse().unwrap();
    let registry = &world.context().registry;
    registry
        .revoke_token(token.id(), world.context().now())
        .await
        .unwrap();
    let answer = asked(&world, ("GET", "/history"), &[("authorization", &read)]).await;
    assert_refused(&answer, 401, "revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_has_a_separate_sign_in() {
    let world = World::guarded(|_| ()).await;
    let run = world.deliver(&Batch::new(1, 600)).await;
    assert_eq!(run.kind(), OutcomeKind::Promoted, "{}", run.reasons());

    // A stranger sees a form and nothing else; neither do bad tokens help.
    let stranger = asked(&world, ("GET", "/"), &[]).await;
    assert_eq!(stranger.status, 200);
    assert!(stranger.text.contains("action=\"page/sign-in\""));
    for word in ["id=\"history\"", "Version 1", "id=\"home\""] {
        assert!(!stranger.text.contains(word), "{word}");
    }
    for (what, header) in bad_tokens(&world).await {
        let cookie = format!("token={}", header.split_once(' ').unwrap().1);
        // The cookie has no schemes.
        if what == "of another scheme" {
            continue;
        }
        let answer = asked(&world, ("GET", "/"), &[("cookie", &cookie)]).await;
        assert!(answer.text.contains("action=\"page/sign-in\""), "{what}");
        for route in ROUTES {
            if matches!(route.need, Need::SignIn(_)) {
                let route = (route.method, route.path);
                let answer = asked(&world, route, &[("cookie", &cookie)]).await;
                assert_refused(&answer, 401, &format!("{route:?}, {what}"));
            }
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let answer = sign_in(&world, header.split_once(' ').unwrap().1, &form).await;
        assert_eq!(answer.header("location"), "../?sign-in=refused", "{what}");
        assert_eq!(answer.header("set-cookie"), "", "{what}");
    }
    let refused = asked(&world, ("GET", "/?sign-in=refused"), &[]).await;
    assert!(
        refused.text.contains("invalid, expired or revoked"),
        "{}",
        refused.text
    );

    // Each token opens what its scope is for.
    for (scopes, prices, reads, moves) in [
        (&[Scope::Predict][..], true, false, false),
        (&[Scope::Read], false, true, false),
        (&[Scope::Predict, Scope::Read], true, true, false),
        (&[Scope::Admin], true, true, true),
    ] {
        let token = world.token(scopes).await;
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let answer = sign_in(&world, &token, &form).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, "../?sign-in=done")
        );
        let cookie = answer.header("set-cookie");
        for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let cookie = cookie.split(';').next().unwrap();
        let page = asked(&world, ("GET", "/?in.bed=3"), &[("cookie", cookie)])
            .await
            .text;
        assert_eq!(page.contains("class=\"figure\""), prices, "{scopes:?}");
        for (section, part) in [
            ("history", "data-kind=\"promoted\""),
            ("models", "id=\"versions\""),
            ("performance", "POST /outcomes"),
            ("data", "details class=\"column\""),
            ("operations", "id=\"last-run\""),
        ] {
            let path = format!("/?section={section}");
            let page = asked(&world, ("GET", &path), &[("cookie", cookie)]).await;
            assert_eq!(page.text.contains(part), reads, "{section} {scopes:?}");
        }
        assert_eq!(page.contains("id=\"move\""), moves, "{scopes:?}");
        assert!(page.contains("action=\"page/sign-out\""));
        for route in ROUTES {
            let Need::SignIn(wanted) = route.need else {
                continue;
            };
            let is_good = scopes.iter().any(|own| own.includes(wanted));
            let route = (route.method, route.path);
            let answer = asked(&world, route, &[("cookie", cookie)]).await;
            if is_good {
                assert!(!matches!(answer.status, 401 | 403), "{route:?} {answer:?}");
            } else {
                assert_refused(&answer, 403, &format!("{route:?} as {scopes:?}"));
            }
        }
        // The API knows no cookie, so nothing can ride on one.
        let answer = asked(&world, ("GET", "/history"), &[("cookie", cookie)]).await;
        assert_refused(&answer, 401, "a cookie for the API");
    }
    let out = asked(&world, ("POST", "/page/sign-out"), &[]).await;
    assert!(out.header("set-cookie").starts_with("token=;"), "{out:?}");
}

async fn sign_in(world: &World, token: &str, headers: &[(&str, &str)]) -> Answered {
    let url = format!("{}/page/sign-in", world.cloud().endpoints().http);
    let stay = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().no_proxy().redirect(stay);
    let mut request = client
        .build()
        .unwrap()
        .post(url)
        .body(format!("token={token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    Answered {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_moves_nothing() {
    let world = World::guarded(|_| ()).await;
    let run = world.deliver(&Batch::new(1, 600)).await;
    assert_eq!(run.kind(), OutcomeKind::Promoted, "{}", run.reasons());
    let cookie = format!("token={}", world.token(&[Scope::Admin]).await);
    let path = "/page/models/BestHousePriceModel/rollback";
    let body = json!({"expected": 1, "to": 1});
    let host = world.cloud().endpoints().http.clone();
    let own = [("cookie", cookie.as_str()), ("origin", host.as_str())];
    for (what, name, value) in [
        ("from another origin", "origin", "https://evil.example"),
        ("from no origin", "origin", "null"),
        ("as browsers tell it", "sec-fetch-site", "cross-site"),
        ("from a neighbour", "sec-fetch-site", "same-site"),
    ] {
        let headers = [("cookie", cookie.as_str()), (name, value)];
        let answer = world.asked(Method::POST, path, Some(&body), &headers).await;
        assert_eq!(answer.status, 403, "{what}: {answer:?}");
    }
    // A form, whatever it says of itself, is not JSON.
    let form = [own[0], own[1], ("content-type", "text/plain")];
    let answer = world.asked(Method::POST, path, None, &form).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    // The same from the page itself is read, and refused by the rules only.
    let answer = world.asked(Method::POST, path, Some(&body), &own).await;
    assert_eq!(answer.status, 409, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_loopback_nobody_is_asked_and_the_description_says_so() {
    let world = World::new(|_| ()).await;
    let (status, document) = world.http(Method::GET, "/openapi.json", None).await;
    assert_eq!(status, 200);
    assert!(document["components"].get("securitySchemes").is_none());
    let secured = described(&document)
        .into_iter()
        .filter(|(_, _, scope)| scope.is_some());
    assert_eq!(secured.count(), 0);
}
