//! The history and the versions as CSV.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use tasador_http::Problem;
use tasador_registry::{Contender, Outcome, PageRequest, RegistryError, Rows};
use tasador_runtime::Context;

use crate::asked::Filter;
use crate::language::{Language, PageLanguage as _};
use crate::sections::models::measured;
use crate::{Pairs, Site, asked};

/// Runs and versions that a file has at most, the newest.
const ROWS_MAX: usize = 5_000;
/// As many as are read at once.
const PAGE: u32 = 100;

/// A table as a file.
pub(crate) async fn csv(
    State(site): State<Site>,
    Path(table): Path<String>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Response {
    let asked = asked(pairs);
    let language = Language::wanted(asked.language.as_deref(), &headers);
    let ctx = site.pricing.context();
    let text = match table.as_str() {
        "history.csv" => history(ctx, language, &asked.filter).await,
        "versions.csv" => versions(ctx).await,
        _ => return Problem::new(StatusCode::NOT_FOUND).into_response(),
    };
    match text {
        Ok(text) => {
            let named = format!("attachment; filename=\"{table}\"");
            let kind = "text/csv; charset=utf-8".to_owned();
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CONTENT_DISPOSITION, named),
            ];
            (headers, text).into_response()
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

async fn history(
    ctx: &Context,
    language: Language,
    filter: &Filter,
) -> Result<String, RegistryError> {
    let mut text = line(
        [
            "recorded_at",
            "decision",
            "batch",
            "name",
            "rows_clean",
            "rows_rejected",
            "rows_duplicate",
            "challenger",
            "challenger_mae",
            "champion",
            "champion_mae",
            "what_happened",
            "run",
            "dataset",
        ]
        .map(str::to_owned),
    );
    let mut request = PageRequest::first(PAGE);
    let mut rows = 0;
    loop {
        let page = ctx.registry.history(&request).await?;
        for outcome in page.items.iter().filter(|outcome| filter.matches(outcome)) {
            text += &run(language, outcome);
            rows += 1;
        }
        match page.next {
            Some(next) if rows < ROWS_MAX => request.token = Some(next),
            _ => return Ok(text),
        }
    }
}

fn run(language: Language, outcome: &Outcome) -> String {
    let rows = |count: fn(&Rows) -> u64| some(outcome.rows.as_ref().map(count));
    let (challenger, champion) = (outcome.challenger.as_ref(), outcome.champion.as_ref());
    let mae = |side: Option<&Contender>| some(side.and_then(|side| side.metrics.get("mae")));
    line([
        outcome.recorded_at.to_string(),
        outcome.kind.as_str().to_owned(),
        some(outcome.batch),
        some(outcome.batch_name()),
        rows(|rows| rows.clean),
        rows(|rows| rows.rejected),
        rows(|rows| rows.duplicates),
        some(challenger.map(|side| side.version)),
        mae(challenger),
        some(champion.map(|side| side.version)),
        mae(champion),
        language.outcome(outcome),
        outcome.run.to_string(),
        some(outcome.dataset),
    ])
}

async fn versions(ctx: &Context) -> Result<String, RegistryError> {
    /// Of what is measured, by its name without `validation_`.
    const MEASURED: [&str; 6] = [
        "mae",
        "rmse",
        "median_ape",
        "r2",
        "coverage",
        "interval_width",
    ];
    let first = [
        "version",
        "algorithm",
        "trained_at",
        "run",
        "in_production",
        "training_rows",
    ];
    let mut text = line(first.into_iter().chain(MEASURED).map(str::to_owned));
    let champion = ctx.registry.champion(&ctx.config.model).await?;
    let mut request = PageRequest::first(PAGE);
    let mut rows = 0;
    loop {
        let page = ctx.registry.versions(&ctx.config.model, &request).await?;
        for version in &page.items {
            let in_production = champion
                .as_ref()
                .is_some_and(|it| it.version == version.version);
            let facts = [
                version.version.to_string(),
                some(version.algorithm.clone()),
                version.created_at.to_string(),
                some(version.run.clone()),
                in_production.to_string(),
                some(version.metrics.get("training_rows")),
            ];
            let figures = MEASURED.map(|name| some(measured(version, name)));
            text += &line(facts.into_iter().chain(figures));
        }
        rows += page.items.len();
        match page.next {
            Some(next) if rows < ROWS_MAX => request.token = Some(next),
            _ => return Ok(text),
        }
    }
}

fn some(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A line (RFC 4180). What a spreadsheet would take for a formula gets an apostrophe: names come from outside.
fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells = cells.into_iter().map(|cell| {
        let is_formula =
            cell.starts_with(['=', '+', '-', '@', '\t']) && cell.parse::<f64>().is_err();
        let cell = if is_formula { format!("'{cell}") } else { cell };
        if cell.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        }
    });
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_to_themselves() {
        let cells = ["a", "b,c", "d\"e", "=1+1", "-3.5", "-x", ""];
        let expected = "a,\"b,c\",\"d\"\"e\",'=1+1,-3.5,'-x,\r\n";
        assert_eq!(line(cells.map(str::to_owned)), expected);
    }
}
