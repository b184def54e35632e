//! One state: the fields that all types share.

use serde_json::Value;

use super::body::Body;
use super::fields::Fields;
use super::{DefinitionError, States};
use crate::document::Flow;
use crate::error::name;
use crate::path::ResultPath;
use crate::retry::{Retrier, error_names};

#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) name: String,
    /// As in the definition, such as `Task`.
    pub(crate) kind: String,
    pub(crate) flow: Flow,
    pub(crate) body: Body,
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
    /// `None` if it ends the execution, and in a Choice.
    pub(crate) next: Option<String>,
}

/// The next state after an error.
#[derive(Debug, Clone)]
pub(crate) struct Catcher {
    pub(crate) errors: Vec<String>,
    pub(crate) result_path: ResultPath,
    pub(crate) next: String,
}

impl State {
    pub(super) fn parse(name: &str, value: Value) -> Result<Self, DefinitionError> {
        let mut fields = Fields::of(Some(name), "", value)?;
        let kind = fields.required_text("Type")?;
        fields.take("Comment");
        fields.only("QueryLanguage", "JSONPath")?;
        // Legacy spelling: in a Map, `Parameters` is the item selector.
        let (parameters, selects, works, goes_on) = match kind.as_str() {
            "Task" | "Parallel" => (true, true, true, true),
            "Map" => (false, true, true, true),
            "Pass" => (true, false, false, true),
            "Wait" => (false, false, false, true),
            "Choice" | "Succeed" | "Fail" => (false, false, false, false),
            other => return Err(fields.refuse("Type", format!("`{other}` is not supported"))),
        };
        let filters = kind != "Fail";
        let flow = Flow {
            input_path: if filters {
                fields.filter("InputPath")?
            } else {
                None
            },
            parameters: if parameters {
                fields.template("Parameters")?
            } else {
                None
            },
            result_selector: if selects {
                fields.template("ResultSelector")?
            } else {
                None
            },
            result_path: if works || kind == "Pass" {
                fields.result_path()?
            } else {
                ResultPath::At(Vec::new())
            },
            output_path: if filters {
                fields.filter("OutputPath")?
            } else {
                None
            },
        };
        let body = Body::parse(&kind, &mut fields, name, &flow)?;
        let (retry, catch) = if works {
            (retriers(&mut fields, name)?, catchers(&mut fields, name)?)
        } else {
            Default::default()
        };
        let next = if goes_on { next(&mut fields)? } else { None };
        fields.finish()?;
        Ok(Self {
            name: name.to_owned(),
            kind,
            flow,
            body,
            retry,
            catch,
            next,
        })
    }

    /// The possible next states, each with the field that names it.
    pub(super) fn ways_on(&self) -> Vec<(&'static str, &str)> {
        let mut ways: Vec<(&'static str, &str)> = self
            .next
            .iter()
            .map(|next| ("Next", next.as_str()))
            .collect();
        ways.extend(
            self.catch
                .iter()
                .map(|catcher| ("Catch", catcher.next.as_str())),
        );
        if let Body::Choice { rules, default } = &self.body {
            ways.extend(rules.iter().map(|(_, next)| ("Choices", next.as_str())));
            ways.extend(default.iter().map(|next| ("Default", next.as_str())));
        }
        ways
    }

    pub(super) fn can_end(&self) -> bool {
        self.next.is_none() && !matches!(self.body, Body::Choice { .. })
    }

    pub(super) fn inside(&self) -> Vec<&States> {
        match &self.body {
            Body::Map(items) => vec![&items.states],
            Body::Parallel(branches) => branches.iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// `Next`, or `None` for `"End": true`; exactly one of them is required.
fn next(fields: &mut Fields) -> Result<Option<String>, DefinitionError> {
    fields.at_most_one(&["Next", "End"])?;
    match (fields.text("Next")?, fields.take("End")) {
        (Some(next), _) => Ok(Some(next)),
        (None, Some(Value::Bool(true))) => Ok(None),
        (None, Some(_)) => {
            Err(fields.refuse("End", "it must be true; to continue, use Next instead"))
        }
        (None, None) => Err(fields.refuse("Next", "the state needs Next or End")),
    }
}

fn retriers(fields: &mut Fields, name: &str) -> Result<Vec<Retrier>, DefinitionError> {
    let list = fields.list("Retry")?;
    let one = |(index, value)| {
        let mut fields = Fields::of(Some(name), &format!("Retry[{index}]."), value)?;
        fields.take("Comment");
        Retrier::parse(std::mem::take(fields.rest())).map_err(|reason| fields.refuse("", reason))
    };
    let retriers: Vec<Retrier> = list
        .into_iter()
        .enumerate()
        .map(one)
        .collect::<Result<_, _>>()?;
    last_only(
        fields,
        "Retry",
        retriers.iter().map(|retrier| &retrier.errors),
    )?;
    Ok(retriers)
}

fn catchers(fields: &mut Fields, name: &str) -> Result<Vec<Catcher>, DefinitionError> {
    let list = fields.list("Catch")?;
    let one = |(index, value)| {
        let mut fields = Fields::of(Some(name), &format!("Catch[{index}]."), value)?;
        fields.take("Comment");
        let catcher = Catcher {
            errors: error_names(fields.rest())
                .map_err(|reason| fields.refuse("ErrorEquals", reason))?,
            result_path: fields.result_path()?,
            next: fields.required_text("Next")?,
        };
        fields.finish().map(|()| catcher)
    };
    let catchers: Vec<Catcher> = list
        .into_iter()
        .enumerate()
        .map(one)
        .collect::<Result<_, _>>()?;
    last_only(
        fields,
        "Catch",
        catchers.iter().map(|catcher| &catcher.errors),
    )?;
    Ok(catchers)
}

/// Rejects entries after `States.ALL`: they would never be used.
fn last_only<'a>(
    fields: &Fields,
    field: &str,
    errors: impl DoubleEndedIterator<Item = &'a Vec<String>>,
) -> Result<(), DefinitionError> {
    match errors
        .rev()
        .skip(1)
        .any(|errors| errors.iter().any(|error| error == name::ALL))
    {
        true => Err(fields.refuse(field, "States.ALL must be in the last entry")),
        false => Ok(()),
    }
}
