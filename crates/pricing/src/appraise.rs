//! Many listings priced at once, from columns of text: what `POST /predict` says of each, in less time.

use std::borrow::Cow;
use std::sync::Arc;

use tasador_champion::LoadedVersion;
use tasador_http::FieldError;
use tasador_model::{Column, Frame, Input, InputKind};
use tasador_runtime::Context;

use crate::amount::cents;
use crate::champion::{Champion, Champions, NoModel};
use crate::listing;
use crate::listing::{Clean, clean_words, impossible, note};
use crate::price::{Contribution, ModelVersion, Price};

/// The model in production, and the one before it.
#[derive(Debug)]
pub struct Appraiser {
    champion: Arc<Champion>,
    previous: Option<LoadedVersion>,
}

/// Listings as text: columns of equal length under the names of a clean batch.
#[derive(Debug, Default)]
pub struct Listings<'t> {
    pub rows: usize,
    pub columns: Vec<(&'t str, Vec<Option<&'t str>>)>,
}

/// What is said of one listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Appraised {
    /// As `POST /predict` answers it.
    pub price: Price,
    /// The largest contributions of `POST /predict?explain=true`, the largest first.
    pub contributions: Vec<Contribution>,
    /// The price by the previous version, US dollars.
    pub previous_price: Option<f64>,
}

impl Appraiser {
    /// Loads the model in production, and the last sound one before it if there is one.
    ///
    /// # Errors
    /// [`NoModel`].
    pub async fn load(ctx: &Context) -> Result<Self, NoModel> {
        let champion = Champions::new(ctx.clone()).current().await?;
        let previous = tasador_champion::last_sound(ctx, &ctx.config.model).await;
        let previous =
            previous.map_err(|error| NoModel::Trouble(tasador_runtime::chain(&error)))?;
        Ok(Self {
            previous: previous.filter(|previous| previous.version() != champion.version()),
            champion,
        })
    }

    /// The version that prices.
    pub fn version(&self) -> ModelVersion {
        ModelVersion::of(&self.champion)
    }

    /// The number of the version before it.
    pub fn previous_version(&self) -> Option<u32> {
        Some(self.previous.as_ref()?.version().0)
    }

    /// The inputs of the model in production.
    pub fn inputs(&self) -> &[Input] {
        self.champion.model.inputs()
    }

    /// Prices listings, with so many contributions of each. A listing that `POST /predict` refuses has
    /// the fields that it names.
    pub fn appraise(
        &self,
        listings: &Listings<'_>,
        contributions: usize,
    ) -> Vec<Result<Appraised, Vec<FieldError>>> {
        let model = &self.champion.model;
        let (homes, errors) = self.homes(listings);
        let previous = match &self.previous {
            Some(previous) => previous.model.completed_prices(&homes),
            None => Vec::new(),
        };
        let mut previous = previous.into_iter();
        model
            .appraise(&homes, contributions)
            .into_iter()
            .zip(errors)
            .map(|(appraisal, errors)| {
                let previous = previous.next().filter(|price| price.is_finite());
                if !errors.is_empty() {
                    return Err(errors);
                }
                let price = Price::of(
                    model,
                    &appraisal.prediction,
                    appraisal.price_kind,
                    appraisal.notices,
                );
                Ok(Appraised {
                    price: price.ok_or_else(not_a_number)?,
                    contributions: appraisal
                        .contributions
                        .into_iter()
                        .map(Contribution::from)
                        .collect(),
                    previous_price: previous.map(cents),
                })
            })
            .collect()
    }

    /// The listings as a frame of what either model takes, and what is wrong with each.
    fn homes(&self, listings: &Listings<'_>) -> (Frame, Vec<Vec<FieldError>>) {
        let mut errors: Vec<Vec<FieldError>> = vec![Vec::new(); listings.rows];
        let mut judged = vec![listing::UNKNOWN; listings.rows];
        let mut homes = Frame::new(listings.rows);
        let of_previous = self.previous.iter().flat_map(|it| it.model.inputs());
        let inputs = self.inputs().iter().map(|input| (input, true));
        // Of two columns with one name, the frame keeps that of the model in production.
        for (input, is_own) in inputs.chain(of_previous.map(|input| (input, false))) {
            let column = listings
                .columns
                .iter()
                .find(|(name, _)| *name == input.name);
            let Some((name, cells)) = column.filter(|_| homes.column(&input.name).is_none()) else {
                continue;
            };
            let mut wrong = |row: usize, reason: String| {
                if let (true, Some(errors)) = (is_own, errors.get_mut(row)) {
                    errors.push(FieldError {
                        field: (*name).to_owned(),
                        reason,
                    });
                }
            };
            let mut values = cells.iter().enumerate().map(|(row, cell)| {
                let read = cell.map_or(Ok(Clean::Missing), |cell| {
                    clean_words(input, Cow::Borrowed(cell))
                });
                read.unwrap_or_else(|reason| {
                    wrong(row, reason);
                    Clean::Missing
                })
            });
            let column = if input.kind == InputKind::Category {
                let texts: Vec<Option<Cow<'_, str>>> = values
                    .map(|value| match value {
                        Clean::Text(text) => Some(text),
                        Clean::Missing | Clean::Number(_) => None,
                    })
                    .collect();
                Column::category(texts.iter().map(Option::as_deref))
            } else {
                let numbers: Vec<f64> = values
                    .by_ref()
                    .map(|value| match value {
                        Clean::Number(number) => number,
                        Clean::Missing | Clean::Text(_) => f64::NAN,
                    })
                    .collect();
                if is_own {
                    for (judged, number) in judged.iter_mut().zip(&numbers) {
                        note(judged, &input.name, *number);
                    }
                }
                match input.kind {
                    InputKind::Date => Column::Date(numbers),
                    InputKind::Number | InputKind::Category => Column::Number(numbers),
                }
            };
            // The lengths are equal, and the name is new.
            let _fits = homes.push(input.name.clone(), column);
        }
        for (judged, errors) in judged.iter().zip(&mut errors) {
            if errors.is_empty() {
                errors.extend(impossible(judged));
            }
        }
        (homes, errors)
    }
}

fn not_a_number() -> Vec<FieldError> {
    vec![FieldError {
        field: String::new(),
        reason: "the model made no finite number of this listing".to_owned(),
    }]
}
