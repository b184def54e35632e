//! What stands around the sections.

use http::StatusCode;
use maud::{DOCTYPE, Markup, html};
use tasador_access::Scope;

use crate::asked::Asked;
use crate::assets::{ICON, SCRIPT, STYLE};
use crate::language::{Language, PageLanguage as _};
use crate::sections::models::dialog;
use crate::visitor::Visitor;

/// One part of the page.
pub(crate) struct Section {
    /// What its address ends with.
    pub(crate) id: &'static str,
    /// What stands above it.
    pub(crate) heading: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) body: Markup,
}

impl Section {
    /// The same for a visitor who may see it; for others a word on what is missing.
    pub(crate) fn only_if(self, may_see: bool, language: Language) -> Self {
        if may_see {
            return self;
        }
        let words = language.words();
        Self {
            body: html! { div.card { (empty(words.not_allowed, words.not_allowed_hint)) } },
            ..self
        }
    }
}

/// The page of one run, batch, dataset, version or request.
pub(crate) struct Entry {
    pub(crate) status: StatusCode,
    /// The section it belongs to: its id and its name.
    pub(crate) within: (&'static str, &'static str),
    pub(crate) heading: String,
    pub(crate) body: Markup,
}

/// The whole page.
pub(crate) fn page(
    language: Language,
    asked: &Asked,
    visitor: &Visitor,
    live: Option<Markup>,
    sections: &[Section],
) -> Markup {
    let words = language.words();
    let shown = html! {
        @for section in sections {
            section id=(section.id) aria-labelledby=(format!("{}-title", section.id)) {
                div.head {
                    h1 id=(format!("{}-title", section.id)) { (section.heading) }
                    p.lead { (section.lead) }
                }
                (section.body)
            }
        }
    };
    frame(language, asked, visitor, ("", words.tagline), live, &shown)
}

/// The page of one thing.
pub(crate) fn entry(
    language: Language,
    asked: &Asked,
    visitor: &Visitor,
    live: Option<Markup>,
    entry: &Entry,
) -> Markup {
    let (id, name) = entry.within;
    let shown = html! {
        section #entry aria-labelledby="entry-title" {
            div.head {
                p.back { a href=(format!("./#{id}")) { "← " (name) } }
                h1 #entry-title { (entry.heading) }
            }
            (entry.body)
        }
    };
    frame(
        language,
        asked,
        visitor,
        ("./", entry.heading.as_str()),
        live,
        &shown,
    )
}

/// What stands around what is shown: with the way to the sections, and the title of the document.
fn frame(
    language: Language,
    asked: &Asked,
    visitor: &Visitor,
    (home, title): (&str, &str),
    live: Option<Markup>,
    shown: &Markup,
) -> Markup {
    let words = language.words();
    let sections = [
        ("appraise", words.appraise),
        ("history", words.history),
        ("models", words.models),
        ("data", words.data),
        ("operations", words.operations),
    ];
    let body = html! {
        header.top {
            div.wrap {
                (brand(language))
                nav aria-label=(words.sections) {
                    ul {
                        @for (id, title) in sections {
                            li { a href=(format!("{home}#{id}")) { (title) } }
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
                    @for path in ["openapi.json", "model", "history", "models", "metrics"] {
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
