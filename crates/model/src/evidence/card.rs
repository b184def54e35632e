//! The model card (Mitchell et al. 2019): a page for whoever has to trust the prices.

use std::fmt::Write as _;

use tasador_flow::Language::English;
use tasador_ids::Units;

use super::{Part, RatioStudy, Report, StudiedPrices};
use crate::input::InputKind;
use crate::model::Model;
use crate::train::{Evidence, Validation};

/// States and inputs that are listed at most.
const MOST_LISTED: usize = 15;

/// The statistics of a ratio study with their names.
const RATIO_STATISTICS: [(&str, &str); 8] = [
    ("median_ratio", "median ratio"),
    ("mean_ratio", "mean ratio"),
    ("weighted_mean_ratio", "weighted mean ratio"),
    ("cod", "COD"),
    ("prd", "PRD"),
    ("prb", "PRB"),
    ("mki", "MKI"),
    ("ki", "KI"),
];

/// The card, Markdown.
pub(super) fn write(
    name: &str,
    model: &Model,
    evidence: &Evidence,
    report: &Report,
    ratios: &RatioStudy,
) -> String {
    let mut card = String::new();
    // Writing to a string cannot fail.
    let _ = parts(&mut card, name, model, evidence, report, ratios);
    card
}

fn parts(
    card: &mut String,
    name: &str,
    model: &Model,
    evidence: &Evidence,
    report: &Report,
    ratios: &RatioStudy,
) -> std::fmt::Result {
    let level = model.level() * 100.0;
    let currency = Units::current().currency;
    writeln!(card, "# {}\n", text(name))?;
    writeln!(
        card,
        "Estimates the price of a home, in {currency}, from its listing, with a {level:.0} % interval. \
         Algorithm: {}. Trained on {} homes.\n",
        model.algorithm(),
        English.count(model.training_rows()),
    )?;

    writeln!(card, "## Accuracy\n")?;
    if let Some(all) = report.out_of_fold {
        writeln!(
            card,
            "{} homes, {}: the median error is {:.1} %, the mean absolute error {}, and {:.1} % of \
             the true prices are inside their interval. The median width of the interval is {:.0} % of \
             the price.\n",
            English.count(all.rows),
            match evidence.validated_on {
                Validation::OutOfFold =>
                    "each priced by the fold model that never saw its property",
                Validation::Calibration | Validation::CrossFitted => "held out from training",
            },
            all.median_ape * 100.0,
            English.money(all.mae),
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
                "| *linear regression on the numeric columns* |  | {} | {} | {:.3} | {:.1} % | {:.1} % |  |  |",
                English.number(old.rmse, 0),
                English.number(old.mae, 0),
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
             tenth ({} homes): RMSE {}, MAE {}, median error {:.1} %, {:.1} % inside the interval.\n",
            text(&later.column),
            English.count(later.metrics.rows),
            English.money(later.metrics.rmse),
            English.money(later.metrics.mae),
            later.metrics.median_ape * 100.0,
            later.metrics.coverage * 100.0,
        )?;
    }

    ratio_study(card, ratios)?;
    writeln!(card, "## Inputs\n")?;
    writeln!(
        card,
        "| input | kind | in training | missing | rise of the MAE when shuffled, {currency} |"
    )?;
    writeln!(card, "|---|---|---|---:|---:|")?;
    for input in model.inputs() {
        let seen = match (input.kind, input.min, input.max) {
            (InputKind::Category, ..) => format!("{} names", input.distinct),
            (InputKind::Number, Some(min), Some(max)) => {
                let unit = input.unit.as_deref().unwrap_or_default();
                format!("{min} to {max} {unit}").trim_end().to_owned()
            }
            (InputKind::Date, Some(min), Some(max)) => format!("{min} to {max}"),
            _ => String::new(),
        };
        let rise = report
            .importance
            .iter()
            .find(|known| known.name == input.name)
            .map_or(String::new(), |known| English.number(known.mae_rise, 0));
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

/// The ratio study, in the words of the profession.
fn ratio_study(card: &mut String, ratios: &RatioStudy) -> std::fmt::Result {
    writeln!(card, "## Ratio study\n")?;
    let Some(all) = &ratios.all else {
        return writeln!(
            card,
            "None: the dataset has fewer than two sales ({} homes are not sold).\n",
            ratios.not_sold
        );
    };
    let (price, homes) = match ratios.prices {
        StudiedPrices::Sale => ("sale price", "sales"),
        StudiedPrices::Asking => (
            "asking price",
            "homes for sale (the dataset has no sales: this says nothing of sale prices)",
        ),
        StudiedPrices::Unknown => ("price", "homes (no home has a status)"),
    };
    writeln!(
        card,
        "Predicted price over {price}, out of fold, of {} {homes}; {} homes that are not sold are left out. \
         Trimmed: without ratios more than 3 interquartile ranges from the quartiles. In brackets: 95 % \
         intervals (bootstrap). Ranges: IAAO, Standard on Ratio Studies (2013).\n",
        all.untrimmed.sales, ratios.not_sold
    )?;
    writeln!(card, "| statistic | trimmed | untrimmed | range | |")?;
    writeln!(card, "|---|---:|---:|---:|---|")?;
    for (name, label) in RATIO_STATISTICS {
        let cell = |ratios: &tasador_ratio::Ratios| {
            ratios.statistics.get(name).map_or(String::new(), |it| {
                format!("{:.3} [{:.3}, {:.3}]", it.value, it.low, it.high)
            })
        };
        let check = all.checks.iter().find(|check| check.statistic == name);
        let (range, verdict) = check.map_or((String::new(), ""), |check| {
            let verdict = if check.pass { "pass" } else { "fail" };
            (format!("{} to {}", check.low, check.high), verdict)
        });
        writeln!(
            card,
            "| {label} | {} | {} | {range} | {verdict} |",
            cell(&all.trimmed),
            cell(&all.untrimmed)
        )?;
    }
    writeln!(
        card,
        "\nWithin 5 %: {:.1} %; within 10 %: {:.1} %; within 20 %: {:.1} %. Forecast standard deviation: {:.3}.\n",
        all.within_5 * 100.0,
        all.within_10 * 100.0,
        all.within_20 * 100.0,
        all.fsd
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
        "| {} | {} | {} | {} | {:.3} | {:.1} % | {:.1} % | {:.1} % | {:.0} % |",
        text(&part.name),
        English.count(metrics.rows),
        English.number(metrics.rmse, 0),
        English.number(metrics.mae, 0),
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
