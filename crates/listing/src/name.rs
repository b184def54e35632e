//! Names of columns as words, so that `LotSizeAcres`, `lot size (acres)` and `LOT_SIZE_ACRES` are one.

/// The words of a name, in lower case: divided at everything that is not a letter or digit, and before
/// a capital letter that follows a small one. Accents are dropped, `²` is `2`, an amount per unit
/// (`$/m²`) begins with `price` and `per`, and `#` is `number`.
pub fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut small_before = false;
    let end = |word: &mut String, words: &mut Vec<String>| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    let letters: Vec<char> = name.chars().collect();
    for (place, &letter) in letters.iter().enumerate() {
        match letter {
            // The mark of a letter that is written as two characters.
            '\u{300}'..='\u{36f}' => continue,
            '²' => word.push('2'),
            '#' => {
                end(&mut word, &mut words);
                words.push("number".to_owned());
            }
            '$' | '€' | '£' if letters.get(place + 1) == Some(&'/') => {
                end(&mut word, &mut words);
                words.extend(["price".to_owned(), "per".to_owned()]);
            }
            letter if letter.is_alphanumeric() => {
                let small_after = letters.get(place + 1).is_some_and(|c| c.is_lowercase());
                let acronym_ends = letter.is_uppercase() && small_after && word.len() > 1;
                if letter.is_uppercase() && (small_before || acronym_ends) {
                    end(&mut word, &mut words);
                }
                word.extend(
                    letter
                        .to_lowercase()
                        .map(crate::identity::without_accent)
                        .filter(|c| c.is_alphanumeric()),
                );
            }
            _ => end(&mut word, &mut words),
        }
        small_before = letter.is_lowercase() || letter.is_ascii_digit();
    }
    end(&mut word, &mut words);
    words
}

/// The words of a name without anything between them: what names are compared by.
pub fn compact(name: &str) -> String {
    words(name).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_meaning_are_equal() {
        for (names, compact_name) in [
            (
                &[
                    "LotSizeAcres",
                    "lot size (acres)",
                    "LOT_SIZE_ACRES",
                    "lot-size.acres",
                ][..],
                "lotsizeacres",
            ),
            (
                &[
                    "Código Postal",
                    "codigo_postal",
                    "CODIGO POSTAL",
                    "Co\u{301}digo Postal",
                ],
                "codigopostal",
            ),
            (&["MLS#", "mls number", "MLSNumber"], "mlsnumber"),
            (&["baños", "BAÑOS", " Banos "], "banos"),
            (
                &["$/SQUARE FEET", "Price per square feet"],
                "pricepersquarefeet",
            ),
            (&["Superficie m²", "superficie_m2"], "superficiem2"),
            (&["", " ", "--"], ""),
        ] {
            for name in names {
                assert_eq!(compact(name), compact_name, "{name}");
            }
        }
        assert_eq!(
            words("BathroomsTotalInteger"),
            ["bathrooms", "total", "integer"]
        );
        assert_eq!(words("GrLivArea"), ["gr", "liv", "area"]);
        assert_eq!(words("sqft_lot15"), ["sqft", "lot15"]);
    }
}
