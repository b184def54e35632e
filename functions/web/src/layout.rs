//! What stands around the sections.

use http::StatusCode;
use maud::{DOCTYPE, Markup, html};
use tasador_access::Scope;

use crate::asked::{Asked, SectionId};
use crate::assets::{ICON, SCRIPT, STYLE};
use crate::language::{Language, PageLanguage as _};
use crate::sections::models::dialog;
use crate::visitor::Visitor;

impl SectionId {
    /// What the navigation calls it.
    pub(crate) fn name(self, language: Language) -> &'static str {
        let words = language.words();
        match self {
            Self::Appraise => words.appraise,
            Self::History => words.history,
            Self::Models => words.models,
            Self::Performance => words.performance,
            Self::Data => words.data,
            Self::Operations => words.operations,
        }
    }

    /// Its heading, and the sentence below it.
    fn head(self, language: Language) -> (&'static str, &'static str) {
        let words = language.words();
        match self {
            Self::Appraise => (words.tagline, words.appraise_lead),
            Self::History => (words.history, words.history_lead),
            Self::Models => (words.models, words.models_lead),
            Self::Performance => (words.performance, words.performance_lead),
            Self::Data => (words.data, words.data_lead),
            Self::Operations => (words.operations, words.operations_lead),
        }
    }
}

/// The page of one run, batch, dataset, version or request.
pub(crate) struct Entry {
    pub(crate) status: StatusCode,
    /// The section it belongs to.
    pub(crate) within: SectionId,
    pub(crate) heading: String,
    pub(crate) body: Markup,
}

/// The page of a section.
pub(crate) fn section(
    language: Language,
    asked: &Asked,
    visitor: &Visitor,
    live: Option<Markup>,
    body: &Markup,
) -> Markup {
    let section = asked.section();
    let id = section.as_str();
    let (heading, lead) = section.head(language);
    let shown = html! {
        section id=(id) aria-labelledby=(format!("{id}-title")) {
            div.head {
                h1 id=(format!("{id}-title")) { (heading) }
                p.lead { (lead) }
            }
            (body)
        }
    };
    let at = (section, "page", heading);
    frame(language, asked, visitor, at, live, &shown)
}

/// The page of one thing.
pub(crate) fn entry(
    language: Language,
    asked: &Asked,
    visitor: &Visitor,
    live: Option<Markup>,
    entry: &Entry,
) -> Markup {
    let shown = html! {
        section #entry aria-labelledby="entry-title" {
            div.head {
                p.back { a href=(entry.within.address()) { "← " (entry.within.name(language)) } }
                h1 #entry-title { (entry.heading) }
            }
            (entry.body)
        }
    };
    let at = (entry.within, "true", entry.heading.as_str());
    frame(language, asked, visitor, at, live, &shown)
}

/// What stands around what is shown: with the way to the sections, the current one marked as `aria-current` says,
/// and the title of the document.
fn frame(
    language: Language,
    asked: &Asked,
    visitor: &Visitor,
    (current, is_current, title): (SectionId, &str, &str),
    live: Option<Markup>,
    shown: &Markup,
) -> Markup {
    let words = language.words();
    let body = html! {
        header.top {
            div.wrap {
                (brand(language))
                nav aria-label=(words.sections) {
                    ul {
                        @for section in SectionId::ALL {
                            li {
                                a href=(section.address()) data-section=(section.as_str())
                                    aria-current=[(section == current).then_some(is_current)] { (section.name(language)) }
                            }
                        }
                    }
                }
                (languages(language, asked))
                @if let Visitor::SignedIn(caller) = visitor {
                    form.sign-out method="post" action="page/sign-out" {
                        button.quiet type="submit" title=(caller.token_id) { (words.sign_out) }
                    }
                }
            }
        }
        main.wrap #main tabindex="-1" {
            @if let Some(live) = live { (live) }
            (shown)
        }
        @if visitor.may(Scope::Admin) { (dialog(language)) }
        footer.bottom {
            div.wrap {
                p { "Tasador · " (words.utc) }
                p {
                    (words.api) " "
                    @for path in ["openapi.json", "model", "history", "models", "performance", "metrics"] {
                        @if matches!(visitor, Visitor::Anybody) { a href=(path) { "/" (path) } " " }
                        // The API knows no cookie: there a program shows its own token.
                        @else { code { "/" (path) } " " }
                    }
                }
            }
        }
    };
    document(language, title, "", &body)
}

/// The page of a stranger: nothing but a form to sign in with.
pub(crate) fn closed(language: Language, asked: &Asked, form: &Markup) -> Markup {
    let body = html! {
        header.top.closed { div.wrap { (brand(language)) (languages(language, asked)) } }
        main.wrap #main tabindex="-1" { (form) }
    };
    document(language, language.words().tagline, "", &body)
}

fn languages(language: Language, asked: &Asked) -> Markup {
    html! {
        nav.languages aria-label=(language.words().language) {
            @for other in Language::ALL {
                @if other == language {
                    span aria-current="true" title=(other.name()) { (other.code()) }
                } @else {
                    a href=(asked.in_language(other.code())) lang=(other.code()) hreflang=(other.code()) title=(other.name()) {
                        (other.code()) span.hidden { " " (other.name()) }
                    }
                }
            }
        }
    }
}

/// The answer to an address that is none.
pub(crate) fn not_found(language: Language) -> Markup {
    let words = language.words();
    message(language, words.not_found, words.not_found_hint)
}

/// A page with nothing but a message and the way to the start.
pub(crate) fn message(language: Language, title: &str, hint: &str) -> Markup {
    let body = html! {
        header.top { div.wrap { (brand(language)) } }
        main.wrap #main tabindex="-1" {
            div.card { (empty(title, hint)) p.center { a.button href="/" { "Tasador" } } }
        }
    };
    // The address may be anywhere.
    document(language, title, "/", &body)
}

/// `root` is the way to the assets.
fn document(language: Language, title: &str, root: &str, body: &Markup) -> Markup {
    let words = language.words();
    html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="description" content=(words.appraise_lead);
                title { "Tasador · " (title) }
                link rel="icon" href=(format!("{root}assets/{}", ICON.address())) type="image/svg+xml";
                link rel="stylesheet" href=(format!("{root}assets/{}", STYLE.address()));
                script src=(format!("{root}assets/{}", SCRIPT.address())) defer {}
            }
            body {
                a.skip href="#main" { (words.skip) }
                (body)
            }
        }
    }
}

fn brand(language: Language) -> Markup {
    html! {
        a.brand href="./" aria-label=(format!("Tasador: {}", language.words().tagline)) {
            svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true" {
                rect width="32" height="32" rx="8" class="mark" {}
                path d="M6.5 16.5 16 8l9.5 8.5" class="stroke" {}
                path d="M11 24v-5M16 24v-9M21 24v-6" class="stroke" {}
            }
            span { "Tasador" }
        }
    }
}

/// A place where something will be.
pub(crate) fn empty(title: &str, hint: &str) -> Markup {
    html! {
        div.empty {
            svg width="72" height="56" viewBox="0 0 72 56" aria-hidden="true" {
                path d="M10 30 36 8l26 22" {}
                path d="M20 50V38M36 50V28M52 50V34" {}
            }
            p.title { (title) }
            p { (hint) }
        }
    }
}

/// Where a store does not answer.
pub(crate) fn unavailable(language: Language) -> Markup {
    let words = language.words();
    html! { div.card { (empty(words.unavailable, words.unavailable_hint)) } }
}
