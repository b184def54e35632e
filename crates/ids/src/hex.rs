//! Bytes as lower-case hexadecimal digits: one spelling for each value.

pub use hex::encode;

/// The 32 digits of a number of 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits([u8; 32]);

impl Digits {
    pub fn of(number: u128) -> Self {
        let mut digits = [0; 32];
        // There is room for two digits per byte.
        let _ = hex::encode_to_slice(number.to_be_bytes(), &mut digits);
        Self(digits)
    }

    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl AsRef<str> for Digits {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
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
            let text = encode(bytes);
            prop_assert_eq!(&text, &format!("{:032x}", u128::from_be_bytes(bytes)));
            prop_assert_eq!(decode(&text), Some(bytes));
            let digits = Digits::of(u128::from_be_bytes(bytes));
            prop_assert_eq!(digits.as_str(), text);
        }
    }
}
