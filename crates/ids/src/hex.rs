//! Bytes as lower-case hexadecimal digits: one spelling for each value.

/// The digits of these bytes.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .flatten()
        .collect()
}

/// The bytes of exactly `2 * N` digits; `None` for any other text, upper-case digits included.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = *pair else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_texts_are_rejected() {
        for text in ["", "0", "000", "0G", "0A", "é", " 0", "+1"] {
            assert_eq!(decode::<1>(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_survive(bytes: [u8; 16]) {
            let text = encode(&bytes);
            prop_assert_eq!(&text, &format!("{:032x}", u128::from_be_bytes(bytes)));
            prop_assert_eq!(decode(&text), Some(bytes));
        }
    }
}
