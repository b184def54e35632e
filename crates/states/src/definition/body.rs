//! The fields that are specific to each type of state.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde_json::Value;

use super::fields::Fields;
use super::{DefinitionError, States, TIMEOUT_MAX_S};
use crate::choice::Rule;
use crate::document::Flow;
use crate::path::Path;
use crate::template::{Expression, Template};

/// Longest Wait, as on AWS.
const WAIT_MAX_S: u64 = 99_999_999;

/// How many items of an INLINE Map run at once without `MaxConcurrency`, as on AWS.
const CONCURRENCY_MAX: usize = 40;

/// The specific part of each type.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Task(Task),
    Pass {
        result: Option<Value>,
    },
    Wait(Until),
    Choice {
        rules: Vec<(Rule, String)>,
        default: Option<String>,
    },
    Map(Box<Items>),
    Parallel(Vec<States>),
    Succeed,
    Fail {
        error: Option<Word>,
        cause: Option<Word>,
    },
}

/// The service operations that a [`Host`](crate::Host) must support.
const SERVICES: [(&str, &str); 2] = [("batch", "submitJob.sync"), ("sns", "publish")];

#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// As in the definition.
    pub(crate) arn: String,
    pub(crate) resource: Resource,
    pub(crate) timeout: Option<Limit>,
}

/// What executes a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// The function with this ARN gets the input and returns the result.
    Function,
    /// `lambda:invoke`: the input names the function and holds its payload.
    Invoke,
    /// An operation of a service, such as `sns` and `publish`.
    Service { service: String, operation: String },
}

/// A number, or the path to one.
#[derive(Debug, Clone)]
pub(crate) enum Limit {
    Fixed(u64),
    At(Path),
}

/// How long a Wait lasts.
#[derive(Debug, Clone)]
pub(crate) enum Until {
    Seconds(Limit),
    Timestamp(Timestamp),
    TimestampAt(Path),
}

/// A Map's items and the states that process each.
#[derive(Debug, Clone)]
pub(crate) struct Items {
    pub(crate) path: Path,
    pub(crate) selector: Option<Template>,
    pub(crate) concurrency: Limit,
    pub(crate) states: States,
}

/// A text of a Fail state.
#[derive(Debug, Clone)]
pub(crate) enum Word {
    Literal(String),
    Computed(Expression),
}

impl Limit {
    /// Takes `field` or `fieldPath`.
    fn parse(
        fields: &mut Fields,
        field: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Self>, DefinitionError> {
        let by_path = format!("{field}Path");
        fields.at_most_one(&[field, &by_path])?;
        match fields.path(&by_path)? {
            Some(path) => Ok(Some(Self::At(path))),
            None => Ok(fields.whole(field, range)?.map(Self::Fixed)),
        }
    }
}

impl Items {
    /// The number of items that run at once, if the definition or the document says `limit`.
    pub(crate) fn at_once(limit: u64) -> usize {
        match usize::try_from(limit) {
            Ok(limit @ 1..) => limit,
            _ => CONCURRENCY_MAX,
        }
    }
}

impl Body {
    pub(super) fn parse(
        kind: &str,
        fields: &mut Fields,
        name: &str,
        flow: &Flow,
    ) -> Result<Self, DefinitionError> {
        Ok(match kind {
            "Task" => Self::Task(Task::parse(fields, flow)?),
            "Pass" => Self::Pass {
                result: fields.take("Result"),
            },
            "Wait" => Self::Wait(Until::parse(fields)?),
            "Choice" => choice(fields, name)?,
            "Map" => Self::Map(Box::new(items(fields, name)?)),
            "Parallel" => {
                let branches = fields.list("Branches")?;
                if branches.is_empty() {
                    return Err(fields.refuse("Branches", "it must hold at least one branch"));
                }
                let branch = |(index, value)| {
                    let mut branch = Fields::of(Some(name), &format!("Branches[{index}]."), value)?;
                    branch.take("Comment");
                    let states = States::parse(&mut branch)?;
                    branch.finish().map(|()| states)
                };
                Self::Parallel(
                    branches
                        .into_iter()
                        .enumerate()
                        .map(branch)
                        .collect::<Result<_, _>>()?,
                )
            }
            "Fail" => Self::Fail {
                error: word(fields, "Error")?,
                cause: word(fields, "Cause")?,
            },
            // `State::parse` has rejected unknown types.
            _ => Self::Succeed,
        })
    }
}

impl Task {
    fn parse(fields: &mut Fields, flow: &Flow) -> Result<Self, DefinitionError> {
        let arn = fields.required_text("Resource")?;
        let parts: Vec<&str> = arn.split(':').collect();
        let resource = match parts.as_slice() {
            ["arn", _, "lambda", _, _, "function", function]
            | ["arn", _, "lambda", _, _, "function", function, _]
                if !function.is_empty() =>
            {
                Resource::Function
            }
            ["arn", _, "states", "", "", "lambda", "invoke"] => Resource::Invoke,
            ["arn", _, "states", "", "", service, operation]
                if SERVICES.contains(&(service, operation)) =>
            {
                Resource::Service {
                    service: (*service).to_owned(),
                    operation: (*operation).to_owned(),
                }
            }
            _ => {
                let services = SERVICES.iter().map(|(service, operation)| {
                    format!(", arn:aws:states:::{service}:{operation}")
                });
                let services: String = services.collect();
                return Err(fields.refuse(
                    "Resource",
                    format!(
                        "`{arn}` is not supported; supported are a function's ARN, arn:aws:states:::lambda:invoke{services}"
                    ),
                ));
            }
        };
        if resource == Resource::Invoke {
            check_invoke(fields, flow.parameters.as_ref())?;
        }
        let timeout = Limit::parse(fields, "TimeoutSeconds", 1..=TIMEOUT_MAX_S)?;
        Ok(Self {
            arn,
            resource,
            timeout,
        })
    }
}

/// Rejects other options of Lambda (an asynchronous invocation, a version): they would be ignored.
fn check_invoke(fields: &Fields, parameters: Option<&Template>) -> Result<(), DefinitionError> {
    let Some(Template::Object(parameters)) = parameters else {
        return Err(fields.refuse("Parameters", "lambda:invoke needs a FunctionName"));
    };
    if !parameters.iter().any(|(field, _)| field == "FunctionName") {
        return Err(fields.refuse("Parameters", "lambda:invoke needs a FunctionName"));
    }
    match parameters
        .iter()
        .find(|(field, _)| !matches!(field.as_str(), "FunctionName" | "Payload"))
    {
        None => Ok(()),
        Some((field, _)) => {
            Err(fields.refuse(&format!("Parameters.{field}"), "it is not supported"))
        }
    }
}

impl Until {
    fn parse(fields: &mut Fields) -> Result<Self, DefinitionError> {
        fields.at_most_one(&["Seconds", "SecondsPath", "Timestamp", "TimestampPath"])?;
        if let Some(limit) = Limit::parse(fields, "Seconds", 0..=WAIT_MAX_S)? {
            return Ok(Self::Seconds(limit));
        }
        if let Some(path) = fields.path("TimestampPath")? {
            return Ok(Self::TimestampAt(path));
        }
        match fields.text("Timestamp")? {
            Some(text) => text.parse().map(Self::Timestamp).map_err(|_| {
                fields.refuse(
                    "Timestamp",
                    format!("`{text}` is not a time such as 2026-03-14T01:59:00Z"),
                )
            }),
            None => Err(fields.refuse(
                "Seconds",
                "a Wait needs Seconds, SecondsPath, Timestamp or TimestampPath",
            )),
        }
    }
}

fn choice(fields: &mut Fields, name: &str) -> Result<Body, DefinitionError> {
    let choices = fields.list("Choices")?;
    if choices.is_empty() {
        return Err(fields.refuse("Choices", "it must hold at least one rule"));
    }
    let rule = |(index, value)| {
        let mut fields = Fields::of(Some(name), &format!("Choices[{index}]."), value)?;
        let next = fields.required_text("Next")?;
        fields.take("Comment");
        let rule = Rule::parse(fields.rest()).map_err(|reason| fields.refuse("", reason))?;
        fields.finish().map(|()| (rule, next))
    };
    let rules = choices
        .into_iter()
        .enumerate()
        .map(rule)
        .collect::<Result<_, _>>()?;
    Ok(Body::Choice {
        rules,
        default: fields.text("Default")?,
    })
}

fn items(fields: &mut Fields, name: &str) -> Result<Items, DefinitionError> {
    fields.at_most_one(&["ItemProcessor", "Iterator"])?;
    fields.at_most_one(&["ItemSelector", "Parameters"])?;
    let field = if fields.has("Iterator") {
        "Iterator"
    } else {
        "ItemProcessor"
    };
    let Some(processor) = fields.take(field) else {
        return Err(fields.refuse(field, "it is missing"));
    };
    let mut inner = Fields::of(Some(name), &format!("{field}."), processor)?;
    inner.take("Comment");
    if let Some(config) = inner.take("ProcessorConfig") {
        let mut config = Fields::of(Some(name), &format!("{field}.ProcessorConfig."), config)?;
        config.only("Mode", "INLINE")?;
        config.finish()?;
    }
    let states = States::parse(&mut inner)?;
    inner.finish()?;
    let path = match fields.path("ItemsPath")? {
        Some(path) => path,
        None => Path::parse("$").map_err(|reason| fields.refuse("ItemsPath", reason))?,
    };
    let selector = match fields.template("ItemSelector")? {
        Some(selector) => Some(selector),
        None => fields.template("Parameters")?,
    };
    let concurrency =
        Limit::parse(fields, "MaxConcurrency", 0..=u64::from(u32::MAX))?.unwrap_or(Limit::Fixed(0));
    Ok(Items {
        path,
        selector,
        concurrency,
        states,
    })
}

fn word(fields: &mut Fields, field: &str) -> Result<Option<Word>, DefinitionError> {
    let by_path = format!("{field}Path");
    fields.at_most_one(&[field, &by_path])?;
    match fields.expression(&by_path)? {
        Some(expression) => Ok(Some(Word::Computed(expression))),
        None => Ok(fields.text(field)?.map(Word::Literal)),
    }
}
