//! Tasador's side: trains, scores, stores, loads, predicts and explains with one algorithm.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tasador_model::train::{TrainConfig, Trained, fit};
use tasador_model::{Algorithm, Column, Frame, InputKind, Model, Prediction, Row, Value, metrics};

use crate::Options;
use crate::sets::Set;

/// What is given of a home in the table of incomplete listings.
const GIVEN: [(&str, Option<&[&str]>); 5] = [
    ("all fields", None),
    (
        "bed, bath, size, zip",
        Some(&["bed", "bath", "house_size", "zip_code"]),
    ),
    ("zip only", Some(&["zip_code"])),
    ("bed and size", Some(&["bed", "house_size"])),
    ("nothing", Some(&[])),
];

/// Rounds of timing; the fastest counts. Each is shorter than a time slice of the scheduler.
const ROUNDS: usize = 200;

/// One line of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) rmse: f64,
    pub(crate) mae: f64,
    pub(crate) r2: f64,
    pub(crate) median_ape: f64,
    pub(crate) fit_s: f64,
    /// CPU time of all threads, which is comparable on a busy machine too.
    pub(crate) cpu_s: f64,
    pub(crate) peak_mib: f64,
    #[serde(default)]
    pub(crate) extras: Option<Extras>,
}

/// Measurements that only Tasador has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Extras {
    pub(crate) coverage: f64,
    pub(crate) width: f64,
    /// By quarter of the predicted price.
    pub(crate) coverage_by_quarter: Vec<f64>,
    /// Coverage, median width and median error of prices by what is given of a home.
    pub(crate) given: Vec<(String, f64, f64, f64)>,
    pub(crate) trees: usize,
    pub(crate) bytes: usize,
    pub(crate) load_ms: f64,
    pub(crate) predict_us: f64,
    pub(crate) explain_us: f64,
    /// The largest difference, over 1,000 homes, between base plus contributions and the prediction.
    pub(crate) explain_off: f64,
}

/// The requested algorithms; all if none is named.
pub(crate) fn algorithms(options: &Options) -> Result<Vec<Algorithm>> {
    if options.algorithms.is_empty() {
        return Ok(Algorithm::ALL.to_vec());
    }
    let named = options.algorithms.iter();
    Ok(named.map(|name| name.parse()).collect::<Result<_, _>>()?)
}

/// Measures in a separate process, so that peak memory is that of the training only.
pub(crate) fn measure_apart(set: &str, algorithm: Algorithm, options: &Options) -> Result<Line> {
    let output = Command::new(std::env::current_exe()?)
        .arg("--folder")
        .arg(&options.folder)
        .args(["--threads", &options.threads.to_string()])
        .args(["--seed", &options.seed.to_string()])
        .args(["fit", set, algorithm.as_str()])
        .output()?;
    ensure!(
        output.status.success(),
        "{algorithm} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

pub(crate) fn config(algorithm: Algorithm, options: &Options) -> TrainConfig {
    TrainConfig {
        threads: NonZeroUsize::new(options.threads),
        ..TrainConfig::new(algorithm, options.seed)
    }
}

/// Trains on a set and measures everything.
pub(crate) fn measure(set: &Set, algorithm: Algorithm, options: &Options) -> Result<Line> {
    let (started, cpu) = (Instant::now(), cpu_s()?);
    let Trained {
        model, evidence, ..
    } = fit(&config(algorithm, options), &set.training)?;
    let fit_s = started.elapsed().as_secs_f64();
    let cpu_s = cpu_s()? - cpu;
    let peak_mib = peak_mib()?;
    if std::env::var_os("BENCH_PARAMETERS").is_some() {
        eprintln!(
            "{:?} {:?} {:?}",
            evidence.parameters, evidence.validation, evidence.out_of_time
        );
    }

    let predictions = model.predict_all(&set.holdout);
    let prices = set.holdout.prices().context("there are no prices")?;
    let scored = metrics::score(prices, &predictions).context("there is nothing to score")?;
    let bytes = model.to_bytes()?;
    let started = Instant::now();
    let loaded = Model::from_bytes(&bytes)?;
    let load_ms = started.elapsed().as_secs_f64() * 1e3;
    ensure!(
        loaded.predict(&set.holdout) == model.predict(&set.holdout),
        "the stored model predicts something else"
    );
    let (predict_us, explain_us, explain_off) = ask(&loaded, &set.holdout)?;
    Ok(Line {
        name: format!("tasador {algorithm}"),
        rmse: scored.rmse,
        mae: scored.mae,
        r2: scored.r2,
        median_ape: scored.median_ape,
        fit_s,
        cpu_s,
        peak_mib,
        extras: Some(Extras {
            coverage: scored.coverage,
            width: scored.interval_width,
            coverage_by_quarter: by_quarter(prices, &predictions),
            given: given(&model, &set.holdout)?,
            trees: model.trees(),
            bytes: bytes.len(),
            load_ms,
            predict_us,
            explain_us,
            explain_off,
        }),
    })
}

/// The share of prices inside the interval, by quarter of the predicted price.
fn by_quarter(prices: &[f64], predictions: &[Prediction]) -> Vec<f64> {
    let mut pairs: Vec<(f64, &Prediction)> = prices.iter().copied().zip(predictions).collect();
    pairs.sort_by(|a, b| a.1.price.total_cmp(&b.1.price));
    let size = pairs.len().div_ceil(4).max(1);
    let inside = |(price, prediction): &&(f64, &Prediction)| {
        let (low, high) = prediction.interval;
        (low..=high).contains(price)
    };
    pairs
        .chunks(size)
        .map(|part| part.iter().filter(inside).count() as f64 / part.len() as f64)
        .collect()
}

/// Coverage, median width and median error of homes of which only some fields are given.
fn given(model: &Model, homes: &Frame) -> Result<Vec<(String, f64, f64, f64)>> {
    let prices = homes.prices().context("there are no prices")?;
    GIVEN
        .iter()
        .map(|(name, fields)| {
            let mut known = Frame::new(homes.rows());
            for (column, values) in homes.columns() {
                if fields.is_none_or(|fields| fields.contains(&column.as_str())) {
                    known.push(column.as_str(), values.clone())?;
                }
            }
            let scored = metrics::score(prices, &model.predict_all(&known));
            let scored = scored.context("there is nothing to score")?;
            let figures = (scored.coverage, scored.interval_width, scored.median_ape);
            Ok(((*name).to_owned(), figures.0, figures.1, figures.2))
        })
        .collect()
}

/// One home, value by value as a request gives it.
pub(crate) fn row<'m>(model: &'m Model, homes: &Frame, home: usize) -> Result<Row<'m>> {
    let mut row = model.row();
    for input in model.inputs() {
        match (homes.column(&input.name), input.kind) {
            (Some(Column::Category { codes, names }), InputKind::Category) => {
                let name = codes.get(home).and_then(|code| names.get(*code as usize));
                row.set(
                    &input.name,
                    name.map_or(Value::Missing, |name| Value::Text(name)),
                )?;
            }
            (Some(Column::Number(values) | Column::Date(values)), _) => {
                let number = values.get(home).copied().unwrap_or(f64::NAN);
                row.set(&input.name, Value::Number(number))?;
            }
            _ => {}
        }
    }
    Ok(row)
}

/// How long one prediction and one explanation take, in microseconds, over up to 1,000 homes given
/// value by value as a request gives them; and by how much explanations miss the prediction.
fn ask(model: &Model, homes: &Frame) -> Result<(f64, f64, f64)> {
    let count = homes.rows().min(1_000);
    let rows: Vec<Row<'_>> = (0..count)
        .map(|home| row(model, homes, home))
        .collect::<Result<_>>()?;
    let (mut off, mut sum) = (0.0_f64, 0.0);
    // The first explanation prepares the model for all later ones.
    for row in &rows {
        let explained = model.explain_row(row);
        let parts: f64 = explained.contributions.iter().map(|part| part.value).sum();
        let price = model.predict_row(row).price;
        off = off.max((explained.base + parts - price.ln()).abs());
    }
    // The fastest of several rounds, without the noise of a busy machine.
    let mut time = |times: usize, run: &dyn Fn(&tasador_model::Row<'_>) -> f64| {
        let mut least = f64::INFINITY;
        for round in 0..ROUNDS {
            let started = Instant::now();
            for row in rows.iter().cycle().skip(round * times % 1_000).take(times) {
                sum += run(black_box(row));
            }
            let each = started.elapsed().as_secs_f64() / times.max(1) as f64 * 1e6;
            least = least.min(each);
        }
        least
    };
    let predict_us = time(100, &|row| model.predict_row(row).price);
    let explain_us = time(5, &|row| model.explain_row(row).price);
    black_box(sum);
    Ok((predict_us, explain_us, off))
}

/// Trains on `rows` rows generated from the set: sizes and lots change by up to a tenth, so that no
/// two rows are equal, and each is a separate property.
pub(crate) fn large(
    set: &Set,
    algorithm: Algorithm,
    rows: usize,
    options: &Options,
) -> Result<String> {
    let known = set.training.rows();
    ensure!(known > 0, "there is nothing to learn from");
    let picks: Vec<usize> = (0..rows).map(|row| row % known).collect();
    let all = set.training.select(&picks);
    let mut homes = Frame::new(rows);
    for (name, column) in all.columns() {
        let column = match column {
            Column::Number(values) if name == "house_size" || name == "acre_lot" => Column::Number(
                (0_u64..)
                    .zip(values)
                    .map(|(row, value)| {
                        let noise = xxhash_rust::xxh3::xxh3_64(&row.to_le_bytes()) % 1_000;
                        value * (0.9 + noise as f64 / 5_000.0)
                    })
                    .collect(),
            ),
            other => other.clone(),
        };
        homes.push(name, column)?;
    }
    homes.set_properties((0..rows as u128).collect())?;
    drop(all);
    let started = Instant::now();
    let Trained {
        model, evidence, ..
    } = fit(&config(algorithm, options), &homes)?;
    Ok(format!(
        "{algorithm} on {} rows: {:.1} s, peak memory {:.2} GiB, {} trees, artefact {:.2} MB, R² {:.3}",
        homes.rows(),
        started.elapsed().as_secs_f64(),
        peak_mib()? / 1_024.0,
        model.trees(),
        model.to_bytes()?.len() as f64 / 1e6,
        evidence.validation.r2,
    ))
}

/// The peak memory of this process in MiB, as reported by Linux; 0 elsewhere.
fn peak_mib() -> Result<f64> {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return Ok(0.0);
    };
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("the system does not report the peak memory")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1_024.0)
}

/// The CPU time of this process so far in seconds, as reported by Linux; 0 elsewhere.
fn cpu_s() -> Result<f64> {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return Ok(0.0);
    };
    // After the name in brackets, user and system time are fields 12 and 13, in hundredths.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |at: usize| -> Option<f64> { fields.split_whitespace().nth(at)?.parse().ok() };
    let (user, system) = ticks(11)
        .zip(ticks(12))
        .context("the system does not report the CPU time of a process")?;
    Ok((user + system) / 100.0)
}
