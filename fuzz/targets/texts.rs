//! What is read out of a message and kept beside it, for lists and searches: of any message, and of one part in each charset and
//! encoding that there is. Kept and read again it is the same; its first words are short and can be seen; what is searched for is
//! found where the text ends or goes on; and an encoding is undone as mail-parser does it, in whatever pieces it comes.
#![no_main]

use data_encoding::BASE64_MIME;
use mail::decode::{Decoder, TransferEncoding};
use mail::message::HeaderSection;
use mail::outline::Outline;
use mail::searchable::{Searchable, of_plain_body, plain_body};
use mail::structure::{EnvelopeStructure, Part};
use mail::summary::Summary;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

const CHARSETS: [&str; 16] = [
    "utf-8",
    "us-ascii",
    "iso-8859-1",
    "iso-8859-15",
    "windows-1252",
    "windows-1251",
    "koi8-r",
    "macintosh",
    "utf-7",
    "utf-16",
    "utf-16le",
    "gb18030",
    "big5",
    "euc-kr",
    "shift_jis",
    "iso-2022-jp",
];
const ENCODINGS: [&str; 4] = ["8bit", "quoted-printable", "base64", "x-unknown"];
/// Octets of a text that are kept: few, so that some are left out.
const FEW: usize = 64;
const ALL: usize = 1 << 20;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    check_message(octets);
    if let [chosen, how, body @ ..] = octets {
        let charset = CHARSETS[usize::from(*chosen) % CHARSETS.len()];
        let (encoding, subtype) = (ENCODINGS[usize::from(*how) % 4], if how & 4 == 0 { "plain" } else { "html" });
        let head = format!("Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n");
        check_message(&[head.as_bytes(), body].concat());
        check_pieces(body);
        check_encodings(body);
    }
    // Kept by another version, or not by us.
    let version = Outline::read(b"").pack().structure[0];
    for kept in [octets, &[&[version], octets].concat()] {
        if let Some(part) = Part::unpack(kept) {
            assert_eq!(Part::unpack(&part.pack()), Some(part));
        }
        if let Some(envelope) = EnvelopeStructure::unpack(kept) {
            assert_eq!(EnvelopeStructure::unpack(&envelope.pack()), Some(envelope));
        }
    }
});

fn check_message(message: &[u8]) {
    let outline = Outline::read(message);
    let packed = outline.pack();
    assert_eq!(Part::unpack(&packed.structure).as_ref(), Some(&outline.structure));
    assert_eq!(EnvelopeStructure::unpack(&packed.envelope).as_ref(), Some(&outline.envelope));
    assert_eq!(Outline::unpack_fields(&packed.fields), Some(outline.fields.as_slice()));
    let preview = &outline.preview;
    assert!(preview.chars().count() <= 200 && preview.trim() == preview && !preview.chars().any(char::is_control), "{preview:?}");

    let summary = Summary::read(&HeaderSection::read(message));
    for text in [summary.from, summary.to, summary.cc, summary.display_from, summary.display_to] {
        assert!(text.len() <= 300, "{text:?}");
    }

    let whole = Searchable::of(message, &outline.structure, ALL);
    assert!(whole.head.starts_with('\n') && whole.head.ends_with('\n'));
    let front = Searchable::of(message, &outline.structure, FEW);
    assert_eq!(front.head, whole.head);
    if front.is_whole {
        assert_eq!(front, whole);
    }
    if let Some(begin) = plain_body(message, &outline.structure) {
        let text = of_plain_body(&message[begin..]);
        assert!(!whole.is_whole || text == whole.body, "{text:?}, not {:?}", whole.body);
    }
}

/// Any octets at all, decoded.
fn check_pieces(octets: &[u8]) {
    for encoding in [TransferEncoding::Identity, TransferEncoding::QuotedPrintable, TransferEncoding::Base64] {
        let whole = encoding.decode(octets);
        for piece_octets in [1, 7] {
            let (mut decoder, mut pieces) = (Decoder::new(encoding), Vec::new());
            octets.chunks(piece_octets).for_each(|piece| decoder.take(piece, &mut pieces));
            decoder.finish(&mut pieces);
            assert_eq!(pieces, whole);
        }
    }
}

/// Any octets at all, encoded as they should be.
fn check_encodings(octets: &[u8]) {
    let mut quoted = String::new();
    for (at, octet) in octets.iter().enumerate() {
        match octet {
            b'!'..=b'<' | b'>'..=b'~' => quoted.push(char::from(*octet)),
            _ => quoted.push_str(&format!("={octet:02X}")),
        }
        if at % 24 == 23 {
            quoted.push_str("=\r\n");
        }
    }
    assert_eq!(TransferEncoding::QuotedPrintable.decode(quoted.as_bytes()), octets);
    assert_eq!(quoted_printable_decode(quoted.as_bytes()).as_deref(), Some(octets));

    let digits = BASE64_MIME.encode(octets);
    assert_eq!(TransferEncoding::Base64.decode(digits.as_bytes()), octets);
    assert_eq!(base64_decode(digits.as_bytes()).as_deref(), Some(octets));
}
