//! A file beside the model in production: whether its batch would be held, trained on or skipped, and why.

use std::collections::BTreeMap;

use tasador_flow::gate::Decision;
use tasador_flow::{Reason, Stale};
use tasador_ids::{Digest, ModelVersion, Units};
use tasador_listing::BatchReport;
use tasador_listing::checked::Checked;
use tasador_rules::{self as rules, Champion, Facts, Limits, Serving};

/// Columns whose drift is shown.
const COLUMNS_SHOWN: usize = 5;

/// How a file compares with what the model in production learned from.
#[derive(Debug, Clone, PartialEq)]
pub struct Against {
    /// The version in production.
    pub version: ModelVersion,
    pub decision: Decision,
    pub reasons: Vec<Reason>,
    /// The population stability index by column, largest first.
    pub drift: Vec<(String, f64)>,
}

impl Against {
    /// What the gate would decide about the file, without the error of the champion on its homes.
    pub fn judge(serving: Serving, checked: &Checked, limits: &Limits) -> Self {
        let version = serving.version;
        let report = BatchReport {
            format: BatchReport::FORMAT,
            clean_sha256: Digest::of(b""),
            rejected_sha256: Digest::of(b""),
            quality: checked.quality.clone(),
            profile: checked.profile.clone(),
        };
        let facts = Facts {
            report: &report,
            dataset_rows: serving.learnt_rows.unwrap_or(0) + report.quality.clean,
            champion: &Champion::Serving(Box::new(serving)),
            released: false,
            stale: Stale::default(),
            units: Units::current(),
        };
        let judged = match rules::examine(&report, false, limits) {
            Ok(examined) => rules::judge(examined, &facts, limits),
            Err(judged) => judged,
        };
        let mut drift: BTreeMap<String, f64> = BTreeMap::new();
        for found in judged.measurements {
            if let (true, Some(column), Some(psi)) =
                (found.code.ends_with("psi"), found.column, found.measured)
            {
                drift.insert(column, psi);
            }
        }
        let mut drift: Vec<(String, f64)> = drift.into_iter().collect();
        drift.sort_by(|left, right| right.1.total_cmp(&left.1));
        drift.truncate(COLUMNS_SHOWN);
        Self {
            version,
            decision: judged.decision,
            reasons: judged.reasons,
            drift,
        }
    }
}
