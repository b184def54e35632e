//! A model's card as HTML. What the card says in HTML is shown as text.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Headings go below the page's own, pictures and links are left out with their texts kept.
pub(crate) fn rendered(markdown: &str) -> Markup {
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(|event| {
        Some(match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock)
            | Event::End(TagEnd::Link | TagEnd::Image | TagEnd::HtmlBlock) => return None,
            Event::Start(Tag::Heading { .. }) => Event::Start(Tag::Heading {
                level: pulldown_cmark::HeadingLevel::H4,
                id: None,
                classes: Vec::new(),
                attrs: Vec::new(),
            }),
            Event::End(TagEnd::Heading(_)) => {
                Event::End(TagEnd::Heading(pulldown_cmark::HeadingLevel::H4))
            }
            other => other,
        })
    });
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events);
    // A column's alignment would be an inline style, which the page's policy forbids.
    PreEscaped(html.replace(" style=\"text-align: right\"", " class=\"number\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_cannot_contain_markup() {
        let html = rendered(
            "# Hi\n\n<script>alert(1)</script> [x](javascript:alert(1)) ![y](http://a/b.png)\n\n| a | b |\n|---|---:|\n| 1 | 2 |\n",
        )
        .into_string();
        assert!(html.contains("<h4>Hi</h4>"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
        for bad in ["<script", "javascript:alert(1)\"", "href", "src=", "style="] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
        assert!(html.contains("<table>"), "{html}");
    }
}
