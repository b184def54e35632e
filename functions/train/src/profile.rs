//! The distribution of the homes that a model learned from; the gate compares later batches with it.

use tasador_listing::{ColumnKind, ColumnProfile, Profile, schema};
use tasador_model::frame::MISSING;
use tasador_model::{Column, Frame};

/// The profile of a frame's columns, without those that only identify rows.
pub(crate) fn of(frame: &Frame) -> Profile {
    let columns = frame
        .columns()
        .iter()
        .filter(|(name, _)| !schema::RESERVED.contains(&name.as_str()))
        .map(|(name, column)| column_of(name, column))
        .collect();
    Profile {
        rows: frame.rows() as u64,
        columns,
    }
}

fn column_of(name: &str, column: &Column) -> ColumnProfile {
    match column {
        Column::Number(values) => ColumnProfile::number(name, values),
        Column::Date(days) => ColumnProfile::date(name, days),
        Column::Category { codes, names } => {
            let mut counts = vec![0_u64; names.len()];
            let mut nulls = 0;
            for code in codes {
                match counts.get_mut(*code as usize) {
                    Some(count) if *code != MISSING => *count += 1,
                    _ => nulls += 1,
                }
            }
            let counted = names.iter().map(String::as_str).zip(counts);
            let mut profile = ColumnProfile::category_counts(name, counted, nulls);
            profile.kind = schema::known(name).map_or(ColumnKind::Category, |known| known.kind);
            profile
        }
    }
}
