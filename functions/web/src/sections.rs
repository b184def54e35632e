//! The sections of the page, one module each. Each reads only what it shows.

pub(crate) mod appraise;
pub(crate) mod data;
pub(crate) mod history;
pub(crate) mod logged;
pub(crate) mod models;
pub(crate) mod operations;
pub(crate) mod performance;
pub(crate) mod withdrawn;

use maud::{Markup, html};
use tasador_access::Scope;
use tasador_http::RequestId;

use crate::Site;
use crate::asked::{Asked, SectionId};
use crate::language::{Language, PageLanguage as _};
use crate::layout::empty;
use crate::visitor::Visitor;

/// The section of the address, as far as the visitor may see it.
pub(crate) async fn find(
    site: &Site,
    language: Language,
    visitor: &Visitor,
    asked: &Asked,
    request_id: RequestId,
) -> Markup {
    let section = asked.section();
    let scope = match section {
        SectionId::Appraise => Scope::Predict,
        _ => Scope::Read,
    };
    if !visitor.may(scope) {
        let words = language.words();
        return html! { div.card { (empty(words.not_allowed, words.not_allowed_hint)) } };
    }
    let may_change = visitor.may(Scope::Admin);
    let ctx = site.pricing.context();
    match section {
        SectionId::Appraise => appraise::section(language, &site.pricing, asked, request_id).await,
        SectionId::History => history::section(language, ctx, asked, may_change).await,
        SectionId::Models => models::section(language, ctx, may_change).await,
        SectionId::Performance => performance::section(language, ctx).await,
        SectionId::Data => data::section(language, site).await,
        SectionId::Operations => operations::section(language, &site.pricing).await,
    }
}
