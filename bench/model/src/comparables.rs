//! Prices held-out homes by the price per square foot of their comparable sales.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Context, Result};
use comfy_table::{Table, presets};
use tasador_model::train::fit;
use tasador_model::{Algorithm, Column, Comparables, Frame};

use crate::Options;
use crate::ours::{config, row};
use crate::sets::Set;

/// The comparable sales of each home.
const COUNTS: [usize; 2] = [5, 10];

/// The errors of prices for `count` homes of the holdout: the median price per square foot of the nearest
/// sales, and of all sales with the home's zip code, each times the size of the home; and the model's price.
/// Sales of the home's own property are left out. Only what the model learned from counts.
pub(crate) fn measure(set: &Set, count: usize, options: &Options) -> Result<Table> {
    let trained = fit(&config(Algorithm::Blend, options), &set.training)?;
    let model = trained.model;
    let sales = Comparables::of(&model, &trained.homes).context("there are no sales")?;
    let bytes = sales.to_bytes()?;
    let homes = &set.holdout;
    let step = (homes.rows() / count.max(1)).max(1);
    let picked: Vec<usize> = (0..homes.rows()).step_by(step).take(count).collect();
    let sizes = homes.numbers("house_size").context("there are no sizes")?;
    let prices = homes.prices().context("there are no prices")?;
    let properties = homes.property_ids();
    let of_zip = by_zip(&set.training)?;
    let zips = names(homes, "zip_code")?;

    let mut errors: [Vec<f64>; 4] = Default::default();
    let started = Instant::now();
    for &home in &picked {
        let [price, size] = [prices, sizes].map(|values| values.get(home).copied());
        let (price, size) = price.zip(size).context("a home has no price")?;
        let row = row(&model, homes, home)?;
        let own = properties.get(home).copied();
        let nearest = sales.nearest(&model, &row, 10, own);
        let each: Vec<f64> = nearest
            .iter()
            .filter_map(|sale| sale.price_per_area)
            .collect();
        let of_zip = of_zip.get(*zips.get(home).context("a home has no zip code")?);
        let by_size = |per_sqft: Option<f64>| per_sqft.map(|per_sqft| per_sqft * size);
        let [few, many] = COUNTS.map(|count| by_size(median(each.iter().take(count).copied())));
        let predicted = [
            by_size(of_zip.copied()),
            few,
            many,
            Some(model.predict_row(&row).price),
        ];
        for (errors, predicted) in errors.iter_mut().zip(predicted) {
            errors.extend(predicted.map(|predicted| predicted / price - 1.0));
        }
    }
    let each_ms = started.elapsed().as_secs_f64() * 1e3 / picked.len().max(1) as f64;

    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "priced by",
        "homes",
        "median APE",
        "MAPE",
        "within 10 %",
        "within 20 %",
    ]);
    let names = [
        "median $/sqft of the zip code",
        "median $/sqft of 5 comparable sales",
        "median $/sqft of 10 comparable sales",
        "the model",
    ];
    for (name, errors) in names.into_iter().zip(&errors) {
        let share = |limit: f64| {
            let within = errors.iter().filter(|error| error.abs() <= limit).count();
            format!(
                "{:.1} %",
                within as f64 / errors.len().max(1) as f64 * 100.0
            )
        };
        let absolute = errors.iter().map(|error| error.abs());
        table.add_row([
            name.to_owned(),
            errors.len().to_string(),
            format!("{:.4}", median(absolute.clone()).unwrap_or(f64::NAN)),
            format!("{:.4}", absolute.sum::<f64>() / errors.len().max(1) as f64),
            share(0.1),
            share(0.2),
        ]);
    }
    table.add_row([format!(
        "{} sales in {:.1} MB; one home takes {each_ms:.2} ms",
        sales.len(),
        bytes.len() as f64 / 1e6
    )]);
    Ok(table)
}

/// The median price per square foot of the sales of each zip code.
fn by_zip(sales: &Frame) -> Result<HashMap<&str, f64>> {
    let zips = names(sales, "zip_code")?;
    let sizes = sales.numbers("house_size").context("there are no sizes")?;
    let prices = sales.prices().context("there are no prices")?;
    let mut each: HashMap<&str, Vec<f64>> = HashMap::new();
    for ((zip, size), price) in zips.into_iter().zip(sizes).zip(prices) {
        each.entry(zip).or_default().push(price / size);
    }
    let medians = each.into_iter();
    Ok(medians
        .filter_map(|(zip, each)| Some((zip, median(each.into_iter())?)))
        .collect())
}

fn names<'f>(frame: &'f Frame, column: &str) -> Result<Vec<&'f str>> {
    match frame.column(column) {
        Some(Column::Category { codes, names }) => {
            let name = |code: &u32| names.get(*code as usize).map_or("", String::as_str);
            Ok(codes.iter().map(name).collect())
        }
        _ => anyhow::bail!("there is no column of names `{column}`"),
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle)?;
    match values.len() % 2 {
        1 => Some(*upper),
        _ => Some(values.get(middle - 1)?.midpoint(*upper)),
    }
}
