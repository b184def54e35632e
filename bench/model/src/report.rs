//! Prints the results.

use comfy_table::{CellAlignment, Table, presets};

use crate::ours::Line;

/// The table of results.
pub(crate) fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "model",
        "RMSE $",
        "MAE $",
        "R²",
        "median APE",
        "fit s",
        "CPU s",
        "peak MiB",
        "coverage",
        "by quarter of price",
        "width",
        "trees",
        "KB",
        "load ms",
        "predict µs",
        "explain µs",
        "explain off",
    ]);
    for line in lines {
        let mut cells = vec![
            line.name.clone(),
            format!("{:.0}", line.rmse),
            format!("{:.0}", line.mae),
            format!("{:.4}", line.r2),
            format!("{:.4}", line.median_ape),
            format!("{:.2}", line.fit_s),
            format!("{:.2}", line.cpu_s),
            format!("{:.0}", line.peak_mib),
        ];
        if let Some(extras) = &line.extras {
            let quarters: Vec<String> = extras
                .coverage_by_quarter
                .iter()
                .map(|share| format!("{:.1}", share * 100.0))
                .collect();
            cells.extend([
                format!("{:.1} %", extras.coverage * 100.0),
                quarters.join(" "),
                format!("{:.0} %", extras.width * 100.0),
                extras.trees.to_string(),
                format!("{:.0}", extras.bytes as f64 / 1e3),
                format!("{:.1}", extras.load_ms),
                format!("{:.1}", extras.predict_us),
                format!("{:.0}", extras.explain_us),
                format!("{:.0e}", extras.explain_off),
            ]);
        }
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Coverage, median width and median error by what is given of a home.
pub(crate) fn incomplete(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "model",
        "given",
        "in 90 % interval",
        "median width",
        "median APE",
    ]);
    for line in lines {
        for (given, coverage, width, ape) in line.extras.iter().flat_map(|extras| &extras.given) {
            table.add_row([
                line.name.clone(),
                given.clone(),
                format!("{:.1} %", coverage * 100.0),
                format!("{:.0} %", width * 100.0),
                format!("{:.1} %", ape * 100.0),
            ]);
        }
    }
    table
}

/// The winner by mean absolute error against the better of LightGBM's two sizes, figure by figure.
pub(crate) fn ratios(lines: &[Line]) -> Option<String> {
    let best = |prefix: &str, figure: fn(&Line) -> f64| {
        lines
            .iter()
            .filter(|line| line.name.starts_with(prefix))
            .min_by(|a, b| figure(a).total_cmp(&figure(b)))
    };
    let ours = best("tasador", |line| line.mae)?;
    let of = |name: &str, figure: fn(&Line) -> f64| -> Option<String> {
        Some(format!(
            "{name} {:.4}",
            figure(ours) / figure(best("lightgbm", figure)?)
        ))
    };
    let their_size = best("lightgbm", |line| line.rmse)?;
    Some(format!(
        "{} against LightGBM's best: {}, {}, {}; against {}: time {:.2}, CPU time {:.2}",
        ours.name,
        of("RMSE", |line| line.rmse)?,
        of("MAE", |line| line.mae)?,
        of("median APE", |line| line.median_ape)?,
        their_size.name,
        ours.fit_s / their_size.fit_s,
        ours.cpu_s / their_size.cpu_s,
    ))
}
