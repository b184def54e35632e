//! Does one thing so many times, for a counter of instructions: `bench/instructions/check` runs it under callgrind
//! with two counts, and the difference is what one time costs.

use std::hint::black_box;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use local::cloud::{Cloud, Options};
use local::folder::Folder;
use tasador_ids::Format;
use tasador_model::{Column, Frame, InputKind, Model, Value};

/// The sales of the demo, 21,613 rows.
const SALES: &str = "local/data/king-county.csv.gz";
/// Homes that are encoded at a time.
const ROWS: usize = 10_000;

/// Does one thing so many times.
#[derive(Debug, Parser)]
struct Arguments {
    what: What,
    times: usize,
    /// A model
    #[arg(long, default_value = "crates/model/tests/golden/blend-v2.tsd")]
    model: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Read, clean and write the sales of the demo
    Clean,
    /// Encode 10,000 homes
    Encode,
    /// Price one home
    Predict,
    /// Explain one price
    Explain,
    /// Ask the registry for the champion, over loopback and with the local store
    Registry,
}

fn main() -> anyhow::Result<()> {
    let Arguments { what, times, model } = Arguments::parse();
    let model = || -> anyhow::Result<Model> {
        let bytes =
            std::fs::read(&model).with_context(|| format!("{} cannot be read", model.display()))?;
        Ok(Model::from_bytes(&bytes)?)
    };
    match what {
        What::Clean => {
            let text = std::fs::read(SALES).with_context(|| format!("{SALES} cannot be read"))?;
            for _ in 0..times {
                clean(text.clone())?;
            }
        }
        What::Encode => {
            let model = model()?;
            let homes = homes(&model)?;
            for _ in 0..times {
                black_box(model.encode(&homes));
            }
        }
        What::Predict | What::Explain => {
            let model = model()?;
            for time in 0..times {
                let mut row = model.row();
                for input in model.inputs() {
                    let value = match input.kind {
                        InputKind::Category => {
                            let name = input
                                .most_frequent
                                .get(time % input.most_frequent.len().max(1));
                            name.map_or(Value::Missing, |name| Value::Text(name))
                        }
                        _ => Value::Number(number(input.min, input.max, time)),
                    };
                    row.set(&input.name, value)?;
                }
                match what {
                    What::Explain => drop(black_box(model.explain_row(&row))),
                    _ => drop(black_box(model.predict_row(&row))),
                }
            }
        }
        What::Registry => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(registry(times))?;
        }
    }
    Ok(())
}

/// A number of the range, another one each time.
fn number(min: Option<f64>, max: Option<f64>, time: usize) -> f64 {
    let (min, max) = (min.unwrap_or(0.0), max.unwrap_or(1.0));
    min + (max - min) * (time % 97) as f64 / 97.0
}

fn clean(text: Vec<u8>) -> anyhow::Result<()> {
    let raw = tasador_reader::read(text.into(), Format::Csv, &Default::default())?;
    let cleaned = tasador_reader::draft(raw, &Default::default())?.finish(|_| false)?;
    anyhow::ensure!(cleaned.quality.adds_up(), "a row was lost");
    black_box(tasador_reader::to_parquet(cleaned.rejected)?);
    black_box(tasador_reader::to_parquet(cleaned.clean)?);
    Ok(())
}

fn homes(model: &Model) -> anyhow::Result<Frame> {
    let mut frame = Frame::new(ROWS);
    for input in model.inputs() {
        let column = match input.kind {
            InputKind::Category => {
                let names = input.most_frequent.iter().map(String::as_str).cycle();
                Column::category(names.map(Some).take(ROWS))
            }
            _ => Column::Number(
                (0..ROWS)
                    .map(|row| number(input.min, input.max, row))
                    .collect(),
            ),
        };
        frame.push(input.name.clone(), column)?;
    }
    Ok(frame)
}

async fn registry(times: usize) -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let data = Folder::take(&place.path().join("data")).await?;
    let cloud = Cloud::start(Options::new(data, Default::default())).await?;
    let (registry, model) = (&cloud.context().registry, &cloud.context().config.model);
    for _ in 0..times {
        black_box(registry.champion(model).await?);
    }
    cloud.stop().await;
    Ok(())
}
