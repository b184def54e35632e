//! *Operations*: whether all works, how much is asked, how often it fails, how long it takes.

use maud::html;
use tasador_pricing::Pricing;

use crate::facts::Facts;
use crate::language::Language;
use crate::layout::Section;

/// The section.
pub(crate) fn section(language: Language, pricing: &Pricing, _facts: &Facts) -> Section {
    let words = language.words();
    let standing = pricing.standing();
    let body = html! {
        div.card {
            @match &standing.trouble {
                None => p { span.badge.promoted { (words.healthy) } },
                Some((sentence, since)) => {
                    p { span.badge.failed { (words.degraded) } }
                    p { (sentence) " (" (words.since) " " time datetime=(since) { (language.day(*since)) " " (language.time(*since)) } ")" }
                }
            }
        }
    };
    Section {
        id: "operations",
        title: words.operations,
        lead: words.operations_lead,
        body,
    }
}
