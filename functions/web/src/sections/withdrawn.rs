//! Properties that people took out of datasets: part of *Data*.

use maud::{Markup, html};
use tasador_registry::PropertyWithdrawal;

use crate::language::{Language, PageLanguage as _};

/// Nothing where no property was withdrawn.
pub(crate) fn properties(language: Language, withdrawn: &[PropertyWithdrawal]) -> Markup {
    let words = language.words();
    let title = language.of("Withdrawn properties", "Viviendas retiradas");
    html! {
        @if !withdrawn.is_empty() {
            h2 { (title) }
            p.lead {
                (language.of(
                    "Their rows are left out of every dataset, whatever batch they are in.",
                    "Sus filas no entran en ningún conjunto de datos, estén en el lote que estén.",
                ))
            }
            div.card.flush {
                table.runs id="withdrawn-properties" {
                    caption.hidden { (title) }
                    thead {
                        tr {
                            th scope="col" { (words.when) }
                            th scope="col" { (language.of("Property", "Vivienda")) }
                            th scope="col" { (language.of("By", "Por")) }
                            th scope="col" { (language.of("Reason", "Motivo")) }
                        }
                    }
                    tbody { @for one in withdrawn { (row(language, one)) } }
                }
            }
        }
    }
}

fn row(language: Language, one: &PropertyWithdrawal) -> Markup {
    html! {
        tr {
            td.when data-label=(language.words().when) {
                time datetime=(one.at) { (language.day(one.at)) span.time { " " (language.time(one.at)) } }
            }
            td data-label=(language.of("Property", "Vivienda")) { code { (one.property) } }
            td data-label=(language.of("By", "Por")) { (one.by) }
            td data-label=(language.of("Reason", "Motivo")) { (one.reason.as_deref().unwrap_or("–")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tasador_listing::PropertyKey;

    use super::*;

    #[test]
    fn each_withdrawn_property_is_shown_with_who_and_why() {
        let one = |reason| {
            PropertyWithdrawal::new(PropertyKey(7), "token <b>", reason, Timestamp::UNIX_EPOCH)
        };
        assert!(properties(Language::English, &[]).into_string().is_empty());
        for language in Language::ALL {
            let html = properties(language, &[one(Some("owner's wish")), one(None)]).into_string();
            for part in [
                &format!("{:032x}", 7),
                "token &lt;b&gt;",
                "owner's wish",
                "1970",
            ] {
                assert!(html.contains(part), "{part}: {html}");
            }
        }
    }
}
