//! Digests as text in JSON and items.

use serde::{Deserialize as _, Deserializer, Serializer, de};
use tasador_ids::Digest;

pub(crate) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(|()| de::Error::custom("64 lower-case hexadecimal digits are expected"))
}
