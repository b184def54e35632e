//! Names of columns as people say them. A column nobody knew of is called by its own name.

use tasador_pricing::{Amount, InputDescription, Kind, Seen};

use crate::language::{Language, PageLanguage as _};

/// Known columns: name, English, Spanish.
const NAMES: &[(&str, &str, &str)] = &[
    ("brokered_by", "Broker", "Agencia"),
    ("status", "Listing status", "Estado del anuncio"),
    ("price", "Price", "Precio"),
    ("bed", "Bedrooms", "Dormitorios"),
    ("bath", "Bathrooms", "Baños"),
    ("acre_lot", "Lot size", "Tamaño del lote"),
    ("street", "Street", "Calle"),
    ("city", "City", "Ciudad"),
    ("state", "State", "Estado"),
    ("zip_code", "Zip code", "Código postal"),
    ("house_size", "Living area", "Superficie"),
    ("prev_sold_date", "Last sold on", "Última venta"),
    ("floors", "Floors", "Pisos"),
    ("waterfront", "Waterfront", "Frente al agua"),
    ("view", "View", "Vista"),
    ("condition", "Condition", "Conservación"),
    ("grade", "Grade", "Calidad"),
    ("sqft_above", "Area above ground", "Área sobre el suelo"),
    ("sqft_basement", "Basement area", "Área del sótano"),
    ("yr_built", "Year built", "Año de construcción"),
    ("yr_renovated", "Year renovated", "Año de renovación"),
    ("lat", "Latitude", "Latitud"),
    ("long", "Longitude", "Longitud"),
    (
        "sqft_living15",
        "Neighbours’ living area",
        "Superficie de los vecinos",
    ),
    ("sqft_lot15", "Neighbours’ lot size", "Lote de los vecinos"),
];

/// Words for the steps of a scale: column, and for each number English and Spanish. Those of King County's
/// assessor (<https://info.kingcounty.gov/assessor/esales/Glossary.aspx>), whose sales the demo learns from.
type Step = (u8, &'static str, &'static str);
const SCALES: &[(&str, &[Step])] = &[
    (
        "condition",
        &[
            (1, "poor", "mala"),
            (2, "fair", "regular"),
            (3, "average", "media"),
            (4, "good", "buena"),
            (5, "very good", "muy buena"),
        ],
    ),
    (
        "view",
        &[
            (0, "none", "ninguna"),
            (1, "fair", "regular"),
            (2, "average", "media"),
            (3, "good", "buena"),
            (4, "excellent", "excelente"),
        ],
    ),
    (
        "grade",
        &[
            (1, "cabin", "cabaña"),
            (2, "substandard", "deficiente"),
            (3, "poor", "mala"),
            (4, "low", "baja"),
            (5, "fair", "regular"),
            (6, "low average", "media baja"),
            (7, "average", "media"),
            (8, "good", "buena"),
            (9, "better", "mejor"),
            (10, "very good", "muy buena"),
            (11, "excellent", "excelente"),
            (12, "luxury", "de lujo"),
            (13, "mansion", "mansión"),
        ],
    ),
];

/// Square feet in an acre.
const SQFT_PER_ACRE: f64 = 43_560.0;

pub(crate) trait Names {
    /// The name of a column.
    fn column(self, name: &str) -> String;
    /// A unit as it stands behind a number; none where the name says it.
    fn unit(self, unit: Option<&str>) -> Option<&'static str>;
    fn algorithm(self, name: &str) -> String;
    /// The choices of a column whose numbers stand for words: yes and no, or the steps of a scale. Numbers
    /// with their words; empty for a column that holds amounts.
    fn choices(self, input: &InputDescription) -> Vec<(String, String)>;
    /// A value of this column as people say it, with its unit.
    fn value(self, input: &InputDescription, typed: &str) -> String;
}

/// A year has no thousands to set apart.
pub(crate) fn is_year(column: &str) -> bool {
    column.starts_with("yr_") || column.contains("year")
}

/// Smallest, middle and largest number that training saw.
fn range(input: &InputDescription) -> Option<(f64, f64, f64)> {
    match &input.seen {
        Seen::Range {
            min: Some(Amount::Number(min)),
            median: Some(Amount::Number(median)),
            max: Some(Amount::Number(max)),
        } if input.kind == Kind::Number => Some((*min, *median, *max)),
        _ => None,
    }
}

impl Names for Language {
    fn column(self, name: &str) -> String {
        match NAMES.iter().find(|(known, ..)| *known == name) {
            Some((_, english, spanish)) => match self {
                Self::English => (*english).to_owned(),
                Self::Spanish => (*spanish).to_owned(),
            },
            None => plain(name),
        }
    }

    fn unit(self, unit: Option<&str>) -> Option<&'static str> {
        match (unit?, self) {
            ("sqft", Self::English) => Some("sq ft"),
            ("sqft", Self::Spanish) => Some("pies²"),
            ("m2", _) => Some("m²"),
            ("acre", Self::English) => Some("acres"),
            ("acre", Self::Spanish) => Some("acres"),
            _ => None,
        }
    }

    fn algorithm(self, name: &str) -> String {
        let (english, spanish) = match name {
            "boosting" => ("Gradient boosting", "Boosting de gradiente"),
            "linear" => ("Linear regression", "Regresión lineal"),
            "ridge" => ("Ridge regression", "Regresión ridge"),
            "forest" => ("Random forest", "Bosque aleatorio"),
            "blend" => ("Blend of models", "Combinación de modelos"),
            other => return plain(other),
        };
        self.of(english, spanish).to_owned()
    }

    fn choices(self, input: &InputDescription) -> Vec<(String, String)> {
        let Some((min, median, max)) = range(input) else {
            return Vec::new();
        };
        if (min, max) == (0.0, 1.0) && (median == 0.0 || median == 1.0) {
            return vec![
                ("1".to_owned(), self.of("yes", "sí").to_owned()),
                ("0".to_owned(), self.of("no", "no").to_owned()),
            ];
        }
        let scale = SCALES.iter().find(|(column, _)| *column == input.name);
        let steps = scale.map_or(&[][..], |(_, steps)| steps);
        let fits = |value: f64| steps.iter().any(|(step, ..)| f64::from(*step) == value);
        if !(fits(min) && fits(max)) {
            return Vec::new();
        }
        steps
            .iter()
            .filter(|(step, ..)| (min..=max).contains(&f64::from(*step)))
            .map(|(step, english, spanish)| {
                let word = self.of(english, spanish);
                (step.to_string(), format!("{step} ({word})"))
            })
            .collect()
    }

    fn value(self, input: &InputDescription, typed: &str) -> String {
        let choices = self.choices(input);
        let Ok(number) = typed.parse::<f64>() else {
            return typed.to_owned();
        };
        let chosen = choices
            .into_iter()
            .find(|(value, _)| value.parse() == Ok(number));
        if let Some((_, word)) = chosen {
            return word;
        }
        if input.kind != Kind::Number || is_year(&input.name) {
            return typed.to_owned();
        }
        let written = self.number(number, 4);
        let unit = input.unit.as_deref();
        match (unit, self.unit(unit)) {
            // Other areas are in square feet, lots beside this one among them.
            (Some("acre"), Some(acres)) => {
                let sqft = self.number(number * SQFT_PER_ACRE, 0);
                let unit = self.unit(Some("sqft")).unwrap_or_default();
                format!("{written} {acres} ({sqft} {unit})")
            }
            (_, Some(unit)) => format!("{written} {unit}"),
            (_, None) => written,
        }
    }
}

/// `garage_spaces` as `Garage spaces`.
fn plain(name: &str) -> String {
    let words = name.replace(['_', '.'], " ");
    let mut letters = words.trim().chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(
        name: &str,
        (min, median, max): (f64, f64, f64),
        unit: Option<&str>,
    ) -> InputDescription {
        let number = |value| Some(Amount::Number(value));
        InputDescription {
            name: name.to_owned(),
            kind: Kind::Number,
            format: None,
            unit: unit.map(str::to_owned),
            missing_share: 0.0,
            example: None,
            seen: Seen::Range {
                min: number(min),
                median: number(median),
                max: number(max),
            },
        }
    }

    #[test]
    fn values_are_written_as_people_say_them() {
        use Language::{English, Spanish};
        for (language, column, typed, wanted) in [
            (
                English,
                input("waterfront", (0.0, 0.0, 1.0), None),
                "0",
                "no",
            ),
            (
                Spanish,
                input("waterfront", (0.0, 0.0, 1.0), None),
                "1.0",
                "sí",
            ),
            (
                English,
                input("has_pool", (0.0, 1.0, 1.0), None),
                "1",
                "yes",
            ),
            (English, input("share_wet", (0.0, 0.4, 1.0), None), "1", "1"),
            (
                English,
                input("grade", (1.0, 7.0, 13.0), None),
                "8",
                "8 (good)",
            ),
            (
                Spanish,
                input("condition", (1.0, 3.0, 5.0), None),
                "3",
                "3 (media)",
            ),
            (
                English,
                input("condition", (1.0, 3.0, 5.0), None),
                "3.5",
                "3.5",
            ),
            (English, input("grade", (0.0, 50.0, 100.0), None), "8", "8"),
            (
                English,
                input("yr_built", (1900.0, 1974.0, 2015.0), None),
                "1974",
                "1974",
            ),
            (
                English,
                input("house_size", (290.0, 1800.0, 13540.0), Some("sqft")),
                "1800",
                "1,800 sq ft",
            ),
            (
                Spanish,
                input("acre_lot", (0.01, 0.2, 38.0), Some("acre")),
                "0.25",
                "0,25 acres (10.890 pies²)",
            ),
            (
                Spanish,
                input("acre_lot", (10.0, 200.0, 3800.0), Some("m2")),
                "1250",
                "1.250 m²",
            ),
            (
                English,
                input("bed", (0.0, 3.0, 33.0), None),
                "many",
                "many",
            ),
        ] {
            assert_eq!(language.value(&column, typed), wanted, "{}", column.name);
        }
    }

    #[test]
    fn columns_have_names_that_people_say() {
        assert_eq!(Language::English.column("house_size"), "Living area");
        assert_eq!(Language::Spanish.column("bed"), "Dormitorios");
        assert_eq!(Language::Spanish.column("garage_spaces"), "Garage spaces");
        assert_eq!(Language::English.column("_"), "_");
    }
}
