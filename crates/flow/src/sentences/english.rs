//! English.

use tasador_ids::{AreaUnit, ModelVersion};

use crate::facts::{OutcomeKind, Rows};
use crate::language::Language::English;
use crate::outcome::Outcome;
use crate::reason::{Compared, Reason, UnitFactor, ValueKind};

/// The first part of the sentence about a run, and what follows after a colon.
pub(super) fn outcome(outcome: &Outcome, why: Option<String>) -> (String, Option<String>) {
    match outcome.kind {
        OutcomeKind::Promoted => (promoted(outcome), None),
        OutcomeKind::Rejected => match &outcome.challenger {
            Some(new) => (
                format!("version {} was trained but not promoted", new.version),
                why,
            ),
            None => ("there is no usable new model".to_owned(), why),
        },
        OutcomeKind::Skipped => ("nothing was trained".to_owned(), why),
        OutcomeKind::Quarantined => (
            "the batch is in quarantine until somebody releases or discards it".to_owned(),
            why,
        ),
        OutcomeKind::Withdrawn => ("the batch was withdrawn".to_owned(), why),
        OutcomeKind::NothingNew => match why {
            None => ("the source has nothing new".to_owned(), None),
            why => (String::new(), why),
        },
        OutcomeKind::Failed => {
            let step = outcome.error.as_ref().and_then(|error| error.step);
            let lead = match step {
                Some(step) => format!("the run failed in {step:?}"),
                None => "the run failed".to_owned(),
            };
            let error = outcome.error.as_ref().map(|error| error.message.clone());
            (lead, error)
        }
    }
}

fn promoted(outcome: &Outcome) -> String {
    let Some(new) = &outcome.challenger else {
        return "a new version is in production".to_owned();
    };
    let lead = format!("version {} is now in production", new.version);
    let Some(mae) = new.metrics.get("mae") else {
        return lead;
    };
    let error = English.money(mae);
    if let Some(withdrawn) = outcome.replaced_withdrawn() {
        return format!("{lead}: average error {error}; {}", reason(withdrawn));
    }
    match (&outcome.champion, outcome.mae_change()) {
        (Some(old), Some(change)) => format!(
            "{lead}: average error {error}, {} lower than version {}",
            English.percent(-change),
            old.version
        ),
        (Some(old), None) => format!(
            "{lead}: average error {error}; version {} could not be loaded",
            old.version
        ),
        (None, _) => format!("{lead}, the first one: average error {error}"),
    }
}

pub(super) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Exhausted => "the source has no more data".to_owned(),
        Reason::Empty => "the source answered without rows".to_owned(),
        Reason::InProgress { run } => {
            format!("the source is unchanged, and run {run} is working on its batch")
        }
        Reason::Unchanged { batch } => format!(
            "the source is unchanged since batch {}; to process that batch again, name it in the input",
            batch.short()
        ),
        Reason::AlreadyProcessed => "this batch was already processed".to_owned(),
        Reason::TooFewRows { compared, rows } => format!(
            "the batch has only {} usable {}; at least {} required{}",
            count(compared.measured),
            if compared.measured == 1.0 {
                "row"
            } else {
                "rows"
            },
            count(compared.limit),
            rows.map(account).unwrap_or_default()
        ),
        Reason::TooFewPrices(Compared {
            measured, limit, ..
        }) => {
            let limit = count(*limit);
            if *measured == 1.0 {
                format!("every price is the same; at least {limit} different prices required")
            } else {
                let prices = count(*measured);
                format!("the batch has only {prices} different prices; at least {limit} required")
            }
        }
        Reason::TooManyNulls(compared) => {
            let (measured, limit) = shares(compared);
            format!("{measured} of the values are missing; at most {limit} allowed")
        }
        Reason::TooManyRejects { compared, why } => {
            let (measured, limit) = shares(compared);
            let why = why.as_ref();
            let why = why.map(|why| format!(" (most frequent reason: {why})"));
            format!(
                "{measured} of the rows were rejected; at most {limit} allowed{}",
                why.unwrap_or_default()
            )
        }
        Reason::SchemaUnusable { why, .. } => why.clone(),
        Reason::ScaleOff {
            column,
            compared,
            lower,
            suspected,
        } => format!(
            "the median of “{column}” is {} times {} than in the data that {} learned from (at most {} times allowed); {}",
            English.number(compared.measured, 1),
            if *lower { "lower" } else { "higher" },
            champion(compared.version),
            English.number(compared.limit, 1),
            match suspected {
                Some(unit) => format!(
                    "suspected factor: {} ({})",
                    English.number(unit.value(), 3),
                    unit_factor(*unit)
                ),
                None => "no common unit explains it, so it may be another population".to_owned(),
            }
        ),
        Reason::ColumnLost {
            column,
            compared,
            unreadable,
        } => {
            let (measured, limit) = shares(compared);
            let unreadable = match unreadable {
                0 => String::new(),
                values => format!("; {} values could not be read", English.count(*values)),
            };
            format!(
                "{measured} of the values of “{column}” that {} learned from are missing; at most {limit} allowed{unreadable}",
                champion(compared.version)
            )
        }
        Reason::ColumnUnreadable { column, compared } => {
            let (measured, limit) = shares(compared);
            format!(
                "{measured} of the values of “{column}” could not be read; at most {limit} allowed"
            )
        }
        Reason::KindChanged {
            column,
            compared,
            was,
            is,
        } => format!(
            "“{column}” contains {} in {} of the rows; {} learned from {}",
            values(*is),
            English.percent(compared.measured),
            champion(compared.version),
            values(*was)
        ),
        Reason::OtherPopulation {
            column,
            compared,
            lower,
        } => {
            let (measured, limit) = shares(compared);
            format!(
                "{measured} of the values of “{column}” are far too {} for the data that {} learned from; at most {limit} allowed{}",
                if *lower { "low" } else { "high" },
                champion(compared.version),
                if *lower && column == "price" {
                    "; they may be rents"
                } else {
                    ""
                }
            )
        }
        Reason::ExtremeDrift { column, compared } => format!(
            "“{column}” has almost nothing in common with the data that {} learned from (PSI {}, limit {}); it may have another unit or be another population",
            champion(compared.version),
            psi(compared.measured),
            psi(compared.limit)
        ),
        Reason::NewPopulation {
            column,
            compared,
            values,
        } => {
            let (measured, limit) = shares(compared);
            format!(
                "{measured} of the values of “{column}” are new to {} ({}); at most {limit} allowed, so it may be another population",
                champion(compared.version),
                values.join(", ")
            )
        }
        Reason::PriceImplausible {
            compared,
            lower,
            currency,
            area,
            suspected,
            ..
        } => {
            let amount = |amount| {
                let unit = area.map_or("", |unit| match unit {
                    AreaUnit::Ft2 => " per ft²",
                    AreaUnit::M2 => " per m²",
                });
                format!("{}{unit}", English.money_in(*currency, amount))
            };
            format!(
                "the median price is {}, and homes cost at {} {}; {}",
                amount(compared.measured),
                if *lower { "least" } else { "most" },
                amount(compared.limit),
                match suspected {
                    Some(unit) => format!(
                        "suspected factor: {} ({}); release the batch if the prices are right, otherwise discard it and send whole prices",
                        English.number(unit.value(), 3),
                        unit_factor(*unit)
                    ),
                    None if *lower =>
                        "they may be monthly rents; release the batch if the prices are right, otherwise discard it"
                            .to_owned(),
                    None => format!("they may be in another currency than {currency} (TASADOR_CURRENCY)"),
                }
            )
        }
        Reason::SourceColumnChanged { column, was, is } => format!(
            "“{column}” is read from column “{is}”: the batch has no values in “{was}”, which earlier batches read it from"
        ),
        Reason::ColumnsAbsent { columns } => format!(
            "the batch has no {} {}",
            if columns.len() == 1 {
                "column"
            } else {
                "columns"
            },
            quoted(columns)
        ),
        Reason::NothingReadable { column, values } => format!(
            "none of the {} values of “{column}” could be read",
            English.count(*values)
        ),
        Reason::Withdrawn { by, why } => {
            let why = why.as_ref().map(|why| format!(" ({why})"));
            format!(
                "the batch was withdrawn by {by}{}; release it to use it again",
                why.unwrap_or_default()
            )
        }
        Reason::LearnedFromWithdrawn {
            version,
            batches,
            properties,
        } => format!(
            "version {version} learned from {}, withdrawn since",
            withdrawn(*batches, *properties)
        ),
        Reason::NoChampion => "there is no model in production yet".to_owned(),
        Reason::ChampionUnloadable { version, why } => {
            format!("version {version}, the model in production, cannot be loaded: {why}")
        }
        Reason::ChampionUnusable { why } => {
            format!("the model in production cannot be loaded: {why}")
        }
        Reason::VolumeGrown { compared, rows } => {
            let rows = rows.map(|(before, now)| {
                format!(
                    " ({} instead of {} rows)",
                    English.count(now),
                    English.count(before)
                )
            });
            format!(
                "there is {} more data than {} learned from{}",
                English.percent(compared.measured),
                champion(compared.version),
                rows.unwrap_or_default()
            )
        }
        Reason::ErrorGrown { compared, errors } => {
            let errors = errors.map(|(before, now)| {
                let (before, now) = (English.percent(before), English.percent(now));
                format!(" ({now}; {before} in validation)")
            });
            format!(
                "the median error of {} is {} higher on this batch{}",
                champion(compared.version),
                English.percent(compared.measured),
                errors.unwrap_or_default()
            )
        }
        Reason::ServedErrorGrown {
            compared,
            sales,
            errors: (before, now),
        } => format!(
            "the median error of the prices that {} served is {} higher than in validation ({}; {}), by {} later sales",
            champion(compared.version),
            English.percent(compared.measured),
            English.percent(*now),
            English.percent(*before),
            English.count(*sales)
        ),
        Reason::Drift { column, compared } => format!(
            "“{column}” has drifted from the data that {} learned from (PSI {}, limit {})",
            champion(compared.version),
            psi(compared.measured),
            psi(compared.limit)
        ),
        Reason::NewCategories { column, compared } => {
            let (measured, limit) = shares(compared);
            let champion = champion(compared.version);
            format!(
                "{measured} of the rows have a “{column}” that is new to {champion}; at most {limit} allowed"
            )
        }
        Reason::ColumnNew { column, compared } => format!(
            "“{column}” is a column that {} does not know; {} of the rows have a value",
            champion(compared.version),
            English.percent(compared.measured)
        ),
        Reason::NothingNewToLearn { version } => {
            format!("the batch has nothing new for {}", champion(*version))
        }
        Reason::VolumeGrowth(compared) => {
            let (measured, limit) = shares(compared);
            format!("the data has grown by {measured}; at least {limit} required")
        }
        Reason::ErrorGrowth(compared) => format!(
            "the median error of {} on this batch has changed by {}; more than {} required{}",
            champion(compared.version),
            English.percent_change(compared.measured),
            English.percent(compared.limit),
            note(compared)
        ),
        Reason::Psi { column, compared } => format!(
            "the PSI of “{column}” is {} (limit {}){}",
            psi(compared.measured),
            psi(compared.limit),
            note(compared)
        ),
        Reason::NewCategoryShare { column, compared } => {
            let (measured, limit) = shares(compared);
            let note = note(compared);
            format!("{measured} of the rows have a new “{column}” (limit {limit}){note}")
        }
        Reason::Better(compared) => format!(
            "the average error is {} lower on the same homes",
            English.percent(-compared.measured)
        ),
        Reason::Identical => "it is the same model as the one in production".to_owned(),
        Reason::MaeNotDownEnough(compared) => {
            let Compared {
                measured, limit, ..
            } = compared;
            let limit_text = English.percent(-limit);
            if *measured > 0.0 {
                let measured = English.percent(*measured);
                format!(
                    "the average error is {measured} higher; it must be at least {limit_text} lower"
                )
            } else {
                let measured = English.percent_beside(-measured, -limit);
                format!(
                    "the average error is only {measured} lower; at least {limit_text} required"
                )
            }
        }
        Reason::RmseUp(compared) => {
            let (measured, limit) = shares(compared);
            format!("the RMSE is {measured} higher; at most {limit} allowed")
        }
        Reason::RmseMargin(Compared {
            measured, limit, ..
        }) => format!(
            "the RMSE changed by {}; it must fall by more than {}",
            English.money_change(-measured),
            English.money(*limit)
        ),
        Reason::SegmentUp {
            column,
            name,
            homes,
            compared,
        } => {
            let (measured, limit) = shares(compared);
            format!(
                "the average error of the {} homes with {column} {name} is {measured} higher; at most {limit} allowed",
                English.count(*homes)
            )
        }
        Reason::RatioOutside {
            statistic,
            value,
            low,
            high,
        } => format!(
            "{statistic} of the ratio study is {}; {} to {} required",
            English.number(*value, 3),
            English.number(*low, 2),
            English.number(*high, 2)
        ),
        Reason::MayBeChance(compared) => {
            let (measured, limit) = shares(compared);
            format!(
                "the gain may be chance: better in {measured} of the resamples, {limit} required"
            )
        }
        Reason::HoldoutTooSmall(compared) => format!(
            "there are only {} homes to compare on; at least {} required",
            count(compared.measured),
            count(compared.limit)
        ),
        Reason::WorseThanMedian(compared) => format!(
            "the average error of {} is not below the baseline (median price) of {}",
            English.money(compared.measured),
            English.money(compared.limit)
        ),
        Reason::WorseThanRecorded(compared) => format!(
            "the average error of {} is not below the {} recorded for the version in production",
            English.money(compared.measured),
            English.money(compared.limit)
        ),
        Reason::CandidateFailed { algorithm, why } => {
            format!("{algorithm} could not be trained: {why}")
        }
        Reason::CandidateUnusable { algorithm, version } => {
            format!("version {version} ({algorithm}) cannot be loaded")
        }
        Reason::NoCandidate => "no algorithm is configured".to_owned(),
        Reason::Other(other) => other.sentence.clone(),
    }
}

/// Where the rows of a batch went, if not all of them are usable.
fn account(rows: Rows) -> String {
    let mut parts = vec![format!("{} received", English.count(rows.raw))];
    for (count, what) in [(rows.rejected, "rejected"), (rows.duplicates, "duplicates")] {
        if count > 0 {
            parts.push(format!("{} {what}", English.count(count)));
        }
    }
    match parts.as_slice() {
        [_] => String::new(),
        parts => format!(" ({})", parts.join(", ")),
    }
}

fn quoted(columns: &[String]) -> String {
    let quoted: Vec<String> = columns.iter().map(|name| format!("“{name}”")).collect();
    quoted.join(", ")
}

fn champion(version: Option<ModelVersion>) -> String {
    match version {
        Some(version) => format!("version {version}"),
        None => "the model in production".to_owned(),
    }
}

fn note(compared: &Compared) -> String {
    let note = compared.note.as_ref();
    note.map(|note| format!(", {note}")).unwrap_or_default()
}

fn unit_factor(unit: UnitFactor) -> &'static str {
    match unit {
        UnitFactor::Thousand => "thousands",
        UnitFactor::Million => "millions",
        UnitFactor::Hundred => "cents, or hundreds",
        UnitFactor::Twelve => "per month and per year",
        UnitFactor::SquareFeetInSquareMetre => "square feet and square metres",
        UnitFactor::SquareFeetInAcre => "square feet and acres",
        UnitFactor::SquareMetresInAcre => "square metres and acres",
    }
}

fn values(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Number => "numbers",
        ValueKind::Date => "dates",
        ValueKind::Text => "text",
    }
}

fn withdrawn(batches: u64, properties: u64) -> String {
    let batches = match batches {
        0 => None,
        1 => Some("1 batch".to_owned()),
        more => Some(format!("{} batches", English.count(more))),
    };
    let properties = match properties {
        0 => None,
        1 => Some("1 property".to_owned()),
        more => Some(format!("{} properties", English.count(more))),
    };
    let parts: Vec<String> = batches.into_iter().chain(properties).collect();
    parts.join(" and ")
}

fn shares(compared: &Compared) -> (String, String) {
    let Compared {
        measured, limit, ..
    } = compared;
    (
        English.percent_beside(*measured, *limit),
        English.percent(*limit),
    )
}

fn count(value: f64) -> String {
    English.number(value, 0)
}

fn psi(value: f64) -> String {
    English.number(value, 3)
}
