//! Searches whose result is filtered and sorted in memory; a page token says how many entries came
//! before.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::args::Args;
use crate::error::ApiError;
use crate::language::{Entity, Facts, Filter, OrderBy, compare, parse_order};
use crate::view;

const OFFSET: &str = "offset:";

/// The number of entries that a page may have: `max_results`, within 1 and `most`.
pub(crate) fn limit(args: &Args, default: i64, most: i64) -> Result<usize, ApiError> {
    let asked = args.whole("max_results")?.unwrap_or(default);
    match usize::try_from(asked) {
        Ok(limit) if (1..=most).contains(&asked) => Ok(limit),
        _ => Err(ApiError::invalid(format!(
            "Invalid value {asked} for parameter 'max_results' supplied: It must be at least 1 and at most {most}."
        ))),
    }
}

/// The token of the rest behind so many entries. A token of one scope is refused in any other.
pub(crate) fn token(offset: usize, scope: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{OFFSET}{offset}:{scope}"))
}

/// The number of entries before the page that a token leads to.
pub(crate) fn offset(token: Option<&str>, scope: &str) -> Result<usize, ApiError> {
    let Some(token) = token else {
        return Ok(0);
    };
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref()
        .and_then(|text| {
            let (offset, of) = text.strip_prefix(OFFSET)?.split_once(':')?;
            offset.parse().ok().filter(|_| of == scope)
        })
        .ok_or_else(ApiError::bad_page_token)
}

/// What is searched for, and which page of it.
pub(crate) struct Search {
    pub(crate) filter: Filter,
    pub(crate) order: Vec<OrderBy>,
    pub(crate) limit: usize,
    offset: usize,
    scope: String,
}

impl Search {
    pub(crate) fn read(
        args: &Args,
        entity: Entity,
        default: i64,
        most: i64,
    ) -> Result<Self, ApiError> {
        Self::scoped(args, entity, (default, most), String::new())
    }

    /// The same with page tokens that belong to a scope.
    pub(crate) fn scoped(
        args: &Args,
        entity: Entity,
        (default, most): (i64, i64),
        scope: String,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            filter: Filter::parse(entity, &args.text("filter")?.unwrap_or_default())?,
            order: parse_order(entity, &args.texts("order_by")?)?,
            limit: limit(args, default, most)?,
            offset: offset(args.filled("page_token")?.as_deref(), &scope)?,
            scope,
        })
    }

    /// The page of those that the filter accepts, sorted, and the token of the next page. Records that
    /// are equal in the order are sorted by `tie`.
    pub(crate) fn page<T: Facts>(
        &self,
        mut found: Vec<T>,
        tie: impl Fn(&T, &T) -> Ordering,
    ) -> (Vec<T>, Option<String>) {
        found.retain(|record| self.filter.holds(record));
        found.sort_by(|a, b| compare(&self.order, a, b).then_with(|| tie(a, b)));
        let end = self.offset.saturating_add(self.limit);
        let next = (end < found.len()).then(|| token(end, &self.scope));
        found.drain(..self.offset.min(found.len()));
        found.truncate(self.limit);
        (found, next)
    }

    /// The answer with a page.
    pub(crate) fn answer(&self, name: &str, page: Vec<Value>, next: Option<String>) -> Value {
        let after = |shown| Some(token(self.offset + shown, &self.scope));
        view::bounded_page(name, page, next, &after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Subject;
    use std::borrow::Cow;

    impl Facts for u32 {
        fn number(&self, _: &Subject) -> Option<f64> {
            None
        }
        fn texts(&self, _: &Subject) -> Vec<Cow<'_, str>> {
            Vec::new()
        }
    }

    fn search(limit: usize, token: Option<&str>) -> Search {
        Search {
            filter: Filter::default(),
            order: Vec::new(),
            limit,
            offset: offset(token, "").unwrap(),
            scope: String::new(),
        }
    }

    /// All entries of all pages.
    fn pages(list: &[u32], limit: usize, view: fn(&u32) -> Value) -> Vec<String> {
        let (mut seen, mut token) = (Vec::new(), None::<String>);
        loop {
            let search = search(limit, token.as_deref());
            let (page, next) = search.page(list.to_vec(), Ord::cmp);
            assert!(page.len() <= limit && !page.is_empty());
            let answer = search.answer("all", page.iter().map(view).collect(), next);
            assert!(answer.to_string().len() < 6_000_000);
            let views = answer["all"].as_array().unwrap();
            seen.extend(
                views
                    .iter()
                    .map(|view| view[0].as_str().unwrap().to_owned()),
            );
            token = answer["next_page_token"].as_str().map(str::to_owned);
            if token.is_none() {
                return seen;
            }
        }
    }

    #[test]
    fn pages_cover_a_list_once() {
        let list: Vec<u32> = (0..25).collect();
        let expected: Vec<String> = list.iter().map(u32::to_string).collect();
        assert_eq!(
            pages(&list, 10, |of| Value::from(vec![of.to_string()])),
            expected
        );
        assert!(offset(Some("x"), "").is_err());
        assert!(offset(Some(&token(5, "a")), "b").is_err());
        assert_eq!(offset(Some(&token(5, "a")), "a").unwrap(), 5);
    }

    #[test]
    fn a_page_that_is_too_large_ends_early_and_the_next_continues() {
        let list: Vec<u32> = (0..10).collect();
        let expected: Vec<String> = list.iter().map(u32::to_string).collect();
        assert_eq!(
            pages(&list, 7, |of| Value::from(vec![of.to_string(); 200_000])),
            expected
        );
    }
}
