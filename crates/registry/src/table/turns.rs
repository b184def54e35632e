//! Turns: how many runs work at a time.
//!
//! A turn belongs to a run for as long as its execution runs. Nobody gives a turn back, and nobody has
//! to: whoever wants one asks Step Functions whether its holder still runs, so a killed execution keeps
//! none.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::RunId;

use super::fault::Attempt;
use super::item::{Expression, item, text};
use super::{Registry, key};
use crate::RegistryError;

/// Who holds a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub run: RunId,
    pub execution_arn: String,
    pub taken_at: Timestamp,
}

impl Registry {
    /// The last holder of turn `number`; its execution may have ended.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn turn(&self, number: u32) -> Result<Option<Turn>, RegistryError> {
        self.get("read a turn", key::turn(number)).await
    }

    /// Takes turn `number` from `seen`, whose execution has ended. False where another run was first.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn take_turn(
        &self,
        number: u32,
        seen: Option<&Turn>,
        turn: &Turn,
    ) -> Result<bool, RegistryError> {
        let unchanged = match seen {
            None => Expression::absent(),
            Some(seen) => Expression::new("#run = :seen")
                .name("#run", "run")
                .value(":seen", text(seen.run.as_str())),
        };
        let turn = item(key::turn(number), turn)?;
        let attempt = self.put_if("take a turn", turn, unchanged).await?;
        Ok(attempt == Attempt::Done)
    }
}
