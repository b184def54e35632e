//! The inputs and the output of a version, for callers of the service and for MLflow.

use serde_json::{Value, json};
use tasador_ids::Units;
use tasador_model::{Input, InputKind, Model, onnx};

/// The version of ONNX's Python package that matches the graph's format.
const ONNX_VERSION: &str = "1.17.0";

/// The version of MLflow that matches this layout.
const MLFLOW_VERSION: &str = "2.22.0";

/// The module that `MLmodel` names. MLflow's own loader of ONNX takes no missing column, and passes
/// texts of pandas 3 in a type that the runtime refuses.
pub(crate) const LOADER: &str = include_str!("tasador_model.py");

/// `signature.json`: the inputs of training and serving, and the inputs of the ONNX graph.
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
    let currency = Units::current().currency;
    json!({
        "training": {"inputs": inputs, "target": {"name": "price", "type": "double", "unit": currency}},
        "serving": {
            "inputs": inputs,
            "outputs": [
                {"name": "predicted_price", "type": "double", "unit": currency},
                {"name": "interval", "type": "array(double)", "unit": currency, "level": model.level()},
            ],
        },
        "onnx": {
            "note": "One input for each column; dates are days since 1970-01-01. What is not known is \
                     NaN in a number or date, and empty in a text.",
            "inputs": columns(model),
            "output": {"name": onnx::OUTPUT, "type": "double", "unit": currency},
        },
    })
}

/// The columns of the graph, as in a signature of MLflow. All are required, because a graph cannot
/// omit an input: unknown values must be given explicitly.
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

/// `MLmodel`, so that `mlflow.pyfunc.load_model` prices homes with the ONNX graph through [`LOADER`].
///
/// It contains no time: the same model has the same file.
pub(crate) fn mlmodel(model: &Model, mlflow_run_id: &str, size_bytes: u64) -> String {
    // Of any type: MLflow's `double` refuses whole numbers, and its version 2 mixes up the rows of a frame
    // whose columns are of a type here and of any there.
    let input = |input: &Input| json!({"type": "any", "name": input.name, "required": false});
    let inputs: Vec<Value> = model.inputs().iter().map(input).collect();
    let outputs = json!([{"type": "double", "name": onnx::OUTPUT, "required": true}]);
    // In single quotes, YAML escapes only the quote.
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
         \x20   code: .\n\
         \x20   data: model.onnx\n\
         \x20   loader_module: tasador_model\n\
         mlflow_version: {MLFLOW_VERSION}\n\
         model_size_bytes: {size_bytes}\n\
         model_uuid: {mlflow_run_id}\n\
         run_id: {mlflow_run_id}\n\
         signature:\n\
         \x20 inputs: {}\n\
         \x20 outputs: {}\n\
         \x20 params: null\n",
        quoted(&inputs.into()),
        quoted(&outputs),
    )
}
