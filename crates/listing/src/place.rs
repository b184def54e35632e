//! Whether a zip code lies in a state: by its first three digits, as the US Postal Service assigns them.

/// State code, state name, and the ranges of its zip codes' first three digits.
type State = (&'static str, &'static str, &'static [(u16, u16)]);

const STATES: [State; 53] = [
    ("AL", "alabama", &[(350, 369)]),
    ("AK", "alaska", &[(995, 999)]),
    ("AZ", "arizona", &[(850, 865)]),
    ("AR", "arkansas", &[(716, 729), (755, 755)]),
    ("CA", "california", &[(900, 961)]),
    ("CO", "colorado", &[(800, 816)]),
    ("CT", "connecticut", &[(60, 69)]),
    ("DE", "delaware", &[(197, 199)]),
    ("DC", "districtofcolumbia", &[(200, 205), (569, 569)]),
    ("FL", "florida", &[(320, 349)]),
    ("GA", "georgia", &[(300, 319), (398, 399)]),
    ("HI", "hawaii", &[(967, 968)]),
    ("ID", "idaho", &[(832, 838)]),
    ("IL", "illinois", &[(600, 629)]),
    ("IN", "indiana", &[(460, 479)]),
    ("IA", "iowa", &[(500, 528)]),
    ("KS", "kansas", &[(660, 679)]),
    ("KY", "kentucky", &[(400, 427)]),
    ("LA", "louisiana", &[(700, 714)]),
    ("ME", "maine", &[(39, 49)]),
    ("MD", "maryland", &[(206, 219)]),
    ("MA", "massachusetts", &[(10, 27), (55, 55)]),
    ("MI", "michigan", &[(480, 499)]),
    ("MN", "minnesota", &[(550, 567)]),
    ("MS", "mississippi", &[(386, 397)]),
    ("MO", "missouri", &[(630, 658)]),
    ("MT", "montana", &[(590, 599)]),
    ("NE", "nebraska", &[(680, 693)]),
    ("NV", "nevada", &[(889, 898)]),
    ("NH", "newhampshire", &[(30, 38)]),
    ("NJ", "newjersey", &[(70, 89)]),
    ("NM", "newmexico", &[(870, 884)]),
    ("NY", "newyork", &[(5, 5), (63, 63), (100, 149)]),
    ("NC", "northcarolina", &[(270, 289)]),
    ("ND", "northdakota", &[(580, 588)]),
    ("OH", "ohio", &[(430, 459)]),
    ("OK", "oklahoma", &[(730, 749)]),
    ("OR", "oregon", &[(970, 979)]),
    ("PA", "pennsylvania", &[(150, 196)]),
    ("PR", "puertorico", &[(6, 7), (9, 9)]),
    ("RI", "rhodeisland", &[(28, 29)]),
    ("SC", "southcarolina", &[(290, 299)]),
    ("SD", "southdakota", &[(570, 577)]),
    ("TN", "tennessee", &[(370, 385)]),
    ("TX", "texas", &[(733, 733), (750, 799), (885, 885)]),
    ("UT", "utah", &[(840, 847)]),
    ("VT", "vermont", &[(50, 54), (56, 59)]),
    ("VA", "virginia", &[(201, 201), (220, 246)]),
    ("VI", "virginislands", &[(8, 8)]),
    ("WA", "washington", &[(980, 994)]),
    ("WV", "westvirginia", &[(247, 268)]),
    ("WI", "wisconsin", &[(530, 549)]),
    ("WY", "wyoming", &[(820, 831)]),
];

/// The zip codes of one of the United States.
#[derive(Debug, Clone, Copy)]
pub struct ZipCodes(&'static [(u16, u16)]);

impl ZipCodes {
    /// Those of a state, by its name or code; `None` where it is not one of the United States.
    pub fn of(state: &str) -> Option<Self> {
        let state = crate::name::compact(state);
        let (_, _, ranges) = STATES
            .iter()
            .find(|(code, name, _)| *name == state || code.eq_ignore_ascii_case(&state))?;
        Some(Self(ranges))
    }

    /// Whether a zip code can lie in the state; `None` where it is not five digits.
    pub fn contain(self, zip: &str) -> Option<bool> {
        if zip.len() != 5 || !zip.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let first: u16 = zip.get(..3)?.parse().ok()?;
        // Wyoming's and Montana's neighbours share 834 in Yellowstone; one off is not a contradiction.
        let mut ranges = self.0.iter();
        Some(ranges.any(|(low, high)| (low.saturating_sub(1)..=high + 1).contains(&first)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zip_codes_are_compared_with_their_state() {
        for (zip, state, is_in) in [
            ("07701", "Texas", Some(false)),
            ("07701", "TX", Some(false)),
            ("07701", "New Jersey", Some(true)),
            ("77001", "texas", Some(true)),
            ("06016", "Connecticut", Some(true)),
            ("00601", "Puerto Rico", Some(true)),
            ("98178", "WA", Some(true)),
            ("98178", "Ontario", None),
            ("8178", "WA", None),
        ] {
            let found = ZipCodes::of(state).and_then(|codes| codes.contain(zip));
            assert_eq!(found, is_in, "{zip} {state}");
        }
    }
}
