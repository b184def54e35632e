//! Whether it is a run's turn: as many runs work at a time as `TASADOR_MAX_RUNS` allows. The others wait
//! in the state machine with their batches stored, and ask again.

use jiff::Timestamp;
use serde_json::Value;
use tasador_flow::fetch::Turn;
use tasador_ids::BatchId;
use tasador_registry::Turn as Held;

use crate::{Error, Run, execution};

/// How long the first in the queue waits before it asks again. With a wait of this length an execution
/// reaches its time-out (36 h) before the 25,000 events that Step Functions allows; a test counts them.
const WAIT_S: u64 = 60;

/// How long those far behind wait: each question costs three transitions and a call.
const WAIT_MAX_S: u64 = 900;

/// Since when a run waits, by the state document that its execution hands back.
fn waiting_since(input: &Value) -> Option<Timestamp> {
    input.pointer("/fetch/turn/since")?.as_str()?.parse().ok()
}

impl Run<'_> {
    /// Takes a turn, or says when to ask again. A run that has a turn keeps it.
    pub(crate) async fn turn(&self, batch: &BatchId, input: &Value) -> Result<Turn, Error> {
        let registry = &self.ctx.registry;
        let now = self.ctx.now();
        let since = waiting_since(input);
        let waited_ms = since.map(|since| {
            let waited_ms = now.as_millisecond() - since.as_millisecond();
            u64::try_from(waited_ms).unwrap_or(0)
        });
        let mut turns = Vec::new();
        for number in 0..self.ctx.config.max_runs {
            turns.push((number, registry.turn(number).await?));
        }
        let is_mine =
            |(_, held): &(u32, Option<Held>)| held.as_ref().is_some_and(|held| held.run == self.id);
        if turns.iter().any(is_mine) {
            return Ok(Turn::Go { waited_ms });
        }
        let mine = Held {
            run: self.id.clone(),
            execution_arn: self.execution.clone(),
            taken_at: now,
        };
        for (number, held) in &turns {
            let is_taken = match held {
                None => false,
                Some(held) => execution::is_running(self.ctx, &held.execution_arn).await?,
            };
            if !is_taken && registry.take_turn(*number, held.as_ref(), &mine).await? {
                return Ok(Turn::Go { waited_ms });
            }
        }
        let wait_s = wait_s(self.runs_ahead(batch).await?, self.ctx.config.max_runs);
        tracing::info!(run_id = %self.id, %batch, wait_s, "run {} waits for its turn", self.id);
        Ok(Turn::Wait {
            since: since.unwrap_or(now),
            wait_s,
        })
    }

    /// Batches that came before this one and have no outcome yet.
    async fn runs_ahead(&self, batch: &BatchId) -> Result<usize, Error> {
        let open = self.ctx.registry.open_batches().await?;
        let mine = open.iter().position(|open| open.record.batch == *batch);
        Ok(mine.unwrap_or(0))
    }
}

fn wait_s(ahead: usize, max_runs: u32) -> u64 {
    let rounds = ahead / usize::try_from(max_runs.max(1)).unwrap_or(1);
    u64::try_from(rounds)
        .unwrap_or(u64::MAX)
        .saturating_mul(WAIT_S)
        .clamp(WAIT_S, WAIT_MAX_S)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_in_the_queue_asks_again_soonest() {
        let waits = |max_runs| [0, 1, 2, 5, 14, 500].map(|ahead| wait_s(ahead, max_runs));
        assert_eq!(waits(1), [60, 60, 120, 300, 840, 900]);
        assert_eq!(waits(5), [60, 60, 60, 60, 120, 900]);
    }

    #[test]
    fn the_beginning_of_a_wait_is_handed_back_by_the_state_machine() {
        let since = Timestamp::UNIX_EPOCH;
        let waiting = Turn::Wait { since, wait_s: 60 };
        let document = json!({"object": {}, "fetch": {"status": "batch", "turn": waiting}});
        assert_eq!(waiting_since(&document), Some(since));
        for document in [
            json!(null),
            json!({"fetch": 1}),
            json!({"fetch": {"turn": {"since": 5}}}),
        ] {
            assert_eq!(waiting_since(&document), None, "{document}");
        }
    }

    #[test]
    fn an_execution_that_always_waits_stays_within_the_events_that_aws_allows() {
        const EVENTS_MAX: u64 = 25_000;
        // Fetch: entered, scheduled, started, succeeded, exited; Exhausted and WaitForTurn: two each.
        const EVENTS_OF_A_ROUND: u64 = 9;
        // Everything else, retries included.
        const REST: u64 = 5_000;
        let definition = include_str!("../../../statemachine/training.asl.json");
        let definition: Value = serde_json::from_str(definition).unwrap();
        let timeout_s = definition["TimeoutSeconds"].as_u64().unwrap();
        assert!(timeout_s / WAIT_S * EVENTS_OF_A_ROUND + REST < EVENTS_MAX);
    }
}
