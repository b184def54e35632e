//! The id under which a request is found in answers and logs.

/// The longest request id that is taken from the caller, in characters: the length of two UUIDs.
const REQUEST_ID_MAX_CHARS: usize = 72;

/// The first of these ids that is a sane one (1 to 72 letters, digits and `-_.:`), so that a request
/// can be followed through all logs; else a new one that sorts by time.
pub fn request_id<'i>(offered: impl IntoIterator<Item = &'i str>) -> String {
    let is_sane = |id: &&str| {
        (1..=REQUEST_ID_MAX_CHARS).contains(&id.len())
            && id.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':')
            })
    };
    offered
        .into_iter()
        .find(is_sane)
        .map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}
