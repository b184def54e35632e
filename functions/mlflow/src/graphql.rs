//! The queries that the pages of MLflow's user interface send by GraphQL.
//!
//! There is no schema and no engine: each query is one of the REST calls, identified by its field, and
//! its answer is reduced to the fields that are selected. Names are in GraphQL's case (`runUuid`), whole
//! numbers are texts, and absent values are null.

use async_graphql_parser::parse_query;
use async_graphql_parser::types::{Field, Selection, SelectionSet};
use serde_json::{Map, Value, json};
use tasador_runtime::Context;

use crate::args::Args;
use crate::error::{Answer, ApiError};
use crate::{artifacts, experiments, links, metrics, runs, search, versions, view};

/// The largest query, in bytes; those of the pages have some 2 KB.
const QUERY_MAX_BYTES: usize = 64 * 1024;

pub(crate) async fn answer(ctx: &Context, args: Args) -> Answer {
    let query = args.required("query")?;
    if query.len() > QUERY_MAX_BYTES {
        return Err(ApiError::bad_request("The query is too large."));
    }
    let document = parse_query(&query)
        .map_err(|error| ApiError::bad_request(format!("The query is malformed: {error}.")))?;
    let variables = args.value("variables");
    let mut data = Map::new();
    for (_, operation) in document.operations.iter() {
        for field in fields(&operation.node.selection_set.node) {
            let input = snake(input(field, &variables)?);
            let answered = match ask(ctx, &field.name.node, input).await {
                Ok(answer) => camel(answer),
                Err(error) => json!({"apiError": error.within_answer()}),
            };
            let selected = select(&answered, &field.selection_set.node);
            data.insert(field.response_key().node.to_string(), selected);
        }
    }
    Ok(json!({"data": data}))
}

/// What a query is asked with: its one argument, written out or as a variable.
fn input(field: &Field, variables: &Value) -> Result<Value, ApiError> {
    let Some((_, argument)) = field.arguments.first() else {
        return Ok(json!({}));
    };
    let value = argument.node.clone().into_const_with(|name| {
        let value = variables.get(name.as_str()).cloned();
        serde_json::from_value(value.unwrap_or_default())
    });
    let json = value.and_then(|value| value.into_json());
    json.map_err(|error| ApiError::bad_request(format!("The query's input is malformed: {error}.")))
}

async fn ask(ctx: &Context, field: &str, input: Value) -> Answer {
    let args = match input {
        Value::Object(input) => input.into(),
        _ => Args::default(),
    };
    match field {
        "mlflowGetExperiment" => experiments::get(ctx, args).await,
        "mlflowGetRun" => {
            let mut answer = runs::get(ctx, args).await?;
            if let Some(run) = answer.get_mut("run") {
                complete(ctx, run).await?;
            }
            Ok(answer)
        }
        "mlflowSearchRuns" => {
            let mut answer = search::search(ctx, args).await?;
            if let Some(Value::Array(runs)) = answer.get_mut("runs") {
                for run in runs {
                    complete(ctx, run).await?;
                }
            }
            Ok(answer)
        }
        "mlflowGetMetricHistoryBulkInterval" => metrics::interval(ctx, args).await,
        "mlflowSearchModelVersions" => versions::search(ctx, args).await,
        "mlflowSearchDatasets" => links::search_datasets(ctx, args).await,
        "mlflowListArtifacts" => artifacts::list_of_run(ctx, args).await,
        other => Err(ApiError::not_covered(format!(
            "The query `{other}` is not covered here."
        ))),
    }
}

/// Adds a run's experiment and the versions that were registered from it.
async fn complete(ctx: &Context, run: &mut Value) -> Result<(), ApiError> {
    let text = |name: &str| {
        let field = run.get("info").and_then(|info| info.get(name));
        field.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let experiment = experiments::known(ctx, &text("experiment_id")).await?;
    let filter = format!("run_id = '{}'", text("run_id"));
    let mut found = versions::search(ctx, Args::default().with("filter", filter)).await?;
    if let Some(run) = run.as_object_mut() {
        run.insert("experiment".to_owned(), view::experiment(&experiment));
        let versions = found.get_mut("model_versions").map(Value::take);
        run.insert(
            "model_versions".to_owned(),
            versions.unwrap_or_else(|| json!([])),
        );
    }
    Ok(())
}

/// The selected fields. Fragments on a type are taken as if they were written out.
fn fields(set: &SelectionSet) -> Vec<&Field> {
    let fields = set.items.iter().map(|item| match &item.node {
        Selection::Field(field) => vec![&field.node],
        Selection::InlineFragment(fragment) => fields(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => Vec::new(),
    });
    fields.flatten().collect()
}

/// The lists among the fields, for an answer leaves out what is empty.
const LISTS: &[&str] = &[
    "aliases",
    "datasetInputs",
    "datasetSummaries",
    "files",
    "metrics",
    "modelInputs",
    "modelOutputs",
    "modelVersions",
    "params",
    "runs",
    "tags",
];

/// The value of a field that the answer lacks: the pages rely on lists, and on the parts of a run.
fn absent(field: &Field) -> Value {
    match field.name.node.as_str() {
        name if LISTS.contains(&name) => json!([]),
        "data" | "inputs" | "outputs" => select(&json!({}), &field.selection_set.node),
        _ => Value::Null,
    }
}

/// The selected fields of an answer; those that it lacks are null or empty, as on MLflow's server.
fn select(value: &Value, set: &SelectionSet) -> Value {
    match value {
        Value::Array(list) => list.iter().map(|one| select(one, set)).collect(),
        Value::Object(known) if !set.items.is_empty() => {
            let mut selected = Map::new();
            for field in fields(set) {
                let found = match field.name.node.as_str() {
                    "__typename" => Value::from("Mlflow"),
                    name => known.get(name).map_or_else(
                        || absent(field),
                        |value| select(value, &field.selection_set.node),
                    ),
                };
                selected.insert(field.response_key().node.to_string(), found);
            }
            selected.into()
        }
        // GraphQL has no whole numbers of 64 bits, and no NaN.
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string().into(),
        Value::String(text) if text == "NaN" => Value::Null,
        other => other.clone(),
    }
}

fn renamed(value: Value, rename: fn(&str) -> String) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(|one| renamed(one, rename)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (rename(&name), renamed(value, rename)))
            .collect(),
        other => other,
    }
}

fn camel(value: Value) -> Value {
    renamed(value, |name| {
        let mut parts = name.split('_');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |mut name, part| {
            let mut letters = part.chars();
            name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
            name.push_str(letters.as_str());
            name
        })
    })
}

fn snake(value: Value) -> Value {
    renamed(value, |name| {
        name.chars().fold(String::new(), |mut name, letter| {
            if letter.is_ascii_uppercase() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
            name
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_reduced_to_the_selected_fields() {
        let answer = camel(
            json!({"run": {"info": {"run_uuid": "a", "start_time": 5, "status": "FINISHED"},
            "data": {"metrics": [{"key": "m", "value": "NaN"}, {"key": "n", "value": 1.5}]}}}),
        );
        let asked = parse_query(
            "query Q($x: I!) @component(name: \"a {b}\") { mlflowGetRun(input: $x) { __typename apiError { code } \
             run { info { id: runUuid startTime } data { metrics { key value } params { key } } ... on R { more } } } }",
        )
        .unwrap();
        let (_, operation) = asked.operations.iter().next().unwrap();
        let asked = fields(&operation.node.selection_set.node);
        assert_eq!(
            select(&answer, &asked[0].selection_set.node),
            json!({"__typename": "Mlflow", "apiError": null, "run": {
                "info": {"id": "a", "startTime": "5"},
                "data": {"metrics": [{"key": "m", "value": null}, {"key": "n", "value": 1.5}], "params": []},
                "more": null,
            }})
        );
        assert_eq!(
            snake(json!({"runId": {"maxResults": 1}})),
            json!({"run_id": {"max_results": 1}})
        );
    }

    #[test]
    fn an_input_is_written_out_or_a_variable() {
        let variables = json!({"data": {"runId": "a", "pages": 5}, "id": "a"});
        for query in [
            "query Q($data: I!) { mlflowGetRun(input: $data) { run } }",
            "{ mlflowGetRun(input: {runId: $id, pages: 5}) { run } }",
            "{ mlflowGetRun(input: {runId: \"a\", pages: 5}) { run } }",
        ] {
            let asked = parse_query(query).unwrap();
            let (_, operation) = asked.operations.iter().next().unwrap();
            let field = fields(&operation.node.selection_set.node)[0];
            let found = input(field, &variables).map_err(|error| error.message);
            assert_eq!(found, Ok(json!({"runId": "a", "pages": 5})), "{query}");
        }
    }

    #[test]
    fn a_deeply_nested_query_is_an_error() {
        assert!(parse_query("{a".repeat(10_000)).is_err());
        assert!(parse_query("").is_err());
    }
}
