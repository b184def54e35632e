//! What became of a run and why, in plain sentences of the visitor's language.
//!
//! The history keeps codes with measured values beside its English sentences. What has a code that
//! the page knows is said anew from these; anything else is shown as it was recorded.

use tasador_registry::{Outcome, OutcomeKind, Reason};

use crate::language::Language;

/// Reasons of one kind that are named before the rest is counted.
const NAMED: usize = 3;

impl Language {
    /// What happened, in a sentence or two.
    pub(crate) fn what_happened(self, outcome: &Outcome) -> String {
        match outcome.kind {
            OutcomeKind::Promoted => self.promoted(outcome),
            OutcomeKind::Rejected => self.rejected(outcome),
            OutcomeKind::Skipped => self.skipped(outcome),
            OutcomeKind::NothingNew => match self {
                Self::English => "The source had nothing new.".to_owned(),
                Self::Spanish => "La fuente no tenía nada nuevo.".to_owned(),
            },
            OutcomeKind::Failed => {
                let message = outcome.error.as_ref().map(|error| error.message.trim());
                let message = message.unwrap_or_default();
                match self {
                    Self::English => format!("The run broke off: {message}"),
                    Self::Spanish => format!("La ejecución se interrumpió: {message}"),
                }
            }
        }
    }

    fn promoted(self, outcome: &Outcome) -> String {
        let Some(new) = &outcome.challenger else {
            return outcome.sentence.clone();
        };
        let version = new.version;
        let error = new.metrics.get("mae").map(|mae| self.money(mae));
        let old = outcome.champion.as_ref();
        let change = mae_change(outcome);
        match (self, error, old, change) {
            (Self::English, Some(error), Some(old), Some(change)) => format!(
                "Version {version} went into production: it is off by {error} on average, {} less than version {}.",
                self.percent(-change),
                old.version
            ),
            (Self::Spanish, Some(error), Some(old), Some(change)) => format!(
                "La versión {version} pasó a producción: se equivoca en {error} en promedio, un {} menos que la versión {}.",
                self.percent(-change),
                old.version
            ),
            (Self::English, Some(error), ..) => format!(
                "Version {version} went into production, the first one: it is off by {error} on average."
            ),
            (Self::Spanish, Some(error), ..) => format!(
                "La versión {version} pasó a producción, la primera: se equivoca en {error} en promedio."
            ),
            (Self::English, ..) => format!("Version {version} went into production."),
            (Self::Spanish, ..) => format!("La versión {version} pasó a producción."),
        }
    }

    fn rejected(self, outcome: &Outcome) -> String {
        let why = self.reasons_in_a_sentence(outcome, is_of_the_comparison);
        let lead = match (self, &outcome.challenger) {
            (Self::English, Some(new)) => {
                format!("Version {} was trained but not used", new.version)
            }
            (Self::Spanish, Some(new)) => {
                format!("La versión {} se entrenó, pero no se usa", new.version)
            }
            (Self::English, None) => "No usable model came out".to_owned(),
            (Self::Spanish, None) => "No resultó ningún modelo útil".to_owned(),
        };
        joined(&lead, why)
    }

    fn skipped(self, outcome: &Outcome) -> String {
        let why = self.reasons_in_a_sentence(outcome, |_| true);
        joined(
            match self {
                Self::English => "Nothing was trained",
                Self::Spanish => "No se entrenó nada",
            },
            why,
        )
    }

    fn reasons_in_a_sentence(
        self,
        outcome: &Outcome,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let reasons = outcome
            .reasons
            .iter()
            .filter(|reason| wanted(&reason.code))
            .take(NAMED);
        let sentences: Vec<String> = reasons.map(|reason| self.reason(reason)).collect();
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }

    /// One reason, without a full stop and in small letters.
    pub(crate) fn reason(self, reason: &Reason) -> String {
        self.known_reason(reason)
            .unwrap_or_else(|| without_stop(&reason.sentence))
    }

    fn known_reason(self, reason: &Reason) -> Option<String> {
        let measured = reason.measured;
        let limit = reason.limit;
        let count = |value: Option<f64>| value.map(|value| self.number(value, 0));
        let share = |value: Option<f64>| value.map(|value| self.percent(value.abs()));
        let column = reason.column.as_deref().map(|column| self.column(column));
        let psi = |value: Option<f64>| value.map(|value| self.number(value, 2));
        let english = self == Self::English;
        Some(match reason.code.as_str() {
            "too_few_rows" => {
                let (rows, least) = (count(measured)?, count(limit)?);
                if english {
                    format!(
                        "the batch has only {rows} usable rows, and at least {least} are needed"
                    )
                } else {
                    format!(
                        "el lote tiene solo {rows} filas útiles y se necesitan al menos {least}"
                    )
                }
            }
            "too_few_prices" => {
                let (prices, least) = (count(measured)?, count(limit)?);
                if english {
                    format!(
                        "the batch has only {prices} different prices, and at least {least} are needed"
                    )
                } else {
                    format!(
                        "el lote tiene solo {prices} precios distintos y se necesitan al menos {least}"
                    )
                }
            }
            "too_many_nulls" => {
                let (found, most) = (share(measured)?, share(limit)?);
                if english {
                    format!("{found} of the values are missing, and at most {most} may be")
                } else {
                    format!("falta el {found} de los valores y puede faltar como máximo el {most}")
                }
            }
            "too_many_rejects" => {
                let (found, most) = (share(measured)?, share(limit)?);
                if english {
                    format!("{found} of the rows were refused, and at most {most} may be")
                } else {
                    format!("se rechazó el {found} de las filas y se admite como máximo el {most}")
                }
            }
            "volume_grown" => {
                let grown = share(measured)?;
                if english {
                    format!("there is {grown} more data than the model in production learnt from")
                } else {
                    format!(
                        "hay un {grown} más de datos que los que aprendió el modelo en producción"
                    )
                }
            }
            "drift" => {
                let (column, found, limit) = (column?, psi(measured)?, psi(limit)?);
                if english {
                    format!(
                        "“{column}” has drifted from what was learnt (PSI {found}, limit {limit})"
                    )
                } else {
                    format!(
                        "«{column}» se ha alejado de lo aprendido (PSI {found}, límite {limit})"
                    )
                }
            }
            "column_new" => {
                let column = column?;
                if english {
                    format!("“{column}” is a column that the model in production does not know")
                } else {
                    format!("«{column}» es una columna que el modelo en producción no conoce")
                }
            }
            "new_categories" => {
                let (column, found) = (column?, share(measured)?);
                if english {
                    format!("{found} of the rows have a “{column}” that was never seen")
                } else {
                    format!("el {found} de las filas tiene un valor de «{column}» nunca visto")
                }
            }
            "error_grown" => {
                let grown = share(measured)?;
                if english {
                    format!("the model in production is {grown} further off on this batch")
                } else {
                    format!("el modelo en producción se equivoca un {grown} más en este lote")
                }
            }
            "no_champion" => if english {
                "there was no model in production yet"
            } else {
                "aún no había un modelo en producción"
            }
            .to_owned(),
            "nothing_new_to_learn" => if english {
                "it brings nothing that the model in production has not learnt"
            } else {
                "no trae nada que el modelo en producción no haya aprendido"
            }
            .to_owned(),
            "already_processed" => if english {
                "this batch was worked on before"
            } else {
                "este lote ya se había procesado"
            }
            .to_owned(),
            "identical" => if english {
                "it is the same model as the one in production"
            } else {
                "es el mismo modelo que está en producción"
            }
            .to_owned(),
            "better" => {
                let gain = share(measured)?;
                if english {
                    format!("it is off by {gain} less on the same homes")
                } else {
                    format!("se equivoca un {gain} menos en las mismas viviendas")
                }
            }
            "mae_not_down_enough" => {
                let (change, least) = (measured?, share(limit)?);
                let size = self.percent(change.abs());
                match (english, change <= 0.0) {
                    (true, true) => format!(
                        "its error is only {size} smaller, and at least {least} is asked for"
                    ),
                    (true, false) => format!(
                        "its error is {size} larger, where it must be at least {least} smaller"
                    ),
                    (false, true) => {
                        format!("su error es solo un {size} menor y se exige al menos un {least}")
                    }
                    (false, false) => {
                        format!("su error es un {size} mayor, y debe ser al menos un {least} menor")
                    }
                }
            }
            "rmse_up" => {
                let (mut change, most) = (share(measured)?, share(limit)?);
                if change == most {
                    // Just above the limit: another decimal tells them apart.
                    change = format!("{} %", self.number(measured?.abs() * 100.0, 3));
                }
                if english {
                    format!("its large errors grew by {change}, and at most {most} is allowed")
                } else {
                    format!(
                        "sus errores grandes crecieron un {change} y se admite como máximo un {most}"
                    )
                }
            }
            "may_be_chance" => {
                let (sure, least) = (share(measured)?, share(limit)?);
                if english {
                    format!("the gain may be chance: {sure} sure, where {least} is asked for")
                } else {
                    format!("la mejora puede ser azar: {sure} de seguridad, y se exige {least}")
                }
            }
            "holdout_too_small" => {
                let (rows, least) = (count(measured)?, count(limit)?);
                if english {
                    format!("{rows} held-out homes are too few to judge by; {least} are needed")
                } else {
                    format!(
                        "{rows} viviendas reservadas son muy pocas para juzgar; se necesitan {least}"
                    )
                }
            }
            "worse_than_median" => if english {
                "it is no better than always saying the middle price"
            } else {
                "no es mejor que decir siempre el precio del medio"
            }
            .to_owned(),
            "worse_than_recorded" => {
                let (new, old) = (self.money(measured?), self.money(limit?));
                if english {
                    format!(
                        "its average error of {new} is above the {old} recorded for the version in production"
                    )
                } else {
                    format!(
                        "su error medio de {new} supera los {old} registrados para la versión en producción"
                    )
                }
            }
            "champion_unusable" => if english {
                "the version in production cannot be loaded"
            } else {
                "la versión en producción no se puede cargar"
            }
            .to_owned(),
            "volume_growth" => {
                let (grown, limit) = (share(measured)?, share(limit)?);
                if english {
                    format!("the data has grown by {grown} ({limit} would be a reason)")
                } else {
                    format!("los datos crecieron un {grown} ({limit} sería razón)")
                }
            }
            "psi" => {
                let (column, found, limit) = (column?, psi(measured)?, psi(limit)?);
                if english {
                    format!("the drift of “{column}” is {found} (limit {limit})")
                } else {
                    format!("la deriva de «{column}» es {found} (límite {limit})")
                }
            }
            "exhausted" => if english {
                "the source has given out all that it has"
            } else {
                "la fuente ya entregó todo lo que tiene"
            }
            .to_owned(),
            _ => return None,
        })
    }
}

/// The change of the average error from champion to challenger, as a share of the champion's.
pub(crate) fn mae_change(outcome: &Outcome) -> Option<f64> {
    let of = |contender: &Option<tasador_registry::Contender>| {
        contender.as_ref().and_then(|it| it.metrics.get("mae"))
    };
    let (new, old) = (of(&outcome.challenger)?, of(&outcome.champion)?);
    (old > 0.0 && new.is_finite()).then(|| new / old - 1.0)
}

fn is_of_the_comparison(code: &str) -> bool {
    matches!(
        code,
        "identical"
            | "mae_not_down_enough"
            | "rmse_up"
            | "rmse_margin"
            | "may_be_chance"
            | "holdout_too_small"
            | "worse_than_median"
            | "worse_than_recorded"
            | "champion_unusable"
            | "candidate_failed"
            | "candidate_unusable"
            | "no_candidate"
    )
}

fn joined(lead: &str, why: Option<String>) -> String {
    match why {
        Some(why) => format!("{lead}: {why}."),
        None => format!("{lead}."),
    }
}

/// With a capital letter and a full stop.
pub(crate) fn as_sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut sentence: String = match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => return String::new(),
    };
    if !sentence.ends_with(['.', '!', '?', '…']) {
        sentence.push('.');
    }
    sentence
}

fn without_stop(text: &str) -> String {
    text.trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn outcome(changes: Value) -> Outcome {
        let mut entry = json!({
            "run": "run-1", "kind": "skipped", "sentence": "As recorded.", "promoted": false,
            "model": "M", "duration_ms": 1, "started_at": "2026-01-01T00:00:00Z",
            "recorded_at": "2026-01-01T00:00:01Z",
        });
        let (Value::Object(entry_fields), Value::Object(changes)) = (&mut entry, changes) else {
            unreachable!()
        };
        entry_fields.extend(changes);
        serde_json::from_value(entry).unwrap()
    }

    #[test]
    fn a_batch_that_was_skipped_says_why_in_both_languages() {
        let skipped = outcome(json!({"reasons": [
            {"code": "too_few_rows", "sentence": "x", "measured": 12.0, "limit": 50.0}]}));
        assert_eq!(
            Language::English.what_happened(&skipped),
            "Nothing was trained: the batch has only 12 usable rows, and at least 50 are needed."
        );
        assert_eq!(
            Language::Spanish.what_happened(&skipped),
            "No se entrenó nada: el lote tiene solo 12 filas útiles y se necesitan al menos 50."
        );
    }

    #[test]
    fn a_challenger_that_lost_says_by_how_much() {
        let rejected = outcome(json!({"kind": "rejected",
            "challenger": {"version": 4, "metrics": {"mae": 99.0}},
            "champion": {"version": 2, "metrics": {"mae": 100.0}},
            "reasons": [
                {"code": "volume_grown", "sentence": "x", "measured": 0.5, "limit": 0.2},
                {"code": "mae_not_down_enough", "sentence": "x", "measured": -0.01, "limit": -0.03}]}));
        assert_eq!(
            Language::English.what_happened(&rejected),
            "Version 4 was trained but not used: its error is only 1% smaller, and at least 3% is asked for."
        );
    }

    #[test]
    fn a_reason_that_is_not_known_is_shown_as_recorded() {
        let odd =
            outcome(json!({"reasons": [{"code": "moonlight", "sentence": "The moon was full."}]}));
        assert_eq!(
            Language::Spanish.what_happened(&odd),
            "No se entrenó nada: The moon was full."
        );
        // A known code without its figures, too.
        let bare = outcome(json!({"reasons": [{"code": "drift", "sentence": "It drifted."}]}));
        assert_eq!(
            Language::English.what_happened(&bare),
            "Nothing was trained: It drifted."
        );
    }
}
