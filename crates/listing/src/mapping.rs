//! Which of a source's columns is which known column, and how its texts become values in that column's
//! unit. Nothing is decided silently: every decision beyond spelling is a [`Problem`] of the batch.

use crate::amount::{self, Style};
use crate::clean::{clean_date, clean_number, number_text};
use crate::dates::{self, DateOrder};
use crate::name::{compact, words};
use crate::quality::{Problem, ProblemKind};
use crate::schema::{self, ColumnKind};
use crate::synonyms;
use crate::unit::{Stored, Unit};

/// A column as the source sends it.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    pub name: &'a str,
    /// Values that are not missing, evenly spaced over the rows.
    pub sample: Vec<&'a str>,
    /// The share of rows with a value, 0 to 1.
    pub filled: f64,
}

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    AsIs,
    Number {
        style: Style,
        /// The unit of numbers without one.
        unit: Option<Unit>,
        stored: Stored,
    },
    Date(DateOrder),
}

impl Reading {
    /// The plain text of the value in the stored unit; `None` where the text stays as it is.
    pub fn convert(self, text: &str) -> Option<String> {
        match self {
            Self::AsIs => None,
            Self::Number {
                style,
                unit,
                stored,
            } => {
                let amount = amount::read(text, style)?;
                let unit = amount.unit.or(unit);
                let factor = unit.map_or(Some(1.0), |unit| unit.factor(stored));
                Some(number_text(amount.number * factor?))
            }
            Self::Date(order) => dates::read(text, order).map(|date| date.to_string()),
        }
    }
}

/// What becomes of the columns of a source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    /// The stored name of each column, in the source's order.
    pub names: Vec<String>,
    pub readings: Vec<Reading>,
    /// Columns that add up to the number of bathrooms, with their weights.
    pub baths: Vec<(usize, f64)>,
    pub problems: Vec<Problem>,
}

/// Maps the columns of a source by the default schema.
///
/// A column with a known name keeps it. A known column that the source lacks is taken from the first of
/// its synonyms ([`synonyms::NAMES`]); the price from the first that at least half of the rows have.
pub fn plan(sources: &[Source<'_>]) -> Mapping {
    let mut mapping = Mapping {
        names: schema::canonical_names(sources.iter().map(|source| source.name)),
        readings: vec![Reading::AsIs; sources.len()],
        ..Mapping::default()
    };
    for (column, _) in synonyms::NAMES {
        mapping.take(column, sources);
    }
    mapping.add_baths(sources);
    for place in 0..sources.len() {
        mapping.read(place, sources);
    }
    mapping.report_prices(sources);
    mapping
}

impl Mapping {
    fn report(&mut self, kind: ProblemKind, column: &str, sentence: String) {
        self.problems.push(Problem {
            kind,
            column: Some(column.to_owned()),
            sentence,
        });
    }

    /// Finds the source of a known column that the source does not send under its own name.
    fn take(&mut self, column: &'static str, sources: &[Source<'_>]) {
        if self.names.iter().any(|name| name == column) {
            return;
        }
        let mut found: Vec<(usize, usize)> = sources
            .iter()
            .enumerate()
            .filter_map(
                |(place, source)| match synonyms::find(&compact(source.name)) {
                    Some((known, rank, _)) if known == column => Some((rank, place)),
                    _ => None,
                },
            )
            .collect();
        found.sort_unstable();
        let filled = |place: usize| sources.get(place).map_or(0.0, |source| source.filled);
        let best = found
            .iter()
            .find(|(_, place)| filled(*place) >= 0.5)
            .or_else(|| {
                found
                    .iter()
                    .max_by(|a, b| filled(a.1).total_cmp(&filled(b.1)))
            });
        let Some(&(_, place)) = best else { return };
        let Some(source) = sources.get(place) else {
            return;
        };
        if column == schema::ACRE_LOT && unit_of(source, column).is_none() {
            self.report(
                ProblemKind::UnitUnknown,
                source.name,
                format!(
                    "The unit of column `{}` is not known: neither its name nor its values say it. It was kept under its own name; rename it to `lot_acres`, `lot_sqft` or `lot_m2`.",
                    source.name
                ),
            );
            return;
        }
        if let Some(name) = self.names.get_mut(place) {
            column.clone_into(name);
        }
        self.report(
            ProblemKind::Mapped,
            column,
            format!("Column `{}` is read as `{column}`.", source.name),
        );
    }

    /// Full and half bathrooms, where there is no number of all.
    fn add_baths(&mut self, sources: &[Source<'_>]) {
        if self.names.iter().any(|name| name == schema::BATH) {
            return;
        }
        for (place, source) in sources.iter().enumerate() {
            let name = compact(source.name);
            let part = synonyms::BATH_PARTS.iter().find(|(part, _)| *part == name);
            if let Some((_, weight)) = part {
                self.baths.push((place, *weight));
            }
        }
        if !self.baths.is_empty() {
            self.report(
                ProblemKind::Mapped,
                schema::BATH,
                "`bath` is the sum of full bathrooms and half of the half bathrooms.".to_owned(),
            );
        }
    }

    /// Decides how the texts of a known column are read.
    fn read(&mut self, place: usize, sources: &[Source<'_>]) {
        let (Some(name), Some(source)) = (self.names.get(place).cloned(), sources.get(place))
        else {
            return;
        };
        let Some(known) = schema::known(&name) else {
            return;
        };
        let reading = match known.kind {
            ColumnKind::Number => {
                let large = [schema::PRICE, schema::HOUSE_SIZE].contains(&known.name);
                let style = Style::of(source.sample.iter().copied(), large);
                let unit = unit_of(source, known.name);
                let stored = Stored::of(known.name);
                let plain = source
                    .sample
                    .iter()
                    .all(|text| clean_number(text).is_some());
                let factor = unit.map_or(Some(1.0), |unit| unit.factor(stored));
                if plain && style == Style::Point && factor == Some(1.0) {
                    return;
                }
                if let (Some(unit), Some(to)) = (unit, stored.code())
                    && factor != Some(1.0)
                {
                    self.report(
                        ProblemKind::Converted,
                        &name,
                        format!("`{name}` was converted from {} to {to}.", unit.code()),
                    );
                } else if let Some(unit) = unit
                    && factor != Some(1.0)
                {
                    self.report(
                        ProblemKind::Converted,
                        &name,
                        format!("`{name}` is in {}.", unit.code()),
                    );
                }
                if style == Style::Comma {
                    self.report(
                        ProblemKind::Converted,
                        &name,
                        format!("In `{name}` a comma is the decimal mark."),
                    );
                }
                Reading::Number {
                    style,
                    unit,
                    stored,
                }
            }
            ColumnKind::Date => {
                let order = DateOrder::of(source.sample.iter().copied());
                if let Some((order, certain)) = order {
                    let doubt = if certain { "" } else { "; no date tells" };
                    self.report(
                        ProblemKind::Converted,
                        &name,
                        format!(
                            "The dates of `{name}` are read as {}{doubt}.",
                            order.code().replace('_', " ")
                        ),
                    );
                } else if source.sample.iter().all(|text| clean_date(text).is_some()) {
                    return;
                }
                Reading::Date(order.map_or(DateOrder::default(), |(order, _)| order))
            }
            ColumnKind::Code | ColumnKind::Category | ColumnKind::Zip => return,
        };
        if let Some(slot) = self.readings.get_mut(place) {
            *slot = reading;
        }
    }

    /// Names the other prices of a home, from which no model may learn.
    fn report_prices(&mut self, sources: &[Source<'_>]) {
        for (place, source) in sources.iter().enumerate() {
            let Some(name) = self.names.get(place).cloned() else {
                continue;
            };
            if name != schema::PRICE && schema::is_price_of_the_home(&name) {
                self.report(
                    ProblemKind::Leak,
                    &name,
                    format!(
                        "Column `{}` is another price of the same home; models do not learn from it.",
                        source.name
                    ),
                );
            }
        }
    }
}

/// The unit of a column's numbers: by its name, then by its cells, then by their size.
fn unit_of(source: &Source<'_>, column: &str) -> Option<Unit> {
    let stored = Stored::of(column);
    let given = compact(source.name);
    // The product's own names have their units.
    if given == compact(column) && column != schema::PRICE {
        return None.or(match stored {
            Stored::Acres => Some(Unit::Acres),
            Stored::Ft2 => Some(Unit::Ft2),
            Stored::Amount => None,
        });
    }
    let fits = |unit: &Unit| unit.factor(stored).is_some();
    let implied = synonyms::find(&given).and_then(|(_, _, unit)| unit);
    if let Some(unit) = implied
        .or_else(|| Unit::of_words(&words(source.name)))
        .filter(fits)
    {
        return Some(unit);
    }
    if stored == Stored::Amount {
        return None;
    }
    let amounts: Vec<_> = source
        .sample
        .iter()
        .filter_map(|text| amount::read(text, Style::Point))
        .collect();
    if let Some(unit) = amounts.iter().find_map(|amount| amount.unit) {
        return Some(unit);
    }
    let mut numbers: Vec<f64> = amounts.iter().map(|amount| amount.number).collect();
    numbers.sort_unstable_by(f64::total_cmp);
    let median = *numbers.get(numbers.len() / 2)?;
    match stored {
        Stored::Acres if median >= 500.0 => Some(Unit::Ft2),
        Stored::Acres if median <= 10.0 => Some(Unit::Acres),
        Stored::Ft2 if median < 350.0 => Some(Unit::M2),
        Stored::Ft2 => Some(Unit::Ft2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(columns: &[(&'static str, &[&'static str])]) -> Mapping {
        let sources: Vec<Source<'_>> = columns
            .iter()
            .map(|(name, sample)| Source {
                name,
                sample: sample.to_vec(),
                filled: if sample.is_empty() { 0.0 } else { 1.0 },
            })
            .collect();
        plan(&sources)
    }

    fn codes(mapping: &Mapping) -> Vec<&'static str> {
        mapping
            .problems
            .iter()
            .map(|problem| problem.kind.code())
            .collect()
    }

    #[test]
    fn exports_are_recognised() {
        for (header, names) in [
            // HomeHarvest.
            (
                &[
                    "list_price",
                    "beds",
                    "full_baths",
                    "half_baths",
                    "sqft",
                    "lot_sqft",
                    "zip_code",
                ][..],
                &[
                    "price",
                    "bed",
                    "full_baths",
                    "half_baths",
                    "house_size",
                    "acre_lot",
                    "zip_code",
                ][..],
            ),
            // RESO.
            (
                &[
                    "ClosePrice",
                    "BedroomsTotal",
                    "BathroomsTotalInteger",
                    "LivingArea",
                    "LotSizeAcres",
                    "PostalCode",
                    "StateOrProvince",
                ],
                &[
                    "price",
                    "bed",
                    "bath",
                    "house_size",
                    "acre_lot",
                    "zip_code",
                    "state",
                ],
            ),
            // King County.
            (
                &[
                    "id",
                    "date",
                    "price",
                    "bedrooms",
                    "bathrooms",
                    "sqft_living",
                    "sqft_lot",
                    "zipcode",
                ],
                &[
                    "id",
                    "prev_sold_date",
                    "price",
                    "bed",
                    "bath",
                    "house_size",
                    "acre_lot",
                    "zip_code",
                ],
            ),
            // Ames.
            (
                &[
                    "PID",
                    "SalePrice",
                    "BedroomAbvGr",
                    "FullBath",
                    "HalfBath",
                    "Gr Liv Area",
                    "Neighborhood",
                ],
                &[
                    "parcel_number",
                    "price",
                    "bed",
                    "FullBath",
                    "HalfBath",
                    "house_size",
                    "Neighborhood",
                ],
            ),
            // Melbourne.
            (
                &[
                    "Suburb",
                    "Address",
                    "Rooms",
                    "Price",
                    "Date",
                    "Postcode",
                    "Bathroom",
                    "Landsize",
                    "BuildingArea",
                ],
                &[
                    "city",
                    "street",
                    "bed",
                    "price",
                    "prev_sold_date",
                    "zip_code",
                    "bath",
                    "acre_lot",
                    "house_size",
                ],
            ),
            // Fotocasa.
            (
                &[
                    "Precio",
                    "Habitaciones",
                    "Baños",
                    "Superficie",
                    "Código postal",
                    "Municipio",
                    "Provincia",
                ],
                &[
                    "price",
                    "bed",
                    "bath",
                    "house_size",
                    "zip_code",
                    "city",
                    "state",
                ],
            ),
            // Redfin.
            (
                &[
                    "SOLD DATE",
                    "ADDRESS",
                    "STATE OR PROVINCE",
                    "ZIP OR POSTAL CODE",
                    "PRICE",
                    "BEDS",
                    "SQUARE FEET",
                    "$/SQUARE FEET",
                ],
                &[
                    "prev_sold_date",
                    "street",
                    "state",
                    "zip_code",
                    "price",
                    "bed",
                    "house_size",
                    "$/SQUARE FEET",
                ],
            ),
        ] {
            let columns: Vec<(&str, &[&str])> =
                header.iter().map(|name| (*name, &["1500"][..])).collect();
            assert_eq!(planned(&columns).names, names, "{header:?}");
        }
    }

    #[test]
    fn of_several_prices_one_is_taken_and_the_others_are_named() {
        let both = planned(&[
            ("list_price", &["1"]),
            ("sold_price", &["1"]),
            ("sqft", &["900"]),
        ]);
        assert_eq!(both.names, ["list_price", "price", "house_size"]);
        assert!(codes(&both).contains(&"leak"));
        // Few homes were sold.
        let listed = planned(&[("list_price", &["1"]), ("sold_price", &[])]);
        assert_eq!(listed.names, ["price", "sold_price"]);
        let twice = planned(&[("Price", &["1"]), ("Price ", &["1"])]);
        assert_eq!(twice.names, ["price", "price_2"]);
        assert!(codes(&twice).contains(&"leak"));
    }

    #[test]
    fn units_are_converted() {
        let value = |name, text| {
            let mapping = planned(&[(name, &[text])]);
            let text = mapping.readings[0]
                .convert(text)
                .unwrap_or_else(|| text.to_owned());
            (mapping.names[0].clone(), text.parse::<f64>().unwrap())
        };
        for (name, text, stored, number) in [
            ("lot_sqft", "43560", "acre_lot", 1.0),
            ("LotSize", "21780", "acre_lot", 0.5),
            ("Landsize", "4046.8564224", "acre_lot", 1.0),
            ("superficie", "100", "house_size", 1_076.391),
            ("house_size", "1,180 sqft", "house_size", 1_180.0),
            ("house_size", "120 m²", "house_size", 1_291.669),
            ("acre_lot", "10,890 sqft", "acre_lot", 0.25),
            ("Price (thousands)", "350", "price", 350_000.0),
            ("price_thousands", "350", "price", 350_000.0),
            ("price", "$1.2M", "price", 1_200_000.0),
        ] {
            let (column, converted) = value(name, text);
            assert_eq!(column, stored, "{name}");
            assert!(
                (converted / number - 1.0).abs() < 1e-5,
                "{name} {text}: {converted}"
            );
        }
    }

    #[test]
    fn a_lot_whose_unit_is_not_known_keeps_its_name() {
        let mapping = planned(&[("lot_size", &["120"])]);
        assert_eq!(mapping.names, ["lot_size"]);
        assert_eq!(codes(&mapping), ["unit_unknown"]);
    }

    #[test]
    fn the_product_s_own_columns_are_read_as_before() {
        let names = schema::COLUMNS.map(|column| (column.name, &["1"][..]));
        let mapping = planned(&names);
        assert!(
            mapping.readings[..11]
                .iter()
                .all(|reading| *reading == Reading::AsIs)
        );
        assert_eq!(mapping.problems, []);
    }
}
