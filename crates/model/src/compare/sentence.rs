//! What a verdict says in words.

use super::{Champion, Decision, Metrics, Reason, Recorded, Verdict};

/// Whole US dollars with separators: `61,200`.
pub(super) fn money(value: f64) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < -0.5 {
        format!("\u{2212}{text}")
    } else {
        text
    }
}

/// A count with separators.
fn count(value: u64) -> String {
    money(value as f64)
}

/// A signed change in per cent: `−8.5 %`.
fn signed(change: f64) -> String {
    let percent = format!("{:.1}", change.abs() * 100.0);
    if percent == "0.0" {
        "±0.0 %".to_owned()
    } else if change < 0.0 {
        format!("\u{2212}{percent} %")
    } else {
        format!("+{percent} %")
    }
}

/// A share in per cent without more decimals than it needs: `95 %`, `1.5 %`.
fn share(value: f64) -> String {
    let percent = value * 100.0;
    if (percent - percent.round()).abs() < 1e-6 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

fn reason(code: &str, sentence: String, measured: Option<f64>, limit: Option<f64>) -> Reason {
    Reason {
        code: code.to_owned(),
        sentence,
        measured,
        limit,
    }
}

pub(super) fn too_few(rows: u64, least: u32) -> Reason {
    reason(
        "holdout_too_small",
        format!(
            "{} held-out homes are too few to judge by: at least {least} are needed",
            count(rows)
        ),
        Some(rows as f64),
        Some(f64::from(least)),
    )
}

pub(super) fn identical() -> Reason {
    reason(
        "identical",
        "the challenger is the same model as the champion".to_owned(),
        None,
        None,
    )
}

pub(super) fn useless(mae: f64, baseline: f64) -> Reason {
    reason(
        "worse_than_median",
        format!(
            "its MAE of {} is no better than the {} of always saying the median price",
            money(mae),
            money(baseline)
        ),
        Some(mae),
        Some(baseline),
    )
}

pub(super) fn mae_not_down_enough(change: f64, limit: f64) -> Reason {
    reason(
        "mae_not_down_enough",
        format!(
            "MAE changed by {} where it must fall by at least {}",
            signed(change),
            share(limit)
        ),
        Some(change),
        Some(-limit),
    )
}

pub(super) fn rmse_up(change: f64, limit: f64) -> Reason {
    reason(
        "rmse_up",
        format!(
            "RMSE changed by {} where it may rise by at most {}",
            signed(change),
            share(limit)
        ),
        Some(change),
        Some(limit),
    )
}

pub(super) fn rmse_margin(fall: f64, limit: f64) -> Reason {
    reason(
        "rmse_margin",
        format!(
            "RMSE fell by {} where it must fall by more than {}",
            money(fall),
            money(limit)
        ),
        Some(fall),
        Some(limit),
    )
}

pub(super) fn maybe_chance(better_in: f64, limit: f64) -> Reason {
    reason(
        "may_be_chance",
        format!(
            "the challenger was better in {} of the resamples where {} are asked for",
            share(better_in),
            share(limit)
        ),
        Some(better_in),
        Some(limit),
    )
}

pub(super) fn unusable(why: &str) -> Reason {
    reason(
        "champion_unusable",
        format!("the champion could not be used: {why}"),
        None,
        None,
    )
}

pub(super) fn worse_than_recorded(new: &Metrics, old: Recorded) -> Reason {
    reason(
        "worse_than_recorded",
        format!(
            "MAE {} and RMSE {}, compared with {} and {} recorded for the champion",
            money(new.mae),
            money(new.rmse),
            money(old.mae),
            money(old.rmse)
        ),
        Some(new.mae),
        Some(old.mae),
    )
}

/// Why a challenger that nothing speaks against is promoted.
pub(super) fn why_promoted(verdict: &Verdict, champion: Champion<'_>) -> Reason {
    match champion {
        Champion::None => reason(
            "no_champion",
            "there was no champion yet".to_owned(),
            None,
            None,
        ),
        Champion::Unusable { reason, .. } => unusable(reason),
        Champion::Identical | Champion::Predictions(_) => {
            let change = verdict.changes.map_or(0.0, |changes| changes.mae);
            reason(
                "better",
                format!(
                    "the challenger is better on the same homes: MAE {}",
                    signed(change)
                ),
                Some(change),
                Some(-verdict.rule.mae_down),
            )
        }
    }
}

/// The sentence people read.
pub(super) fn whole(verdict: &Verdict, champion: Champion<'_>) -> String {
    let numbers = match (verdict.challenger, verdict.champion, verdict.changes) {
        (Some(new), Some(old), Some(changes)) => format!(
            "MAE {} vs {} ({}), RMSE {} vs {} ({}) on {} held-out homes",
            money(new.mae),
            money(old.mae),
            signed(changes.mae),
            money(new.rmse),
            money(old.rmse),
            signed(changes.rmse),
            count(verdict.rows)
        ),
        (Some(new), ..) => format!(
            "MAE {}, RMSE {} on {} held-out homes",
            money(new.mae),
            money(new.rmse),
            count(verdict.rows)
        ),
        _ => "no held-out home could be scored".to_owned(),
    };
    let reasons: Vec<&str> = verdict
        .reasons
        .iter()
        .map(|reason| reason.sentence.as_str())
        .collect();
    let reasons = reasons.join("; ");
    match (verdict.decision, champion) {
        (Decision::Promote, Champion::Predictions(_)) => {
            let better_in = verdict.changes.map_or(0.0, |changes| changes.better_in);
            format!(
                "{numbers}; better in {} of the resamples: promoted.",
                share(better_in)
            )
        }
        (Decision::Promote, _) => {
            let baseline = verdict.baseline_mae.unwrap_or_default();
            format!(
                "{numbers}, where always saying the median price errs by {}; {reasons}: promoted.",
                money(baseline)
            )
        }
        (Decision::Reject, _) => format!("{numbers}; {reasons}: rejected."),
    }
}
