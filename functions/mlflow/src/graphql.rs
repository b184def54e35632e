//! The four questions that the pages of MLflow's user interface ask by GraphQL.
//!
//! There is no schema and no engine: each question is one of the REST calls, known by the field it
//! asks for, and its answer is cut to the fields that are selected. Names are spelled as GraphQL does
//! (`runUuid`), whole numbers are texts, and what there is not is null.

mod selection;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tasador_runtime::Context;

use super::call::Call;
use super::refusal::Refusal;
use super::{experiments, metrics, runs, search, versions, view};
use selection::Selection;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Question {
    query: String,
    variables: Map<String, Value>,
}

pub(super) async fn answer(
    State(ctx): State<Context>,
    Call(question): Call<Question>,
) -> Result<Json<Value>, Refusal> {
    let asked = selection::parse(&question.query)
        .ok_or_else(|| Refusal::bad_request("The query can't be read."))?;
    let mut data = Map::new();
    for field in &asked {
        // The variable that holds the input is called as each page pleases.
        let input = question.variables.values().find(|value| value.is_object());
        let input = snake(input.cloned().unwrap_or_else(|| json!({})));
        let answered = match one(&ctx, &field.name, input).await {
            Ok(answer) => camel(answer),
            Err(refusal) => json!({"apiError": refusal.parts()}),
        };
        data.insert(
            field.answer_name().to_owned(),
            cut(&answered, &field.within),
        );
    }
    Ok(Json(json!({"data": data})))
}

async fn one(ctx: &Context, field: &str, input: Value) -> Result<Value, Refusal> {
    let state = || State(ctx.clone());
    match field {
        "mlflowGetExperiment" => {
            let Json(answer) = experiments::get(state(), call(input)?).await?;
            Ok(answer)
        }
        "mlflowGetRun" => {
            let Json(mut answer) = runs::get(state(), call(input)?).await?;
            if let Some(run) = answer.get_mut("run") {
                embellish(ctx, run).await?;
            }
            Ok(answer)
        }
        "mlflowSearchRuns" => {
            let Json(mut answer) = search::search(state(), call(input)?).await?;
            if let Some(Value::Array(runs)) = answer.get_mut("runs") {
                for run in runs {
                    embellish(ctx, run).await?;
                }
            }
            Ok(answer)
        }
        "mlflowGetMetricHistoryBulkInterval" => {
            let Json(answer) = metrics::interval(state(), call(input)?).await?;
            Ok(answer)
        }
        "mlflowSearchModelVersions" => {
            let Json(answer) = versions::search(state(), call(input)?).await?;
            Ok(answer)
        }
        "mlflowListArtifacts" => {
            let Json(answer) = super::artifacts::of_run(state(), call(input)?).await?;
            Ok(answer)
        }
        other => Err(super::not_covered(&format!(
            "The question `{other}` is not covered here."
        ))),
    }
}

fn call<T: DeserializeOwned>(input: Value) -> Result<Call<T>, Refusal> {
    serde_json::from_value(input)
        .map(Call)
        .map_err(|error| Refusal::invalid(format!("The input can't be read: {error}.")))
}

/// Adds a run's experiment and the versions it logged.
async fn embellish(ctx: &Context, run: &mut Value) -> Result<(), Refusal> {
    let text = |name: &str| {
        let field = run.get("info").and_then(|info| info.get(name));
        field.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (experiment_id, run_id) = (text("experiment_id"), text("run_id"));
    let experiment = experiments::known(ctx, &experiment_id).await?;
    let filter = json!({"filter": format!("run_id = '{run_id}'")});
    let Json(found) = versions::search(State(ctx.clone()), call(filter)?).await?;
    if let Some(run) = run.as_object_mut() {
        run.insert("experiment".to_owned(), view::experiment(&experiment));
        let versions = found.get("model_versions").cloned();
        run.insert(
            "model_versions".to_owned(),
            versions.unwrap_or_else(|| json!([])),
        );
    }
    Ok(())
}

/// The lists among the fields, for an answer leaves out what is empty.
const LISTS: &[&str] = &[
    "aliases",
    "datasetInputs",
    "files",
    "metrics",
    "modelInputs",
    "modelOutputs",
    "modelVersions",
    "params",
    "runs",
    "tags",
];

/// What a field is that the answer lacks: the pages take a list for granted, and the parts of a run.
fn absent(field: &Selection) -> Value {
    match field.name.as_str() {
        name if LISTS.contains(&name) => json!([]),
        "data" | "inputs" | "outputs" => cut(&json!({}), &field.within),
        _ => Value::Null,
    }
}

/// The selected fields of an answer; those that it lacks are null or empty, as MLflow's server has it.
fn cut(value: &Value, within: &[Selection]) -> Value {
    match value {
        Value::Array(list) => list.iter().map(|one| cut(one, within)).collect(),
        Value::Object(fields) if !within.is_empty() => {
            let mut cut_fields = Map::new();
            for field in within {
                let found = match field.name.as_str() {
                    "__typename" => Value::from("Mlflow"),
                    name => fields
                        .get(name)
                        .map_or_else(|| absent(field), |value| cut(value, &field.within)),
                };
                cut_fields.insert(field.answer_name().to_owned(), found);
            }
            cut_fields.into()
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
    fn an_answer_is_cut_to_what_was_asked() {
        let answer = camel(
            json!({"run": {"info": {"run_uuid": "a", "start_time": 5, "status": "FINISHED"},
            "data": {"metrics": [{"key": "m", "value": "NaN"}, {"key": "n", "value": 1.5}]}}}),
        );
        let asked = selection::parse(
            "query Q($x: I!) @component(name: \"a {b}\") { mlflowGetRun(input: $x) { __typename apiError { code } \
             run { info { id: runUuid startTime } data { metrics { key value } params { key } } ... on R { more } } } }",
        )
        .unwrap();
        assert_eq!(
            cut(&answer, &asked[0].within),
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
}
