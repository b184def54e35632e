//! A file beside the model in production: whether its batch would be held, trained on or skipped, and why.

use anyhow::Context as _;
use serde_json::{Value, json};
use tasador_check::Against;
use tasador_flow::Language::English;
use tasador_flow::gate::Decision;
use tasador_ids::ModelVersion;
use tasador_listing::Profile;
use tasador_listing::checked::Checked;
use tasador_rules::Serving;
use tasador_runtime::Config;

use super::Global;
use super::session::Session;
use crate::client::Client;

/// Whether the data folder has batches. One that has none stays as it is.
pub(super) fn has_begun(global: &Global) -> bool {
    global.data_dir().join("dynamodb.sqlite").exists()
}

/// How a file compares with the model in production; `None` if the data folder has none.
pub(super) async fn against(global: &Global, checked: &Checked) -> anyhow::Result<Option<Against>> {
    if !has_begun(global) {
        return Ok(None);
    }
    let session = Session::open(global, None).await?;
    let champion = champion(session.client()).await;
    session.close().await;
    let limits = Config::from_env()?.gate;
    let judge = |serving| Against::judge(serving, checked, &limits);
    Ok(champion?.map(judge))
}

pub(super) fn json(against: &Against) -> Value {
    let drift = against.drift.iter();
    let drift = drift.map(|(column, psi)| json!({"column": column, "psi": psi}));
    json!({
        "version": against.version, "decision": against.decision, "reasons": reasons(against),
        "drift": drift.collect::<Value>(),
    })
}

fn reasons(against: &Against) -> Vec<String> {
    let reasons = against.reasons.iter();
    reasons.map(|reason| English.reason(reason)).collect()
}

pub(super) fn text(against: &Against) -> String {
    let what = match against.decision {
        Decision::Train => "trained on",
        Decision::Skip => "skipped",
        Decision::Hold => "held until you decide",
    };
    let mut text = format!(
        "\nCompared with version {}, which is in production, this batch would be {what}:",
        against.version
    );
    for reason in reasons(against) {
        text += &format!("\n  {reason}");
    }
    let drift = against.drift.iter();
    let drift: Vec<String> = drift
        .map(|(column, psi)| format!("{column} {}", English.number(*psi, 2)))
        .collect();
    if !drift.is_empty() {
        text += &format!("\n  Drift (PSI): {}", drift.join(", "));
    }
    text
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
        // The answer does not say which ones matter: the loss of others than the main ones is told.
        important: Vec::new(),
        learnt_rows: model.get("training_rows").and_then(Value::as_u64),
        reference: Some(profile),
        error: None,
        served: None,
    }))
}
