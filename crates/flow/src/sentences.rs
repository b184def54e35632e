//! What happened in a run and why, in each language.
//!
//! A clause has no capital letter and no full stop, so that it can stand within a sentence. Texts
//! that are recorded in English (errors, causes) are repeated as they are.

mod english;
mod spanish;

use crate::facts::OutcomeKind;
use crate::language::Language;
use crate::outcome::Outcome;
use crate::reason::Reason;

/// Reasons that a sentence names before it counts the rest.
const NAMED: usize = 3;

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
