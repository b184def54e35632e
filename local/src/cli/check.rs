//! `tasador check`: what a file of listings would be read as. It changes nothing and needs no data folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;
use tasador_flow::Language::English;
use tasador_ids::Format;

use crate::console::result;

/// Exit code of a file that cannot be learned from as it is.
const UNUSABLE: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// File of listings: CSV, NDJSON, JSON or Parquet (also .gz)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let file = options.file.display();
    let format = format_of(&options.file)?;
    let bytes = std::fs::read(&options.file)
        .with_context(|| format!("{file} cannot be read; give a file of listings"))?;
    // The data frame library's threads are not for the runtime's.
    let cleaned = std::thread::spawn(move || -> anyhow::Result<preprocess::Cleaned> {
        let draft = preprocess::draft(preprocess::read(bytes.into(), format)?)?;
        Ok(draft.finish(|_| false)?)
    });
    let cleaned = match cleaned.join() {
        Ok(cleaned) => cleaned.with_context(|| format!("{file} cannot be read as {format}"))?,
        Err(_) => bail!("{file} cannot be read as {format}: the reader broke off"),
    };
    let quality = &cleaned.quality;
    if options.json {
        result(serde_json::to_string_pretty(
            &json!({"format": format, "usable": quality.usable(), "quality": quality}),
        )?)?;
    } else {
        result(format!(
            "{file}: {format}, {} rows = {} clean + {} rejected + {} duplicates; {} properties\n",
            English.count(quality.raw),
            English.count(quality.clean),
            English.count(quality.rejected_rows()),
            English.count(quality.duplicates()),
            English.count(quality.properties),
        ))?;
        let mut table = Table::new();
        table
            .load_preset(presets::UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(["column", "kind", "unit", "filled", "unreadable"]);
        let sent = |name: &String| !quality.columns_gone.contains(name);
        for column in quality.columns.iter().filter(|column| sent(&column.name)) {
            let known = tasador_listing::schema::known(&column.name);
            let given = quality.raw.saturating_sub(column.nulls);
            let filled = given as f64 / quality.raw.max(1) as f64;
            table.add_row([
                column.name.clone(),
                serde_json::to_value(column.kind)?
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                known.and_then(|known| known.unit).unwrap_or("").to_owned(),
                format!("{:.0}%", filled * 100.0),
                English.count(column.bad),
            ]);
        }
        result(table)?;
        if !quality.columns_gone.is_empty() {
            result(format!(
                "\nNot in the file: {}.",
                quality.columns_gone.join(", ")
            ))?;
        }
        for (reason, rows) in &quality.rejected {
            result(format!(
                "Rejected, {} rows: {}",
                English.count(*rows),
                reason.sentence()
            ))?;
        }
        for (rule, rows) in &quality.identity {
            let rule = serde_json::to_value(rule)?;
            let rule = rule.as_str().unwrap_or_default();
            result(format!(
                "Properties by {rule}: {} rows.",
                English.count(*rows)
            ))?;
        }
        for problem in &quality.problems {
            result(&problem.sentence)?;
        }
        result(if quality.usable() {
            format!("\nNext: tasador run --source {file}")
        } else {
            "\nModels cannot learn from this file. Name the column of the price `price`, and check again."
                .to_owned()
        })?;
    }
    Ok(if quality.usable() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(UNUSABLE)
    })
}

/// The format by the file's name.
fn format_of(file: &Path) -> anyhow::Result<Format> {
    let name = file.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    Ok(match name.rsplit('.').next() {
        Some("csv") => Format::Csv,
        Some("ndjson" | "jsonl") => Format::Ndjson,
        Some("json") => Format::Json,
        Some("parquet") => Format::Parquet,
        _ => bail!(
            "the format of {} is not known by its name; name it .csv, .ndjson, .json or .parquet (also .gz)",
            file.display()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str) -> anyhow::Result<ExitCode> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        run(&Options { file, json: false })
    }

    #[test]
    fn the_exit_code_says_whether_the_file_can_be_learned_from() {
        let code = |name, text| format!("{:?}", check(name, text).unwrap());
        let success = format!("{:?}", ExitCode::SUCCESS);
        assert_eq!(code("a.csv", "list_price,beds\n100000,3\n"), success);
        assert_eq!(code("a.json", "[{\"SalePrice\": 1, \"beds\": 3}]"), success);
        assert_ne!(code("a.csv", "worth,beds\n100000,3\n"), success);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        for (name, text) in [("a.parquet", "no"), ("a.txt", "price\n1\n")] {
            let error = format!("{:#}", check(name, text).unwrap_err());
            assert!(error.contains(name), "{error}");
        }
    }
}
