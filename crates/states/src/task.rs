//! The interface of a Task state to the outside.

use serde_json::Value;

use crate::BoxFuture;
use crate::error::TaskError;

/// Executes Task states.
pub trait Host: Send + Sync {
    /// Executes one attempt and returns its result.
    ///
    /// A call may be dropped before it has ended, because of a time-out.
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, TaskError>>;
}

/// One attempt of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Call<'a> {
    /// The state's name.
    pub state: &'a str,
    /// What executes it.
    pub resource: Resource<'a>,
    pub input: Value,
    /// Attempts before this one.
    pub retries: u32,
}

/// What executes a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A Lambda function, by its ARN or name.
    Function(&'a str),
    /// A service, by name and operation, such as `sns:publish`.
    Service(&'a str),
}
