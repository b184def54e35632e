//! The sentence of a verdict and its reasons.

use tasador_flow::compare::Decision;
use tasador_flow::{Compared, Language::English, Reason};

use super::{Champion, Verdict};

/// Why a challenger that nothing speaks against is promoted.
pub(super) fn why_promoted(verdict: &Verdict, champion: Champion<'_>) -> Reason {
    match champion {
        Champion::None => Reason::NoChampion,
        Champion::Unusable { reason, .. } => Reason::ChampionUnusable {
            why: reason.to_owned(),
        },
        Champion::Stale { reason, .. } => reason.clone(),
        Champion::Identical | Champion::Predictions(_) => {
            let change = verdict.changes.map_or(0.0, |changes| changes.mae);
            Reason::Better(Compared::new(change, -verdict.rule.mae_down))
        }
    }
}

/// The decision with its numbers, in English: it is stored with the promotion.
pub(super) fn whole(verdict: &Verdict, champion: Champion<'_>) -> String {
    let (money, change) = (|it| English.money(it), |it| English.percent_change(it));
    let homes = English.count(verdict.rows);
    let numbers = match (verdict.challenger, verdict.champion, verdict.changes) {
        (Some(new), Some(old), Some(changes)) => format!(
            "MAE {} (before: {}, {}), RMSE {} (before: {}, {}) on {homes} homes",
            money(new.mae),
            money(old.mae),
            change(changes.mae),
            money(new.rmse),
            money(old.rmse),
            change(changes.rmse),
        ),
        (Some(new), ..) => format!(
            "MAE {}, RMSE {} on {homes} homes",
            money(new.mae),
            money(new.rmse),
        ),
        _ => "no home could be scored".to_owned(),
    };
    let reasons = verdict.reasons.iter();
    let reasons: Vec<String> = reasons.map(|reason| English.reason(reason)).collect();
    let reasons = reasons.join("; ");
    match (verdict.decision, champion) {
        (Decision::Promote, Champion::Predictions(_)) => {
            let better_in = verdict.changes.map_or(0.0, |changes| changes.better_in);
            let better_in = English.percent(better_in);
            format!("Promoted: {numbers}; better in {better_in} of the resamples.")
        }
        (Decision::Promote, _) => {
            let baseline = money(verdict.baseline_mae.unwrap_or_default());
            format!("Promoted: {numbers}, baseline (median price): {baseline}; {reasons}.")
        }
        (Decision::Reject, _) => format!("Rejected: {numbers}; {reasons}."),
    }
}
