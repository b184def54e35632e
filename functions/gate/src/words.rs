//! Numbers as people read them in a sentence.

/// A whole number with its thousands apart: `73,784`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something: `1 row`, `2 rows`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{} {one}s", count(number))
    }
}

/// A share as a percentage: whole where it is large, with one decimal where that would hide it.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let whole = (percent - percent.round()).abs() < 0.05;
    if whole || percent.abs() >= 100.0 {
        // A zero below zero is a zero.
        format!("{:.0} %", percent.round() + 0.0)
    } else {
        format!("{percent:.1} %")
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, text) in [
            (0, "0"),
            (49, "49"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(0, "row"), "0 rows");
        assert_eq!(counted(2_000, "row"), "2,000 rows");
        for (share, text) in [
            (0.2, "20 %"),
            (0.051, "5.1 %"),
            (0.0, "0 %"),
            (1.2345, "123 %"),
            (0.0004, "0 %"),
            (-0.0001, "0 %"),
        ] {
            assert_eq!(percent(share), text, "{share}");
        }
        let parts = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(list(&parts), "a, b and c");
        assert_eq!(list(&parts[..2]), "a and b");
        assert_eq!(list(&parts[..1]), "a");
        assert_eq!(list(&[]), "");
    }
}
