//! The state machine of `statemachine/training.asl.json`, with local names in the places that SAM
//! fills on AWS.

use crate::cloud::{ACCOUNT, REGION};
use crate::functions::function_arn;

/// Name of the one state machine.
pub const MACHINE_NAME: &str = "training";

/// No role is assumed locally; the protocol and the context object want one.
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/local";

/// Same file that is deployed.
const TEMPLATE: &str = include_str!("../../statemachine/training.asl.json");

/// The places in the template and the functions that fill them.
const FUNCTIONS: [(&str, &str); 7] = [
    ("${FetchFunctionArn}", "fetch"),
    ("${PreprocessFunctionArn}", "preprocess"),
    ("${GateFunctionArn}", "gate"),
    ("${TrainFunctionArn}", "train"),
    ("${CompareFunctionArn}", "compare"),
    ("${PromoteFunctionArn}", "promote"),
    ("${RecordFunctionArn}", "record"),
];

/// ARN of the topic that outcomes are told to; locally they are logged.
pub fn topic_arn() -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:tasador-outcomes")
}

/// ARN of the queue that training jobs go to; locally they begin at once.
fn job_queue_arn() -> String {
    format!("arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/train")
}

/// ARN of what a training job is: the program of the function.
fn job_definition_arn() -> String {
    format!("arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/train")
}

/// The definition, ready to run here.
pub fn definition() -> String {
    let filled = FUNCTIONS
        .iter()
        .fold(TEMPLATE.to_owned(), |text, (place, name)| {
            text.replace(place, &function_arn(name))
        });
    filled
        .replace("${PublishResource}", "arn:aws:states:::sns:publish")
        .replace(
            "${TrainJobResource}",
            "arn:aws:states:::batch:submitJob.sync",
        )
        .replace("${NotificationTopicArn}", &topic_arn())
        .replace("${TrainJobQueueArn}", &job_queue_arn())
        .replace("${TrainJobDefinitionArn}", &job_definition_arn())
}

/// ARN of the state machine.
pub fn machine_arn() -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{MACHINE_NAME}")
}

/// ARN of the execution called `name`.
pub fn execution_arn(name: &str) -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:{MACHINE_NAME}:{name}")
}

/// The name in an execution's ARN; `None` where it is not one of this machine.
pub fn execution_name(arn: &str) -> Option<&str> {
    arn.strip_prefix(&execution_arn(""))
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_template_is_filled() {
        let definition = definition();
        assert!(!definition.contains("${"), "{definition}");
        for (_, name) in FUNCTIONS {
            assert!(definition.contains(&function_arn(name)), "{name}");
        }
    }
}
