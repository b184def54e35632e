//! The bytes of an object under `seen/`.
//!
//! After eight bytes that name the format come sections, one per batch: the 32 bytes of the batch's
//! digest, the number of its hashes as 8 bytes, and the hashes in ascending order, 16 bytes each. All
//! numbers are little-endian. A merged object has the sections of several batches, so a section stays
//! with its batch for good: the rows of a batch that is withdrawn are skipped, and nothing is written anew.

use tasador_ids::{BatchId, Digest};

pub(crate) const MAGIC: [u8; 8] = *b"tsdseen\x01";
const DIGEST_BYTES: usize = 32;
const HEAD_BYTES: usize = DIGEST_BYTES + 8;
const HASH_BYTES: usize = 16;

/// Why the bytes are not those of such an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("it does not begin like a list of row hashes")]
    Magic,
    #[error("it ends within a list of row hashes")]
    Truncated,
}

/// A section with these hashes.
pub(crate) fn section(batch: &BatchId, mut hashes: Vec<u128>) -> Vec<u8> {
    hashes.sort_unstable();
    hashes.dedup();
    let mut bytes = head(batch, hashes.len() as u64).to_vec();
    bytes.reserve_exact(hashes.len() * HASH_BYTES);
    for hash in hashes {
        bytes.extend_from_slice(&hash.to_le_bytes());
    }
    bytes
}

pub(crate) fn head(batch: &BatchId, hashes: u64) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let (digest, count) = head.split_at_mut(DIGEST_BYTES);
    digest.copy_from_slice(batch.digest().as_bytes());
    count.copy_from_slice(&hashes.to_le_bytes());
    head
}

/// A part of an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A section begins, with so many hashes.
    Batch(BatchId, u64),
    /// A hash of the batch that was named last.
    Hash(u128),
}

/// Reads an object in pieces of any length.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    is_open: bool,
    hashes_left: u64,
    /// The beginning of a part whose end is in the next piece.
    carried: Vec<u8>,
}

impl Reader {
    /// Reads another piece.
    pub(crate) fn read(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(Part),
    ) -> Result<(), FormatError> {
        let joined;
        let mut rest = if self.carried.is_empty() {
            piece
        } else {
            self.carried.extend_from_slice(piece);
            joined = std::mem::take(&mut self.carried);
            joined.as_slice()
        };
        if !self.is_open {
            let Some((magic, after)) = rest.split_first_chunk() else {
                self.carried = rest.to_vec();
                return Ok(());
            };
            if *magic != MAGIC {
                return Err(FormatError::Magic);
            }
            self.is_open = true;
            rest = after;
        }
        loop {
            if self.hashes_left > 0 {
                let Some((hash, after)) = rest.split_first_chunk::<HASH_BYTES>() else {
                    break;
                };
                self.hashes_left -= 1;
                each(Part::Hash(u128::from_le_bytes(*hash)));
                rest = after;
            } else {
                let Some((head, after)) = rest.split_first_chunk::<HEAD_BYTES>() else {
                    break;
                };
                let Some((digest, count)) = head.split_first_chunk::<DIGEST_BYTES>() else {
                    break;
                };
                let count = count.try_into().unwrap_or_default();
                self.hashes_left = u64::from_le_bytes(count);
                each(Part::Batch(Digest::from(*digest).into(), self.hashes_left));
                rest = after;
            }
        }
        self.carried = rest.to_vec();
        Ok(())
    }

    /// Whether the object may end here.
    pub(crate) fn finish(&self) -> Result<(), FormatError> {
        if self.is_open && self.hashes_left == 0 && self.carried.is_empty() {
            Ok(())
        } else {
            Err(FormatError::Truncated)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(sections: &[(BatchId, Vec<u128>)]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (batch, hashes) in sections {
            bytes.extend(section(batch, hashes.clone()));
        }
        bytes
    }

    fn parts(bytes: &[u8], piece: usize) -> Result<Vec<Part>, FormatError> {
        let mut parts = Vec::new();
        let mut reader = Reader::default();
        for piece in bytes.chunks(piece.max(1)) {
            reader.read(piece, |part| parts.push(part))?;
        }
        reader.finish().map(|()| parts)
    }

    proptest! {
        #[test]
        fn pieces_of_any_length_give_the_same_parts(
            lists in prop::collection::vec(prop::collection::vec(any::<u128>(), 0..20), 0..5),
            piece in 1_usize..200,
        ) {
            let sections: Vec<(BatchId, Vec<u128>)> = lists
                .into_iter()
                .enumerate()
                .map(|(n, hashes)| (BatchId::of(&n.to_le_bytes()), hashes))
                .collect();
            let mut expected = Vec::new();
            for (batch, hashes) in &sections {
                let mut hashes = hashes.clone();
                hashes.sort_unstable();
                hashes.dedup();
                expected.push(Part::Batch(*batch, hashes.len() as u64));
                expected.extend(hashes.into_iter().map(Part::Hash));
            }
            let bytes = object(&sections);
            prop_assert_eq!(parts(&bytes, piece), Ok(expected));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, piece in 1_usize..50) {
            let mut with_magic = MAGIC.to_vec();
            with_magic.extend(&bytes);
            let _ = parts(&with_magic, piece);
            if bytes.len() >= MAGIC.len() && !bytes.starts_with(&MAGIC) {
                prop_assert_eq!(parts(&bytes, piece), Err(FormatError::Magic));
            }
        }
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let bytes = object(&[(BatchId::of(b"one"), vec![1, 2, 3])]);
        assert_eq!(parts(&bytes, 7).unwrap().len(), 4);
        for end in (0..bytes.len()).filter(|end| *end != MAGIC.len()) {
            assert_eq!(
                parts(&bytes[..end], 7),
                Err(FormatError::Truncated),
                "{end}"
            );
        }
    }
}
