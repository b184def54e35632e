//! Pages of long lists, and the opaque tokens that lead from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::RegistryError;

/// The most items one page holds, whatever the request says.
pub const PAGE_LIMIT_MAX: u32 = 1_000;

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// The most items wanted; at most [`PAGE_LIMIT_MAX`] are given.
    pub limit: u32,
    /// Where to go on: [`Page::next`] of the page before, none for the first page.
    pub token: Option<String>,
}

impl PageRequest {
    /// The first so many items.
    pub const fn first(limit: u32) -> Self {
        Self { limit, token: None }
    }

    /// The same number of items after a page with that token.
    pub fn after(&self, token: String) -> Self {
        Self {
            limit: self.limit,
            token: Some(token),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.clamp(1, PAGE_LIMIT_MAX) as usize
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// The token of the next page; none on the last. Opaque: it may change its form at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The last key of a page: where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The list that gave it out: a token of one list is refused by every other.
    list: String,
    /// The item's key: partition and sort key of the table, then the index's sort key if any.
    key: Vec<String>,
}

impl Cursor {
    pub(crate) fn new(list: &str, key: Vec<String>) -> Self {
        Self {
            list: list.to_owned(),
            key,
        }
    }

    pub(crate) fn to_token(&self) -> String {
        // Strings and lists of strings always serialise.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// The key within a token of that list.
    pub(crate) fn read(token: &str, list: &str) -> Result<Vec<String>, RegistryError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| RegistryError::BadPageToken)?;
        let cursor: Self =
            serde_json::from_slice(&bytes).map_err(|_| RegistryError::BadPageToken)?;
        if cursor.list != list {
            return Err(RegistryError::BadPageToken);
        }
        Ok(cursor.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_leads_back_to_its_key_in_its_own_list_only(list in "[a-z#]{1,20}", key: Vec<String>, other in "[A-Z]{1,9}") {
            let token = Cursor::new(&list, key.clone()).to_token();
            prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')));
            prop_assert_eq!(Cursor::read(&token, &list).unwrap(), key);
            prop_assert!(matches!(Cursor::read(&token, &other), Err(RegistryError::BadPageToken)));
        }

        #[test]
        fn made_up_tokens_are_refused(token: String) {
            prop_assert!(matches!(Cursor::read(&token, "history"), Err(RegistryError::BadPageToken)));
        }
    }
}
