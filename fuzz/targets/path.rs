//! A path that is read can be written again and is the same; so is whom an entry of a list speaks of.
#![no_main]

use delivery::consent::Who;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some((mailbox, rest)) = proto::path::read(text) {
        assert!(text.ends_with(rest));
        let again = format!("<{mailbox}>");
        assert_eq!(proto::path::read(&again), Some((mailbox, "")));
    }
    if let Ok(who) = text.parse::<Who>() {
        assert_eq!(who.to_string().parse(), Ok(who));
    }
});
