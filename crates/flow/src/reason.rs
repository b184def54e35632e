//! Why a decision was taken: one enum for fetch, gate and comparison.

use serde::{Deserialize, Serialize};
use tasador_ids::{AreaUnit, BatchId, Currency, ModelVersion, RunId};

use crate::facts::Rows;
use crate::metrics::{number, optional_number};

/// A measured value and the limit it was compared with. Shares run from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    #[serde(with = "number")]
    pub measured: f64,
    #[serde(with = "number")]
    pub limit: f64,
    /// The version it was measured against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ModelVersion>,
    /// Why the value does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Compared {
    pub const fn new(measured: f64, limit: f64) -> Self {
        Self {
            measured,
            limit,
            version: None,
            note: None,
        }
    }

    #[must_use]
    pub const fn against(mut self, version: ModelVersion) -> Self {
        self.version = Some(version);
        self
    }
}

/// A change of unit that multiplies or divides all values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitFactor {
    /// 1,000: thousands.
    Thousand,
    /// 1,000,000: millions.
    Million,
    /// 100: cents.
    Hundred,
    /// 12: a month instead of a year.
    Twelve,
    /// 10.764: square feet and square metres.
    SquareFeetInSquareMetre,
    /// 43,560: square feet and acres.
    SquareFeetInAcre,
    /// 4,046.86: square metres and acres.
    SquareMetresInAcre,
}

impl UnitFactor {
    pub const fn value(self) -> f64 {
        match self {
            Self::Thousand => 1e3,
            Self::Million => 1e6,
            Self::Hundred => 100.0,
            Self::Twelve => 12.0,
            Self::SquareFeetInSquareMetre => 10.763_910_417,
            Self::SquareFeetInAcre => 43_560.0,
            Self::SquareMetresInAcre => 4_046.856_422_4,
        }
    }
}

/// What the values of a column are, as far as a change of it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    Number,
    Date,
    Text,
}

/// One reason for a decision, with its facts.
///
/// In JSON it is one flat object: `code`, the facts, and the English sentence for readers. What has
/// an unknown code, or was stored before a fact was, is read as [`Reason::Other`] and keeps the
/// sentence that was stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, strum_macros::IntoStaticStr)]
#[serde(tag = "code", rename_all = "snake_case", remote = "Self")]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// The source has no more data.
    Exhausted,
    /// The source answered without rows.
    Empty,
    /// The source is unchanged, and another run works on its batch.
    InProgress {
        run: RunId,
    },
    /// The source is unchanged since a batch that has an outcome.
    Unchanged {
        batch: BatchId,
    },

    AlreadyProcessed,
    TooFewRows {
        #[serde(flatten)]
        compared: Compared,
        /// Where the rows of the batch went.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<Rows>,
    },
    TooFewPrices(Compared),
    TooManyNulls(Compared),
    TooManyRejects {
        #[serde(flatten)]
        compared: Compared,
        /// The most frequent reason, as an English clause.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    SchemaUnusable {
        /// As an English clause.
        why: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        column: Option<String>,
    },

    /// The median of a number column is another order of magnitude: a unit, or another population.
    ScaleOff {
        column: String,
        /// How many times the larger median is of the smaller.
        #[serde(flatten)]
        compared: Compared,
        /// Whether the batch's median is the smaller one.
        lower: bool,
        /// The change of unit that explains it, if one does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        suspected: Option<UnitFactor>,
    },
    /// Values are missing where the champion's data have them, as a share of these.
    ColumnLost {
        column: String,
        #[serde(flatten)]
        compared: Compared,
        /// Values of the batch that could not be read.
        #[serde(default)]
        unreadable: u64,
    },
    /// Most given values of a main column could not be read.
    ColumnUnreadable {
        column: String,
        #[serde(flatten)]
        compared: Compared,
    },
    KindChanged {
        column: String,
        /// The share of rows with a value.
        #[serde(flatten)]
        compared: Compared,
        was: ValueKind,
        is: ValueKind,
    },
    /// Part of the batch is another order of magnitude, as a share of its values.
    OtherPopulation {
        column: String,
        #[serde(flatten)]
        compared: Compared,
        lower: bool,
    },
    /// A PSI that means another unit or population.
    ExtremeDrift {
        column: String,
        #[serde(flatten)]
        compared: Compared,
    },
    /// Most values of a column are categories that the champion never saw, as a share.
    NewPopulation {
        column: String,
        #[serde(flatten)]
        compared: Compared,
        /// The most frequent new ones.
        values: Vec<String>,
    },
    /// The median price, or that of an area, is one that homes have nowhere.
    PriceImplausible {
        column: String,
        /// In `currency`, per unit of `area` if there is one.
        #[serde(flatten)]
        compared: Compared,
        /// Whether it is too low.
        lower: bool,
        currency: Currency,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        area: Option<AreaUnit>,
        /// The change of unit that explains it, if one does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        suspected: Option<UnitFactor>,
    },
    /// A column was read from another column of the source than in earlier batches.
    SourceColumnChanged {
        column: String,
        was: String,
        is: String,
    },
    /// Main columns that the source does not send.
    ColumnsAbsent {
        columns: Vec<String>,
    },
    /// None of the given values of a column could be read.
    NothingReadable {
        column: String,
        values: u64,
    },
    /// A person took the batch out of the datasets.
    Withdrawn {
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The champion learned from what was withdrawn since.
    LearnedFromWithdrawn {
        version: ModelVersion,
        /// So many batches and properties.
        batches: u64,
        properties: u64,
    },

    NoChampion,
    ChampionUnloadable {
        version: ModelVersion,
        /// As an English clause.
        why: String,
    },
    VolumeGrown {
        #[serde(flatten)]
        compared: Compared,
        /// Rows that the champion learned from, and rows there are now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<(u64, u64)>,
    },
    ErrorGrown {
        #[serde(flatten)]
        compared: Compared,
        /// Median errors as shares of the price: in validation, and on this batch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        errors: Option<(f64, f64)>,
    },
    /// Homes that were priced and sold later: the median error of the served prices.
    ServedErrorGrown {
        #[serde(flatten)]
        compared: Compared,
        /// Sales counted.
        sales: u64,
        /// Median errors as shares of the price: in validation, and of served prices.
        errors: (f64, f64),
    },
    Drift {
        column: String,
        #[serde(flatten)]
        compared: Compared,
    },
    NewCategories {
        column: String,
        #[serde(flatten)]
        compared: Compared,
    },
    ColumnNew {
        column: String,
        #[serde(flatten)]
        compared: Compared,
    },
    NothingNewToLearn {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<ModelVersion>,
    },
    /// Measured and within its limit, as are the next three.
    VolumeGrowth(Compared),
    ErrorGrowth(Compared),
    Psi {
        column: String,
        #[serde(flatten)]
        compared: Compared,
    },
    NewCategoryShare {
        column: String,
        #[serde(flatten)]
        compared: Compared,
    },

    /// The challenger is better: the change of its average error, as a share.
    Better(Compared),
    ChampionUnusable {
        /// As an English clause.
        why: String,
    },
    Identical,
    MaeNotDownEnough(Compared),
    RmseUp(Compared),
    /// The fall of the RMSE, in the installation's currency.
    RmseMargin(Compared),
    /// The average error of the homes with one value of a column rose by this share.
    SegmentUp {
        column: String,
        name: String,
        homes: u64,
        #[serde(flatten)]
        compared: Compared,
    },
    /// A statistic of the challenger's ratio study, and the range it should be in.
    RatioOutside {
        statistic: String,
        #[serde(with = "number")]
        value: f64,
        #[serde(with = "number")]
        low: f64,
        #[serde(with = "number")]
        high: f64,
    },
    /// The share of the resamples in which the challenger is better.
    MayBeChance(Compared),
    HoldoutTooSmall(Compared),
    /// The average error and that of always predicting the median price, in the installation's currency.
    WorseThanMedian(Compared),
    /// The average error of the challenger and the one recorded for a champion that cannot be
    /// loaded, in the installation's currency.
    WorseThanRecorded(Compared),
    CandidateFailed {
        algorithm: String,
        why: String,
    },
    CandidateUnusable {
        algorithm: String,
        version: ModelVersion,
    },
    NoCandidate,

    /// As it was stored.
    #[serde(untagged)]
    Other(OtherReason),
}

/// A reason whose code or facts this program does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherReason {
    pub code: String,
    /// Written by [`Reason`], as the sentence of every other reason is.
    #[serde(skip_serializing)]
    pub sentence: String,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_number"
    )]
    pub measured: Option<f64>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_number"
    )]
    pub limit: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// How a reason is described in OpenAPI.
#[cfg(feature = "openapi")]
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Reason)]
pub(crate) struct StoredReason {
    /// The reason's stable name, such as `drift`.
    code: String,
    /// The reason in English.
    sentence: String,
    /// The measured value, where there is one.
    measured: Option<crate::metrics::Written>,
    /// The limit it was compared with.
    limit: Option<crate::metrics::Written>,
    /// The column it is about.
    column: Option<String>,
    /// The version it was measured against.
    version: Option<ModelVersion>,
}

impl Reason {
    /// The stable name, such as `too_few_rows`.
    pub fn code(&self) -> &str {
        match self {
            Self::Other(other) => &other.code,
            known => known.into(),
        }
    }

    /// The column that it holds a batch for, or that it tells of.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::ScaleOff { column, .. }
            | Self::ColumnLost { column, .. }
            | Self::ColumnUnreadable { column, .. }
            | Self::KindChanged { column, .. }
            | Self::OtherPopulation { column, .. }
            | Self::ExtremeDrift { column, .. }
            | Self::NewPopulation { column, .. }
            | Self::PriceImplausible { column, .. }
            | Self::SourceColumnChanged { column, .. }
            | Self::NothingReadable { column, .. } => Some(column),
            Self::SchemaUnusable { column, .. } => column.as_deref(),
            _ => None,
        }
    }

    /// Whether it speaks against a challenger.
    pub const fn is_of_the_comparison(&self) -> bool {
        matches!(
            self,
            Self::Identical
                | Self::MaeNotDownEnough(_)
                | Self::RmseUp(_)
                | Self::RmseMargin(_)
                | Self::SegmentUp { .. }
                | Self::RatioOutside { .. }
                | Self::MayBeChance(_)
                | Self::HoldoutTooSmall(_)
                | Self::WorseThanMedian(_)
                | Self::WorseThanRecorded(_)
                | Self::ChampionUnusable { .. }
                | Self::CandidateFailed { .. }
                | Self::CandidateUnusable { .. }
                | Self::NoCandidate
        )
    }
}
