//! The model card (Mitchell et al. 2019): a page for whoever has to trust the prices.

use std::fmt::Write as _;

use super::{Part, Report};
use crate::input::InputKind;
use crate::model::Model;
use crate::train::{Evidence, Validation};

/// States and inputs that are listed at most.
const MOST_LISTED: usize = 15;

/// The card, Markdown.
pub(super) fn write(name: &str, model: &Model, evidence: &Evidence, report: &Report) -> String {
    let mut card = String::new();
    // Writing to a string cannot fail.
    let _ = parts(&mut card, name, model, evidence, report);
    card
}

fn parts(
    card: &mut String,
    name: &str,
    model: &Model,
    evidence: &Evidence,
    report: &Report,
) -> std::fmt::Result {
    let level = model.level() * 100.0;
    writeln!(card, "# {}\n", text(name))?;
    writeln!(
        card,
        "Estimates the price of a home, in US dollars, from its listing, with a {level:.0} % interval. \
         Algorithm: {}. Trained on {} homes.\n",
        model.algorithm(),
        model.training_rows(),
    )?;

    writeln!(card, "## Accuracy\n")?;
    if let Some(all) = report.out_of_fold {
        writeln!(
            card,
            "{} homes, {}: the median error is {:.1} %, the mean absolute error ${:.0}, and {:.1} % of \
             the true prices are inside their interval. The median width of the interval is {:.0} % of \
             the price.\n",
            all.rows,
            match evidence.validated_on {
                Validation::OutOfFold =>
                    "each priced by the fold model that never saw its property",
                Validation::Calibration | Validation::CrossFitted => "held out from training",
            },
            all.median_ape * 100.0,
            all.mae,
            all.coverage * 100.0,
            all.interval_width * 100.0,
        )?;
        head(card)?;
        let whole = Part {
            name: "all homes".to_owned(),
            metrics: all,
        };
        std::iter::once(&whole)
            .chain(&report.by_price)
            .chain(report.by_state.iter().take(MOST_LISTED))
            .try_for_each(|part| line(card, part))?;
        if let Some(old) = report.baseline {
            writeln!(
                card,
                "| *linear regression on the numeric columns* |  | {:.0} | {:.0} | {:.3} | {:.1} % | {:.1} % |  |  |",
                old.rmse,
                old.mae,
                old.r2,
                old.mape * 100.0,
                old.median_ape * 100.0,
            )?;
        }
        writeln!(card)?;
    }
    if let Some(later) = &evidence.out_of_time {
        writeln!(
            card,
            "Out of time: trained on the homes before the newest tenth by `{}` and evaluated on that \
             tenth ({} homes): RMSE ${:.0}, MAE ${:.0}, median error {:.1} %, {:.1} % inside the interval.\n",
            text(&later.column),
            later.metrics.rows,
            later.metrics.rmse,
            later.metrics.mae,
            later.metrics.median_ape * 100.0,
            later.metrics.coverage * 100.0,
        )?;
    }

    writeln!(card, "## Inputs\n")?;
    writeln!(
        card,
        "| input | kind | in training | missing | rise of the MAE when shuffled, $ |"
    )?;
    writeln!(card, "|---|---|---|---:|---:|")?;
    for input in model.inputs() {
        let seen = match (input.kind, input.min, input.max) {
            (InputKind::Category, ..) => format!("{} names", input.distinct),
            (_, Some(min), Some(max)) => format!("{min} to {max}"),
            _ => String::new(),
        };
        let rise = report
            .importance
            .iter()
            .find(|known| known.name == input.name)
            .map_or(String::new(), |known| format!("{:.0}", known.mae_rise));
        writeln!(
            card,
            "| {} | {} | {seen} | {:.1} % | {rise} |",
            text(&input.name),
            match input.kind {
                InputKind::Number => "number",
                InputKind::Date => "date, in days since 1970-01-01",
                InputKind::Category => "name",
            },
            input.missing * 100.0,
        )?;
    }

    writeln!(card, "\n## Training\n")?;
    for (name, value) in &evidence.parameters {
        writeln!(card, "- {}: {}", text(name), text(value))?;
    }
    writeln!(
        card,
        "- seed: {}\n- homes: {}\n",
        model.seed(),
        evidence.training_rows,
    )?;

    writeln!(card, "## Limits\n")?;
    writeln!(
        card,
        "The model knows only what listings contain: not the condition of the roof, nor the agreement \
         between seller and buyer. A price is an estimate from similar homes, not advice. Values \
         outside the range seen in training are replaced by the nearest value seen, and the answer \
         says so. Intervals are valid for homes like those of the dataset, and less so as the market \
         changes. The model was not examined for fairness between groups of people; locations can \
         act as proxies for them."
    )
}

fn head(card: &mut String) -> std::fmt::Result {
    writeln!(
        card,
        "| homes | number | RMSE $ | MAE $ | R² | MAPE | median error | in interval | width |"
    )?;
    writeln!(card, "|---|---:|---:|---:|---:|---:|---:|---:|---:|")
}

fn line(card: &mut String, part: &Part) -> std::fmt::Result {
    let metrics = part.metrics;
    writeln!(
        card,
        "| {} | {} | {:.0} | {:.0} | {:.3} | {:.1} % | {:.1} % | {:.1} % | {:.0} % |",
        text(&part.name),
        metrics.rows,
        metrics.rmse,
        metrics.mae,
        metrics.r2,
        metrics.mape * 100.0,
        metrics.median_ape * 100.0,
        metrics.coverage * 100.0,
        metrics.interval_width * 100.0,
    )
}

/// A name out of the data, so that it stays within its cell and is no markup.
fn text(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(80) {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
