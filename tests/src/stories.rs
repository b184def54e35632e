//! What a source sends, one story for each way through the state machine, so that a test can reach
//! every state of it.

use std::collections::BTreeSet;

use tasador_registry::OutcomeKind;
use tasador_runtime::Config;
use tasador_states::Machine;

use tasador_testing::listings::Batch;
use tasador_testing::source::{Answer, BAD_GROUP, EXHAUSTED};

/// How the last run of a story ends where nothing disturbs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// A new model goes into production.
    Promoted,
    /// A new model that a job has trained goes into production.
    PromotedByJob,
    /// A new model is not better.
    Rejected,
    /// The batch is no reason to train.
    Skipped,
    /// The batch has its prices in thousands.
    Quarantined,
    /// The source refuses what can't pass.
    Failed,
    /// The source has no more.
    NothingNew,
}

impl Story {
    /// What the source sends, one answer a run; the last is what the story is about.
    pub fn answers(self) -> Vec<Answer> {
        let batch = |seed, rows| Answer::Json(Batch::new(seed, rows).api_json());
        match self {
            Self::Promoted | Self::PromotedByJob => vec![batch(1, 300)],
            // So few more of the same kind make no better model.
            Self::Rejected => vec![batch(1, 600), batch(2, 51)],
            Self::Skipped => vec![batch(1, 49)],
            Self::Quarantined => vec![
                batch(1, 600),
                Answer::Json(Batch::new(2, 300).scale("price", 0.001).api_json()),
            ],
            Self::Failed => vec![BAD_GROUP],
            Self::NothingNew => vec![EXHAUSTED],
        }
    }

    /// How the last run ends.
    pub fn kind(self) -> OutcomeKind {
        match self {
            Self::Promoted | Self::PromotedByJob => OutcomeKind::Promoted,
            Self::Rejected => OutcomeKind::Rejected,
            Self::Skipped => OutcomeKind::Skipped,
            Self::Quarantined => OutcomeKind::Quarantined,
            Self::Failed => OutcomeKind::Failed,
            Self::NothingNew => OutcomeKind::NothingNew,
        }
    }

    /// Batches that the source sends.
    pub fn batches(self) -> usize {
        let answers = self.answers();
        let is_batch = |answer: &&Answer| matches!(answer, Answer::Json(_));
        answers.iter().filter(is_batch).count()
    }

    /// Moves of the champion's alias in all.
    pub fn promotions(self) -> usize {
        let promoted = [
            Self::Promoted,
            Self::PromotedByJob,
            Self::Rejected,
            Self::Quarantined,
        ];
        usize::from(promoted.contains(&self))
    }

    /// The settings that the story wants: every batch is reason enough to train.
    pub fn configure(self, config: &mut Config) {
        train_on_anything(config);
        if self == Self::PromotedByJob {
            config.train_job_from_rows = Some(1);
            config.candidates.truncate(1);
        }
    }
}

/// Every batch is reason enough to train.
pub fn train_on_anything(config: &mut Config) {
    config.gate.volume_growth_share = 0.0;
}

/// Every state that does work, as the definition has them now.
///
/// # Panics
/// Where the definition is refused.
pub fn task_states() -> BTreeSet<String> {
    let machine = Machine::parse(&local::machine::definition())
        .unwrap_or_else(|error| panic!("the definition is refused: {error}"));
    machine
        .task_names()
        .into_iter()
        .map(str::to_owned)
        .collect()
}
