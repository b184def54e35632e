//! Combines the rows of several batches under one set of columns.

use std::collections::HashMap;

use tasador_listing::clean::{date_from_days, number_text};
use tasador_listing::schema::{self, ColumnKind};
use tasador_model::frame::{FrameError, MISSING};
use tasador_model::{Column, Frame};

/// How values of one column are stored in the combined frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Date,
    Category,
}

/// Concatenates the rows of several frames under the union of their columns.
///
/// Columns are in order of first appearance. A frame without a column has missing values in it.
/// Frames may disagree about a column's kind, because the kind of a new column is inferred for each
/// batch. Then a frame without values in the column is ignored; a known column keeps its kind;
/// otherwise the column becomes a category, in which a number is its shortest decimal text (`7.0` is
/// `7`) and a date is `YYYY-MM-DD`. Properties are not copied.
///
/// # Errors
/// [`FrameError`] if a frame's columns differ in length, which frames exclude.
pub fn unite(frames: &[Frame]) -> Result<Frame, FrameError> {
    unite_as(frames, &frames.iter().map(votes).collect::<Vec<_>>())
}

/// What a frame says about the kind of one of its columns.
#[derive(Debug, Clone)]
pub(crate) struct Vote {
    name: String,
    kind: Kind,
    has_value: bool,
}

/// What a frame says about the kinds of its columns.
pub(crate) fn votes(frame: &Frame) -> Vec<Vote> {
    let vote = |(name, column): &(String, Column)| Vote {
        name: name.clone(),
        kind: match column {
            Column::Number(_) => Kind::Number,
            Column::Date(_) => Kind::Date,
            Column::Category { .. } => Kind::Category,
        },
        has_value: has_value(column),
    };
    frame.columns().iter().map(vote).collect()
}

/// [`unite`], with the kinds that these votes agree on: of frames of which only some rows are left.
pub(crate) fn unite_as(frames: &[Frame], votes: &[Vec<Vote>]) -> Result<Frame, FrameError> {
    let mut names: Vec<&str> = Vec::new();
    for vote in votes.iter().flatten() {
        if !names.contains(&vote.name.as_str()) {
            names.push(&vote.name);
        }
    }
    let mut united = Frame::new(frames.iter().map(Frame::rows).sum());
    for name in names {
        let pieces: Vec<(usize, Option<&Column>)> = frames
            .iter()
            .map(|frame| (frame.rows(), frame.column(name)))
            .collect();
        let kind = agree(
            name,
            votes.iter().flatten().filter(|vote| vote.name == name),
        );
        united.push(name, join(kind, &pieces))?;
    }
    Ok(united)
}

fn join(kind: Kind, pieces: &[(usize, Option<&Column>)]) -> Column {
    let rows = pieces.iter().map(|(rows, _)| rows).sum();
    match kind {
        Kind::Category => join_names(pieces, rows),
        kind => {
            let mut values = Vec::with_capacity(rows);
            for (rows, column) in pieces {
                match (kind, column) {
                    (Kind::Number, Some(Column::Number(numbers)))
                    | (Kind::Date, Some(Column::Date(numbers))) => values.extend(numbers),
                    _ => values.extend(std::iter::repeat_n(f64::NAN, *rows)),
                }
            }
            if kind == Kind::Date {
                Column::Date(values)
            } else {
                Column::Number(values)
            }
        }
    }
}

/// The kind on which these votes agree.
fn agree<'a>(name: &str, votes: impl Iterator<Item = &'a Vote>) -> Kind {
    if let Some(known) = schema::known(name) {
        return match known.kind {
            ColumnKind::Number => Kind::Number,
            ColumnKind::Date => Kind::Date,
            ColumnKind::Code | ColumnKind::Category | ColumnKind::Zip => Kind::Category,
        };
    }
    let mut agreed = None;
    let mut fallback = Kind::Category;
    for vote in votes {
        if !vote.has_value {
            fallback = vote.kind;
            continue;
        }
        match agreed {
            None => agreed = Some(vote.kind),
            Some(other) if other == vote.kind => {}
            Some(_) => return Kind::Category,
        }
    }
    agreed.unwrap_or(fallback)
}

fn has_value(column: &Column) -> bool {
    match column {
        Column::Number(values) | Column::Date(values) => values.iter().any(|value| !value.is_nan()),
        Column::Category { codes, .. } => codes.iter().any(|code| *code != MISSING),
    }
}

/// One list of the names of all pieces, in order of first appearance.
fn join_names(pieces: &[(usize, Option<&Column>)], rows: usize) -> Column {
    let mut names: Vec<String> = Vec::new();
    let mut known: HashMap<String, u32> = HashMap::new();
    let mut code_of = |name: String| -> u32 {
        *known.entry(name).or_insert_with_key(|name| {
            names.push(name.clone());
            (names.len() - 1) as u32
        })
    };
    let mut codes = Vec::with_capacity(rows);
    for (rows, column) in pieces {
        match column {
            None => codes.extend(std::iter::repeat_n(MISSING, *rows)),
            Some(Column::Category { codes: old, names }) => {
                let mut new: Vec<Option<u32>> = vec![None; names.len()];
                codes.extend(old.iter().map(|code| {
                    let index = *code as usize;
                    match (new.get_mut(index), names.get(index)) {
                        // Codes are assigned as rows use them, so that unused names get none.
                        (Some(new), Some(name)) => {
                            *new.get_or_insert_with(|| code_of(name.clone()))
                        }
                        _ => MISSING,
                    }
                }));
            }
            Some(Column::Number(values)) => codes.extend(values.iter().map(|value| {
                if value.is_nan() {
                    MISSING
                } else {
                    code_of(number_text(*value))
                }
            })),
            Some(Column::Date(values)) => codes.extend(values.iter().map(
                |days| match date_from_days(*days as i32) {
                    Some(date) if !days.is_nan() => code_of(date.to_string()),
                    _ => MISSING,
                },
            )),
        }
    }
    Column::Category { codes, names }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(columns: Vec<(&str, Column)>) -> Frame {
        let mut frame = Frame::new(columns[0].1.len());
        for (name, column) in columns {
            frame.push(name, column).unwrap();
        }
        frame
    }

    fn numbers(values: &[f64]) -> Column {
        Column::Number(values.to_vec())
    }

    fn category(values: &[Option<&str>]) -> Column {
        Column::category(values.iter().copied())
    }

    #[test]
    fn absent_columns_are_missing_values() {
        let united = unite(&[
            frame(vec![
                ("price", numbers(&[1.0])),
                ("city", category(&[Some("Lee")])),
            ]),
            frame(vec![("price", numbers(&[2.0])), ("grade", numbers(&[7.0]))]),
        ])
        .unwrap();
        let names: Vec<&str> = united
            .columns()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["price", "city", "grade"]);
        assert_eq!(united.numbers("price").unwrap(), [1.0, 2.0]);
        assert_eq!(
            united.column("city").unwrap(),
            &category(&[Some("Lee"), None])
        );
        let grade = united.numbers("grade").unwrap();
        assert!(grade[0].is_nan() && grade[1] == 7.0);
    }

    #[test]
    fn columns_of_different_kinds_become_categories() {
        let united = unite(&[
            frame(vec![("grade", numbers(&[7.0, 7.5, f64::NAN]))]),
            frame(vec![(
                "grade",
                category(&[Some("7"), Some("luxury"), None]),
            )]),
            frame(vec![("grade", Column::Date(vec![0.0, f64::NAN]))]),
        ])
        .unwrap();
        assert_eq!(
            united.column("grade").unwrap(),
            &category(&[
                Some("7"),
                Some("7.5"),
                None,
                Some("7"),
                Some("luxury"),
                None,
                Some("1970-01-01"),
                None
            ])
        );
    }

    #[test]
    fn frames_without_values_do_not_affect_the_kind() {
        let united = unite(&[
            frame(vec![("grade", category(&[None, None]))]),
            frame(vec![("grade", numbers(&[7.0]))]),
        ])
        .unwrap();
        let grade = united.numbers("grade").unwrap();
        assert!(grade[0].is_nan() && grade[1].is_nan() && grade[2] == 7.0);
        let empty = unite(&[frame(vec![("grade", Column::Date(vec![f64::NAN]))])]).unwrap();
        assert!(matches!(empty.column("grade"), Some(Column::Date(_))));
    }

    #[test]
    fn known_columns_keep_their_kind() {
        let united = unite(&[
            frame(vec![("bed", numbers(&[3.0]))]),
            frame(vec![("bed", category(&[Some("three")]))]),
        ])
        .unwrap();
        let bed = united.numbers("bed").unwrap();
        assert!(bed[0] == 3.0 && bed[1].is_nan());
    }

    #[test]
    fn no_frames_give_an_empty_frame() {
        assert_eq!(unite(&[]).unwrap(), Frame::new(0));
    }

    proptest! {
        #[test]
        fn names_are_kept(batches in prop::collection::vec(prop::collection::vec(prop::option::of("[a-d]"), 1..12), 1..5)) {
            let frames: Vec<Frame> = batches
                .iter()
                .map(|rows| frame(vec![("x", Column::category(rows.iter().map(Option::as_deref)))]))
                .collect();
            let all: Vec<Option<&str>> = batches.iter().flatten().map(Option::as_deref).collect();
            let united = unite(&frames).unwrap();
            prop_assert_eq!(united.column("x").unwrap(), &Column::category(all));
        }
    }
}
