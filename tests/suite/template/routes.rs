//! The gateway has the routes that the functions answer, each behind the function that answers it, and
//! all but the page's and `/health` behind the authorizer.

use std::collections::{BTreeMap, BTreeSet};

use tests::template::{Resource, Template, repository, target};

/// Routes without a token beside those of the page.
const OPEN: &[&str] = &["GET /health"];
/// What is described elsewhere: MLflow's own protocol has no part in the document.
const MLFLOW: &[&str] = &[
    "ANY /api/2.0/mlflow/{proxy+}",
    "ANY /api/3.0/mlflow/{proxy+}",
    "ANY /api/2.0/mlflow-artifacts/{proxy+}",
];

/// The routes that an OpenAPI document describes.
fn described(document: impl serde::Serialize) -> BTreeSet<String> {
    let document = serde_json::to_value(document).unwrap();
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

/// The routes that the page's router has, out of its source.
fn of_the_page() -> BTreeSet<String> {
    let source = std::fs::read_to_string(repository().join("functions/web/src/lib.rs")).unwrap();
    let mut found = BTreeSet::new();
    for rest in source.split(".route(").skip(1) {
        let route = in_parentheses(rest);
        let path = route.split('"').nth(1).unwrap();
        for method in ["get", "post"] {
            if route.contains(&format!("{method}(")) {
                found.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    assert!(found.len() >= 3, "{found:?}");
    found
}

/// The text up to the parenthesis that closes the one before it.
fn in_parentheses(rest: &str) -> &str {
    let mut open = 1;
    let end = rest.find(|c| {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        open == 0
    });
    &rest[..end.unwrap()]
}

/// A route of the gateway as the documents write it: a parameter that takes all the rest has no `+`.
fn key(route: Resource<'_>) -> String {
    let key = route.properties["RouteKey"].as_str().unwrap();
    if MLFLOW.contains(&key) {
        key.to_owned()
    } else {
        key.replace("+}", "}")
    }
}

/// The function behind a route.
fn behind<'a>(template: &'a Template, route: Resource<'a>) -> &'a str {
    let to = route.properties["Target"]["Fn::Sub"].as_str().unwrap();
    let integration = to
        .strip_prefix("integrations/${")
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap();
    let integration = template.resource(integration).properties;
    let function = target(&integration["IntegrationUri"]).unwrap();
    template.resource(function).binary()
}

#[test]
fn every_route_stands_before_the_function_that_answers_it() {
    let template = Template::read();
    let mut deployed: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for route in template.of_type("AWS::ApiGatewayV2::Route") {
        let routes = deployed.entry(behind(&template, route)).or_default();
        assert!(routes.insert(key(route)), "{} is there twice", route.name);
    }
    let mut tracking = described(tracking::openapi());
    tracking.extend(MLFLOW.iter().map(|&route| route.to_owned()));
    let expected = BTreeMap::from([
        ("predict", described(predict::openapi())),
        ("tracking", tracking),
        ("web", of_the_page()),
    ]);
    assert_eq!(deployed, expected);
}

#[test]
fn every_route_wants_a_token_but_the_page_and_health() {
    let template = Template::read();
    let page = of_the_page();
    for route in template.of_type("AWS::ApiGatewayV2::Route") {
        let key = key(route);
        let open = OPEN.contains(&key.as_str()) || page.contains(&key);
        let (kind, authorizer) = (
            &route.properties["AuthorizationType"],
            target(&route.properties["AuthorizerId"]),
        );
        if open {
            assert_eq!((kind.as_str(), authorizer), (Some("NONE"), None), "{key}");
        } else {
            assert_eq!(
                (kind.as_str(), authorizer),
                (Some("CUSTOM"), Some("Authorizer")),
                "{key}"
            );
        }
    }
}

#[test]
fn the_authorizer_is_asked_by_token_and_route() {
    let template = Template::read();
    let authorizer = template.resource("Authorizer").properties;
    // Without the route, what one route allowed would be allowed on all of them.
    let by = serde_json::json!(["$request.header.Authorization", "$context.routeKey"]);
    assert_eq!(authorizer["IdentitySource"], by);
    assert_eq!(authorizer["AuthorizerPayloadFormatVersion"], "2.0");
    assert_eq!(authorizer["EnableSimpleResponses"], true);
    // What the README promises of a revoked token.
    assert_eq!(authorizer["AuthorizerResultTtlInSeconds"], 60);
}

#[test]
fn requests_are_held_back_and_written_down() {
    let template = Template::read();
    let stage = template.resource("Stage").properties;
    let limits = &stage["DefaultRouteSettings"];
    assert_eq!(
        target(&limits["ThrottlingRateLimit"]),
        Some("RequestsPerSecond")
    );
    assert_eq!(
        target(&limits["ThrottlingBurstLimit"]),
        Some("RequestsBurst")
    );
    let format = stage["AccessLogSettings"]["Format"].as_str().unwrap();
    let line: serde_json::Value = serde_json::from_str(format).unwrap();
    assert_eq!(line["token_id"], "$context.authorizer.token_id");
    assert!(
        !format.contains("header"),
        "tokens are in headers, and do not belong in a log"
    );
}
