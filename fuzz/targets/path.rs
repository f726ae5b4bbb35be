//! A path that is read can be written again and is the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some((mailbox, rest)) = proto::path::read(text) {
        assert!(text.ends_with(rest));
        let again = format!("<{mailbox}>");
        assert_eq!(proto::path::read(&again), Some((mailbox, "")));
    }
});
