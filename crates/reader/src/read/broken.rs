//! Rows that cannot be read: found one by one, so that the others are kept.

use std::ops::Range;
use std::str::Utf8Error;

use tasador_listing::reject::Reason;

use super::ReadError;
use super::text::NOT_TEXT;

/// A batch with a larger share of rows that cannot be read is refused as a whole.
pub(crate) const MAX_BROKEN_SHARE: f64 = 0.1;
/// So many rows that cannot be read are accepted in a batch of any size that has others.
pub(crate) const MIN_BROKEN_ROWS: usize = 5;
/// The longest row of a text file, in bytes.
pub(crate) const MAX_ROW_BYTES: usize = 1 << 20;
/// The longest value of a text file, in bytes.
pub(crate) const MAX_CELL_BYTES: usize = 256 << 10;
/// At most so much is stored of a row that cannot be read, in bytes.
const MAX_STORED_BYTES: usize = 64 << 10;
/// The error of a refused batch shows so many rows.
const EXAMPLES: usize = 3;

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRow {
    /// Where it begins in the source's file, from 1.
    pub line: u64,
    pub reason: Reason,
    /// The sentence for people.
    pub detail: String,
    /// The row as it came. Bytes that are not text are replaced; of a long row, the beginning.
    pub text: String,
}

/// What is wrong with a row.
#[derive(Debug)]
pub(super) enum Fault {
    Surplus {
        fields: usize,
        expected: usize,
    },
    OpenQuote,
    QuoteInField,
    TextAfterQuote,
    CarriageReturn,
    /// The first such byte, and its place within the row, from 1.
    NotText {
        at: usize,
        byte: u8,
    },
    Json(String),
    RowTooLong,
    CellTooLong,
}

impl Fault {
    /// `row` is not UTF-8 at this place.
    pub(super) fn not_text(row: &[u8], error: Utf8Error) -> Self {
        let at = error.valid_up_to();
        Self::NotText {
            at: at + 1,
            byte: row.get(at).copied().unwrap_or(NOT_TEXT),
        }
    }

    const fn reason(&self) -> Reason {
        match self {
            Self::Surplus { .. } => Reason::SurplusFields,
            Self::OpenQuote | Self::QuoteInField | Self::TextAfterQuote | Self::CarriageReturn => {
                Reason::BadQuote
            }
            Self::NotText { .. } => Reason::BadEncoding,
            Self::Json(_) => Reason::BadJson,
            Self::RowTooLong | Self::CellTooLong => Reason::RowTooLong,
        }
    }

    fn detail(&self, line: u64) -> String {
        let what = match self {
            Self::Surplus { fields, expected } => {
                format!("{fields} fields, but the header has {expected}")
            }
            Self::OpenQuote => "a quoted field does not end".to_owned(),
            Self::QuoteInField => {
                "a quote in a field without quotes; quote the field and double the quote".to_owned()
            }
            Self::TextAfterQuote => {
                "text after the closing quote of a field; double a quote that belongs to the field"
                    .to_owned()
            }
            Self::CarriageReturn => "a carriage return in a field without quotes".to_owned(),
            Self::NotText { at, byte: NOT_TEXT } => format!(
                "byte {at} of the row is not text in the file's encoding; save the file as UTF-8"
            ),
            Self::NotText { at, byte } => {
                format!("byte {at} of the row (0x{byte:02X}) is not UTF-8; save the file as UTF-8")
            }
            Self::Json(reason) => reason.clone(),
            Self::RowTooLong => format!("the row is longer than {MAX_ROW_BYTES} bytes"),
            Self::CellTooLong => format!("a value is longer than {MAX_CELL_BYTES} bytes"),
        };
        format!("Line {line}: {what}.")
    }
}

/// The rows of a file that cannot be read, as places in its text.
#[derive(Debug, Default)]
pub(super) struct Broken {
    rows: Vec<(u64, Range<usize>, Fault)>,
}

impl Broken {
    pub(super) fn add(&mut self, line: usize, range: Range<usize>, fault: Fault) {
        self.rows.push((line as u64, range, fault));
    }

    /// The rows of `text` with their reasons, beside so many that can be read.
    pub(super) fn finish(self, text: &[u8], readable: usize) -> Result<Vec<BrokenRow>, ReadError> {
        let broken = self.rows.len();
        let rows = readable + broken;
        let accepted = MIN_BROKEN_ROWS.max((rows as f64 * MAX_BROKEN_SHARE) as usize);
        if broken > accepted || (readable == 0 && broken > 0) {
            let examples = self.rows.iter().take(EXAMPLES);
            let examples: Vec<String> = examples
                .map(|(line, _, fault)| fault.detail(*line))
                .collect();
            return Err(ReadError::TooManyBroken {
                counts: if readable == 0 {
                    format!("none of the {rows} rows can be read")
                } else {
                    format!(
                        "{broken} of {rows} rows cannot be read, more than the accepted {accepted}"
                    )
                },
                examples: examples.join(" "),
            });
        }
        let row = |(line, range, fault): (u64, Range<usize>, Fault)| {
            let mut bytes = text.get(range).unwrap_or_default().trim_ascii_end();
            let mut detail = fault.detail(line);
            if bytes.len() > MAX_STORED_BYTES {
                bytes = bytes.get(..MAX_STORED_BYTES).unwrap_or_default();
                detail += " Only its beginning is stored.";
            }
            BrokenRow {
                line,
                reason: fault.reason(),
                detail,
                text: String::from_utf8_lossy(bytes).into_owned(),
            }
        };
        Ok(self.rows.into_iter().map(row).collect())
    }
}
