//! The line with the names of the columns, for a text that has none.

use bytes::Bytes;
use tasador_listing::name::compact;

/// A file that is published without a line of names.
struct Published {
    names: &'static [&'static str],
    /// Whether the first field is a transaction id in braces.
    begins_with_guid: bool,
}

/// Land Registry Price Paid (England and Wales).
const PUBLISHED: [Published; 1] = [Published {
    names: &[
        "transaction_id",
        "price",
        "date_of_transfer",
        "postcode",
        "property_type",
        "old_new",
        "duration",
        "paon",
        "saon",
        "street",
        "locality",
        "town_city",
        "district",
        "county",
        "ppd_category",
        "record_status",
    ],
    begins_with_guid: true,
}];

/// The text with a line of names before it: the declared ones, or those of a file that is published
/// without. `None` if the text has such a line, as far as is known.
pub(super) fn with_names(text: &Bytes, separator: u8, declared: &[String]) -> Option<Bytes> {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first.strip_suffix(b"\r").unwrap_or(first));
    let fields: Vec<&str> = first
        .split(char::from(separator))
        .map(|field| field.trim().trim_matches('"'))
        .collect();
    let names: Vec<&str> = if declared.is_empty() {
        let published = PUBLISHED.iter().find(|published| {
            let guid = fields.first().is_some_and(|field| is_guid(field));
            fields.len() == published.names.len() && guid == published.begins_with_guid
        });
        published?.names.to_vec()
    } else {
        declared.iter().map(String::as_str).collect()
    };
    let is_there = fields.len() == names.len()
        && fields
            .iter()
            .zip(&names)
            .all(|(field, name)| compact(field) == compact(name));
    if is_there {
        return None;
    }
    let quoted = |name: &&str| format!("\"{}\"", name.replace('"', "\"\""));
    let quoted: Vec<String> = names.iter().map(quoted).collect();
    let line = quoted.join(&char::from(separator).to_string());
    Some([line.as_bytes(), b"\n", text].concat().into())
}

/// Whether the text is an id of 32 hexadecimal digits in groups, in braces.
fn is_guid(text: &str) -> bool {
    let Some(id) = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    else {
        return false;
    };
    id.len() == 36
        && id
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALE: &str = "\"{01234567-89AB-CDEF-0123-456789ABCDEF}\",\"250000\",\"2024-03-01 00:00\",\"LS1 4AP\",\"T\",\"N\",\"F\",\"12\",\"\",\"HIGH STREET\",\"\",\"LEEDS\",\"LEEDS\",\"WEST YORKSHIRE\",\"A\",\"A\"\n";

    fn named(text: &str, declared: &[&str]) -> Option<String> {
        let declared: Vec<String> = declared.iter().map(|name| (*name).to_owned()).collect();
        let named = with_names(&Bytes::copy_from_slice(text.as_bytes()), b',', &declared)?;
        Some(String::from_utf8(named.to_vec()).unwrap())
    }

    #[test]
    fn a_file_that_is_published_without_names_gets_them() {
        let text = named(SALE, &[]).unwrap();
        assert!(text.starts_with("\"transaction_id\",\"price\",") && text.ends_with(SALE));
        let others = [
            "price,bed\n1,2\n",
            "{a},b\n",
            &SALE.replace('{', ""),
            &SALE.replacen(',', ",\"\",", 1),
            "",
        ];
        for other in others {
            assert_eq!(named(other, &[]), None, "{other}");
        }
    }

    #[test]
    fn declared_names_are_put_before_a_text_that_does_not_have_them() {
        let text = named("1,2\n3,4\n", &["price", "a \"b\""]).unwrap();
        assert_eq!(text, "\"price\",\"a \"\"b\"\"\"\n1,2\n3,4\n");
        assert_eq!(named("Price,\"A_B\"\r\n1,2\n", &["price", "a b"]), None);
    }
}
