//! Numbers as text of one length that sorts as the numbers do.

/// A whole number.
pub(crate) fn whole(number: i64) -> String {
    format!("{:016x}", number.cast_unsigned() ^ (1 << 63))
}

/// The same the other way round: the largest number comes first.
pub(crate) fn whole_descending(number: i64) -> String {
    format!("{:016x}", !(number.cast_unsigned() ^ (1 << 63)))
}

pub(crate) fn read_whole(text: &str) -> Result<i64, &'static str> {
    let bits = u64::from_str_radix(text, 16).map_err(|_| "16 hexadecimal digits are expected")?;
    Ok((bits ^ (1 << 63)).cast_signed())
}

/// A number; -0 is 0, and NaN is beyond infinity.
pub(crate) fn number(number: f64) -> String {
    let bits = match number {
        _ if number.is_nan() => f64::NAN.to_bits() & !(1 << 63),
        0.0 => 0,
        _ => number.to_bits(),
    };
    let sorted = if bits >> 63 == 1 {
        !bits
    } else {
        bits ^ (1 << 63)
    };
    format!("{sorted:016x}")
}

pub(crate) fn read_number(text: &str) -> Result<f64, &'static str> {
    let sorted = u64::from_str_radix(text, 16).map_err(|_| "16 hexadecimal digits are expected")?;
    let bits = if sorted >> 63 == 1 {
        sorted ^ (1 << 63)
    } else {
        !sorted
    };
    Ok(f64::from_bits(bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_sort_as_numbers_do(a: i64, b: i64, x: f64, y: f64) {
            prop_assert_eq!(a.cmp(&b), whole(a).cmp(&whole(b)));
            prop_assert_eq!(b.cmp(&a), whole_descending(a).cmp(&whole_descending(b)));
            prop_assert_eq!(read_whole(&whole(a)).unwrap(), a);
            prop_assert_eq!(x.partial_cmp(&y).unwrap(), number(x).cmp(&number(y)));
            prop_assert_eq!(read_number(&number(x)).unwrap(), x);
        }
    }

    #[test]
    fn what_is_no_ordinary_number_has_its_place() {
        let rising = [
            f64::NEG_INFINITY,
            -1.0,
            -0.0,
            f64::MIN_POSITIVE,
            f64::INFINITY,
            f64::NAN,
        ];
        let texts: Vec<String> = rising.into_iter().map(number).collect();
        assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}");
        assert_eq!(number(-0.0), number(0.0));
        assert!(read_number(&number(f64::NAN)).unwrap().is_nan());
        assert!(read_number("x").is_err());
    }
}
