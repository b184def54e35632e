//! What a visitor asks for, as the address says it.

use serde_json::{Map, Value};
use tasador_flow::{Language, Outcome, OutcomeKind};
use tasador_ids::{BatchId, DatasetId, ModelVersion, RunId};

use crate::sign_in::Attempt;

/// What every field of a listing begins with in the address: a column may be called `lang`.
pub(crate) const FIELD: &str = "in.";
/// The most fields that are read of one address.
const FIELDS_MAX: usize = 200;
/// The longest value, in characters.
const VALUE_MAX_CHARS: usize = 200;

/// A section of the page. Each has its own address.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SectionId {
    #[default]
    Appraise,
    History,
    Models,
    Performance,
    Data,
    Operations,
}

impl SectionId {
    pub(crate) const ALL: [Self; 6] = [
        Self::Appraise,
        Self::History,
        Self::Models,
        Self::Performance,
        Self::Data,
        Self::Operations,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Appraise => "appraise",
            Self::History => "history",
            Self::Models => "models",
            Self::Performance => "performance",
            Self::Data => "data",
            Self::Operations => "operations",
        }
    }

    /// Its address, relative to the page.
    pub(crate) fn address(self) -> String {
        match self {
            Self::Appraise => "./".to_owned(),
            other => format!("./?section={}", other.as_str()),
        }
    }
}

/// One thing with a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum View {
    Run(RunId),
    Batch(BatchId),
    Dataset(DatasetId),
    Version(ModelVersion),
    Request(String),
    /// An uploaded file, or `new`.
    Check(String),
    /// The address names something that cannot exist.
    Nothing,
}

impl View {
    /// `None` where the name is not that of a view.
    fn of(name: &str, text: &str) -> Option<Self> {
        let view = match name {
            "run" => text.parse().ok().map(Self::Run),
            "batch" => text.parse().ok().map(Self::Batch),
            "dataset" => text.parse().ok().map(Self::Dataset),
            "version" => text.parse().ok().map(Self::Version),
            "request" => Some(Self::Request(text.to_owned())),
            "check" => Some(Self::Check(text.to_owned())),
            _ => return None,
        };
        Some(view.unwrap_or(Self::Nothing))
    }

    /// Its address, relative to the page.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Run(run) => format!("?run={run}"),
            Self::Batch(batch) => format!("?batch={batch}"),
            Self::Dataset(dataset) => format!("?dataset={dataset}"),
            Self::Version(version) => format!("?version={version}"),
            Self::Request(request) => format!("?request={}", encoded(request)),
            Self::Check(check) => format!("?check={}", encoded(check)),
            Self::Nothing => "./".to_owned(),
        }
    }
}

/// Which runs are shown.
#[derive(Debug, Default, Clone)]
pub(crate) struct Filter {
    pub(crate) kind: Option<OutcomeKind>,
    /// A part of the batch's name, an id or the sentence.
    pub(crate) text: Option<String>,
}

impl Filter {
    pub(crate) const fn is_empty(&self) -> bool {
        self.kind.is_none() && self.text.is_none()
    }

    /// Whether a run is one of them, in either language.
    pub(crate) fn matches(&self, outcome: &Outcome) -> bool {
        let is_kind = self.kind.is_none_or(|kind| outcome.kind == kind);
        is_kind && self.text.as_ref().is_none_or(|text| has(outcome, text))
    }

    /// As the end of an address: `kind=rejected&q=may`; empty for all.
    pub(crate) fn query(&self) -> String {
        let kind = self.kind.map(|kind| format!("kind={}", kind.as_str()));
        let text = self
            .text
            .as_ref()
            .map(|text| format!("q={}", encoded(text)));
        kind.into_iter().chain(text).collect::<Vec<_>>().join("&")
    }
}

fn has(outcome: &Outcome, text: &str) -> bool {
    let text = text.to_lowercase();
    let ids = [
        Some(outcome.run.to_string()),
        outcome.batch.map(|batch| batch.to_string()),
        outcome.dataset.map(|dataset| dataset.to_string()),
        outcome.batch_name(),
        outcome.source.clone(),
    ];
    let mut all = ids.into_iter().flatten();
    let mut said = Language::ALL.into_iter();
    all.any(|part| part.to_lowercase().contains(&text))
        || said.any(|language| language.outcome(outcome).to_lowercase().contains(&text))
}

/// The parts of the address.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// `lang=`: the language.
    pub(crate) language: Option<String>,
    /// `page=`: where the history goes on.
    pub(crate) page: Option<String>,
    /// `run=`, `batch=`, `dataset=`, `version=`, `request=` or `check=`: the one thing that is shown.
    pub(crate) view: Option<View>,
    /// `section=`: the section that is shown.
    section: Option<SectionId>,
    /// `kind=` and `q=`: which runs of the history are shown.
    pub(crate) filter: Filter,
    /// `from=`: the price that a what-if is compared with.
    pub(crate) from: Option<f64>,
    /// `comparables=`: whether the sales of similar homes are shown.
    pub(crate) comparables: bool,
    /// `sign-in=`: what became of signing in.
    pub(crate) sign_in: Option<Attempt>,
    /// `in.<column>=`: the home, as it was typed. `None` where the visitor wants no price.
    pub(crate) home: Option<Map<String, Value>>,
    /// The query without the language, to come back to.
    others: Vec<(String, String)>,
}

impl Asked {
    /// Reads the pairs of a query. What makes no sense counts as not asked for.
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Self {
        let mut asked = Self::default();
        for (name, value) in pairs.into_iter().take(FIELDS_MAX) {
            if value.chars().count() > VALUE_MAX_CHARS && name != "page" {
                continue;
            }
            let text = value.trim();
            if let Some(field) = name.strip_prefix(FIELD) {
                let home = asked.home.get_or_insert_with(Map::new);
                if !text.is_empty() && !field.is_empty() {
                    home.insert(field.to_owned(), text.into());
                }
            } else if !text.is_empty() {
                match name.as_str() {
                    "lang" => asked.language = Some(text.to_owned()),
                    "page" => asked.page = Some(text.to_owned()),
                    "kind" => {
                        asked.filter.kind = OutcomeKind::OF_RUNS
                            .into_iter()
                            .find(|kind| kind.as_str() == text)
                    }
                    "q" => asked.filter.text = Some(text.to_owned()),
                    "section" => {
                        asked.section = SectionId::ALL.into_iter().find(|id| id.as_str() == text);
                        if asked.section.is_none() {
                            asked.view.get_or_insert(View::Nothing);
                        }
                    }
                    "sign-in" => {
                        // It is over as soon as it is told.
                        asked.sign_in = Attempt::of(text);
                        continue;
                    }
                    "comparables" => asked.comparables = true,
                    "from" => {
                        asked.from = text.parse().ok().filter(|price: &f64| price.is_finite());
                    }
                    other => match View::of(other, text) {
                        Some(view) => {
                            asked.view.get_or_insert(view);
                        }
                        None => continue,
                    },
                }
            }
            if name != "lang" {
                asked.others.push((name, value));
            }
        }
        asked
    }

    /// The section that is shown. Addresses without one are those of a home, or of the history.
    pub(crate) fn section(&self) -> SectionId {
        let is_history = self.page.is_some() || !self.filter.is_empty();
        self.section.unwrap_or(match is_history {
            true => SectionId::History,
            false => SectionId::Appraise,
        })
    }

    /// What was typed into a field.
    pub(crate) fn typed(&self, field: &str) -> Option<&str> {
        self.home.as_ref()?.get(field)?.as_str()
    }

    /// The same home with the sales of similar ones.
    pub(crate) fn with_comparables(&self) -> String {
        format!("{}#comparables", self.after("?comparables=1"))
    }

    /// The same address in another language.
    pub(crate) fn in_language(&self, code: &str) -> String {
        self.after(&format!("?lang={code}"))
    }

    fn after(&self, begin: &str) -> String {
        let mut address = begin.to_owned();
        for (name, value) in &self.others {
            address.push('&');
            address.push_str(&encoded(name));
            address.push('=');
            address.push_str(&encoded(value));
        }
        address
    }
}

/// A text as a part of a query (RFC 3986: all but unreserved characters as `%xx`).
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Asked {
        Asked::of(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_home_is_what_was_typed() {
        let asked = asked(&[
            ("in.bed", " 3 "),
            ("in.bath", ""),
            ("in.lang", "x"),
            ("lang", "es"),
            ("in.", "y"),
        ]);
        assert_eq!(asked.typed("bed"), Some("3"));
        assert_eq!(asked.typed("bath"), None);
        assert_eq!(asked.typed("lang"), Some("x"));
        assert_eq!(asked.language.as_deref(), Some("es"));
    }

    #[test]
    fn without_fields_there_is_no_price_and_with_an_empty_form_there_is() {
        assert!(asked(&[("lang", "es")]).home.is_none());
        assert_eq!(
            asked(&[("in.bed", "")]).home.map(|home| home.len()),
            Some(0)
        );
    }

    #[test]
    fn the_same_address_in_another_language_keeps_all_else() {
        let asked = asked(&[("lang", "en"), ("in.city", "São & Co"), ("version", "3")]);
        assert_eq!(
            asked.in_language("es"),
            "?lang=es&in.city=S%C3%A3o%20%26%20Co&version=3"
        );
        assert_eq!(
            asked.with_comparables(),
            "?comparables=1&in.city=S%C3%A3o%20%26%20Co&version=3#comparables"
        );
    }

    #[test]
    fn each_section_has_an_address_and_older_ones_lead_to_it() {
        for section in SectionId::ALL {
            let address = section.address();
            let query = address.trim_start_matches("./").trim_start_matches('?');
            let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
            let asked = Asked::of(pairs.collect());
            assert_eq!((asked.section(), asked.view), (section, None), "{address}");
        }
        for (pairs, section) in [
            (&[("page", "token")][..], SectionId::History),
            (&[("kind", "rejected")], SectionId::History),
            (&[("q", "may")], SectionId::History),
            (&[("in.bed", "3")], SectionId::Appraise),
            (&[("section", "models"), ("q", "may")], SectionId::Models),
        ] {
            assert_eq!(asked(pairs).section(), section, "{pairs:?}");
        }
        let none = asked(&[("section", "nowhere")]);
        assert_eq!(none.view, Some(View::Nothing));
    }

    #[test]
    fn nonsense_counts_as_not_asked_for() {
        let long = "x".repeat(500);
        let asked = asked(&[
            ("version", "-1"),
            ("from", "inf"),
            ("in.city", &long),
            ("other", "1"),
        ]);
        assert_eq!(asked.from, None);
        assert!(asked.home.is_none());
        assert_eq!(asked.view, Some(View::Nothing));
    }

    #[test]
    fn an_address_of_a_thing_leads_to_it() {
        let id = "0".repeat(64);
        for view in [
            View::Run("run-1".parse().unwrap()),
            View::Batch(id.parse().unwrap()),
            View::Dataset(id.parse().unwrap()),
            View::Version(ModelVersion(3)),
            View::Request("a:b.c_d".to_owned()),
            View::Check("new".to_owned()),
        ] {
            let address = view.address();
            let query = address.strip_prefix('?').unwrap();
            let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
            assert_eq!(Asked::of(pairs.collect()).view, Some(view), "{address}");
        }
    }
}
