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
        "Says what a home is worth, in US dollars, from what a listing says of it, with an interval \
         that holds the true price of {level:.0} % of homes. Algorithm: {}. Learnt from {} homes.\n",
        model.algorithm(),
        model.training_rows(),
    )?;

    writeln!(card, "## How good it is\n")?;
    match report.holdout {
        None => writeln!(card, "No home was held out, so nobody knows.\n")?,
        Some(all) => {
            writeln!(
                card,
                "On {} homes that had no part in training: half of the prices are off by less than \
                 {:.1} %, the mean error is ${:.0}, and {:.1} % of the true prices lie inside their \
                 interval. The interval's usual width is {:.0} % of the price.\n",
                all.rows,
                all.median_ape * 100.0,
                all.mae,
                all.coverage * 100.0,
                all.interval_width * 100.0,
            )?;
            head(card)?;
            let whole = Part {
                name: "all held-out homes".to_owned(),
                metrics: all,
            };
            std::iter::once(&whole)
                .chain(&report.by_price)
                .chain(report.by_state.iter().take(MOST_LISTED))
                .try_for_each(|part| line(card, part))?;
            if let Some(old) = report.baseline {
                writeln!(
                    card,
                    "| *a plain linear regression on the numbers* |  | {:.0} | {:.0} | {:.3} | {:.1} % | {:.1} % |  |  |",
                    old.rmse,
                    old.mae,
                    old.r2,
                    old.mape * 100.0,
                    old.median_ape * 100.0,
                )?;
            }
            writeln!(card)?;
        }
    }
    writeln!(
        card,
        "Validation, by which candidates were ranked ({}): RMSE ${:.0}, MAE ${:.0}, median error {:.1} %.\n",
        match evidence.validated_on {
            Validation::Calibration => "on the calibration homes, which training did not see",
            Validation::CrossFitted => "by cross-fitting, since there were few calibration homes",
        },
        evidence.validation.rmse,
        evidence.validation.mae,
        evidence.validation.median_ape * 100.0,
    )?;

    writeln!(card, "## What it looks at\n")?;
    writeln!(
        card,
        "| input | kind | in training | missing | error rises, shuffled, by $ |"
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

    writeln!(card, "\n## How it was made\n")?;
    for (name, value) in &evidence.parameters {
        writeln!(card, "- {}: {}", text(name), text(value))?;
    }
    writeln!(
        card,
        "- seed: {}\n- homes learnt from: {}\n- homes the intervals were calibrated on: {}\n",
        model.seed(),
        evidence.training_rows,
        evidence.calibration_rows,
    )?;

    writeln!(card, "## What it is not for\n")?;
    writeln!(
        card,
        "It knows only what listings say: not the state of the roof, nor what was agreed between \
         seller and buyer. A price is what similar homes were asked or sold for, not advice. Where a \
         home is unlike all it learnt from, the price stays within what training saw. The intervals \
         hold for homes like the held-out ones, and less so as the market moves on. It was not \
         examined for fairness between groups of people; places stand in for them."
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
