//! Experiments: made, found by name or id, changed, deleted and brought back.

use serde::{Deserialize, Serialize};
use tasador_ids::Digest;

use super::key;
use super::run::Experiment;
use crate::RegistryError;
use crate::page::{Page, PageRequest};
use crate::table::fault::Attempt;
use crate::table::item::{Expression, item, listed};
use crate::table::query::{Order, Place};
use crate::table::{ATTEMPTS, Registry, back_off};

/// MLflow's experiment for runs that name none.
const DEFAULT: &str = "Default";

/// What a name leads to.
#[derive(Debug, Serialize, Deserialize)]
struct Named {
    experiment_id: String,
}

impl Registry {
    /// The experiment of that name; made like this where it is missing.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`], [`RegistryError::Damaged`], [`RegistryError::Contended`].
    pub async fn experiment(&self, new: &Experiment) -> Result<Experiment, RegistryError> {
        for _ in 0..ATTEMPTS {
            if let Some(known) = self.experiment_named(&new.name).await? {
                return Ok(known);
            }
            if let Some(made) = self.make_experiment(new).await? {
                return Ok(made);
            }
        }
        Err(RegistryError::Contended {
            operation: "make an experiment",
        })
    }

    /// Makes an experiment and gives it with its id; none where the name is taken, be it by a deleted
    /// one.
    ///
    /// The id is 18 digits made from the name, so that two makers at once make the same one;
    /// `Default` is `0`, as in MLflow.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Contended`].
    pub async fn make_experiment(
        &self,
        new: &Experiment,
    ) -> Result<Option<Experiment>, RegistryError> {
        const WHAT: &str = "make an experiment";
        for round in 0..ATTEMPTS {
            if self.experiment_named(&new.name).await?.is_some() {
                return Ok(None);
            }
            // An experiment that was renamed keeps its id, so the digits may be taken.
            let mut made = new.clone();
            let mut turn = 0_u32;
            loop {
                made.experiment_id = experiment_id(&new.name, turn);
                if self.experiment_by_id(&made.experiment_id).await?.is_none() {
                    break;
                }
                turn += 1;
            }
            let record = listed(
                item(key::experiment(&made.experiment_id), &made)?,
                key::EXPERIMENTS,
                &made.experiment_id,
            );
            let named = Named {
                experiment_id: made.experiment_id.clone(),
            };
            let writes = vec![
                self.put(record, Expression::absent())?,
                self.put(
                    item(key::experiment_name(&new.name), &named)?,
                    Expression::absent(),
                )?,
            ];
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(Some(made));
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// The experiment of that name, deleted or not.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn experiment_named(&self, name: &str) -> Result<Option<Experiment>, RegistryError> {
        const WHAT: &str = "look an experiment up";
        match self.get::<Named>(WHAT, key::experiment_name(name)).await? {
            Some(named) => self.experiment_by_id(&named.experiment_id).await,
            None => Ok(None),
        }
    }

    /// The experiment of that id, deleted or not.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn experiment_by_id(
        &self,
        experiment_id: &str,
    ) -> Result<Option<Experiment>, RegistryError> {
        self.get("read an experiment", key::experiment(experiment_id))
            .await
    }

    /// The experiments, by id.
    ///
    /// # Errors
    /// [`RegistryError::BadPageToken`], [`RegistryError::Unavailable`], [`RegistryError::Damaged`].
    pub async fn experiments(&self, page: &PageRequest) -> Result<Page<Experiment>, RegistryError> {
        let place = Place::List(key::EXPERIMENTS.to_owned());
        self.page("list experiments", &place, Order::Ascending, page)
            .await
    }

    /// All experiments, by id.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn all_experiments(&self) -> Result<Vec<Experiment>, RegistryError> {
        let place = Place::List(key::EXPERIMENTS.to_owned());
        self.all("list experiments", &place).await
    }

    /// Changes an experiment except for its id and name; none if there is no such experiment.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn change_experiment(
        &self,
        experiment_id: &str,
        change: &(dyn Fn(&mut Experiment) + Sync),
    ) -> Result<Option<Experiment>, RegistryError> {
        self.modify(
            "change an experiment",
            key::experiment(experiment_id),
            change,
        )
        .await
    }

    /// Gives an experiment another name. False where that name is taken.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] without such an experiment.
    pub async fn rename_experiment(
        &self,
        experiment_id: &str,
        name: &str,
        updated_ms: i64,
    ) -> Result<bool, RegistryError> {
        const WHAT: &str = "rename an experiment";
        let Some(known) = self.experiment_by_id(experiment_id).await? else {
            return Err(RegistryError::NotFound {
                what: format!("experiment `{experiment_id}`"),
            });
        };
        if known.name == name {
            return Ok(true);
        }
        // The new name is taken first, so that no two experiments ever have one; a call that breaks
        // off before the end leaves a name taken, and is repeated.
        let named = Named {
            experiment_id: experiment_id.to_owned(),
        };
        let take = self.put(
            item(key::experiment_name(name), &named)?,
            Expression::absent(),
        )?;
        if self.transact(WHAT, vec![take]).await? == Attempt::Lost {
            let owner: Option<Named> = self.get(WHAT, key::experiment_name(name)).await?;
            if owner.is_none_or(|owner| owner.experiment_id != experiment_id) {
                return Ok(false);
            }
        }
        self.modify(
            WHAT,
            key::experiment(experiment_id),
            &|record: &mut Experiment| {
                name.clone_into(&mut record.name);
                record.updated_ms = Some(updated_ms);
            },
        )
        .await?;
        let free = self.delete(key::experiment_name(&known.name), Expression::present())?;
        // Lost means that it is free already.
        self.transact(WHAT, vec![free]).await?;
        Ok(true)
    }
}

/// The id that belongs to an experiment's name; at each further turn another one.
fn experiment_id(name: &str, turn: u32) -> String {
    if name == DEFAULT && turn == 0 {
        return "0".to_owned();
    }
    let text = match turn {
        0 => name.to_owned(),
        _ => format!("{turn}#{name}"),
    };
    let number = Digest::of(text.as_bytes())
        .as_bytes()
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // Between 10^17 and 10^18: 18 digits, as MLflow's own.
    (100_000_000_000_000_000 + number % 900_000_000_000_000_000).to_string()
}

#[cfg(test)]
mod tests {
    use super::experiment_id;

    #[test]
    fn an_experiment_has_the_id_of_its_name() {
        assert_eq!(experiment_id("Default", 0), "0");
        assert_eq!(
            experiment_id("BestHousePriceModel", 0),
            experiment_id("BestHousePriceModel", 0)
        );
        assert_ne!(experiment_id("a", 0), experiment_id("b", 0));
        assert_ne!(experiment_id("a", 0), experiment_id("a", 1));
        for name in ["", "a", "ünï", "BestHousePriceModel"] {
            assert_eq!(experiment_id(name, 0).len(), 18, "{name}");
        }
    }
}
