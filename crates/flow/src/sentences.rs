//! What happened in a run and why, in each language.
//!
//! A clause has no capital letter and no full stop, so that it can stand within a sentence. Texts
//! that are recorded in English (errors, causes) are repeated as they are.

mod english;
mod spanish;

use crate::facts::OutcomeKind;
use crate::language::Language;
use crate::messages::gate;
use crate::outcome::Outcome;
use crate::reason::Reason;

/// Reasons that a sentence names before it counts the rest.
const NAMED: usize = 3;

/// A run in a sentence and lists of reasons, no reason twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub sentence: String,
    /// Why candidates were trained.
    pub trained: Vec<String>,
    /// Why the best of them was not adopted.
    pub not_adopted: Vec<String>,
    /// Reasons that the sentence leaves out.
    pub others: Vec<String>,
    /// What decided nothing.
    pub notices: Vec<String>,
}

impl Language {
    /// One reason, as a clause.
    pub fn reason(self, reason: &Reason) -> String {
        match (self, reason) {
            (_, Reason::Other(other)) => without_stop(&other.sentence),
            (Self::English, known) => english::reason(known),
            (Self::Spanish, known) => spanish::reason(known),
        }
    }

    /// What happened in a run, in one sentence.
    pub fn outcome(self, outcome: &Outcome) -> String {
        let why = self.reasons(outcome);
        let (lead, why) = match self {
            Self::English => english::outcome(outcome, why),
            Self::Spanish => spanish::outcome(outcome, why),
        };
        as_sentence(&match why {
            Some(why) if lead.is_empty() => why,
            Some(why) => format!("{lead}: {}", why.trim()),
            None => lead,
        })
    }

    /// What happened in a run, for readers who have room for lists: the sentence about a challenger that lost
    /// leaves its reasons to the list.
    pub fn account(self, outcome: &Outcome) -> Account {
        let has_trained = outcome.decision == Some(gate::Decision::Train);
        let rejected = outcome.kind == OutcomeKind::Rejected;
        let sentence = if rejected {
            let (lead, _) = match self {
                Self::English => english::outcome(outcome, None),
                Self::Spanish => spanish::outcome(outcome, None),
            };
            as_sentence(&lead)
        } else {
            self.outcome(outcome)
        };
        let mut account = Account {
            trained: Vec::new(),
            not_adopted: Vec::new(),
            others: Vec::new(),
            notices: Vec::new(),
            sentence,
        };
        let mut told = account.sentence.to_lowercase();
        for reason in &outcome.reasons {
            let clause = self.reason(reason);
            // The sentence has the change of the error already.
            let is_told =
                matches!(reason, Reason::Better(_)) || told.contains(&clause.to_lowercase());
            if is_told {
                continue;
            }
            told.push_str(&clause.to_lowercase());
            let list = match reason.is_of_the_comparison() {
                true if rejected => &mut account.not_adopted,
                false if has_trained => &mut account.trained,
                _ => &mut account.others,
            };
            list.push(as_sentence(&clause));
        }
        let notices = outcome.notices.iter();
        let notices = notices.map(|notice| as_sentence(&self.reason(notice)));
        account.notices = notices.collect();
        account
    }

    /// What happened in a run, and what failed after its outcome had been reached.
    pub fn notification(self, outcome: &Outcome) -> String {
        let sentence = self.outcome(outcome);
        match &outcome.error {
            Some(error) if outcome.kind != OutcomeKind::Failed => {
                let lead = match self {
                    Self::English => "After that, an error occurred",
                    Self::Spanish => "Después ocurrió un error",
                };
                format!(
                    "{sentence} {}",
                    as_sentence(&format!("{lead}: {}", error.message))
                )
            }
            _ => sentence,
        }
    }

    /// The first reasons of a decision; for a challenger that lost only those against it.
    fn reasons(self, outcome: &Outcome) -> Option<String> {
        let rejected = outcome.kind == OutcomeKind::Rejected;
        let mut clauses: Vec<String> = outcome
            .reasons
            .iter()
            .filter(|reason| !rejected || reason.is_of_the_comparison())
            .map(|reason| self.reason(reason))
            .filter(|clause| !clause.is_empty())
            .collect();
        let more = clauses.len().saturating_sub(NAMED);
        clauses.truncate(NAMED);
        match (self, more) {
            (_, 0) => {}
            (Self::English, 1) => clauses.push("and 1 more reason".to_owned()),
            (Self::English, more) => clauses.push(format!("and {more} more reasons")),
            (Self::Spanish, 1) => clauses.push("y 1 razón más".to_owned()),
            (Self::Spanish, more) => clauses.push(format!("y {more} razones más")),
        }
        (!clauses.is_empty()).then(|| clauses.join("; "))
    }
}

/// With a capital letter and a full stop.
pub fn as_sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
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

    fn outcome(kind: &str, decision: &str, reasons: Value) -> Outcome {
        serde_json::from_value(json!({
            "run": "run", "kind": kind, "decision": decision, "sentence": "", "reasons": reasons,
            "challenger": {"version": 2, "metrics": {"mae": 10.0}},
            "promoted": false, "model": "Model", "started_at": "2026-01-01T00:00:00Z",
            "recorded_at": "2026-01-01T00:00:00Z", "duration_ms": 1,
        }))
        .unwrap()
    }

    #[test]
    fn no_reason_is_told_twice() {
        let drift = json!({"code": "drift", "column": "bed", "measured": 0.3, "limit": 0.2});
        let few = json!({"code": "too_few_rows", "measured": 3, "limit": 50});
        let lost = json!({"code": "mae_not_down_enough", "measured": 0.01, "limit": 0.03});
        let better = json!({"code": "better", "measured": -0.1, "limit": -0.03});
        let table = [
            // Kind, decision, reasons, and how many are in each list.
            ("rejected", "train", json!([drift, drift, lost]), (1, 1, 0)),
            ("promoted", "train", json!([drift, better]), (1, 0, 0)),
            ("promoted", "train", json!([drift, lost, better]), (1, 0, 1)),
            ("skipped", "skip", json!([few]), (0, 0, 0)),
            ("failed", "train", json!([drift]), (1, 0, 0)),
        ];
        for language in Language::ALL {
            for (kind, decision, reasons, expected) in &table {
                let account = language.account(&outcome(kind, decision, reasons.clone()));
                let found = (
                    account.trained.len(),
                    account.not_adopted.len(),
                    account.others.len(),
                );
                assert_eq!(found, *expected, "{kind}: {account:?}");
                assert!(account.sentence.ends_with('.'), "{account:?}");
            }
        }
        let many = (0..5).map(
            |n| json!({"code": "drift", "column": format!("c{n}"), "measured": 0.3, "limit": 0.2}),
        );
        let held = outcome("quarantined", "hold", many.collect());
        // The sentence names three.
        assert_eq!(Language::English.account(&held).others.len(), 2);
    }
}
