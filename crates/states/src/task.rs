//! What a Task state asks of the world outside.

use serde_json::Value;

use crate::BoxFuture;
use crate::error::TaskError;

/// Does the work of Task states.
pub trait Host: Send + Sync {
    /// Does the work of one try and gives its answer.
    ///
    /// A call may be dropped before it has ended, where a time-out strikes.
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, TaskError>>;
}

/// One try of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Call<'a> {
    /// The state's name.
    pub state: &'a str,
    /// Who is to do it.
    pub resource: Resource<'a>,
    /// The input.
    pub input: Value,
    /// Tries before this one.
    pub retries: u32,
}

/// Who does the work of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A Lambda function, by its ARN or name.
    Function(&'a str),
    /// A service, by name and operation, such as `sns:publish`.
    Service(&'a str),
}
