//! The sentence of an entry.

use tasador_registry::{Outcome, OutcomeKind, Reason};

use crate::state::State;

/// Reasons that the sentence names; all of them stand in the entry.
const REASONS_NAMED: usize = 3;

/// One sentence with the decision and why.
pub(crate) fn sentence(kind: OutcomeKind, entry: &Outcome, state: State<'_>) -> String {
    match kind {
        OutcomeKind::Promoted => match entry.challenger.as_ref() {
            Some(challenger) => with_reason(
                format!("Version {} went into production", challenger.version),
                entry.verdict.as_deref(),
            ),
            None => with_reason(
                "A new version went into production".to_owned(),
                entry.verdict.as_deref(),
            ),
        },
        OutcomeKind::Rejected => match entry.verdict.as_deref() {
            Some(verdict) => ended(verdict),
            None => "The challenger was not better.".to_owned(),
        },
        OutcomeKind::Skipped => {
            with_reason("No training".to_owned(), named(&entry.reasons).as_deref())
        }
        OutcomeKind::NothingNew => {
            named(&entry.reasons).unwrap_or_else(|| "The source has nothing new.".to_owned())
        }
        OutcomeKind::Failed => {
            let message = entry
                .error
                .as_ref()
                .map_or("the cause is not known", |error| &error.message);
            ended(&format!("The run broke {}: {message}", step(state)))
        }
    }
}

/// What people are told: the entry's sentence, and what broke after it.
pub(crate) fn told(outcome: &Outcome) -> String {
    match &outcome.error {
        Some(error)
            if outcome.kind != OutcomeKind::Failed
                && !outcome.sentence.contains(&error.message) =>
        {
            format!(
                "{} Afterwards something broke: {}",
                outcome.sentence,
                ended(&error.message)
            )
        }
        _ => outcome.sentence.clone(),
    }
}

/// Where a run broke, by the first part of the state that is missing.
fn step(state: State<'_>) -> &'static str {
    let decision = state.at::<String>("/gate/decision");
    let verdict = state.at::<String>("/verdict/decision");
    if !state.has("/fetch") {
        "while fetching"
    } else if state.at::<String>("/fetch/status").as_deref() == Some("nothing_new") {
        "while recording"
    } else if !state.has("/preprocess") {
        "while cleaning"
    } else if !state.has("/gate") {
        "while judging the batch"
    } else if decision.as_deref() != Some("train") {
        "while recording"
    } else if !state.has("/candidates") {
        "while training"
    } else if !state.has("/verdict") {
        "while comparing"
    } else if verdict.as_deref() != Some("promote") || state.has("/promotion") {
        "while recording"
    } else if state.has("/contended") {
        "while comparing again or promoting"
    } else {
        "while promoting"
    }
}

/// The first reasons, as sentences.
fn named(reasons: &[Reason]) -> Option<String> {
    let mut sentences: Vec<String> = reasons
        .iter()
        .map(|reason| reason.sentence.trim())
        .filter(|sentence| !sentence.is_empty())
        .map(ended)
        .collect();
    let more = sentences.len().saturating_sub(REASONS_NAMED);
    sentences.truncate(REASONS_NAMED);
    match more {
        0 => {}
        1 => sentences.push("There is 1 more reason.".to_owned()),
        more => sentences.push(format!("There are {more} more reasons.")),
    }
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

fn with_reason(what: String, why: Option<&str>) -> String {
    match why {
        Some(why) => ended(&format!("{what}: {}", why.trim())),
        None => ended(&what),
    }
}

/// With a capital at the beginning and a full stop at the end.
fn ended(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let mut sentence: String = match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    };
    if !sentence.ends_with(['.', '!', '?', '…']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn where_a_run_broke_is_told_by_what_is_missing() {
        let fetch = json!({"status": "fetched"});
        let table = [
            (json!({}), "while fetching"),
            (
                json!({"fetch": {"status": "nothing_new"}}),
                "while recording",
            ),
            (json!({"fetch": fetch}), "while cleaning"),
            (
                json!({"fetch": fetch, "preprocess": {}}),
                "while judging the batch",
            ),
            (
                json!({"fetch": fetch, "preprocess": {}, "gate": {"decision": "skip"}}),
                "while recording",
            ),
            (
                json!({"fetch": fetch, "preprocess": {}, "gate": {"decision": "train"}}),
                "while training",
            ),
            (
                json!({"fetch": fetch, "preprocess": {}, "gate": {"decision": "train"}, "candidates": []}),
                "while comparing",
            ),
            (
                json!({"fetch": fetch, "preprocess": {}, "gate": {"decision": "train"}, "candidates": [], "verdict": {"decision": "reject"}}),
                "while recording",
            ),
            (
                json!({"fetch": fetch, "preprocess": {}, "gate": {"decision": "train"}, "candidates": [], "verdict": {"decision": "promote"}}),
                "while promoting",
            ),
            (
                json!({"fetch": fetch, "preprocess": {}, "gate": {"decision": "train"}, "candidates": [], "verdict": {"decision": "promote"}, "contended": {}}),
                "while comparing again or promoting",
            ),
            (
                json!({"fetch": fetch, "preprocess": {}, "gate": {"decision": "train"}, "candidates": [], "verdict": {"decision": "promote"}, "promotion": {}}),
                "while recording",
            ),
        ];
        for (state, want) in table {
            assert_eq!(step(State(&state)), want, "{state}");
        }
    }

    #[test]
    fn few_reasons_are_named_and_many_counted() {
        let reason = |sentence: &str| Reason {
            code: "code".to_owned(),
            sentence: sentence.to_owned(),
            measured: None,
            limit: None,
            column: None,
        };
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[reason("  ")]), None);
        assert_eq!(
            named(&[reason("only 49 rows"), reason("Prices are all equal.")]).unwrap(),
            "Only 49 rows. Prices are all equal."
        );
        let five: Vec<Reason> = ["a", "b", "c", "d", "e"].map(reason).into();
        assert_eq!(named(&five).unwrap(), "A. B. C. There are 2 more reasons.");
        assert_eq!(
            named(&five[..4]).unwrap(),
            "A. B. C. There is 1 more reason."
        );
    }
}
