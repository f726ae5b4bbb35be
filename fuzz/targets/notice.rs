//! A line of the extension that is read can be said again and means the same; so can what its replies carry.
#![no_main]

use proto::twoway::{Capability, parse, pending};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for line in [text.to_owned(), format!("NOTICE FROM:<a@a.test> TO:<b@b.test> {text}")] {
        if let Some(Ok(command)) = parse(&line) {
            let mut again = Vec::new();
            command.encode(&mut again);
            let again = String::from_utf8(again).expect("UTF-8");
            assert_eq!(parse(again.trim_end_matches("\r\n")), Some(Ok(command)));
        }
    }
    if let Some(Ok(capability)) = Capability::parse(text) {
        assert_eq!(Capability::parse(&capability.encode()), Some(Ok(capability)));
    }
    if let Ok(announcement) = proto::twoway::retrieve::Announcement::decode(text) {
        assert_eq!(proto::twoway::retrieve::Announcement::decode(&announcement.encode()), Ok(announcement));
    }
    if let Ok(summary) = pending::Summary::decode(text) {
        assert_eq!(pending::Summary::decode(&summary.encode()), Ok(summary));
    }
    let (from, to) = ("a@a.test".parse().expect("an address"), "b@b.test".parse().expect("an address"));
    if let Ok(waiting) = pending::decode_line(text, &from, &to) {
        assert!(pending::decode_line(&pending::encode_line(&waiting), &from, &to).is_ok_and(|again| again.id == waiting.id));
    }
});
