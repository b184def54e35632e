//! The gateway has the routes that the functions answer, each before the function that answers it, and
//! behind the authorizer where it requires a token.

use std::collections::{BTreeMap, BTreeSet};

use tasador_access::{MLFLOW, Need, ROUTES, Route, need};
use tests::template::{Resource, Template, target};

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

/// A route of the gateway as the documents write it: a parameter that takes all the rest has no `+`.
fn route_key(route: Resource<'_>) -> String {
    let key = route.properties["RouteKey"].as_str().unwrap();
    key.replace("+}", "}")
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
        assert!(
            routes.insert(route_key(route)),
            "{} is there twice",
            route.name
        );
    }
    let predict = described(predict::openapi());
    let tracking = described(tracking::openapi());
    let key = |route: &Route| format!("{} {}", route.method, route.path);
    let upload = ["POST /page/checks", "POST /page/checks/{check}"].map(str::to_owned);
    let upload = BTreeSet::from(upload);
    // What no document describes is the page's.
    let page = ROUTES
        .iter()
        .map(key)
        .filter(|route| !predict.contains(route) && !tracking.contains(route))
        .filter(|route| !upload.contains(route))
        .collect();
    let mlflow = MLFLOW.iter().map(key).collect();
    let expected = BTreeMap::from([
        ("mlflow", mlflow),
        ("predict", predict),
        ("tracking", tracking),
        ("upload", upload),
        ("web", page),
    ]);
    assert_eq!(deployed, expected);
}

#[test]
fn the_authorizer_stands_before_every_route_that_requires_a_token() {
    let template = Template::read();
    for route in template.of_type("AWS::ApiGatewayV2::Route") {
        let key = route_key(route);
        let (method, path) = key.split_once(' ').unwrap();
        let (kind, authorizer) = (
            &route.properties["AuthorizationType"],
            target(&route.properties["AuthorizerId"]),
        );
        let expected = match need(method, path) {
            Need::Token(_) => (Some("CUSTOM"), Some("Authorizer")),
            // The page looks at its own cookie.
            Need::Open | Need::SignIn(_) => (Some("NONE"), None),
        };
        assert_eq!((kind.as_str(), authorizer), expected, "{key}");
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
    let kept_s = authorizer["AuthorizerResultTtlInSeconds"].as_u64();
    assert_eq!(kept_s, Some(authorize::CACHE_S.into()));
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
