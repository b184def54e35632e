//! Champion and challenger on the same homes: an explicit rule, and a verdict people can read.
//!
//! Both price the same held-out homes. The challenger wins where its mean absolute error is lower
//! by a set share, its root mean squared error is not higher by more than a set share, and a paired
//! bootstrap over the properties (Efron & Tibshirani 1993) says that the gain is not chance.

mod bootstrap;
mod parts;
mod sentence;

pub use parts::{Parts, Segment};

use serde::{Deserialize, Serialize};
use tasador_flow::compare::Decision;
use tasador_flow::{Compared, Reason};
use tasador_ratio::Check;

use crate::metrics::{self, Scores};
use crate::model::Prediction;
use bootstrap::Gain;

/// When a challenger is better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The share by which the mean absolute error must fall.
    pub mae_down: f64,
    /// The share by which the root mean squared error may rise.
    pub rmse_up: f64,
    /// The share of the bootstrap's samples in which the challenger must be better.
    pub confidence: f64,
    /// Samples of the bootstrap.
    pub samples: u32,
    /// The fewest held-out homes a verdict rests on.
    pub least_rows: u32,
    /// Where set, the amount by which the root mean squared error must fall as well: the rule of
    /// the system this one replaces had 1,000.
    pub rmse_margin: Option<f64>,
    /// The share by which the mean absolute error of one segment may rise.
    #[serde(default)]
    pub segment_up: f64,
    /// The fewest homes of a segment that is judged.
    #[serde(default)]
    pub segment_least: u32,
    /// Whether the ratio study of the challenger must be within the profession's ranges.
    #[serde(default)]
    pub ratio_ranges: bool,
}

/// The champion's side.
#[derive(Debug, Clone, Copy)]
pub enum Champion<'a> {
    /// There is none yet.
    None,
    /// There is one, and it cannot be loaded. The challenger must be better than the version that
    /// stands in, and no worse than what was recorded of the champion.
    Unusable {
        /// Why, as a part of a sentence: "its artifact is damaged".
        reason: &'a str,
        recorded: Option<Recorded>,
        /// What the version that stands in for it predicts for the same homes.
        stand_in: Option<&'a [Prediction]>,
    },
    /// It is the very same model.
    Identical,
    /// What it says of the same homes.
    Predictions(&'a [Prediction]),
    /// It learned from data that people have withdrawn since, so it must be replaced: the challenger must
    /// be of use, and need not be better.
    Stale {
        predictions: &'a [Prediction],
        reason: &'a Reason,
    },
}

/// The errors of a version on the homes that were held out when it was trained, in the installation's currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recorded {
    pub mae: f64,
    pub rmse: f64,
}

impl<'a> Champion<'a> {
    /// The predictions that the challenger's are compared with.
    fn predictions(self) -> Option<&'a [Prediction]> {
        match self {
            Self::Predictions(predictions) | Self::Stale { predictions, .. } => Some(predictions),
            Self::Unusable { stand_in, .. } => stand_in,
            Self::None | Self::Identical => None,
        }
    }
}

/// How the challenger's figures differ from the champion's, as shares: -0.05 is 5 % lower.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// Of the mean absolute error.
    pub mae: f64,
    /// Of the root mean squared error.
    pub rmse: f64,
    /// Of the median absolute percentage error.
    pub median_ape: f64,
    /// The share of the bootstrap's samples in which the challenger's mean absolute error was lower.
    pub better_in: f64,
    /// The middle 95 % of those samples' change of the mean absolute error: low and high.
    pub mae_range: (f64, f64),
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What it comes to.
    pub decision: Decision,
    /// One readable sentence with the numbers.
    pub sentence: String,
    /// Why, one by one; never empty.
    pub reasons: Vec<Reason>,
    /// The rule that was applied.
    pub rule: Rule,
    /// Held-out homes both were scored on.
    pub rows: u64,
    /// The challenger's figures; `None` where no home could be scored.
    pub challenger: Option<Scores>,
    /// The champion's figures, where there is one that could be used.
    pub champion: Option<Scores>,
    /// The mean absolute error of saying the median price of these homes every time, in the installation's currency:
    /// what a model must beat to be of any use.
    pub baseline_mae: Option<f64>,
    /// The difference between the two, where both were scored.
    pub changes: Option<Changes>,
    /// The segment with enough homes whose error rose most, where both were scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentChange>,
    /// The challenger's ratio study against the profession's ranges, if the rule asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ratios: Vec<Check>,
}

/// How the mean absolute error of one segment changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentChange {
    pub column: String,
    pub name: String,
    pub homes: u64,
    /// As a share: -0.05 is 5 % lower.
    pub mae: f64,
}

/// Judges a challenger: `prices` are the true prices of the held-out homes, `properties` which
/// property each belongs to, `parts` what is judged separately, `challenger` and the champion's predictions what each says of them.
///
/// The seed is the bootstrap's; the same arguments give the same verdict.
pub fn judge(
    rule: &Rule,
    seed: u64,
    parts: &Parts,
    prices: &[f64],
    properties: &[u64],
    challenger: &[Prediction],
    champion: Champion<'_>,
) -> Verdict {
    let scored = metrics::score(prices, challenger);
    let rows = scored.map_or(0, |metrics| metrics.rows);
    let mut verdict = Verdict {
        decision: Decision::Reject,
        sentence: String::new(),
        reasons: Vec::new(),
        rule: rule.clone(),
        rows,
        challenger: scored,
        champion: None,
        baseline_mae: baseline(prices),
        changes: None,
        segment: None,
        ratios: Vec::new(),
    };
    if rule.ratio_ranges
        && let Some(study) = parts.study(prices, challenger, seed)
    {
        verdict.ratios = study.checks;
    }
    if let (Some(predictions), Some(_)) = (champion.predictions(), scored) {
        verdict.champion = metrics::score(prices, predictions);
        let worst = parts.worst(prices, challenger, predictions);
        verdict.segment = worst.map(|(segment, mae)| SegmentChange {
            column: segment.column.clone(),
            name: segment.name.clone(),
            homes: segment.homes.len() as u64,
            mae,
        });
        if let (Some(new), Some(old)) = (scored, verdict.champion) {
            let gain = Gain::of(
                rule.samples,
                seed,
                prices,
                properties,
                challenger,
                predictions,
            );
            verdict.changes = Some(Changes {
                mae: change(new.mae, old.mae),
                rmse: change(new.rmse, old.rmse),
                median_ape: change(new.median_ape, old.median_ape),
                better_in: gain.better_in,
                mae_range: gain.range,
            });
        }
    }
    let against = refusals(&verdict, champion);
    if against.is_empty() {
        verdict.decision = Decision::Promote;
        verdict.reasons = vec![sentence::why_promoted(&verdict, champion)];
    } else {
        verdict.reasons = against;
        if let Champion::Unusable { reason, .. } = champion {
            verdict.reasons.push(Reason::ChampionUnusable {
                why: reason.to_owned(),
            });
        }
    }
    verdict.sentence = sentence::whole(&verdict, champion);
    verdict
}

/// Everything that speaks against promotion.
fn refusals(verdict: &Verdict, champion: Champion<'_>) -> Vec<Reason> {
    let rule = &verdict.rule;
    if verdict.rows < u64::from(rule.least_rows) {
        return vec![Reason::HoldoutTooSmall(Compared::new(
            verdict.rows as f64,
            f64::from(rule.least_rows),
        ))];
    }
    let Some(new) = verdict.challenger else {
        return vec![Reason::HoldoutTooSmall(Compared::new(
            0.0,
            f64::from(rule.least_rows),
        ))];
    };
    if matches!(champion, Champion::Identical) {
        return vec![Reason::Identical];
    }
    let mut against = Vec::new();
    if let Champion::Unusable {
        recorded: Some(recorded),
        ..
    } = champion
    {
        let is_no_worse =
            new.mae <= recorded.mae && new.rmse <= recorded.rmse * (1.0 + rule.rmse_up);
        if !is_no_worse {
            against.push(Reason::WorseThanRecorded(Compared::new(
                new.mae,
                recorded.mae,
            )));
        }
    }
    // Each condition is named and then denied: an error that is no number fulfils none.
    if let Some(baseline) = verdict.baseline_mae {
        let useful = new.mae < baseline;
        if !useful {
            against.push(Reason::WorseThanMedian(Compared::new(new.mae, baseline)));
        }
    }
    for check in verdict.ratios.iter().filter(|check| !check.pass) {
        against.push(Reason::RatioOutside {
            statistic: check.statistic.clone(),
            value: check.value,
            low: check.low,
            high: check.high,
        });
    }
    if matches!(champion, Champion::Stale { .. }) {
        return against;
    }
    if let (Some(old), Some(changes)) = (verdict.champion, verdict.changes) {
        let mae_fell = changes.mae <= -rule.mae_down;
        if !mae_fell {
            against.push(Reason::MaeNotDownEnough(Compared::new(
                changes.mae,
                -rule.mae_down,
            )));
        }
        let rmse_held = changes.rmse <= rule.rmse_up;
        if !rmse_held {
            against.push(Reason::RmseUp(Compared::new(changes.rmse, rule.rmse_up)));
        }
        if let Some(margin) = rule.rmse_margin {
            let rmse_fell = new.rmse < old.rmse - margin;
            if !rmse_fell {
                against.push(Reason::RmseMargin(Compared::new(
                    old.rmse - new.rmse,
                    margin,
                )));
            }
        }
        if let Some(segment) = &verdict.segment {
            let held = segment.mae <= rule.segment_up;
            if !held {
                against.push(Reason::SegmentUp {
                    column: segment.column.clone(),
                    name: segment.name.clone(),
                    homes: segment.homes,
                    compared: Compared::new(segment.mae, rule.segment_up),
                });
            }
        }
        let sure = changes.better_in >= rule.confidence;
        if !sure {
            against.push(Reason::MayBeChance(Compared::new(
                changes.better_in,
                rule.confidence,
            )));
        }
    }
    against
}

/// The mean absolute error of the best constant: the median price.
fn baseline(prices: &[f64]) -> Option<f64> {
    let known: Vec<f64> = prices
        .iter()
        .copied()
        .filter(|price| price.is_finite() && *price > 0.0)
        .collect();
    if known.is_empty() {
        return None;
    }
    let median = metrics::median(known.iter().copied());
    Some(
        known
            .iter()
            .map(|price| (price - median).abs())
            .sum::<f64>()
            / known.len() as f64,
    )
}

/// The change from `old` to `new` as a share of `old`; none where both are 0.
fn change(new: f64, old: f64) -> f64 {
    if new == old {
        0.0
    } else if old > 0.0 {
        new / old - 1.0
    } else {
        // From a perfect champion any error is without measure worse; a large finite number keeps
        // the verdict's JSON whole.
        f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
