//! How a state transforms the document: input, effective input, result, output.

use serde_json::Value;

use crate::error::{Fault, name};
use crate::path::{Path, ResultPath, Scope};
use crate::template::Template;

/// Largest payload of a state in bytes, as on AWS.
const PAYLOAD_MAX_BYTES: usize = 262_144;

/// The fields for input and output of a state. Without any, the document passes unchanged.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    /// `None` for `null`: an empty object.
    pub(crate) input_path: Option<Path>,
    pub(crate) parameters: Option<Template>,
    pub(crate) result_selector: Option<Template>,
    pub(crate) result_path: ResultPath,
    /// `None` for `null`: an empty object.
    pub(crate) output_path: Option<Path>,
}

impl Flow {
    /// The input after InputPath.
    pub(crate) fn input(&self, scope: Scope<'_>) -> Result<Value, Fault> {
        filtered(self.input_path.as_ref(), scope)
    }

    /// The effective input of the state.
    pub(crate) fn effective(&self, input: Value, context: &Value) -> Result<Value, Fault> {
        match &self.parameters {
            None => Ok(input),
            Some(template) => template.make(Scope {
                document: &input,
                context,
            }),
        }
    }

    /// The output, from the raw input and the result.
    pub(crate) fn output(
        &self,
        raw: &Value,
        result: Value,
        context: &Value,
    ) -> Result<Value, Fault> {
        let result = match &self.result_selector {
            None => result,
            Some(template) => template.make(Scope {
                document: &result,
                context,
            })?,
        };
        let document = self.result_path.put(raw.clone(), result)?;
        let output = filtered(
            self.output_path.as_ref(),
            Scope {
                document: &document,
                context,
            },
        )?;
        limited(output)
    }
}

fn filtered(path: Option<&Path>, scope: Scope<'_>) -> Result<Value, Fault> {
    match path {
        None => Ok(Value::Object(serde_json::Map::new())),
        Some(path) => path.get(scope),
    }
}

/// The payload, if it is not too large.
pub(crate) fn limited(payload: Value) -> Result<Value, Fault> {
    let length = payload.to_string().len();
    if length > PAYLOAD_MAX_BYTES {
        return Err(Fault::new(
            name::DATA_LIMIT_EXCEEDED,
            format!(
                "The output has {length} bytes; at most {PAYLOAD_MAX_BYTES} are allowed between states"
            ),
        ));
    }
    Ok(payload)
}
