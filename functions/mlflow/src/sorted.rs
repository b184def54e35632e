//! Pages of lists that are sorted in memory: by how many things came before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use serde_json::Value;

use super::refusal::Refusal;
use super::view;

/// What tokens of this kind begin with.
const OFFSET: &str = "offset:";

/// How many things a page may have, as it was asked for.
pub(super) fn limit(asked: Option<i64>, default: i64, most: i64) -> Result<usize, Refusal> {
    let asked = asked.unwrap_or(default);
    if !(1..=most).contains(&asked) {
        return Err(Refusal::invalid(format!(
            "Invalid value {asked} for parameter 'max_results' supplied: It must be at least 1 and at most {most}."
        )));
    }
    Ok(usize::try_from(asked).unwrap_or(1))
}

/// The part of a list that a token leads to, and the token of the rest.
pub(super) fn part<T>(
    list: Vec<T>,
    token: Option<&str>,
    limit: usize,
) -> Result<(Vec<T>, Option<String>), Refusal> {
    let before = before(token)?;
    let end = before.saturating_add(limit);
    let next = (end < list.len()).then(|| token_of(end));
    Ok((list.into_iter().skip(before).take(limit).collect(), next))
}

/// An answer with a part of a list, and the token of the next; `token` led to this part.
pub(super) fn page(
    name: &str,
    part: Vec<Value>,
    token: Option<&str>,
    next: Option<String>,
) -> Result<Value, Refusal> {
    let before = before(token)?;
    let after = |shown| Some(token_of(before + shown));
    Ok(view::bounded_page(name, part, next, after))
}

/// How many things came before what a token leads to.
pub(super) fn before(token: Option<&str>) -> Result<usize, Refusal> {
    token.filter(|token| !token.is_empty()).map_or(Ok(0), read)
}

/// The token of what follows so many things.
pub(super) fn token_of(before: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("{OFFSET}{before}"))
}

fn read(token: &str) -> Result<usize, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref()
        .and_then(|text| text.strip_prefix(OFFSET)?.parse().ok())
        .ok_or_else(|| {
            Refusal::invalid("Invalid page token: it is none that this search gave out.")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_too_large_ends_before_and_the_next_goes_on_there() {
        let list: Vec<u32> = (0..10).collect();
        let large = |of: &u32| Value::from(vec![of.to_string(); 200_000]);
        let (mut seen, mut token) = (Vec::new(), None);
        loop {
            let (some, next) = part(list.clone(), token.as_deref(), 7).unwrap();
            let views = some.iter().map(large).collect();
            let answer = page("all", views, token.as_deref(), next).unwrap();
            assert!(answer.to_string().len() < 6_000_000);
            let views = answer["all"].as_array().unwrap();
            seen.extend(
                views
                    .iter()
                    .map(|view| view[0].as_str().unwrap().to_owned()),
            );
            token = answer["next_page_token"].as_str().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        let expected: Vec<String> = list.iter().map(u32::to_string).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn pages_cover_a_list_once() {
        let list: Vec<u32> = (0..25).collect();
        let (mut seen, mut token) = (Vec::new(), None);
        loop {
            let (page, next) = part(list.clone(), token.as_deref(), 10).unwrap();
            assert!(page.len() <= 10 && !page.is_empty());
            seen.extend(page);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, list);
        assert!(part(list, Some("x"), 10).is_err());
        assert!(limit(Some(0), 1, 10).is_err() && limit(Some(11), 1, 10).is_err());
        assert_eq!(limit(None, 7, 10).unwrap(), 7);
    }
}
