//! Executions that start by themselves, as EventBridge Scheduler starts them on AWS.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use serde_json::json;

use crate::executions::Executions;
use crate::functions::Functions;

/// A plan to start an execution again and again.
pub(crate) struct Schedule {
    every: Duration,
    executions: Executions,
}

impl Schedule {
    pub(crate) fn new(every: Duration, executions: Executions) -> Self {
        Self { every, executions }
    }

    /// Starts one now and one at each tick. While any execution runs, the tick waits for its end;
    /// ticks missed meanwhile are left out, so that none ever overlaps the one before.
    pub(crate) async fn keep(self) {
        let mut ticks = interval_at(Instant::now(), self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.executions.idle().await;
            match self.executions.start(None, "{}") {
                Ok(summary) => tracing::info!(run = summary.name, "scheduled execution started"),
                Err(error) => tracing::error!(%error, "scheduled execution could not be started"),
            }
            self.executions.idle().await;
        }
    }
}

/// Compacts the inference log now and at each tick, as another schedule does on AWS.
pub(crate) async fn compactions(every: Duration, functions: Functions) {
    let mut ticks = interval_at(Instant::now(), every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        // A failure is in the log, and the next tick tries again.
        let _ = functions.invoke("compact", json!({})).await;
    }
}
