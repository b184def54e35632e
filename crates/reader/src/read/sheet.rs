//! A sheet of an Excel workbook, read as CSV is: the first row that is not empty has the names of the columns.

use std::fmt::Write as _;
use std::io::Cursor;

use bytes::Bytes;
use calamine::{Data, DataRef, ExcelDateTime, Reader as _, SheetType, SheetVisible, Xlsx};
use tasador_listing::clean::number_text;
use tasador_listing::quality::{Problem, ProblemKind, TextForm};

use super::{MAX_BYTES, Raw, ReadError, check_size, delimited};

/// A sheet as CSV.
struct Sheet {
    name: String,
    csv: String,
    rows: usize,
}

/// Reads the sheet with the most rows that is not hidden.
pub(super) fn read(bytes: Bytes, names: &[String]) -> Result<Raw, ReadError> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(ReadError::Sheet)?;
    let sheets: Vec<String> = book
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .collect();
    let mut best: Option<Sheet> = None;
    for name in &sheets {
        let sheet = as_csv(&mut book, name)?;
        if best.as_ref().is_none_or(|best| sheet.rows > best.rows) {
            best = Some(sheet);
        }
    }
    let Some(sheet) = best else {
        return Ok(Raw::default());
    };
    let mut raw = delimited::read(sheet.csv.into(), names)?;
    raw.form = TextForm::default();
    if sheets.len() > 1 {
        raw.problems.push(Problem {
            kind: ProblemKind::NotRead,
            column: None,
            sentence: format!(
                "Of {} sheets, `{}` was read, because it has the most rows.",
                sheets.len(),
                sheet.name
            ),
        });
    }
    Ok(raw)
}

fn as_csv(book: &mut Xlsx<Cursor<Bytes>>, name: &str) -> Result<Sheet, ReadError> {
    let mut cells = book
        .worksheet_cells_reader(name)
        .map_err(ReadError::Sheet)?;
    let mut sheet = Sheet {
        name: name.to_owned(),
        // The separator is named, because cells may have others.
        csv: "sep=,\n".to_owned(),
        rows: 0,
    };
    let (mut row, mut column, mut columns) = (0, 0, 0);
    while let Some(cell) = cells.next_cell().map_err(ReadError::Sheet)? {
        let text = text(cell.get_value());
        if text.is_empty() {
            continue;
        }
        let (at_row, at_column) = cell.get_position();
        // Cells come in order; where a damaged file has them otherwise, the later one counts as new.
        while row < at_row {
            sheet.csv.push('\n');
            (row, column) = (row + 1, 0);
        }
        sheet.rows += usize::from(column == 0 || sheet.csv.ends_with('\n'));
        while column < at_column {
            sheet.csv.push(',');
            column += 1;
        }
        let _ = write!(sheet.csv, "\"{}\"", text.replace('"', "\"\""));
        columns = columns.max(at_column as usize + 1);
        check_size(sheet.rows, columns)?;
        if sheet.csv.len() as u64 > MAX_BYTES {
            return Err(ReadError::TooLarge);
        }
    }
    Ok(sheet)
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::DateTime(time) => date(time),
        DataRef::Float(number) => number_text(*number),
        DataRef::Bool(value) => value.to_string(),
        other => Data::from(other.clone()).to_string(),
    }
}

/// `2024-03-01`, with its time if it has one; a duration as its number of days.
fn date(time: &ExcelDateTime) -> String {
    if !time.is_datetime() {
        return number_text(time.as_f64());
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    if (hour, minute, second) == (0, 0, 0) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}
