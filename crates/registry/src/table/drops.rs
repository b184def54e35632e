//! Which objects under `drop/` were taken, so that a scheduled run finds those that started nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::item::{Expression, item, text};
use super::{Registry, key};
use crate::RegistryError;

#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    object: String,
    taken_at: Timestamp,
    /// `taken_at` as text whose order is that of time.
    place: String,
}

impl Registry {
    /// When an object under `drop/` was taken last; what was written later is not taken yet.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn drop_taken_at(&self, object: &str) -> Result<Option<Timestamp>, RegistryError> {
        let taken: Option<Taken> = self.get("read a drop", key::drop(object)).await?;
        Ok(taken.map(|taken| taken.taken_at))
    }

    /// Notes that an object under `drop/` was taken as it was at `taken_at`.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn note_drop(&self, object: &str, taken_at: Timestamp) -> Result<(), RegistryError> {
        let place = key::moment(taken_at);
        let later = Expression::new("attribute_not_exists(pk) OR #place < :place")
            .name("#place", "place")
            .value(":place", text(&place));
        let taken = Taken {
            object: object.to_owned(),
            taken_at,
            place,
        };
        let taken = item(key::drop(object), &taken)?;
        self.put_if("note a drop", taken, later).await.map(drop)
    }
}
