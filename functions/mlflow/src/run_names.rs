//! Names of runs whose clients give none, in MLflow's format and words: `gentle-owl-417`.

const PREDICATES: [&str; 32] = [
    "able", "aged", "amazing", "bold", "bright", "calm", "capable", "caring", "casual", "charming",
    "classy", "clean", "dapper", "fearless", "fun", "funny", "gentle", "gifted", "loud", "melodic",
    "nimble", "orderly", "peaceful", "polite", "popular", "powerful", "rare", "silent", "sincere",
    "stately", "useful", "wise",
];
const NOUNS: [&str; 32] = [
    "ant", "bear", "bee", "bird", "calf", "cat", "colt", "cow", "crane", "deer", "dog", "dove",
    "duck", "eel", "elk", "finch", "fish", "fox", "frog", "goat", "goose", "hare", "hawk", "hen",
    "horse", "kit", "lamb", "lark", "mole", "mouse", "owl", "ox",
];

/// The name that a random id gives.
pub(crate) fn of(id: &uuid::Uuid) -> String {
    let number = id.as_u128();
    let pick = |words: &[&'static str], byte: u32| {
        let at = (number >> (byte * 8)) as usize % words.len();
        words.get(at).copied().unwrap_or_default()
    };
    format!(
        "{}-{}-{}",
        pick(&PREDICATES, 0),
        pick(&NOUNS, 1),
        (number >> 16) % 1_000
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_has_two_words_and_a_number(id: u128) {
            let name = super::of(&uuid::Uuid::from_u128(id));
            let parts: Vec<&str> = name.split('-').collect();
            prop_assert_eq!(parts.len(), 3);
            prop_assert!(parts[0].len() > 1 && parts[1].len() > 1);
            prop_assert!(parts[2].parse::<u32>().is_ok());
            prop_assert!(name.len() <= 20, "{}", name);
        }
    }
}
