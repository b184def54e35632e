//! The encoding of a text, detected, and the text in UTF-8.

use bytes::Bytes;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::{MAX_BYTES, ReadError};

/// From so many bytes UTF-16 without a byte order mark is recognised.
const UTF16_SAMPLE_BYTES: usize = 4 << 10;
/// From so many bytes of lines that are not ASCII an encoding is guessed.
const GUESS_BYTES: usize = 1 << 20;
/// Fewer bytes beyond ASCII fit several code pages; then the Western one is meant.
const FEW_ACCENTS: usize = 8;
/// What Spanish and German texts have beyond ASCII. A text with no more than this is not Polish, although
/// there `ñ` would be `ń`: Polish has other letters too.
const SPANISH_AND_GERMAN: &str = "áéíóúüñÁÉÍÓÚÜÑäöÄÖß¿¡ºª·«»€–—‘’“”…°²½";
/// Stands for what cannot be decoded: not UTF-8, so that the row is rejected.
pub(super) const NOT_TEXT: u8 = 0xff;
/// Fewer lines that are not UTF-8, and a smaller share of all lines, are no evidence of another encoding: these
/// lines are damaged. A single one never is.
const FEWEST_OTHER_LINES: u64 = 3;
const FEWEST_OTHER_SHARE: f64 = 0.1;

/// A text in UTF-8, except for what is not text in its encoding.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) bytes: Bytes,
    pub(super) is_utf8: bool,
    /// The name by the Encoding Standard, such as `UTF-8`, `UTF-16LE` or `windows-1252`.
    pub(super) encoding: &'static str,
}

/// Decodes a text. UTF-8 is not copied.
pub(super) fn decode(bytes: Bytes) -> Result<Text, ReadError> {
    if let Some((encoding, mark)) = Encoding::for_bom(&bytes) {
        let text = bytes.slice(mark..);
        if encoding == UTF_8 {
            return Ok(utf8(text));
        }
        return decoded(&text, encoding);
    }
    if let Some(encoding) = utf16(&bytes) {
        return decoded(&bytes, encoding);
    }
    let text = utf8(bytes);
    if text.is_utf8 {
        return Ok(text);
    }
    match legacy(&text.bytes) {
        Some(encoding) => decoded(&text.bytes, encoding),
        None => Ok(text),
    }
}

fn utf8(bytes: Bytes) -> Text {
    Text {
        is_utf8: std::str::from_utf8(&bytes).is_ok(),
        bytes,
        encoding: UTF_8.name(),
    }
}

fn decoded(bytes: &[u8], encoding: &'static Encoding) -> Result<Text, ReadError> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    let mut piece = vec![0; 64 << 10];
    let (mut rest, mut is_utf8) = (bytes, true);
    loop {
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(rest, &mut piece, true);
        text.extend_from_slice(piece.get(..written).unwrap_or_default());
        if text.len() as u64 > MAX_BYTES {
            return Err(ReadError::TooLarge);
        }
        rest = rest.get(read..).unwrap_or_default();
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                text.push(NOT_TEXT);
                is_utf8 = false;
            }
        }
    }
    Ok(Text {
        bytes: text.into(),
        is_utf8,
        encoding: encoding.name(),
    })
}

/// UTF-16 without a byte order mark: most of a table is ASCII, so every other byte is zero.
fn utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = bytes.get(..bytes.len().min(UTF16_SAMPLE_BYTES))?;
    let pairs = sample.len() / 2;
    let zeros = |offset: usize| {
        let bytes = sample.iter().skip(offset).step_by(2);
        bytes.filter(|byte| **byte == 0).count()
    };
    let (first, second) = (zeros(0), zeros(1));
    let is_most =
        |zeros: usize, others: usize| pairs > 0 && zeros * 2 > pairs && others * 20 < pairs;
    if is_most(second, first) {
        Some(UTF_16LE)
    } else if is_most(first, second) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// The encoding of a text that is not UTF-8; `None` if it is UTF-8 with damaged lines.
///
/// A single line that is not UTF-8 is damage. So are two of them, except in a file of a few lines, and more of them
/// if as many lines are UTF-8 beyond ASCII: in another encoding, that hardly ever happens.
fn legacy(bytes: &[u8]) -> Option<&'static Encoding> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let (mut lines, mut utf8, mut other, mut fed) = (0_u64, 0_u64, 0_u64, 0);
    for line in bytes.split(|byte| *byte == b'\n') {
        lines += 1;
        if line.is_ascii() {
            continue;
        }
        if std::str::from_utf8(line).is_ok() {
            utf8 += 1;
            continue;
        }
        other += 1;
        if fed < GUESS_BYTES {
            let line = line
                .get(..line.len().min(GUESS_BYTES - fed))
                .unwrap_or_default();
            detector.feed(line, false);
            detector.feed(b"\n", false);
            fed += line.len();
        }
    }
    let is_small_share = (other as f64) < lines as f64 * FEWEST_OTHER_SHARE;
    let is_few = other < 2 || (other < FEWEST_OTHER_LINES && is_small_share);
    if is_few || other <= utf8 {
        return None;
    }
    let (letters, _, _) = WINDOWS_1252.encode(SPANISH_AND_GERMAN);
    let mut beyond_ascii = bytes.iter().filter(|byte| !byte.is_ascii());
    if beyond_ascii.all(|byte| letters.contains(byte)) {
        return Some(WINDOWS_1252);
    }
    detector.feed(b"", true);
    let accents = bytes.iter().filter(|byte| !byte.is_ascii());
    let western: Option<&[u8]> = Some(b"es");
    let hint = western.filter(|_| accents.take(FEW_ACCENTS).count() < FEW_ACCENTS);
    Some(detector.guess(hint, Utf8Detection::Deny))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "price,city\n1,Málaga\n2,A Coruña\n3,Logroño\n4,Lee\n";

    fn decode_all(bytes: &[u8]) -> (&'static str, Vec<u8>) {
        let text = decode(Bytes::copy_from_slice(bytes)).unwrap();
        assert_eq!(text.is_utf8, std::str::from_utf8(&text.bytes).is_ok());
        (text.encoding, text.bytes.to_vec())
    }

    #[test]
    fn encodings_are_recognised() {
        let utf16 = |of: fn(u16) -> [u8; 2]| TABLE.encode_utf16().flat_map(of).collect::<Vec<u8>>();
        let (little, big) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
        let latin: Vec<u8> = TABLE.chars().map(|c| c as u8).collect();
        for (bytes, encoding) in [
            (TABLE.as_bytes().to_vec(), "UTF-8"),
            ([b"\xef\xbb\xbf", TABLE.as_bytes()].concat(), "UTF-8"),
            (little.clone(), "UTF-16LE"),
            ([&b"\xff\xfe"[..], &little].concat(), "UTF-16LE"),
            (big.clone(), "UTF-16BE"),
            ([&b"\xfe\xff"[..], &big].concat(), "UTF-16BE"),
            (latin, "windows-1252"),
        ] {
            let (found, text) = decode_all(&bytes);
            assert_eq!(found, encoding);
            assert_eq!(String::from_utf8(text).unwrap(), TABLE, "{encoding}");
        }
    }

    #[test]
    fn other_code_pages_are_recognised() {
        for (name, text) in [
            (
                "windows-1252",
                "city,note\nZürich,“3½ rooms” – 100 €\nGenève,où\nOrléans,à côté\n",
            ),
            (
                "windows-1252",
                "ciudad\nñ\nA Coruña\nñ\nLogroño\nñ\nPeña «ñ»\n100 €\n",
            ),
            (
                "windows-1251",
                "город,цена\nМосква,очень хорошая квартира\nКазань,дом у реки\n",
            ),
            (
                "windows-1250",
                "město,cena\nPlzeň,velmi pěkný byt\nŽižkov,dům u řeky\n",
            ),
            (
                "Shift_JIS",
                "都市,価格\n東京,とても良いアパート\n大阪,川沿いの家\n",
            ),
        ] {
            let encoding = Encoding::for_label(name.as_bytes()).unwrap();
            let (bytes, _, _) = encoding.encode(text);
            let (found, decoded) = decode_all(&bytes);
            assert_eq!(
                (found, String::from_utf8(decoded).unwrap().as_str()),
                (name, text)
            );
        }
    }

    #[test]
    fn damaged_lines_of_a_utf8_text_stay() {
        for damaged in [
            &b"price\n1\nCaf\xe9\n2\n"[..],
            b"\xc3\xa9\n\xe9\n\xc3\xb1\n\xf1\n\xc3\xa1\n",
        ] {
            assert_eq!(decode_all(damaged), ("UTF-8", damaged.to_vec()));
        }
        // Half of a surrogate pair.
        let mut bytes: Vec<u8> = "ab\ncd\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        bytes.splice(6..6, [0x3d, 0xd8]);
        assert_eq!(decode_all(&bytes), ("UTF-16LE", b"ab\n\xffcd\n".to_vec()));
    }

    #[test]
    fn a_line_or_two_are_no_evidence_of_another_encoding() {
        // Lines that are not UTF-8, all lines, the encoding.
        for (other, lines, encoding) in [
            (1, 61, "UTF-8"),
            (2, 61, "UTF-8"),
            (2, 21, "UTF-8"),
            (2, 20, "windows-1252"),
            (1, 11, "UTF-8"),
            (1, 3, "UTF-8"),
            (3, 61, "windows-1252"),
            (3, 10_000, "windows-1252"),
        ] {
            let rows = (0..lines).map(|row| match row < other {
                true => &b"2,Logro\xf1o"[..],
                false => b"1,Lee",
            });
            let bytes = rows.collect::<Vec<_>>().join(&b'\n');
            assert_eq!(decode_all(&bytes).0, encoding, "{other} of {lines}");
        }
    }

    #[test]
    fn zeros_alone_are_not_utf16() {
        assert_eq!(decode_all(&[0; 100]).0, "UTF-8");
        assert_eq!(decode_all(b"").0, "UTF-8");
        assert_eq!(decode_all(b"a").0, "UTF-8");
    }
}
