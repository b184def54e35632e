//! Names of columns as people say them. A column nobody knew of is called by its own name.

use crate::language::Language;

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

pub(crate) trait Names {
    /// The name of a column.
    fn column(self, name: &str) -> String;
    /// A unit as it stands behind a number; none where the name says it.
    fn unit(self, unit: Option<&str>) -> Option<&'static str>;
    fn algorithm(self, name: &str) -> String;
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
            other => return plain(other),
        };
        match self {
            Self::English => english.to_owned(),
            Self::Spanish => spanish.to_owned(),
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

    #[test]
    fn columns_have_names_that_people_say() {
        assert_eq!(Language::English.column("house_size"), "Living area");
        assert_eq!(Language::Spanish.column("bed"), "Dormitorios");
        assert_eq!(Language::Spanish.column("garage_spaces"), "Garage spaces");
        assert_eq!(Language::English.column("_"), "_");
    }
}
