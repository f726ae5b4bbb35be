//! What a Content-Transfer-Encoding says, octet for octet, as it streams by (RFC 2045 section 6).
//!
//! What is written badly is read as most programs do: what is no base64 is passed over, a `=` that begins nothing stays.

use std::borrow::Cow;

/// White space that waits for what stands behind it; no line that anybody writes ends in more.
const HELD_OCTETS_MAX: usize = 1000;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferEncoding {
    /// Not: `7bit`, `8bit`, `binary`.
    Identity,
    /// `quoted-printable`
    QuotedPrintable,
    /// `base64`
    Base64,
}

/// Decodes a body piece by piece.
#[derive(Debug)]
pub struct Decoder(State);

#[derive(Debug)]
enum State {
    Identity,
    Base64 { bits: u32, count: u32 },
    Quoted { at: At, held: Vec<u8> },
}

/// Where in quoted-printable text the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Text,
    /// Behind a CR that may end a line.
    Cr,
    /// Behind `=`.
    Equals,
    /// Behind `=` and white space: the end of a line has to follow.
    Padding,
    /// Behind `=` and a CR.
    SoftCr,
    /// Behind `=` and this digit.
    Digit(u8),
}

impl TransferEncoding {
    /// The encoding of this name, in any case; `None` if nobody can undo it.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "" | "7bit" | "8bit" | "binary" => Self::Identity,
            "quoted-printable" => Self::QuotedPrintable,
            "base64" => Self::Base64,
            _ => return None,
        })
    }

    /// All of it at once, and nothing copied that is not encoded.
    pub fn decoded(self, octets: &[u8]) -> Cow<'_, [u8]> {
        if self == Self::Identity { Cow::Borrowed(octets) } else { Cow::Owned(self.decode(octets)) }
    }

    /// All of it at once.
    pub fn decode(self, octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len());
        let mut decoder = Decoder::new(self);
        decoder.take(octets, &mut out);
        decoder.finish(&mut out);
        out
    }
}

impl Decoder {
    /// For a body that is so encoded.
    pub fn new(encoding: TransferEncoding) -> Self {
        Self(match encoding {
            TransferEncoding::Identity => State::Identity,
            TransferEncoding::Base64 => State::Base64 { bits: 0, count: 0 },
            TransferEncoding::QuotedPrintable => State::Quoted { at: At::Text, held: Vec::new() },
        })
    }

    /// Decodes the next octets.
    pub fn take(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            State::Identity => out.extend_from_slice(octets),
            State::Base64 { bits, count } => {
                for octet in octets {
                    base64(*octet, bits, count, out);
                }
            }
            State::Quoted { at, held } => {
                for octet in octets {
                    quoted(*octet, at, held, out);
                }
            }
        }
    }

    /// All of it was taken.
    pub fn finish(self, out: &mut Vec<u8>) {
        // White space at the end of a line is not text (RFC 2045 section 6.7), and `=` there ends it softly.
        match self.0 {
            State::Quoted { at: At::Digit(digit), .. } => out.extend([b'=', digit]),
            State::Quoted { at: At::Cr, .. } => out.push(b'\r'),
            State::Identity | State::Base64 { .. } | State::Quoted { .. } => {}
        }
    }
}

fn base64(octet: u8, bits: &mut u32, count: &mut u32, out: &mut Vec<u8>) {
    let value = match octet {
        b'A'..=b'Z' => octet - b'A',
        b'a'..=b'z' => octet - b'a' + 26,
        b'0'..=b'9' => octet - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        b'=' => {
            // Another text may follow.
            *count = 0;
            return;
        }
        _ => return,
    };
    *bits = *bits << 6 | u32::from(value);
    *count += 6;
    if *count >= 8 {
        *count -= 8;
        let [octet, ..] = (*bits >> *count).to_le_bytes();
        out.push(octet);
    }
}

fn quoted(octet: u8, at: &mut At, held: &mut Vec<u8>, out: &mut Vec<u8>) {
    match (*at, octet) {
        (At::Cr, b'\n') => {
            held.clear();
            out.extend_from_slice(b"\r\n");
            *at = At::Text;
        }
        (At::Cr, _) => {
            out.append(held);
            out.push(b'\r');
            *at = At::Text;
            quoted(octet, at, held, out);
        }
        (At::Text, b'=') => {
            out.append(held);
            *at = At::Equals;
        }
        (At::Text, b'\r') => *at = At::Cr,
        (At::Text, b'\n') => {
            held.clear();
            out.push(octet);
        }
        (At::Text, b' ' | b'\t') if held.len() < HELD_OCTETS_MAX => held.push(octet),
        (At::Text, _) => {
            out.append(held);
            out.push(octet);
        }
        (At::Equals | At::Padding | At::SoftCr, b'\n') => {
            held.clear();
            *at = At::Text;
        }
        (At::Equals | At::Padding, b'\r') => *at = At::SoftCr,
        (At::Equals, digit) if digit.is_ascii_hexdigit() => *at = At::Digit(digit),
        (At::Equals | At::Padding, b' ' | b'\t') if held.len() < HELD_OCTETS_MAX => {
            held.push(octet);
            *at = At::Padding;
        }
        (At::Equals | At::Padding, _) => {
            out.push(b'=');
            out.append(held);
            *at = At::Text;
            quoted(octet, at, held, out);
        }
        (At::SoftCr, _) => {
            held.clear();
            *at = At::Text;
            quoted(octet, at, held, out);
        }
        (At::Digit(first), second) => {
            *at = At::Text;
            let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            if let (Some(high), Some(low)) = (digit(first), digit(second)) {
                out.push(high << 4 | low);
            } else {
                out.extend([b'=', first]);
                quoted(octet, at, held, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64_MIME;

    #[test]
    fn bodies_are_decoded_well_and_badly_written() {
        use TransferEncoding::{Base64, Identity, QuotedPrintable};
        let table: [(TransferEncoding, &[u8], &[u8]); 22] = [
            (Identity, b"a=3D \r\n", b"a=3D \r\n"),
            (Base64, b"SGVs\r\nbG8=\r\n", b"Hello"),
            (Base64, b"SGVsbG8", b"Hello"),
            (Base64, b"SGV*s b G8=", b"Hello"),
            (Base64, b"SGVsbG8=IQ==", b"Hello!"),
            (Base64, b"AAD/", b"\0\0\xff"),
            (Base64, b"S", b""),
            (Base64, b"====", b""),
            (QuotedPrintable, b"caf=C3=A9 =3d good\r\n", "caf\u{e9} = good\r\n".as_bytes()),
            (QuotedPrintable, b"soft=\r\nbreak", b"softbreak"),
            (QuotedPrintable, b"soft= \t\r\nbreak", b"softbreak"),
            (QuotedPrintable, b"soft=\nbreak", b"softbreak"),
            (QuotedPrintable, b"padded \t\r\nline  ", b"padded\r\nline"),
            (QuotedPrintable, b"padded \nline", b"padded\nline"),
            (QuotedPrintable, b"kept=20\r\n", b"kept \r\n"),
            (QuotedPrintable, b"a=zb=4", b"a=zb=4"),
            (QuotedPrintable, b"a=4g", b"a=4g"),
            (QuotedPrintable, b"a= b", b"a= b"),
            (QuotedPrintable, b"a=", b"a"),
            (QuotedPrintable, b"a \rb\r", b"a \rb\r"),
            (QuotedPrintable, b"a=\rb", b"ab"),
            (QuotedPrintable, b"=00=FF", b"\0\xff"),
        ];
        for (encoding, written, read) in table {
            assert_eq!(encoding.decode(written), read, "{:?}", String::from_utf8_lossy(written));
            let (mut out, mut decoder) = (Vec::new(), Decoder::new(encoding));
            written.chunks(1).for_each(|octet| decoder.take(octet, &mut out));
            decoder.finish(&mut out);
            assert_eq!(out, read, "octet by octet");
        }
    }

    #[test]
    fn a_body_of_white_space_is_not_held() {
        let blanks = vec![b' '; 3 << 20];
        let (mut out, mut decoder) = (Vec::new(), Decoder::new(TransferEncoding::QuotedPrintable));
        for piece in blanks.chunks(4096) {
            decoder.take(piece, &mut out);
            let State::Quoted { held, .. } = &decoder.0 else { panic!("another state") };
            assert!(held.len() <= HELD_OCTETS_MAX);
        }
    }

    #[test]
    fn encodings_have_names_in_any_case() {
        for (name, expected) in [
            ("BASE64", Some(TransferEncoding::Base64)),
            (" Quoted-Printable ", Some(TransferEncoding::QuotedPrintable)),
            ("8bit", Some(TransferEncoding::Identity)),
            ("x-uuencode", None),
        ] {
            assert_eq!(TransferEncoding::parse(name), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn base64_reads_back(octets: Vec<u8>) {
            proptest::prop_assert_eq!(TransferEncoding::Base64.decode(BASE64_MIME.encode(&octets).as_bytes()), octets);
        }

        #[test]
        fn pieces_make_no_difference(octets in "[a=4CE \t\r\n]{0,60}", piece in 1_usize..7) {
            for encoding in [TransferEncoding::Base64, TransferEncoding::QuotedPrintable] {
                let (mut out, mut decoder) = (Vec::new(), Decoder::new(encoding));
                octets.as_bytes().chunks(piece).for_each(|piece| decoder.take(piece, &mut out));
                decoder.finish(&mut out);
                proptest::prop_assert_eq!(out, encoding.decode(octets.as_bytes()));
            }
        }
    }
}
