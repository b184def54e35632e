//! `tasador check`: what a file of listings would be read as. It changes nothing, except that it writes
//! the proposed schema if asked to.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;
use tasador_flow::Language::English;
use tasador_ids::{Format, Units};
use tasador_listing::checked::{self, Checked};
use tasador_listing::schema_file::SchemaFile;
use tasador_runtime::Config;

use super::Global;
use super::against::{self, has_begun};
use super::session::{schema_path, with_units};
use crate::console::result;

/// Exit code of a file that cannot be learned from as it is.
const UNUSABLE: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// File of listings: CSV, NDJSON, JSON, Parquet or Excel (also .gz and .zip)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Write the proposed schema to tasador.toml in the data folder, where `tasador run` uses it
    #[arg(long)]
    write: bool,
}

pub(super) async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let name = options.file.display();
    let format = format_of(&options.file)?;
    let bytes = std::fs::read(&options.file)
        .with_context(|| format!("{name} cannot be read; give a file of listings"))?;
    let place = schema_path(global)?;
    let declared = declared(&place)?;
    let units = with_units(Config::from_env()?, &place).units();
    units.apply();
    let mut file = declared.clone().unwrap_or_default();
    if units != Units::default() {
        file.currency = Some(units.currency);
        file.area_unit = Some(units.area);
    }
    let mut cleaned =
        clean(bytes, format, file).with_context(|| format!("{name} cannot be read as {format}"))?;
    if has_begun(global) {
        // Its batches have the units that they have.
        let declared = declared.as_ref();
        cleaned.proposed.currency = declared.and_then(|file| file.currency);
        cleaned.proposed.area_unit = declared.and_then(|file| file.area_unit);
    }
    let quality = &cleaned.quality;
    let usable = quality.usable();
    let file_name = options.file.file_name().unwrap_or_default();
    let proposal = cleaned.proposal(&format!(
        "Proposed by `tasador check {}`. Correct it where it is wrong; docs/using.md describes the settings.",
        file_name.to_string_lossy()
    ));
    let against = against::against(global, &cleaned).await?;
    let rents = cleaned
        .suspected_rents()
        .map(|rents| tasador_check::rents_sentence(English, rents));
    if options.json {
        let schema = match &declared {
            Some(_) => json!(place),
            None => json!(null),
        };
        result(serde_json::to_string_pretty(&json!({
            "format": format, "usable": usable, "quality": quality, "schema": schema, "proposed": proposal,
            "rejected_lines": cleaned.rejected_lines, "suspected_rents": rents,
            "champion": against.as_ref().map(against::json),
        }))?)?;
    } else {
        if declared.is_some() {
            result(format!("Schema: {}", place.display()))?;
        }
        print(&options.file, format, &cleaned)?;
        if let Some(rents) = rents {
            result(rents)?;
        }
        if let Some(against) = &against {
            result(against::text(against))?;
        }
    }
    if options.write {
        write(&place, &proposal)?;
        if !options.json {
            result(format!(
                "\nWrote {}. Correct it where it is wrong.",
                place.display()
            ))?;
        }
    } else if !options.json && !usable {
        result(
            "\nModels cannot learn from this file. `tasador check --write` writes what was recognised to a file; declare the price there.",
        )?;
    }
    if !options.json && usable {
        result(format!("\nNext: tasador run --source {name}"))?;
    }
    Ok(match usable || options.write {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(UNUSABLE),
    })
}

/// The schema that `tasador run` would use, if there is one.
pub(super) fn declared(place: &Path) -> anyhow::Result<Option<SchemaFile>> {
    match std::fs::read(place) {
        Ok(text) => {
            let file = SchemaFile::read(&text);
            let file = file.with_context(|| format!("{} cannot be used", place.display()))?;
            Ok(Some(file))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", place.display())),
    }
}

fn clean(bytes: Vec<u8>, format: Format, file: SchemaFile) -> anyhow::Result<Checked> {
    // The data frame library's threads are not for the runtime's.
    let work = std::thread::spawn(move || tasador_reader::check(bytes.into(), format, &file));
    match work.join() {
        Ok(checked) => Ok(checked?),
        Err(_) => bail!("the reader stopped; report this file as a bug"),
    }
}

/// Writes the schema, unless there is one.
fn write(place: &Path, text: &str) -> anyhow::Result<()> {
    let shown = place.display();
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let file = OpenOptions::new().write(true).create_new(true).open(place);
    let mut file = match file {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{shown} exists already; edit it, or move it away and write again")
        }
        file => file.with_context(|| format!("{shown} cannot be written"))?,
    };
    file.write_all(text.as_bytes())
        .with_context(|| format!("{shown} cannot be written"))
}

fn print(file: &Path, format: Format, cleaned: &Checked) -> anyhow::Result<()> {
    let quality = &cleaned.quality;
    result(format!(
        "{}: {format}, {} rows = {} clean + {} rejected + {} duplicates; {} properties",
        file.display(),
        English.count(quality.raw),
        English.count(quality.clean),
        English.count(quality.rejected_rows()),
        English.count(quality.duplicates()),
        English.count(quality.properties),
    ))?;
    if let Some(encoding) = &quality.form.encoding {
        let separator = match quality.form.separator {
            Some('\t') => ", separated by tabs".to_owned(),
            Some(separator) => format!(", separated by `{separator}`"),
            None => String::new(),
        };
        result(format!("Text: {encoding}{separator}\n"))?;
    }
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header([
            "column",
            "in the file",
            "kind",
            "unit",
            "filled",
            "unreadable",
        ]);
    for column in cleaned.columns(Units::current()) {
        table.add_row([
            column.name,
            column.in_file.join(", "),
            column.kind.code().to_owned(),
            column.unit,
            format!("{:.0}%", column.filled * 100.0),
            English.count(column.bad),
        ]);
    }
    result(table)?;
    if !quality.columns_gone.is_empty() {
        let gone = quality.columns_gone.join(", ");
        result(format!("\nNot in the file: {gone}."))?;
    }
    for (reason, rows) in &quality.rejected {
        let (count, rows) = (*rows, English.count(*rows));
        let named = cleaned
            .rejected_lines
            .get(reason)
            .map_or(&[][..], Vec::as_slice);
        let mut lines: Vec<String> = named.iter().map(u64::to_string).collect();
        if !lines.is_empty() && (lines.len() as u64) < count {
            lines.push("…".to_owned());
        }
        let lines = match lines.as_slice() {
            [] => String::new(),
            lines => format!(" (lines {})", lines.join(", ")),
        };
        result(format!(
            "Rejected, {rows} rows{lines}: {}",
            reason.sentence()
        ))?;
    }
    for (rule, rows) in &quality.identity {
        let rows = English.count(*rows);
        result(format!("Properties by {}: {rows} rows.", rule.code()))?;
    }
    for problem in &quality.problems {
        result(&problem.sentence)?;
    }
    Ok(())
}

/// The format by the file's name.
pub(super) fn format_of(file: &Path) -> anyhow::Result<Format> {
    checked::format_of(&file.to_string_lossy()).with_context(|| {
        format!(
            "the format of {} is not known by its name; name it .csv, .ndjson, .json, .parquet, .xlsx or .zip (also .gz)",
            file.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use tasador_listing::schema_file::FILE_NAME;

    use super::*;

    async fn check_in(
        folder: &Path,
        name: &str,
        text: &str,
        write: bool,
    ) -> anyhow::Result<ExitCode> {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        let global = Global {
            data_dir: Some(folder.join("data")),
            ..Global::default()
        };
        let options = Options {
            file,
            json: false,
            write,
        };
        run(&global, &options).await
    }

    async fn check(name: &str, text: &str) -> anyhow::Result<ExitCode> {
        check_in(tempfile::tempdir().unwrap().path(), name, text, false).await
    }

    fn is_success(code: ExitCode) -> bool {
        format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
    }

    #[tokio::test]
    async fn the_exit_code_says_whether_the_file_can_be_learned_from() {
        for (name, text, usable) in [
            ("a.csv", "list_price,beds\n100000,3\n", true),
            ("a.json", "[{\"SalePrice\": 1, \"beds\": 3}]", true),
            ("a.csv", "worth,beds\n100000,3\n", false),
        ] {
            let code = check(name, text).await.unwrap();
            assert_eq!(is_success(code), usable, "{text}");
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_named() {
        for (name, text) in [
            ("a.parquet", "no"),
            ("a.zip", "PK\x03\x04"),
            ("a.docx", "price\n1\n"),
        ] {
            let error = format!("{:#}", check(name, text).await.unwrap_err());
            assert!(error.contains(name), "{error}");
        }
    }

    #[tokio::test]
    async fn what_is_written_is_used_by_the_next_check_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("data").join(FILE_NAME);
        let csv = "worth,beds,sqft,\"note, long\"\n100000,3,900,x\n";
        let unusable = check_in(folder.path(), "a.csv", csv, false).await.unwrap();
        assert!(!is_success(unusable) && !place.exists());
        check_in(folder.path(), "a.csv", csv, true).await.unwrap();
        let text = std::fs::read_to_string(&place).unwrap();
        assert!(
            text.contains("[columns.house_size]\nnames = [\"sqft\"]\n"),
            "{text}"
        );
        assert!(text.contains("# Column `beds` is read as `bed`."), "{text}");
        assert!(
            text.contains("[columns.\"note, long\"]\nkind = \"category\"\n"),
            "{text}"
        );
        let error = check_in(folder.path(), "a.csv", csv, true)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("exists already"), "{error}");
        // A person declares the price.
        std::fs::write(
            &place,
            text.replace("[columns.worth]", "[columns.price]\nnames = [\"worth\"]")
                .replace("kind = \"number\"\n", ""),
        )
        .unwrap();
        assert!(is_success(
            check_in(folder.path(), "a.csv", csv, false).await.unwrap()
        ));
        std::fs::write(&place, "version = 1\nprise = 3\n").unwrap();
        let error = check_in(folder.path(), "a.csv", csv, false)
            .await
            .unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("tasador.toml") && error.contains("line 2"),
            "{error}"
        );
    }
}
