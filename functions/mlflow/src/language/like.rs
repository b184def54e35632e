//! The patterns of `LIKE`: `%` stands for any characters, `_` for one.

/// Whether a text has the form of a pattern.
pub(crate) fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    // Greedy with one step back: the last `%` takes one character more wherever the rest fails, so
    // no pattern takes more than the product of both lengths.
    let (mut at, mut of) = (0, 0);
    let mut open: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(at) {
        match pattern.get(of) {
            Some('%') => {
                open = Some((at, of));
                of += 1;
            }
            Some(wanted) if *wanted == '_' || wanted == letter => {
                at += 1;
                of += 1;
            }
            _ => match open {
                Some((from, percent)) => {
                    open = Some((from + 1, percent));
                    at = from + 1;
                    of = percent + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(of).all(|rest| *rest == '%')
}

/// The same without regard to case.
pub(crate) fn ilike(text: &str, pattern: &str) -> bool {
    like(&text.to_lowercase(), &pattern.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_mean_what_they_mean_in_sql() {
        for (text, pattern, fits) in [
            ("", "", true),
            ("", "%", true),
            ("a", "", false),
            ("house", "house", true),
            ("house", "hou%", true),
            ("house", "%use", true),
            ("house", "%ou%", true),
            ("house", "h_use", true),
            ("house", "h_se", false),
            ("house", "House", false),
            ("aab", "%ab", true),
            ("abab", "a%b_", false),
            ("a%b", "a_b", true),
            ("größe", "gr__e", true),
        ] {
            assert_eq!(like(text, pattern), fits, "{text} {pattern}");
        }
        assert!(ilike("House", "hOUS%"));
    }

    proptest! {
        #[test]
        fn every_text_fits_itself_and_what_leaves_parts_open(text in "[a-c]{0,8}", cut in 0_usize..8) {
            prop_assert!(like(&text, &text));
            let (head, tail) = text.split_at(cut.min(text.len()));
            let (open, stars) = (format!("{head}%{tail}"), format!("%{head}%%"));
            prop_assert!(like(&text, &open) && like(&text, &stars));
        }
    }
}
