//! The header section of any message: its fields cover what they say, taking one out leaves every other octet, and what is read
//! from it has no control characters. Where it ends does not depend on how much of the message is seen.
#![no_main]

use mail::message::HeaderSection;
use mail::message::edit::HeaderEdit;

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
});
