//! Content made fit for a server without 8BITMIME is ASCII, has the parts it had, and does not depend on the pieces it came in.
#![no_main]

use std::ops::Range;

use mail::downgrade::{Downgrade, HeaderSurvey, Survey};
use mail::structure::{Inside, Part};

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    // Whatever we relay begins with a field of ours.
    let content = &[b"Received: by mx.a.test\r\n".as_slice(), octets].concat();
    let has_utf8_header = surveyed(content, usize::MAX);
    assert_eq!([surveyed(content, 1), surveyed(content, 7)], [has_utf8_header; 2]);
    let Some(whole) = convert(content, usize::MAX) else {
        assert_eq!(convert(content, 3), None);
        return;
    };
    assert_eq!(convert(content, 1).as_ref(), Some(&whole));
    assert_eq!(convert(content, 7).as_ref(), Some(&whole));
    let read = Part::read(&whole);
    // Fields, of parts too, may hold other octets, which stay (they need SMTPUTF8, not 8BITMIME).
    let mut rest = whole.clone();
    headers(&read).into_iter().for_each(|header| rest[header].fill(b' '));
    assert!(rest.is_ascii());
    // A message with more than ASCII in its fields is encoded like any file (RFC 6532 section 3.7), whatever parts are in it.
    if !has(content, b"global") {
        let before = Part::read(content);
        assert_eq!(parts(&before), parts(&read));
        assert_eq!(has_utf8_header, headers(&before).into_iter().any(|header| !content[header].is_ascii()));
    }
    // A second time there is nothing left to do.
    if whole.is_ascii() {
        assert_eq!(convert(&whole, usize::MAX).as_ref(), Some(&whole));
    }
});

fn has(content: &[u8], word: &[u8]) -> bool {
    content.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// How many are in each, from the outermost on.
fn parts(whole: &Part) -> Vec<usize> {
    match &whole.inside {
        Inside::Content => vec![0],
        Inside::Message(_, part) => parts(part),
        Inside::Parts(inside) => std::iter::once(inside.len()).chain(inside.iter().flat_map(parts)).collect(),
    }
}

/// Where the header sections of all parts are.
fn headers(whole: &Part) -> Vec<Range<usize>> {
    let inside = match &whole.inside {
        Inside::Content => vec![],
        Inside::Message(_, part) => headers(part),
        Inside::Parts(inside) => inside.iter().flat_map(headers).collect(),
    };
    [vec![whole.header.clone()], inside].concat()
}

fn surveyed(content: &[u8], piece_octets: usize) -> bool {
    let mut survey = HeaderSurvey::default();
    content.chunks(piece_octets.min(content.len().max(1))).for_each(|piece| survey.take(piece));
    survey.finish()
}

fn convert(content: &[u8], piece_octets: usize) -> Option<Vec<u8>> {
    let pieces = || content.chunks(piece_octets.min(content.len().max(1)));
    let mut survey = Survey::default();
    pieces().for_each(|piece| survey.take(piece));
    let plan = survey.finish().ok()?;
    let (mut downgrade, mut out) = (Downgrade::new(&plan), Vec::new());
    pieces().for_each(|piece| downgrade.take(piece, &mut out));
    downgrade.finish(&mut out);
    Some(out)
}
