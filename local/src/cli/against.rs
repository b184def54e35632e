//! A file beside the model in production: whether its batch would be held, trained on or skipped, and why.

use std::collections::BTreeMap;

use anyhow::Context as _;
use gate::rules::{self, Champion, Facts, Serving, Stale};
use serde_json::{Value, json};
use tasador_flow::Language::English;
use tasador_flow::gate::Decision;
use tasador_ids::{Digest, ModelVersion};
use tasador_listing::drift::share_up_to;
use tasador_listing::{BatchReport, Body, Profile, schema};
use tasador_reader::Cleaned;
use tasador_runtime::Config;

use super::Global;
use super::session::Session;
use crate::client::Client;

/// Columns whose drift is shown.
const COLUMNS_SHOWN: usize = 5;
/// Prices below the median divided by this may be rents.
const FAR_BELOW: f64 = 30.0;
/// A smaller share of such prices is not mentioned.
const FEWEST_FAR_BELOW: f64 = 0.005;

/// Whether the data folder has batches. One that has none stays as it is.
pub(super) fn has_begun(global: &Global) -> bool {
    global.data_dir().join("dynamodb.sqlite").exists()
}

/// How a file compares with what the model in production learned from.
pub(super) struct Against {
    version: ModelVersion,
    decision: Decision,
    reasons: Vec<String>,
    /// The population stability index by column, largest first.
    drift: Vec<(String, f64)>,
}

impl Against {
    /// `None` if the data folder has no model in production.
    pub(super) async fn champion(
        global: &Global,
        cleaned: &Cleaned,
    ) -> anyhow::Result<Option<Self>> {
        if !has_begun(global) {
            return Ok(None);
        }
        let session = Session::open(global, None).await?;
        let champion = champion(session.client()).await;
        session.close().await;
        let Some(serving) = champion? else {
            return Ok(None);
        };
        Ok(Some(Self::judge(serving, cleaned)?))
    }

    fn judge(serving: Serving, cleaned: &Cleaned) -> anyhow::Result<Self> {
        let limits = Config::from_env()?.gate;
        let version = serving.version;
        let report = BatchReport {
            format: BatchReport::FORMAT,
            clean_sha256: Digest::of(b""),
            rejected_sha256: Digest::of(b""),
            quality: cleaned.quality.clone(),
            profile: cleaned.profile.clone(),
        };
        let facts = Facts {
            report: &report,
            dataset_rows: serving.learnt_rows.unwrap_or(0) + report.quality.clean,
            champion: &Champion::Serving(Box::new(serving)),
            released: false,
            stale: Stale::default(),
        };
        let judged = match rules::examine(&report, false, &limits) {
            Ok(examined) => rules::judge(examined, &facts, &limits),
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
        let reasons = judged.reasons.iter();
        Ok(Self {
            version,
            decision: judged.decision,
            reasons: reasons.map(|reason| English.reason(reason)).collect(),
            drift,
        })
    }

    pub(super) fn json(&self) -> Value {
        let drift = self.drift.iter();
        let drift = drift.map(|(column, psi)| json!({"column": column, "psi": psi}));
        json!({
            "version": self.version, "decision": self.decision, "reasons": self.reasons,
            "drift": drift.collect::<Value>(),
        })
    }

    pub(super) fn text(&self) -> String {
        let what = match self.decision {
            Decision::Train => "trained on",
            Decision::Skip => "skipped",
            Decision::Hold => "held until you decide",
        };
        let mut text = format!(
            "\nBeside version {}, which is in production, this batch would be {what}:",
            self.version
        );
        for reason in &self.reasons {
            text += &format!("\n  {reason}");
        }
        let drift = self.drift.iter();
        let drift: Vec<String> = drift
            .map(|(column, psi)| format!("{column} {}", English.number(*psi, 2)))
            .collect();
        if !drift.is_empty() {
            text += &format!("\n  Drift (PSI): {}", drift.join(", "));
        }
        text
    }
}

/// The model in production and the profile of what it learned from.
async fn champion(client: &Client) -> anyhow::Result<Option<Serving>> {
    let answer = client.get("/model").await?;
    if answer.status != 200 {
        return Ok(None);
    }
    let model = answer.success()?;
    let text = |field: &str| model.get(field).and_then(Value::as_str).unwrap_or_default();
    let number = model.get("version").and_then(Value::as_u64).unwrap_or(0);
    let version = ModelVersion(u32::try_from(number)?);
    let path = format!(
        "/models/{}/versions/{version}/files/profile.json",
        text("name")
    );
    let profile = client.get(&path).await?.success()?;
    let profile: Profile = serde_json::from_value(profile)
        .with_context(|| format!("the profile of version {version} cannot be read"))?;
    let inputs = model.get("inputs").and_then(Value::as_array);
    let inputs = inputs.into_iter().flatten();
    let inputs = inputs.filter_map(|input| input.get("name")?.as_str());
    Ok(Some(Serving {
        version,
        inputs: inputs.map(str::to_owned).collect(),
        learnt_rows: model.get("training_rows").and_then(Value::as_u64),
        reference: Some(profile),
        error: None,
        served: None,
    }))
}

/// What is said of prices that may be rents, by the prices alone.
pub(super) fn suspected_rents(profile: &Profile) -> Option<String> {
    let price = profile.column(schema::PRICE)?;
    let Body::Number { quantiles, .. } = &price.body else {
        return None;
    };
    let limit = quantiles.get(50)? / FAR_BELOW;
    let share = share_up_to(price, limit).filter(|share| *share >= FEWEST_FAR_BELOW)?;
    Some(format!(
        "{} of the prices are below {}, a thirtieth of the median: they may be rents or in another unit. Declare `min` of the price to reject them.",
        English.percent(share),
        English.money(limit)
    ))
}
