//! What separates the fields of a table, by the bulk of its lines.

use memchr::memchr_iter;

/// The separators that are recognised, the most likely first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// From so many lines and bytes at the beginning the separator is recognised.
const SAMPLE_LINES: usize = 500;
const SAMPLE_BYTES: usize = 1 << 20;

/// The separator, and where the header begins: behind a line `sep=;`, as spreadsheets write it.
pub(super) fn separator(text: &[u8]) -> (u8, usize) {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if let [b'S' | b's', b'E' | b'e', b'P' | b'p', b'=', separator] = first.trim_ascii_end()
        && SEPARATORS.contains(separator)
    {
        return (*separator, first.len() + 1);
    }
    if first
        .strip_suffix(b"\r")
        .unwrap_or(first)
        .eq_ignore_ascii_case(b"sep=\t")
    {
        return (b'\t', first.len() + 1);
    }
    let sample = text.get(..text.len().min(SAMPLE_BYTES)).unwrap_or_default();
    let mut best = (b',', 0, 0);
    for separator in SEPARATORS {
        let (fields, alike) = alike(sample, separator);
        if fields > 1 && alike > best.1 + best.1 / 10 || (alike == best.1 && fields > best.2) {
            best = (separator, alike, fields);
        }
    }
    (best.0, 0)
}

/// The fields of the header, and how many of the first lines have as many.
fn alike(sample: &[u8], separator: u8) -> (usize, usize) {
    let mut quoted = false;
    let (mut header, mut fields, mut lines) = (0, 1, 0);
    let mut alike = 0;
    let mut begin = 0;
    for end in memchr_iter(b'\n', sample).chain(std::iter::once(sample.len())) {
        let line = sample.get(begin..end).unwrap_or_default();
        begin = end + 1;
        if line.trim_ascii().is_empty() && !quoted {
            continue;
        }
        for byte in line {
            match byte {
                b'"' => quoted = !quoted,
                byte if *byte == separator && !quoted => fields += 1,
                _ => {}
            }
        }
        if quoted {
            continue;
        }
        lines += 1;
        if header == 0 {
            header = fields;
        }
        if fields == header {
            alike += 1;
        }
        fields = 1;
        if lines == SAMPLE_LINES {
            break;
        }
    }
    (header, if header > 1 { alike } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_that_of_the_bulk_of_the_lines() {
        for (text, found) in [
            ("price,bed\n1,2\n", (b',', 0)),
            ("price;bed\n1,5;2\n2,5;3\n", (b';', 0)),
            ("price;size;bed\n1.234,5;2,5;1\n2,5;3;1\n", (b';', 0)),
            ("price\tbed\tnote\n1,2\t2\ta;b\n", (b'\t', 0)),
            ("price|bed\n1|2\n", (b'|', 0)),
            ("price,note\n1,a;b\n2,\"c|d;e\"\n", (b',', 0)),
            ("price,a;b,c\n1,a;b,2\n2,c,3\n", (b',', 0)),
            ("\"a,b\";c\n\"1,2,3\";4\n", (b';', 0)),
            ("price\n1\n2\n", (b',', 0)),
            ("sep=;\nprice;bed\n1;2\n", (b';', 6)),
            ("SEP=\t\r\nprice\tbed\n1\t2\n", (b'\t', 7)),
            ("", (b',', 0)),
        ] {
            assert_eq!(separator(text.as_bytes()), found, "{text}");
        }
    }
}
