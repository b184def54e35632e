//! Reasons as they are stored and answered: with their sentence in English, for readers that know no codes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::language::Language;
use crate::reason::Reason;
use crate::sentences::as_sentence;

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten, with = "Reason")]
            reason: &'a Reason,
            sentence: String,
        }
        let sentence = self.sentence();
        Serialize::serialize(
            &Written {
                reason: self,
                sentence,
            },
            serializer,
        )
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl Reason {
    /// The reason in English, with a capital letter and a full stop.
    pub fn sentence(&self) -> String {
        match self {
            Self::Other(other) => other.sentence.clone(),
            known => as_sentence(&Language::English.reason(known)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Compared;
    use serde_json::{Value, json};
    use tasador_ids::ModelVersion;

    fn read(stored: Value) -> Reason {
        serde_json::from_value(stored).unwrap()
    }

    #[test]
    fn a_reason_is_one_flat_object_with_its_sentence() {
        let reason = Reason::Drift {
            column: "bed".to_owned(),
            compared: Compared::new(0.3, 0.2).against(ModelVersion(2)),
        };
        let stored = serde_json::to_value(&reason).unwrap();
        assert_eq!(
            stored,
            json!({"code": "drift", "column": "bed", "measured": 0.3, "limit": 0.2, "version": 2,
                "sentence": "“bed” has drifted from the data that version 2 learned from (PSI 0.3, limit 0.2)."})
        );
        assert_eq!(read(stored), reason);
        let item: serde_dynamo::Item = serde_dynamo::to_item(&reason).unwrap();
        assert_eq!(serde_dynamo::from_item::<_, Reason>(item).unwrap(), reason);
        assert_eq!(reason.code(), "drift");
    }

    #[test]
    fn reasons_stored_before_facts_were_added_are_read() {
        let table = [
            (
                json!({"code": "too_few_rows", "sentence": "x", "measured": 12.0, "limit": 50.0}),
                Reason::TooFewRows {
                    compared: Compared::new(12.0, 50.0),
                    rows: None,
                },
            ),
            (
                json!({"code": "no_champion", "sentence": "There is no model in production yet; 3 rows can be learnt from."}),
                Reason::NoChampion,
            ),
            (
                json!({"code": "better", "sentence": "x", "measured": "-Infinity", "limit": -0.03}),
                Reason::Better(Compared::new(f64::NEG_INFINITY, -0.03)),
            ),
        ];
        for (stored, want) in table {
            assert_eq!(read(stored.clone()), want, "{stored}");
        }
    }

    #[test]
    fn a_reason_with_an_unknown_code_or_without_its_facts_keeps_its_sentence() {
        for stored in [
            json!({"code": "moonlight", "measured": 1.5, "sentence": "The moon was full."}),
            json!({"code": "drift", "measured": 0.3, "sentence": "It drifted."}),
            json!({"code": "unchanged", "sentence": "The source is what it was."}),
        ] {
            let reason = read(stored.clone());
            assert!(matches!(reason, Reason::Other(_)), "{stored}");
            assert_eq!(reason.code(), stored["code"]);
            assert_eq!(reason.sentence(), stored["sentence"]);
            assert_eq!(serde_json::to_value(&reason).unwrap(), stored);
        }
    }
}
