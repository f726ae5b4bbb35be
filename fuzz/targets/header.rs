//! The header section of any message: its fields cover what they say, taking one out leaves every other octet, and what is read
//! from it has no control characters. Where it ends does not depend on how much of the message is seen. A well-formed one has the
//! fields that mail-parser finds, and says the same: no two programs may disagree on what a message is.
#![no_main]

use mail::message::edit::HeaderEdit;
use mail::message::{EndSearch, HeaderSection};
use mail_parser::{DateTime, HeaderName, MessageParser};

/// When the year 1900 began, in milliseconds from 1970.
const YEAR_1900_MS: i64 = -2_208_988_800_000;

libfuzzer_sys::fuzz_target!(|message: &[u8]| {
    let section = HeaderSection::read(message);
    assert_eq!(section.octets(), &message[..section.octets().len()]);
    assert!(section.body_start() <= message.len());
    let mut end = 0;
    for field in section.fields() {
        assert_eq!(field.octets(), &message[field.range()]);
        assert!(field.range().start >= end, "two fields have one octet");
        end = field.range().end;
        assert!(end <= section.octets().len());
    }
    if let Some(begin) = HeaderSection::find_end(message) {
        assert_eq!(begin, section.body_start());
        // The front is enough to find it again.
        assert_eq!(HeaderSection::read(&message[..begin]).body_start(), begin);
    }
    // However it comes in: whoever asks after each piece hears the same, as soon as it is so.
    for octets in [1, 7] {
        let mut search = EndSearch::default();
        let pieces = (octets..message.len()).step_by(octets).chain([message.len()]);
        assert_eq!(pieces.into_iter().find_map(|here| search.find(&message[..here])), HeaderSection::find_end(message));
    }
    assert_eq!(HeaderEdit::new(&section).finish().apply(message), message);
    if let Some(first) = section.fields().first().cloned() {
        let without = HeaderEdit::new(&section).remove(|field| *field == first).finish().apply(message);
        assert_eq!(without, [&message[..first.range().start], &message[first.range().end..]].concat());
    }
    let texts = [section.subject(), section.message_id(), section.list_id(), section.author().ok().and_then(|author| author.name)];
    for text in texts.into_iter().flatten() {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    section.date();
    section.claim();
    section.received_count();
    mail::confirmation::reference(&section);
    if is_well_formed(message, &section) {
        compare(message, &section);
    }
});

/// Nothing but fields of printable ASCII (RFC 5322 section 2.2), and an empty line.
fn is_well_formed(message: &[u8], section: &HeaderSection<'_>) -> bool {
    let octets = section.octets();
    let lines = || octets.split_inclusive(|octet| *octet == b'\n');
    let is_text = |line: &[u8]| {
        let text = line.strip_suffix(b"\r\n").unwrap_or(b"\0");
        text.iter().all(|octet| *octet == b'\t' || (b' '..=b'~').contains(octet)) && !text.trim_ascii().is_empty()
    };
    let fields: usize = section.fields().iter().map(|field| field.octets().len()).sum();
    message[octets.len()..].starts_with(b"\r\n") && lines().all(is_text) && fields == octets.len()
}

fn compare(message: &[u8], section: &HeaderSection<'_>) {
    // Dates are read below: looking for the rest of one, mail-parser passes over the fields behind it.
    let parser = MessageParser::new().header_text(HeaderName::Subject).header_id(HeaderName::MessageId).default_header_raw();
    let parsed = parser.parse(message).expect("it has a header section");
    let root = parsed.root_part();
    let offset = |offset: u32| usize::try_from(offset).expect("an offset");
    let theirs: Vec<_> =
        root.headers.iter().map(|header| (header.name().to_owned(), offset(header.offset_field)..offset(header.offset_end))).collect();
    let ours: Vec<_> = section.fields().iter().map(|field| (field.name().to_owned(), field.range())).collect();
    assert_eq!(ours.len(), theirs.len(), "{ours:?} and {theirs:?}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!(ours.0.eq_ignore_ascii_case(&theirs.0) && ours.1 == theirs.1, "{ours:?} and {theirs:?}");
    }
    assert_eq!(offset(root.offset_body), section.body_start());

    // The first of several is ours, the last theirs.
    let single = |name: &str| section.named(name).count() == 1;
    if let Some(id) = section.message_id().filter(|_| single("Message-ID")) {
        assert_eq!(parsed.message_id().map(|theirs| format!("<{theirs}>")), Some(id));
    }
    // No year is before 1900 (RFC 5322 section 3.3); where one is all the same, 0026 is 26 to us and 2026 to mail-parser.
    if let Some(date) = section.date().filter(|date| single("Date") && date.as_millis() >= YEAR_1900_MS) {
        let value = String::from_utf8_lossy(section.named("Date").next().expect("it has one").value());
        let theirs = DateTime::parse_rfc822(&value).filter(DateTime::is_valid);
        assert!(theirs.as_ref().is_none_or(|theirs| theirs.to_timestamp() == date.as_millis() / 1000), "{date:?} and {theirs:?}");
    }
    // Encoded-words are read by mail-parser with the control characters in them, and folds with less of their white space.
    let is_plain = |value: &[u8]| !value.windows(2).any(|two| two == b"=?");
    if let Some(subject) = section.subject().filter(|_| single("Subject") && section.named("Subject").all(|field| is_plain(field.value())))
    {
        let theirs = parsed.subject().unwrap_or_default();
        assert!(subject.split_whitespace().eq(theirs.split_whitespace()), "{subject:?} and {theirs:?}");
    }
}
