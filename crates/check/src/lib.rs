//! Files of listings that people look at before models learn from them: what is stored of an uploaded one, how it
//! compares with the model in production, and the schema that it is read by.

mod against;
pub mod schema;

use serde::{Deserialize, Serialize};
use tasador_flow::Language;
use tasador_ids::Key;
use tasador_listing::checked::{Checked, SuspectedRents};

pub use against::Against;

/// The largest file that can be uploaded. Lambda takes 6 MB, in which a file is a third longer than it is.
pub const UPLOAD_MAX_BYTES: usize = 4_000_000;

/// What was found of an uploaded file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// The name that the file had.
    pub name: String,
    /// Where it is in the bucket.
    pub key: Key,
    /// Where the schema is that it was read by, if one is declared.
    pub declared: Option<String>,
    /// The schema by which a person wanted it to be read.
    pub wanted: Option<String>,
    pub found: Found,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    Checked(Box<Checked>),
    /// Why it cannot be read.
    Unreadable(String),
}

impl Upload {
    /// The schema file that is proposed, unless one is declared.
    pub fn proposal(&self) -> Option<String> {
        match (&self.declared, &self.wanted, &self.found) {
            (Some(_), _, _) => None,
            (None, Some(wanted), _) => Some(wanted.clone()),
            (None, None, Found::Checked(checked)) => {
                let title = format!(
                    "Proposed from {}. Correct it where it is wrong; docs/using.md describes the settings.",
                    self.name
                );
                Some(checked.proposal(&title))
            }
            (None, None, Found::Unreadable(_)) => None,
        }
    }
}

/// What is said of prices that may be rents.
pub fn rents_sentence(language: Language, rents: SuspectedRents) -> String {
    let (share, below) = (language.percent(rents.share), language.money(rents.below));
    match language {
        Language::English => format!(
            "{share} of the prices are below {below}, a thirtieth of the median: they may be rents or in another unit. Declare `min` of the price to reject them."
        ),
        Language::Spanish => format!(
            "{share} de los precios están por debajo de {below}, un treintavo de la mediana: pueden ser alquileres o estar en otra unidad. Declare `min` del precio para rechazarlos."
        ),
    }
}
