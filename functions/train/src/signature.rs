//! What goes in and what comes out, for those who call the service and for those who load the
//! version with MLflow.

use serde_json::{Value, json};
use tasador_model::{Input, InputKind, Model, onnx};

/// The version of ONNX's Python package whose format the graph has.
const ONNX_VERSION: &str = "1.17.0";

/// The version of MLflow whose layout this is.
const MLFLOW_VERSION: &str = "2.22.0";

/// `signature.json`: what training saw and serving takes, and what the ONNX graph takes instead.
pub(crate) fn of(model: &Model) -> Value {
    let inputs: Vec<Value> = model
        .inputs()
        .iter()
        .map(|input| {
            json!({
                "name": input.name,
                "type": match input.kind {
                    InputKind::Number => "double",
                    InputKind::Date => "date",
                    InputKind::Category => "string",
                },
                "unit": input.unit,
                // Any of them may be missing, in training as in serving.
                "required": false,
            })
        })
        .collect();
    json!({
        "training": {"inputs": inputs, "target": {"name": "price", "type": "double", "unit": "USD"}},
        "serving": {
            "inputs": inputs,
            "outputs": [
                {"name": "predicted_price", "type": "double", "unit": "USD"},
                {"name": "interval", "type": "array(double)", "unit": "USD", "level": model.level()},
            ],
        },
        "onnx": {
            "note": "One input for each column; dates are days since 1970-01-01. What is not known is \
                     NaN in a number or date, and empty in a text.",
            "inputs": columns(model),
            "output": {"name": onnx::OUTPUT, "type": "double", "unit": "USD"},
        },
    })
}

/// The columns that the graph takes, as a signature of MLflow lists them. All of them are required:
/// a graph has no way to do without an input, so an unknown value has to be said.
fn columns(model: &Model) -> Vec<Value> {
    let column = |input: &Input| {
        json!({
            "type": match input.kind {
                InputKind::Number | InputKind::Date => "double",
                InputKind::Category => "string",
            },
            "name": input.name,
            "required": true,
        })
    };
    model.inputs().iter().map(column).collect()
}

/// `MLmodel`, so that `mlflow.pyfunc.load_model` prices homes with the ONNX graph.
///
/// Nothing in it is a matter of time: the same model has the same file.
pub(crate) fn mlmodel(model: &Model, mlflow_run_id: &str, size_bytes: u64) -> String {
    let outputs = json!([{"type": "double", "name": onnx::OUTPUT, "required": true}]);
    // In single quotes YAML has one escape: the quote itself.
    let quoted = |value: &Value| format!("'{}'", value.to_string().replace('\'', "''"));
    format!(
        "artifact_path: model\n\
         flavors:\n\
         \x20 onnx:\n\
         \x20   code: null\n\
         \x20   data: model.onnx\n\
         \x20   onnx_session_options: null\n\
         \x20   onnx_version: {ONNX_VERSION}\n\
         \x20   providers:\n\
         \x20   - CPUExecutionProvider\n\
         \x20 python_function:\n\
         \x20   data: model.onnx\n\
         \x20   loader_module: mlflow.onnx\n\
         mlflow_version: {MLFLOW_VERSION}\n\
         model_size_bytes: {size_bytes}\n\
         model_uuid: {mlflow_run_id}\n\
         run_id: {mlflow_run_id}\n\
         signature:\n\
         \x20 inputs: {}\n\
         \x20 outputs: {}\n\
         \x20 params: null\n",
        quoted(&Value::Array(columns(model))),
        quoted(&outputs),
    )
}
