//! A page for each run, batch, dataset, version and request, linked with each other.

mod batch;
pub(crate) mod check;
mod dataset;
mod request;
mod run;
mod version;

use http::StatusCode;
use maud::{Markup, html};
use tasador_access::Scope;
use tasador_registry::VersionRecord;

use crate::Site;
use crate::asked::{SectionId, View};
use crate::columns::Names as _;
use crate::language::{Language, PageLanguage as _};
use crate::layout::{Entry, empty, unavailable};
use crate::visitor::Visitor;

/// Why a page is not shown.
enum Missing {
    /// There is no such thing.
    Unknown,
    /// A store does not answer; the log says which.
    Unavailable,
}

/// What stands on a page: its heading and its body.
type Shown = Result<(String, Markup), Missing>;

/// The page of one thing, as far as the visitor may see it.
pub(crate) async fn find(site: &Site, language: Language, visitor: &Visitor, view: &View) -> Entry {
    let words = language.words();
    let within = match view {
        View::Run(_) | View::Batch(_) | View::Check(_) => SectionId::History,
        View::Dataset(_) | View::Version(_) => SectionId::Models,
        View::Request(_) | View::Nothing => SectionId::Appraise,
    };
    let message = |status, title: &str, hint| Entry {
        status,
        within,
        heading: title.to_owned(),
        body: html! { div.card { (empty(title, hint)) } },
    };
    if !visitor.may(Scope::Read) {
        return message(
            StatusCode::FORBIDDEN,
            words.not_allowed,
            words.not_allowed_hint,
        );
    }
    let may_change = visitor.may(Scope::Admin);
    let shown = match view {
        View::Run(run) => run::page(site, language, run, may_change).await,
        View::Batch(batch) => batch::page(site, language, batch, may_change).await,
        View::Check(check) => check::page(site, language, check, may_change).await,
        View::Dataset(dataset) => dataset::page(site, language, dataset).await,
        View::Version(version) => version::page(site, language, *version, may_change).await,
        View::Request(request) => request::page(site, language, request).await,
        View::Nothing => Err(Missing::Unknown),
    };
    match shown {
        Ok((heading, body)) => Entry {
            status: StatusCode::OK,
            within,
            heading,
            body,
        },
        Err(Missing::Unknown) => {
            let hint = match view {
                View::Request(_) => words.request_gone,
                _ => words.not_found_hint,
            };
            message(StatusCode::NOT_FOUND, words.not_found, hint)
        }
        Err(Missing::Unavailable) => Entry {
            status: StatusCode::SERVICE_UNAVAILABLE,
            within,
            heading: words.unavailable.to_owned(),
            body: unavailable(language),
        },
    }
}

/// Links to versions, each with its algorithm.
fn versions(language: Language, versions: &[&VersionRecord]) -> Markup {
    html! {
        ul.links {
            @for version in versions {
                li {
                    a href=(View::Version(version.version).address()) { (language.words().version) " " (version.version) }
                    @if let Some(algorithm) = &version.algorithm { " " span.muted { (language.algorithm(algorithm)) } }
                }
            }
        }
    }
}
