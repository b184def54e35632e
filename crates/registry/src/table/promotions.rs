//! The champion's alias and the events that tell how it moved.

use serde::{Deserialize, Serialize};
use tasador_flow::PromotionSeq;
use tasador_ids::{ModelName, RunId};

use super::aliases::copy;
use super::fault::Attempt;
use super::item::{self, Expression, Item, item, value};
use super::key;
use super::modify::{self, increment};
use super::query::{Order, Place};
use super::{ATTEMPTS, Registry, back_off};
use crate::RegistryError;
use crate::page::{Page, PageRequest};
use crate::promotion::{self, Champion, PromoteError, Promotion, PromotionEvent, Refusal};
use crate::version::VersionRecord;

/// A run's promotion: where its event stands.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunPromotion {
    pub(super) model: ModelName,
    pub(super) seq: PromotionSeq,
}

impl Registry {
    /// The version in production.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn champion(&self, model: &ModelName) -> Result<Option<Champion>, RegistryError> {
        self.get("read the champion", key::champion(model)).await
    }

    /// Makes a version the champion: moves the alias and writes its event, in one transaction that
    /// also holds that the expected champion is still there, that the version is ready, and that
    /// the run has no final outcome yet.
    ///
    /// A run promotes once: repeating the call gives the event of the first, even where the alias
    /// has moved on since.
    ///
    /// # Errors
    /// [`PromoteError::ChampionChanged`] where another version is champion than was expected;
    /// [`PromoteError::Refused`] where a rule forbids it.
    pub async fn promote(&self, promotion: &Promotion) -> Result<PromotionEvent, PromoteError> {
        const WHAT: &str = "promote a version";
        for round in 0..ATTEMPTS {
            let champion = self.champion(&promotion.model).await?;
            let place = key::version(&promotion.model, promotion.version);
            let before = self.get_item(WHAT, place).await?;
            let version: Option<VersionRecord> = before.clone().map(item::record).transpose()?;
            let over = self.history_of(&promotion.run).await?.is_some();
            // Read last: where a twin of this call moved the alias between two reads, it is seen here,
            // and the new champion isn't taken for another run's.
            if let Some(event) = self.promotion_of_run(&promotion.run).await? {
                return if (&event.model, event.version) == (&promotion.model, promotion.version) {
                    Ok(event)
                } else {
                    Err(promotion.refused(Refusal::RunPromotedAnother))
                };
            }
            let event = promotion::judge(
                promotion,
                champion.as_ref(),
                version.as_ref().map(|version| version.status),
                over,
            )?;
            let promoted = (before.unwrap_or_default(), version);
            let moves = self.moves(&event, champion.as_ref(), promoted)?;
            if self.transact(WHAT, moves).await? == Attempt::Done {
                return Ok(event);
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT }.into())
    }

    /// The parts of a promotion.
    fn moves(
        &self,
        event: &PromotionEvent,
        champion: Option<&Champion>,
        (before, version): (Item, Option<VersionRecord>),
    ) -> Result<Vec<aws_sdk_dynamodb::types::TransactWriteItem>, RegistryError> {
        let unchanged = match champion {
            None => Expression::absent(),
            Some(champion) => Expression::new("#version = :version AND #promotion = :promotion")
                .name("#version", "version")
                .name("#promotion", "promotion")
                .value(":version", value(&champion.version)?)
                .value(":promotion", value(&champion.promotion)?),
        };
        let next = Champion {
            version: event.version,
            since: event.at,
            promotion: event.seq,
            run: event.run.clone(),
        };
        let pointer = RunPromotion {
            model: event.model.clone(),
            seq: event.seq,
        };
        let mut champion = item(key::champion(&event.model), &next)?;
        if let Some(version) = &version {
            champion.extend(copy(version)?);
        }
        Ok(vec![
            self.put(champion, unchanged)?,
            self.put(
                item(key::promotion(&event.model, event.seq), event)?,
                Expression::absent(),
            )?,
            self.put(
                item(key::run_promotion(&event.run), &pointer)?,
                Expression::absent(),
            )?,
            // As it was judged, and as it is in the copy.
            self.update(
                key::version(&event.model, event.version),
                increment(),
                modify::unchanged(&before),
            )?,
            self.check(key::run_history(&event.run), Expression::absent())?,
        ])
    }

    /// How the alias moved, newest first.
    ///
    /// # Errors
    /// [`RegistryError::BadPageToken`], [`RegistryError::Unavailable`], [`RegistryError::Damaged`].
    pub async fn promotions(
        &self,
        model: &ModelName,
        page: &PageRequest,
    ) -> Result<Page<PromotionEvent>, RegistryError> {
        let place = Place::Partition {
            pk: key::model(model).pk,
            prefix: key::promotions(),
        };
        self.page("list promotions", &place, Order::Descending, page)
            .await
    }

    /// The promotion that a run made.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn promotion_of_run(
        &self,
        run: &RunId,
    ) -> Result<Option<PromotionEvent>, RegistryError> {
        const WHAT: &str = "read a run's promotion";
        match self
            .get::<RunPromotion>(WHAT, key::run_promotion(run))
            .await?
        {
            None => Ok(None),
            Some(pointer) => {
                self.get(WHAT, key::promotion(&pointer.model, pointer.seq))
                    .await
            }
        }
    }

    /// That a run has promoted, or has not: the condition under which its outcome says so.
    pub(super) fn promoted_or_not(
        &self,
        run: &RunId,
        promoted: bool,
    ) -> Result<aws_sdk_dynamodb::types::TransactWriteItem, RegistryError> {
        let condition = if promoted {
            Expression::present()
        } else {
            Expression::absent()
        };
        self.check(key::run_promotion(run), condition)
    }
}
